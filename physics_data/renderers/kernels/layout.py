"""Numbers that the packing of a scene and the kernels share."""

SPHERE = 0
BOX = 1
CYLINDER = 2
"""Kinds of solids."""

PLAIN = 0
CHECKER = 1
STRIPES = 2
"""Kinds of patterns."""
