"""Pictures on surfaces and around the scene: filtered look-ups in one flat array of all textures and their mip levels.

Source: Williams (1983), Pyramidal parametrics; the taps along the longer side of a pixel's footprint follow
McCormack et al. (1999), Feline.
"""

import math

from physics_data.renderers.kernels.compilation import scalar
from physics_data.renderers.kernels.vectors import dot

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
