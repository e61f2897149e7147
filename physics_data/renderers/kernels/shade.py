"""The colour of a surface point: sun, sky, highlight, fog, and the curve that brings it to the screen."""

import numpy as np

from physics_data.renderers.kernels.compilation import scalar
from physics_data.renderers.kernels.light import ambient_past, smooth, solid_lets_past
from physics_data.renderers.kernels.scene_struct import CAPSULE, ELLIPSOID, MESH, SPHERE
from physics_data.renderers.kernels.texture import second_share
from physics_data.renderers.kernels.trace import is_within, solid_normal
from physics_data.renderers.kernels.vectors import (
    add_scaled,
    dot,
    minus,
    rotation_of,
    row_of,
    to_local,
    to_world,
    triple,
    unit,
)

_KNEE = 0.75


@scalar
def encode(table, value):
    """Look up the sRGB byte of a screen-linear value; what lies outside [0, 1] is brought there, and NaN is black."""
    value = value if value > 0.0 else 0.0  # false for NaN
    value = value if value < 1.0 else 1.0
    return table[np.uint64(np.int64(value * (table.shape[0] - 1) + 0.5))]


@scalar
def to_screen(red, green, blue):
    """Bend what is brighter than the knee towards 1, all channels by the same factor, so that hues stay."""
    peak = max(red, max(green, blue))
    over = max(peak - _KNEE, 0.0)
    room = 1.0 - _KNEE
    factor = (_KNEE * (over + room) + room * over) / ((over + room) * max(peak, _KNEE))
    factor = factor if peak > _KNEE else 1.0
    return red * factor, green * factor, blue * factor


@scalar
def sky_color(light, direction):
    """Return the screen-linear colour of the sky in a direction of length 1."""
    share = smooth(1.6 * direction[2])
    return to_screen(
        light[13] + (light[10] - light[13]) * share,
        light[14] + (light[11] - light[14]) * share,
        light[15] + (light[12] - light[15]) * share,
    )


@scalar
def may_darken(scene, frame, surface, other, column, row):
    """Whether a solid may hide the sun, and whether it may hide the sky, from a surface at a pixel."""
    solid = surface - scene.plane_position.shape[1]
    if solid < 0:
        may_shadow = is_within(scene.shadow_bounds[frame, surface, other], column, row)
        may_dim = is_within(scene.dimming_bounds[frame, surface, other], column, row)
        return may_shadow, may_dim
    # Convex solids keep no light from themselves; a mesh may.
    is_other = solid != other
    may_shadow = scene.shadow_pairs[frame, solid, other] and (is_other or scene.solid_kind[other] == MESH)
    return may_shadow, scene.dimming_pairs[frame, solid, other] and is_other


@scalar
def light_reaching(scene, frame, surface, column, row, point, normal, footprint):
    """Return the parts of the sun's and of the sky's light that the solids let through to a point."""
    light = scene.light
    facing_sun = light[18] > 0.0 and dot(normal, (light[0], light[1], light[2])) > 0.0
    sun_share = 1.0
    sky_share = 1.0
    for other in range(scene.solid_kind.shape[0]):
        may_shadow, may_dim = may_darken(scene, frame, surface, other, column, row)
        may_shadow = may_shadow and facing_sun
        if not (may_shadow or may_dim):
            continue
        rotation = rotation_of(scene.solid_rotation, frame, other)
        local = to_local(rotation, minus(point, row_of(scene.solid_position, frame, other)))
        local_normal = to_local(rotation, normal)
        if may_shadow:
            sun_local = row_of(scene.sun_local, frame, other)
            sun_share *= solid_lets_past(scene, other, local, local_normal, sun_local, light[16], footprint)
        if may_dim:
            size = triple(scene.solid_size, other)
            reach = scene.solid_reach[other]
            sky_share *= ambient_past(scene.solid_kind[other], size, local, local_normal, reach)
    return sun_share, sky_share


@scalar
def has_curved_faces(scene, surface):
    """Whether no axis is constant over a face of a surface."""
    solid = surface - scene.plane_position.shape[1]
    if solid < 0:
        return False
    kind = scene.solid_kind[solid]
    return (kind == SPHERE) | (kind == CAPSULE) | (kind == ELLIPSOID)


