"""Patterns and textures: procedural patterns averaged over the pixel, and filtered look-ups of mip levels.

Source: Williams (1983), Pyramidal parametrics; the taps along the longer side of a pixel's footprint follow
McCormack et al. (1999), Feline.
"""

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


_MOST_TAPS = 8


@scalar
def _mirrored(x):
    """Fold a coordinate so that every other repetition is mirrored and no seam shows."""
    x -= 2.0 * math.floor(0.5 * x)
    return 2.0 - x if x > 1.0 else x


@scalar
def _level_color(appearance, texture, level, u, v, wraps):
    """Return the colour at u, v in [0, 1] on one mip level, interpolated between its four nearest texels."""
    offset = appearance.levels[texture, level, 0]
    width = appearance.levels[texture, level, 1]
    height = appearance.levels[texture, level, 2]
    x = u * width - 0.5
    y = v * height - 0.5
    left = math.floor(x)
    top = math.floor(y)
    x -= left
    y -= top
    red = green = blue = 0.0
    for corner in range(4):
        column = left + (corner & 1)
        row = min(max(top + (corner >> 1), 0), height - 1)
        column = (column + width) % width if wraps else min(max(column, 0), width - 1)
        weight = (x if corner & 1 else 1.0 - x) * (y if corner >> 1 else 1.0 - y)
        texel = offset + row * width + column
        red += weight * appearance.decoded[appearance.texels[texel, 0]]
        green += weight * appearance.decoded[appearance.texels[texel, 1]]
        blue += weight * appearance.decoded[appearance.texels[texel, 2]]
    return red, green, blue


@scalar
def texture_color(appearance, texture, u, v, width, wraps):
    """Return the linear colour of a texture averaged over a square.

    Units:
        u, v:   in [0, 1] of the picture, v downward
        width:  of the square, texels of the finest level
        wraps:  whether the left side continues at the right one
    """
    last = appearance.num_levels[texture] - 1
    level = 0
    while width >= 2.0 and level < last:
        width *= 0.5
        level += 1
    share = min(max(width - 1.0, 0.0), 1.0) if level < last else 0.0
    red = green = blue = 0.0
    for step in range(2):
        weight = share if step else 1.0 - share
        if weight > 0.0:
            color = _level_color(appearance, texture, level + step, u, v, wraps)
            red += weight * color[0]
            green += weight * color[1]
            blue += weight * color[2]
    return red, green, blue


@scalar
def image_color(appearance, texture, frequency, local, normal, toward, footprint):
    """Return a picture's colour on a surface, projected along the body's three axes and blended by the normal.

    Units:
        frequency:      repetitions per metre of the picture's width
        local:          m, the body's frame; so are the unit vectors normal and toward
        footprint:      m, size of the pixel if the surface faced the camera
    """
    num_columns = appearance.levels[texture, 0, 1]
    aspect = num_columns / appearance.levels[texture, 0, 2]
    facing = max(-dot(normal, toward), 0.02)
    # A pixel covers `footprint` across the slope of the surface and footprint / facing along it.
    slope = (toward[0] + normal[0] * facing, toward[1] + normal[1] * facing, toward[2] + normal[2] * facing)
    length = math.sqrt(dot(slope, slope))
    taps = min(int(1.0 / facing + 0.5), _MOST_TAPS)
    taps = 1 if length < 1e-6 else max(taps, 1)
    reach = footprint / facing / max(length, 1e-6)
    width = max(footprint, footprint / (facing * taps)) * frequency * num_columns
    red = green = blue = total = 0.0
    for axis in range(3):
        weight = normal[axis] * normal[axis]
        weight *= weight
        weight *= weight
        if weight < 1e-3:
            continue
        total += weight
        weight /= taps
        for tap in range(taps):
            way = reach * ((tap + 0.5) / taps - 0.5)
            x = local[0] + slope[0] * way
            y = local[1] + slope[1] * way
            z = local[2] + slope[2] * way
            if axis == 0:
                u, v = y, z
            elif axis == 1:
                u, v = x, z
            else:
                u, v = x, y
            u = _mirrored(u * frequency + 0.5)
            v = _mirrored(0.5 - v * frequency * aspect)
            color = texture_color(appearance, texture, u, v, width, False)
            red += weight * color[0]
            green += weight * color[1]
            blue += weight * color[2]
    share = 1.0 / total
    return red * share, green * share, blue * share


@scalar
def turn_of(y, x):
    """Return the angle of the vector (x, y) as a share of a full turn, -0.5 to 0.5, to 1e-5.

    A polynomial, since the last bits of a library's arc tangent differ between machines. Its coefficients make the
    error of the odd polynomial of degree 9 for atan on [-1, 1] equal at all its peaks.
    """
    across, along = abs(x), abs(y)
    most = max(across, along)
    if most < 1e-30:
        return 0.0
    ratio = min(across, along) / most
    square = ratio * ratio
    angle = ratio * (
        0.9998660 + square * (-0.3302995 + square * (0.1801410 + square * (-0.0851330 + square * 0.0208351)))
    )
    angle *= 0.15915494309189535
    if along > across:
        angle = 0.25 - angle
    if x < 0.0:
        angle = 0.5 - angle
    return -angle if y < 0.0 else angle


@scalar
def direction_color(appearance, texture, direction, spread):
    """Return the colour of an environment picture (longitude × latitude) in a direction.

    The picture's middle column lies at +y, columns to the right of it towards +x; its upper edge is the zenith.

    Units:
        direction:  any length
        spread:     rad, width of the cone that is averaged
    """
    level = math.sqrt(direction[0] * direction[0] + direction[1] * direction[1])
    u = 0.5 + turn_of(direction[0], direction[1])
    v = 0.5 - 2.0 * turn_of(direction[2], level)
    width = spread * appearance.levels[texture, 0, 2] * 0.3183098861837907
    return texture_color(appearance, texture, u, v, width, True)
