"""Numbers that the packing of a scene and the kernels share.

Those that are handed to functions are 64-bit integers by name: for a bare Python integer the compiler makes another
version of the function for every value.
"""

from typing import Any

import numpy as np
from numba.core import cgutils, config, types
from numba.core.datamodel import models
from numba.core.imputils import impl_ret_borrowed, lower_getattr_generic
from numba.core.typing.templates import AttributeTemplate, infer_getattr
from numba.extending import intrinsic, register_model

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


_NUMBERS: dict[Any, int] = {}
"""A number for every type of tuple: names of types become names of machine code, which should be short."""


class _Address(types.Type):
    """Where a named tuple lies."""

    def __init__(self, dtype: Any) -> None:
        self.dtype = dtype
        number = _NUMBERS.setdefault(dtype, len(_NUMBERS))
        super().__init__(name=f"Address({dtype.instance_class.__name__}{number})")


register_model(_Address)(models.PointerModel)


@infer_getattr
class _Fields(AttributeTemplate):
    """The fields of the tuple, read as if it were there."""

    key = _Address

    def generic_resolve(self, value: _Address, attr: str) -> Any:
        fields = value.dtype.fields
        return value.dtype[fields.index(attr)] if attr in fields else None


@lower_getattr_generic(_Address)
def _read_field(context: Any, builder: Any, kind: _Address, value: Any, attr: str) -> Any:
    index = kind.dtype.fields.index(attr)
    field = builder.load(cgutils.gep_inbounds(builder, value, 0, index))
    return impl_ret_borrowed(context, builder, kind.dtype[index], field)


@intrinsic
def _address_of(_typing_context: Any, value: Any) -> Any:
    def place(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        return cgutils.alloca_once_value(builder, arguments[0])

    return _Address(value)(value), place


def _itself(value: Any) -> Any:
    return value


by_address: Any = _itself if config.ENABLE_CUDASIM else _address_of  # pyright: ignore[reportAttributeAccessIssue]
"""Return the address of a copy of a named tuple of arrays, good until the driver that asks returns."""


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
"""Columns of ``AppearanceArrays.material``."""

GRADIENT = 0
ENVIRONMENT = 1
BACKDROP = 2
"""What is behind the scene."""
