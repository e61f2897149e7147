"""Randomness for textures: integer hashes, and gradient noise that fades before it would alias.

Only sums, products and integer operations are used, so the bits are the same on every machine.
"""

import math

from physics_data.renderers.kernels.compilation import scalar
from physics_data.renderers.kernels.light import smooth

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
