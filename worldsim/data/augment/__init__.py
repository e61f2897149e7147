"""Changes of a clip that every label follows: crops, scales, mirrors, and other times."""