@scalar
def pattern_at(scene, frame, surface, local, local_normal, toward, footprint):
    """Return how much of its second colour a surface shows at a point.

    Units:
        local, local_normal:  the surface's frame
        toward:               unit vector from the camera, world frame
    """
    solid = surface - scene.plane_position.shape[1]
    if solid < 0:
        rotation = rotation_of(scene.plane_rotation, frame, surface)
    else:
        rotation = rotation_of(scene.solid_rotation, frame, solid)
    is_curved = has_curved_faces(scene, surface)
    local_toward = to_local(rotation, toward)
    frequency = scene.material[surface, 6]
    return second_share(scene.pattern[surface], frequency, local, local_normal, local_toward, footprint, is_curved)


@scalar
def lit_color(material, surface, light, share, sun_share, sky_share, normal, toward, distance):
    """Return the screen-linear colour of a surface point whose light is known.

    Units:
        share:                how much of the second colour shows
        sun_share, sky_share: the parts of both lights that reach the point
        toward:               unit vector from the camera
        distance:             m, depth of the hit
    """
    sun = (light[0], light[1], light[2])
    facing = dot(normal, sun)
    sun_light = light[3] * sun_share * max(facing, 0.0)
    upward = 0.5 + 0.5 * normal[2]
    gloss, rim = _reflections(material[surface, 7], normal, toward, sun, facing)
    gloss *= light[3] * sun_share
    rim *= sky_share * upward
    fog = distance * light[17]
    fog = fog * fog
    fog = fog * fog
    fog = fog / (1.0 + fog)
    return to_screen(
        _channel(0, material, surface, share, sun_light, sky_share, upward, light, gloss, rim, fog),
        _channel(1, material, surface, share, sun_light, sky_share, upward, light, gloss, rim, fog),
        _channel(2, material, surface, share, sun_light, sky_share, upward, light, gloss, rim, fog),
    )


@scalar
def _reflections(specular, normal, toward, sun, facing):
    """Return how strongly a surface mirrors the sun, and the sky at its rim.

    Source: Blinn (1977), Models of light reflection for computer synthesized pictures; the rim follows the fifth
    power of Schlick (1994), An inexpensive BRDF model for physically-based rendering.
    """
    grazing = 1.0 - min(max(-dot(normal, toward), 0.0), 1.0)
    squared = grazing * grazing
    rim = 0.6 * specular * squared * squared * grazing
    half = unit((sun[0] - toward[0], sun[1] - toward[1], sun[2] - toward[2]))
    shine = max(dot(normal, half), 0.0)
    shine *= shine
    shine *= shine
    shine *= shine
    shine *= shine
    shine *= shine
    shine *= shine
    return (2.0 * specular * shine if facing > 0.0 else 0.0), rim


@scalar
def _channel(index, material, surface, share, sun_light, sky_share, upward, light, gloss, rim, fog):
    """Return one colour channel of the light that a surface sends to the camera."""
    albedo = material[surface, index] + (material[surface, 3 + index] - material[surface, index]) * share
    below = light[7 + index]
    horizon = light[13 + index]
    radiance = albedo * (sun_light + sky_share * (below + (light[4 + index] - below) * upward)) + gloss + rim * horizon
    return radiance + (horizon - radiance) * fog


@scalar
def surface_color(scene, frame, surface, face, column, row, eye, direction, distance):
    """Return the screen-linear colour of the surface that a ray hits.

    Units:
        surface:    index of a plane, or number of planes + index of a solid
        direction:  world frame, with a camera-frame z component of 1
        distance:   m, depth of the hit
    """
    point = add_scaled(eye, direction, distance)
    toward = unit(direction)
    footprint = distance * scene.camera[frame, 12]
    local, local_normal, normal = surface_point(scene, frame, surface, face, point)
    share = pattern_at(scene, frame, surface, local, local_normal, toward, footprint)
    sun_share, sky_share = light_reaching(scene, frame, surface, column, row, point, normal, footprint)
    return lit_color(scene.material, surface, scene.light, share, sun_share, sky_share, normal, toward, distance)


@scalar
def surface_point(scene, frame, surface, face, point):
    """Return a world point of a surface in the surface's frame, the normal there, and the normal in the world."""
    solid = surface - scene.plane_position.shape[1]
    if solid < 0:
        rotation = rotation_of(scene.plane_rotation, frame, surface)
        local = to_local(rotation, minus(point, row_of(scene.plane_position, frame, surface)))
        local_normal = (0.0, 0.0, 1.0)
    else:
        rotation = rotation_of(scene.solid_rotation, frame, solid)
        local = to_local(rotation, minus(point, row_of(scene.solid_position, frame, solid)))
        local_normal = solid_normal(scene, solid, face, local)
    return local, local_normal, to_world(rotation, local_normal)


_to_screen = to_screen
