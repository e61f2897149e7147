"""Light that reaches a point of a scene with rich appearance: lamps and sun past glass, the sky, what is all around."""

import math

from physics_data.renderers.kernels.compilation import scalar
from physics_data.renderers.kernels.light import ambient_past, smooth, solid_lets_past
from physics_data.renderers.kernels.scene_struct import BACKDROP, ENVIRONMENT, SHINE_GAIN, SHINE_LEVEL, TRANSPARENCY
from physics_data.renderers.kernels.texture import direction_color, texture_color
from physics_data.renderers.kernels.vectors import dot, minus, rotation_of, row_of, to_local, triple, unit


@scalar
def surroundings(scene, appearance, frame, direction, column, row, spread, is_mirrored):
    """Return the radiance that comes from behind everything.

    Units:
        direction:    any length
        spread:       rad, width of the cone that is averaged
        is_mirrored:  whether the ray has left the picture, so that a backdrop can only be guessed at
    """
    light = scene.light
    if appearance.behind[0] == ENVIRONMENT:
        return direction_color(appearance, appearance.behind[1], direction, spread)
    if appearance.behind[0] == BACKDROP:
        width = appearance.levels[appearance.behind[1], 0, 1] * 1.0
        if not is_mirrored:
            u = (column + 0.5) * appearance.screen[0]
            v = (row + 0.5) * appearance.screen[1]
            return texture_color(appearance, appearance.behind[1], u, v, width * appearance.screen[0], False)
        toward = unit(direction)
        return texture_color(
            appearance, appearance.behind[1], 0.5 + 0.5 * toward[0], 0.5 - 0.5 * toward[2], 0.2 * width, False
        )
    share = smooth(1.6 * direction[2] / math.sqrt(dot(direction, direction)))
    return (
        light[13] + (light[10] - light[13]) * share,
        light[14] + (light[11] - light[14]) * share,
        light[15] + (light[12] - light[15]) * share,
    )


@scalar
def part_let_past(scene, appearance, frame, other, point, normal, toward, farthest, softness, footprint):
    """Return the part of a light that a solid leaves to a point; glass casts a faint shadow.

    Units:
        toward:    unit vector to the light, world frame
        farthest:  m, distance of the light
        softness:  tangent of the half angle under which the light is seen
    """
    offset = minus(row_of(scene.solid_position, frame, other), point)
    ahead = dot(offset, toward)
    radius = scene.solid_radius[other]
    if ahead < -radius - footprint or ahead > farthest:
        return 1.0
    wide = radius + softness * max(ahead, 0.0) + footprint
    if dot(offset, offset) - ahead * ahead >= wide * wide:
        return 1.0
    rotation = rotation_of(scene.solid_rotation, frame, other)
    local = to_local(rotation, (-offset[0], -offset[1], -offset[2]))
    share = solid_lets_past(
        scene, other, local, to_local(rotation, normal), to_local(rotation, toward), softness, footprint
    )
    clear = appearance.material[scene.plane_position.shape[1] + other, TRANSPARENCY]
    return share + (1.0 - share) * clear


@scalar
def sky_past(scene, appearance, frame, own_solid, point, normal):
    """Return the part of the sky's light that the solids leave to a point."""
    share = 1.0
    for other in range(scene.solid_kind.shape[0]):
        if other == own_solid or not scene.solid_present[frame, other]:
            continue
        offset = minus(point, row_of(scene.solid_position, frame, other))
        reach = scene.solid_radius[other] + 2.0 * scene.solid_reach[other]
        if dot(offset, offset) >= reach * reach:
            continue
        rotation = rotation_of(scene.solid_rotation, frame, other)
        left = ambient_past(
            scene.solid_kind[other],
            triple(scene.solid_size, other),
            to_local(rotation, offset),
            to_local(rotation, normal),
            scene.solid_reach[other],
        )
        clear = appearance.material[scene.plane_position.shape[1] + other, TRANSPARENCY]
        share *= left + (1.0 - left) * clear
    return share


@scalar
def shine_of(material, surface, normal, toward, light):
    """Return the strength of a light's mirror image, as wide as the surface is rough.

    The exponent of Blinn's lobe is a power of two or lies between two of them, so that no power function is needed.

    Source: Blinn (1977), Models of light reflection for computer synthesized pictures.
    """
    half = unit((light[0] - toward[0], light[1] - toward[1], light[2] - toward[2]))
    shine = max(dot(normal, half), 0.0)
    level = material[surface, SHINE_LEVEL]
    whole = int(level)
    for _ in range(whole):
        shine *= shine
    share = level - whole
    shine += (shine * shine - shine) * share
    return shine * material[surface, SHINE_GAIN]
