"""Vectors as tuples of three floats, and rotations as [3, 3] blocks inside arrays."""

import math

from physics_data.renderers.kernels.compilation import scalar

_ROUNDING = 1.5 * 2.0**52
"""A sum with this has no bits left for a fraction."""


@scalar
def floor_of(x):
    """Return the largest whole number that is not above x, for |x| < 2**51.

    Unlike the library's functions it is a few sums on every target, CPU vectors and GPUs alike.
    """
    rounded = (x + _ROUNDING) - _ROUNDING
    return rounded - 1.0 if rounded > x else rounded


@scalar
def dot(a, b):
    """Return the scalar product."""
    return a[0] * b[0] + a[1] * b[1] + a[2] * b[2]


@scalar
def add_scaled(a, b, factor):
    """Return a + b * factor."""
    return (a[0] + b[0] * factor, a[1] + b[1] * factor, a[2] + b[2] * factor)


@scalar
def unit(a):
    """Return the vector scaled to length 1."""
    inverse = 1.0 / math.sqrt(dot(a, a))
    return (a[0] * inverse, a[1] * inverse, a[2] * inverse)


@scalar
def scaled(a, factor):
    """Return a * factor."""
    return (a[0] * factor, a[1] * factor, a[2] * factor)


@scalar
def minus(a, b):
    """Return a - b."""
    return (a[0] - b[0], a[1] - b[1], a[2] - b[2])


@scalar
def cross(a, b):
    """Return the vector product."""
    return (a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0])


@scalar
def triple(array, index):
    """Read a row of three."""
    return (array[index, 0], array[index, 1], array[index, 2])


@scalar
def row_of(array, frame, index):
    """Read a row of three of one frame."""
    return (array[frame, index, 0], array[frame, index, 1], array[frame, index, 2])


@scalar
def rotation_of(array, frame, index):
    """Read a world_from_body rotation, row by row."""
    return (
        array[frame, index, 0, 0],
        array[frame, index, 0, 1],
        array[frame, index, 0, 2],
        array[frame, index, 1, 0],
        array[frame, index, 1, 1],
        array[frame, index, 1, 2],
        array[frame, index, 2, 0],
        array[frame, index, 2, 1],
        array[frame, index, 2, 2],
    )


@scalar
def to_local(rotation, a):
    """Rotate a world vector into a body's frame."""
    return (
        rotation[0] * a[0] + rotation[3] * a[1] + rotation[6] * a[2],
        rotation[1] * a[0] + rotation[4] * a[1] + rotation[7] * a[2],
        rotation[2] * a[0] + rotation[5] * a[1] + rotation[8] * a[2],
    )


@scalar
def to_world(rotation, a):
    """Rotate a vector of a body's frame into the world."""
    return (
        rotation[0] * a[0] + rotation[1] * a[1] + rotation[2] * a[2],
        rotation[3] * a[0] + rotation[4] * a[1] + rotation[5] * a[2],
        rotation[6] * a[0] + rotation[7] * a[1] + rotation[8] * a[2],
    )
