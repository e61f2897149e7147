"""Pictures of every appearance, beside the renderers that come with the two physics engines."""
