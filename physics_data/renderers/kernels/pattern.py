"""Patterns fixed to a body's surface, averaged over the pixel in closed form so that they neither alias nor shimmer."""

import math

from physics_data.renderers.kernels.compilation import scalar
from physics_data.renderers.kernels.layout import CHECKER, PLAIN
from physics_data.renderers.kernels.vectors import dot, floor_of


@scalar
def _ramp(x):
    """Integral of the square wave that is +1 on [0, 1/2) and -1 on [1/2, 1)."""
    fraction = x - floor_of(x)
    return 0.5 - abs(fraction - 0.5)


@scalar
def _wave(x, along_normal, along_ray, footprint):
    """Return the square wave at x (in periods), averaged over the pixel.

    Moving by one pixel slides the hit point over the surface by what ray differentials say; its part along an
    axis is footprint * |axis - normal * (axis . direction) / (normal . direction)|. Here ``along_normal`` is
    axis . normal, ``along_ray`` the quotient, and the footprint is in periods.
    """
    fraction = x - floor_of(x)
    side = 1.0 if fraction < 0.5 else -1.0
    widest = 0.5 * footprint * (1.0 + abs(along_ray))
    is_inside = (abs(fraction - 0.25) < 0.25 - widest) | (abs(fraction - 0.75) < 0.25 - widest)
    width = footprint * math.sqrt(max(1.0 - 2.0 * along_ray * along_normal + along_ray * along_ray, 1e-12))
    mean = (_ramp(x + 0.5 * width) - _ramp(x - 0.5 * width)) / width
    return side if is_inside else mean


@scalar
def _axis_wave(axis, frequency, point, normal, direction, stretch, footprint, is_curved):
    """Return the wave along one axis of the body, or 1 where the axis is constant over the face."""
    wave = _wave(point[axis] * frequency, normal[axis], direction[axis] * stretch, footprint)
    return wave if is_curved | (abs(normal[axis]) < 0.999) else 1.0


@scalar
def second_share(pattern, frequency, point, normal, direction, footprint, is_curved):
    """Return how much of the second colour a pixel shows, 0 to 1.

    Units:
        point:      m, the body's frame; so are normal and direction, both of length 1
        frequency:  1/m, periods per metre
        footprint:  m, size of a pixel held at the point facing the camera
        is_curved:  whether no axis is constant over a face
    """
    if pattern == PLAIN:
        return 0.0
    stretch = 1.0 / min(dot(normal, direction), -1e-6)
    footprint *= frequency
    if pattern == CHECKER:
        x = _axis_wave(0, frequency, point, normal, direction, stretch, footprint, is_curved)
        y = _axis_wave(1, frequency, point, normal, direction, stretch, footprint, is_curved)
        z = _axis_wave(2, frequency, point, normal, direction, stretch, footprint, is_curved)
        return 0.5 - 0.5 * x * y * z
    slanted = (0.5773502691896258, 0.5773502691896258, 0.5773502691896258)
    along_ray = dot(slanted, direction) * stretch
    return 0.5 - 0.5 * _wave(dot(point, slanted) * frequency, dot(slanted, normal), along_ray, footprint)
