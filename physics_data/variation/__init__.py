"""What varies between clips of one scenario without changing what happens: appearance, light, camera."""
