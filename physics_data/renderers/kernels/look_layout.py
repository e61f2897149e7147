"""Numbers that the packing of looks and the kernels share."""

DOTS = 3
WOOD = 4
MARBLE = 5
NOISE = 6
IMAGE = 7
"""Kinds of patterns, after PLAIN, CHECKER and STRIPES of ``layout``."""

ALBEDO = 0
SECOND = 3
FREQUENCY = 6
SPECULAR = 7
SHINE_LEVEL = 8
SHINE_GAIN = 9
METALLIC = 10
TRANSPARENCY = 11
SHARPNESS = 12
ORIGIN = 13
NUM_COLUMNS = 16
"""Columns of ``Looks.material``."""

GRADIENT = 0
ENVIRONMENT = 1
BACKDROP = 2
"""What is behind the scene."""
