"""The studio: one local page over the Python interface. ``app`` assembles it; each room is one module."""
