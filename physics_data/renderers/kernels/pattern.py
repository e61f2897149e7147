"""Patterns fixed to a body's surface, averaged over the pixel in closed form so that they neither alias nor shimmer."""

import math

from physics_data.renderers.kernels.compilation import scalar
from physics_data.renderers.kernels.light import smooth
from physics_data.renderers.kernels.scene_struct import CHECKER, PLAIN
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


_LOW_BITS = 0xFFFFFFFF


@scalar
def hash_of(x, y, z):
    """Return 32 well-mixed bits of three integers.

    Source: the finaliser of MurmurHash3 (Appleby, 2011, public domain).
    """
    bits = (x * 0x1F1F1F1F + y * 0x2C9277B5 + z * 0x5851F42D + 0x14057B7E) & _LOW_BITS
    bits = ((bits ^ (bits >> 16)) * 0x85EBCA6B) & _LOW_BITS
    bits = ((bits ^ (bits >> 13)) * 0xC2B2AE35) & _LOW_BITS
    return bits ^ (bits >> 16)


@scalar
def hashed_share(x, y, z):
    """Return a number in [0, 1) that three integers decide."""
    return (hash_of(x, y, z) >> 8) * (1.0 / 16777216.0)


@scalar
def _corner(ix, iy, iz, x, y, z):
    """Return the slope of one lattice corner times the way from there, and its weight.

    The slope's components are three bytes of the hash.
    """
    bits = hash_of(ix, iy, iz)
    across = ((bits & 1023) - 511.5) * x
    along = (((bits >> 10) & 1023) - 511.5) * y
    upward = (((bits >> 20) & 1023) - 511.5) * z
    return across + along + upward


@scalar
def _fade(x):
    return x * x * x * (x * (x * 6.0 - 15.0) + 10.0)


@scalar
def gradient_noise(x, y, z):
    """Return smooth noise of wavelength about 1, mean 0, rarely beyond ±1.

    Source: Perlin (2002), Improving noise, SIGGRAPH; here with hashed slopes.
    """
    ix, iy, iz = math.floor(x), math.floor(y), math.floor(z)
    x -= ix
    y -= iy
    z -= iz
    u, v, w = _fade(x), _fade(y), _fade(z)
    total = 0.0
    for corner in range(8):
        right = corner & 1
        far = (corner >> 1) & 1
        high = corner >> 2
        weight = (u if right else 1.0 - u) * (v if far else 1.0 - v) * (w if high else 1.0 - w)
        total += weight * _corner(ix + right, iy + far, iz + high, x - right, y - far, z - high)
    return total * (1.6 / 511.5)


@scalar
def layered_noise(point, stretch, num_layers, width):
    """Return noise summed over octaves of half the strength each, without those that a pixel cannot resolve.

    Units:
        point:    periods of the first octave
        stretch:  factors on the three axes
        width:    size of the pixel in the same periods, before stretching
    """
    widest = width * max(stretch[0], max(stretch[1], stretch[2]))
    x = point[0] * stretch[0]
    y = point[1] * stretch[1]
    z = point[2] * stretch[2]
    strength = 0.5
    total = 0.0
    for _ in range(num_layers):
        resolved = 1.0 - smooth(1.4 * widest - 0.35)
        if resolved <= 0.0:
            break
        total += strength * resolved * gradient_noise(x, y, z)
        strength *= 0.5
        widest *= 2.0
        x = 2.0 * x + 17.3
        y = 2.0 * y + 5.1
        z = 2.0 * z + 9.7
    return total
