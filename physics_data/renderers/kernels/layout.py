"""Numbers that the packing of a scene and the kernels share."""

SPHERE = 0
BOX = 1
CYLINDER = 2
CAPSULE = 3
ELLIPSOID = 4
MESH = 5
"""Kinds of solids."""

PLAIN = 0
CHECKER = 1
STRIPES = 2
"""Kinds of patterns."""

SKY = -1
"""The surface of a ray that meets nothing."""

FACE_BITS = 6
FACES = 1 << FACE_BITS
"""Faces that a surface can have in a key, surface * FACES + face; where a key changes, the picture has an edge."""

FAR = 1e30
"""Distance of a ray that meets nothing: its square is still a number."""

COLUMN = 0
NEAREST = 1
SUN = 2
SKYLIGHT = 3
NORMAL = 4
SHARE = 7
COLOR = 8
NUM_LANES = 11
"""Lanes of the row that is being drawn: column centre (pixels), depth (m), the parts of both lights that arrive, the
normal (3), the share of the second colour, the screen-linear colour (3)."""

LANE = 4096 + 24
"""Values from one lane to the next: the widest image, and a few more so that lanes do not fight for cache lines."""
