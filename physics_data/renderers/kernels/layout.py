"""Numbers that the packing of a scene and the kernels share.

Those that are handed to functions are 64-bit integers by name: for a bare Python integer the compiler makes another
version of the function for every value.
"""

import numpy as np

SPHERE = np.int64(0)
BOX = np.int64(1)
CYLINDER = np.int64(2)
CAPSULE = np.int64(3)
ELLIPSOID = np.int64(4)
MESH = np.int64(5)
"""Kinds of solids."""

PLAIN = np.int64(0)
CHECKER = np.int64(1)
STRIPES = np.int64(2)
"""Kinds of patterns."""

SKY = -1
"""The surface of a ray that meets nothing."""

FACE_BITS = 6
FACES = 1 << FACE_BITS
"""Faces that a surface can have in a key, surface * FACES + face; where a key changes, the picture has an edge."""

FAR = 1e30
"""Distance of a ray that meets nothing: its square is still a number."""

NEAR = 1e-3
"""What is less far ahead of a camera, m, has no place in its image."""

COLUMN = np.int64(0)
LINE = np.int64(1)
NEAREST = np.int64(2)
SUN = np.int64(3)
SKYLIGHT = np.int64(4)
NORMAL = np.int64(5)
SHARE = np.int64(8)
COLOR = np.int64(9)
NUM_LANES = 12
"""Lanes of what is being drawn, a row or the samples of its edges: place in the image (x and y, pixels), depth (m),
the parts of both lights that arrive, the normal (3), the share of the second colour, the screen-linear colour (3)."""

IN_VIEW = np.int64(3)
NUM_MOVED_LANES = 4
"""Lanes of where a row is in another frame: COLUMN, LINE and NEAREST there, and 1 if only what lies before a point can
hide it."""

LANE = 4096 + 24
"""Values from one lane to the next: the widest image, and a few more so that lanes do not fight for cache lines."""

EDGES_AT_ONCE = 512
"""Edge pixels whose samples, eight each, fill a lane."""
