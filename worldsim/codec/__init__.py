"""Video files to latent files and back, of any size and length, and how much of a video comes back."""
