"""What varies between clips of one scenario without changing what happens: looks, light, camera."""
