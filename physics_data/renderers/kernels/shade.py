"""The colour of a surface point: sun, sky, highlight, fog, and the curve that brings it to the screen."""

from physics_data.renderers.kernels.compilation import scalar
from physics_data.renderers.kernels.intersect import normal_of
from physics_data.renderers.kernels.layout import SPHERE
from physics_data.renderers.kernels.light import ambient_past, smooth, sunlight_past
from physics_data.renderers.kernels.pattern import second_share
from physics_data.renderers.kernels.vectors import (
    add_scaled,
    dot,
    rotation_of,
    row_of,
    to_local,
    to_world,
    triple,
    unit,
)

_KNEE = 0.75


@scalar
def is_within(bounds, column, row):
    """Whether a pixel lies in a half-open rectangle x0, x1, y0, y1."""
    return bounds[0] <= column < bounds[1] and bounds[2] <= row < bounds[3]


@scalar
def _light_reaching(scene, frame, surface, column, row, point, normal, sun, footprint):
    """Return the parts of the sun's and of the sky's light that the solids let through to a point."""
    num_planes = scene.plane_position.shape[1]
    light = scene.light
    facing_sun = light[18] > 0.0 and dot(normal, sun) > 0.0
    sun_share = 1.0
    sky_share = 1.0
    for other in range(scene.solid_kind.shape[0]):
        if surface < num_planes:
            may_shadow = facing_sun and is_within(scene.shadow_bounds[frame, surface, other], column, row)
            may_dim = is_within(scene.dimming_bounds[frame, surface, other], column, row)
        else:
            solid = surface - num_planes
            may_shadow = facing_sun and solid != other and scene.shadow_pairs[frame, solid, other]
            may_dim = solid != other and scene.dimming_pairs[frame, solid, other]
        if not (may_shadow or may_dim):
            continue
        kind = scene.solid_kind[other]
        size = triple(scene.solid_size, other)
        rotation = rotation_of(scene.solid_rotation, frame, other)
        local = to_local(rotation, add_scaled(point, row_of(scene.solid_position, frame, other), -1.0))
        if may_shadow:
            sun_local = row_of(scene.sun_local, frame, other)
            sun_share *= sunlight_past(kind, size, scene.solid_radius[other], local, sun_local, light[16], footprint)
        if may_dim:
            local_normal = to_local(rotation, normal)
            sky_share *= ambient_past(kind, size, local, local_normal, scene.solid_reach[other])
    return sun_share, sky_share


@scalar
def _to_screen(red, green, blue):
    """Bend what is brighter than the knee towards 1, all channels by the same factor, so that hues stay."""
    peak = max(red, max(green, blue))
    if peak <= _KNEE:
        return red, green, blue
    over = peak - _KNEE
    room = 1.0 - _KNEE
    factor = (_KNEE * (over + room) + room * over) / ((over + room) * peak)
    return red * factor, green * factor, blue * factor


@scalar
def sky_color(light, direction):
    """Return the screen-linear colour of the sky in a direction of length 1."""
    share = smooth(1.6 * direction[2])
    return _to_screen(
        light[13] + (light[10] - light[13]) * share,
        light[14] + (light[11] - light[14]) * share,
        light[15] + (light[12] - light[15]) * share,
    )


@scalar
def surface_color(scene, frame, surface, face, column, row, eye, direction, distance):
    """Return the screen-linear colour of the surface that a ray hits.

    Units:
        surface:    index of a plane, or number of planes + index of a solid
        direction:  world frame, with a camera-frame z component of 1
        distance:   m, depth of the hit
    """
    num_planes = scene.plane_position.shape[1]
    light = scene.light
    material = scene.material
    point = add_scaled(eye, direction, distance)
    toward = unit(direction)
    footprint = distance * scene.camera[frame, 12]
    if surface < num_planes:
        is_curved = False
        rotation = rotation_of(scene.plane_rotation, frame, surface)
        local = to_local(rotation, add_scaled(point, row_of(scene.plane_position, frame, surface), -1.0))
        local_normal = (0.0, 0.0, 1.0)
    else:
        solid = surface - num_planes
        is_curved = scene.solid_kind[solid] == SPHERE
        rotation = rotation_of(scene.solid_rotation, frame, solid)
        local = to_local(rotation, add_scaled(point, row_of(scene.solid_position, frame, solid), -1.0))
        local_normal = normal_of(scene.solid_kind[solid], triple(scene.solid_size, solid), face, local)
    normal = to_world(rotation, local_normal)
    local_toward = to_local(rotation, toward)

    share = second_share(
        scene.pattern[surface], material[surface, 6], local, local_normal, local_toward, footprint, is_curved
    )
    sun = (light[0], light[1], light[2])
    sun_share, sky_share = _light_reaching(scene, frame, surface, column, row, point, normal, sun, footprint)
    sun_light = light[3] * sun_share * max(dot(normal, sun), 0.0)
    upward = 0.5 + 0.5 * normal[2]
    gloss, rim = _reflections(material[surface, 7], normal, toward, sun)
    gloss *= light[3] * sun_share
    rim *= sky_share * upward

    fog = distance * light[17]
    fog = fog * fog
    fog = fog / (1.0 + fog)
    color = (
        _channel(0, material, surface, share, sun_light, sky_share, upward, light, gloss, rim, fog),
        _channel(1, material, surface, share, sun_light, sky_share, upward, light, gloss, rim, fog),
        _channel(2, material, surface, share, sun_light, sky_share, upward, light, gloss, rim, fog),
    )
    return _to_screen(color[0], color[1], color[2])


@scalar
def _reflections(specular, normal, toward, sun):
    """Return how strongly a surface mirrors the sun, and the sky at its rim.

    Source: Blinn (1977), Models of light reflection for computer synthesized pictures; the rim follows the fifth
    power of Schlick (1994), An inexpensive BRDF model for physically-based rendering.
    """
    if specular <= 0.0:
        return 0.0, 0.0
    grazing = 1.0 - min(max(-dot(normal, toward), 0.0), 1.0)
    squared = grazing * grazing
    rim = 0.6 * specular * squared * squared * grazing
    if dot(normal, sun) <= 0.0:
        return 0.0, rim
    half = unit((sun[0] - toward[0], sun[1] - toward[1], sun[2] - toward[2]))
    shine = max(dot(normal, half), 0.0)
    for _ in range(6):
        shine *= shine
    return 2.0 * specular * shine, rim


@scalar
def _channel(index, material, surface, share, sun_light, sky_share, upward, light, gloss, rim, fog):
    """Return one colour channel of the light that a surface sends to the camera."""
    albedo = material[surface, index] + (material[surface, 3 + index] - material[surface, index]) * share
    below = light[7 + index]
    horizon = light[13 + index]
    radiance = albedo * (sun_light + sky_share * (below + (light[4 + index] - below) * upward)) + gloss + rim * horizon
    return radiance + (horizon - radiance) * fog
