"""Patterns that fill a body's volume, as if it were carved from the stuff: dots, wood, marble, noise, pictures.

All are fixed to the body and averaged over the pixel, in closed form or by leaving out what it cannot resolve.
"""

import math

from physics_data.renderers.kernels.compilation import scalar
from physics_data.renderers.kernels.light import smooth
from physics_data.renderers.kernels.scene_struct import (
    ALBEDO,
    DOTS,
    FREQUENCY,
    IMAGE,
    MARBLE,
    ORIGIN,
    SECOND,
    STRIPES,
    WOOD,
)
from physics_data.renderers.kernels.texture import hashed_share, image_color, layered_noise, second_share
from physics_data.renderers.kernels.vectors import dot

_DOT_RADIUS = 0.3
_DISC_SHARE = 0.2827
_BALL_SHARE = 0.2010
_RINGS_PER_PLANK = 7.0
_VEIN = 0.3


@scalar
def _dots_share(x, y, z, normal, toward, footprint):
    """Return the share of dots of radius 0.3 around the cells' centres; coordinates in periods.

    On a face across an axis the dots are discs of one size. On other surfaces a dot keeps its size along the surface
    and shrinks only where its centre comes to lie half a period above or below.
    """
    facing = max(-dot(normal, toward), 0.02)
    flat_axis = -1
    for axis in range(3):
        if abs(normal[axis]) > 0.999:
            flat_axis = axis
    base = (math.floor(x - 0.5), math.floor(y - 0.5), math.floor(z - 0.5))
    covered = 0.0
    for corner in range(8):
        way = (
            x - base[0] - (corner & 1) - 0.5,
            y - base[1] - ((corner >> 1) & 1) - 0.5,
            z - base[2] - (corner >> 2) - 0.5,
        )
        height = dot(way, normal)
        beside = (way[0] - normal[0] * height, way[1] - normal[1] * height, way[2] - normal[2] * height)
        radius = _DOT_RADIUS
        if flat_axis >= 0:
            if (corner >> flat_axis) & 1:
                continue
        else:
            shrink = 4.0 * height * height
            radius *= 1.0 - shrink * shrink
        distance = math.sqrt(dot(beside, beside))
        if radius <= 0.0 or distance > radius + footprint / facing:
            continue
        # The pixel is longer along the slope of the surface: by how much in the direction away from the centre?
        along = dot(beside, toward) / max(distance, 1e-9)
        width = footprint * math.sqrt(1.0 + along * along / (facing * facing))
        covered += min(max((radius - distance) / width + 0.5, 0.0), 1.0)
    far = smooth(1.5 * footprint / facing - 0.4)
    return min(covered, 1.0) * (1.0 - far) + (_DISC_SHARE if flat_axis >= 0 else _BALL_SHARE) * far


@scalar
def _ring_sum(x):
    """Integral of the year ring's darkness: it grows with the cube of the way through a ring, then falls off."""
    whole = math.floor(x)
    u = x - whole
    mean = 0.2125
    if u < 0.85:
        s = u / 0.85
        return whole * 0.2875 + mean * s * s * s * s
    s = (u - 0.85) / 0.15
    return whole * 0.2875 + mean + 0.15 * (s - 0.5 * s * s)


@scalar
def _wood_share(x, y, z, width, is_floor):
    """Return the darkness of wood whose grain runs along x; coordinates in year rings."""
    tone = 0.0
    gap = 0.0
    if is_floor:
        plank = math.floor(y / _RINGS_PER_PLANK)
        start = 40.0 * hashed_share(int(plank), 3, 5)
        length = 8.0 * _RINGS_PER_PLANK
        board = math.floor((x + start * 1.3) / length)
        across = y - (plank + 0.5) * _RINGS_PER_PLANK
        beside = 0.5 * _RINGS_PER_PLANK - abs(across)
        end = 0.5 * length - abs(x + start * 1.3 - (board + 0.5) * length)
        gap = min(max((0.12 - min(beside, end)) / (width + 0.04) + 0.5, 0.0), 1.0)
        gap *= min(1.0, 0.24 / (width + 0.04) + 0.1)
        chance = hashed_share(int(plank), int(board), 11)
        tone = 0.30 * (chance - 0.5)
        x += 61.0 * chance
        y = across + 8.0 * (chance - 0.5)
        z = 3.0 + 5.0 * hashed_share(int(plank), int(board), 7)
    bend = layered_noise((x, y, z), (0.07, 0.3, 0.3), 2, width)
    radius = math.sqrt(y * y + z * z) + 1.6 * bend
    wide = max(1.2 * width, 0.05)
    rings = (_ring_sum(radius + 0.5 * wide) - _ring_sum(radius - 0.5 * wide)) / wide
    fibre = layered_noise((x, y, z), (0.6, 7.0, 7.0), 2, width)
    share = 0.12 + 0.75 * rings + 0.22 * fibre + tone
    return min(max(share + (1.0 - share) * gap, 0.0), 1.0)


