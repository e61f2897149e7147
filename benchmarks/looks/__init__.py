"""Pictures of everything that the renderer can draw, next to other renderers, and what each look costs."""