@scalar
def _vein_sum(x):
    """Integral of a pulse of half width 0.3 around the middle of every period, (1 - |way|)² high."""
    whole = math.floor(x)
    s = min(max((x - whole - 0.5) / _VEIN, -1.0), 1.0)
    if s < 0.0:
        return (2.0 * whole + (1.0 + s) * (1.0 + s) * (1.0 + s)) * (_VEIN / 3.0)
    return (2.0 * whole + 2.0 - (1.0 - s) * (1.0 - s) * (1.0 - s)) * (_VEIN / 3.0)


@scalar
def _marble_share(x, y, z, width):
    """Return the darkness of marble: veins bent by noise, and clouds between them; coordinates in vein distances."""
    bend = layered_noise((x, y, z), (0.55, 0.55, 0.55), 5, width)
    along = 0.62 * x + 0.45 * y + 0.64 * z + 2.2 * bend
    wide = max(1.8 * width, 0.04)
    vein = (_vein_sum(along + 0.5 * wide) - _vein_sum(along - 0.5 * wide)) / wide
    cloud = layered_noise((x + 31.0, y, z), (0.9, 0.9, 0.9), 3, width)
    return min(max(0.72 * vein + 0.10 + 0.30 * cloud, 0.0), 1.0)


@scalar
def pattern_color(appearance, surface, local, normal, toward, footprint, is_plane, is_curved):
    """Return the albedo of a surface point.

    Units:
        local:      m, the body's frame; so are the unit vectors normal and toward (from the camera)
        footprint:  m, size of the pixel if the surface faced the camera
        is_curved:  whether no axis is constant over a face
    """
    material = appearance.material
    kind = appearance.pattern[surface]
    frequency = material[surface, FREQUENCY]
    if kind == IMAGE:
        red, green, blue = image_color(
            appearance, appearance.texture[surface], frequency, local, normal, toward, footprint
        )
        return (
            red * material[surface, ALBEDO],
            green * material[surface, ALBEDO + 1],
            blue * material[surface, ALBEDO + 2],
        )
    if kind <= STRIPES:
        share = second_share(kind, frequency, local, normal, toward, footprint, is_curved)
    else:
        x = local[0] * frequency
        y = local[1] * frequency
        z = local[2] * frequency
        width = footprint * frequency
        if kind == DOTS:
            share = _dots_share(x, y, z, normal, toward, width)
        else:
            # What noise has at grazing angles lies between the pixel's two sides.
            width /= math.sqrt(max(-dot(normal, toward), 0.02))
            x += material[surface, ORIGIN]
            y += material[surface, ORIGIN + 1]
            z += material[surface, ORIGIN + 2]
            if kind == WOOD:
                share = _wood_share(x, y, z, width, is_plane)
            elif kind == MARBLE:
                share = _marble_share(x, y, z, width)
            else:
                share = smooth(0.5 + 1.1 * layered_noise((x, y, z), (1.0, 1.0, 1.0), 5, width))
    return (
        material[surface, ALBEDO] + (material[surface, SECOND] - material[surface, ALBEDO]) * share,
        material[surface, ALBEDO + 1] + (material[surface, SECOND + 1] - material[surface, ALBEDO + 1]) * share,
        material[surface, ALBEDO + 2] + (material[surface, SECOND + 2] - material[surface, ALBEDO + 2]) * share,
    )
