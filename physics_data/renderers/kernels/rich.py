"""The colour of a ray in scenes with textures, rough and metallic surfaces, glass, lamps and pictures around them.

One loop follows a ray straight through glass, and after that one mirrored ray. Every surface that it meets is shaded
in full, so what is mirrored or seen through glass has its shadows and patterns too.
"""

import math

from physics_data.renderers.kernels.body_pattern import pattern_color
from physics_data.renderers.kernels.compilation import scalar
from physics_data.renderers.kernels.rich_light import part_let_past, shine_of, sky_past, surroundings
from physics_data.renderers.kernels.scene_struct import (
    BOX,
    CYLINDER,
    GRADIENT,
    MESH,
    METALLIC,
    SHARPNESS,
    SPECULAR,
    TRANSPARENCY,
)
from physics_data.renderers.kernels.shade import surface_point, to_screen
from physics_data.renderers.kernels.trace import trace
from physics_data.renderers.kernels.vectors import add_scaled, dot, rotation_of, to_local, unit

_MOST_RAYS = 6
_NEGLIGIBLE = 0.004


@scalar
def rich_background(scene, appearance, frame, column, row, direction):
    """Return the screen-linear colour of what is behind the scene in a direction of any length."""
    spread = scene.camera[frame, 12]
    color = surroundings(scene, appearance, frame, direction, column, row, spread, False)
    exposure = appearance.screen[2]
    return to_screen(color[0] * exposure, color[1] * exposure, color[2] * exposure)


@scalar
def rich_color(scene, appearance, frame, surface, face, column, row, eye, direction, distance):
    """Return the screen-linear colour that a ray brings which first hits a surface.

    Units:
        surface:    index of a plane, or number of planes + index of a solid
        direction:  world frame, with a camera-frame z component of 1
        distance:   m, depth of the hit
    """
    num_planes = scene.plane_position.shape[1]
    num_solids = scene.solid_kind.shape[0]
    light = scene.light
    material = appearance.material
    has_picture = appearance.behind[0] != GRADIENT
    horizon = (
        (appearance.air[3], appearance.air[4], appearance.air[5]) if has_picture else (light[13], light[14], light[15])
    )
    above = (appearance.air[0], appearance.air[1], appearance.air[2]) if has_picture else (light[4], light[5], light[6])
    below = (light[7] * appearance.air[6], light[8] * appearance.air[7], light[9] * appearance.air[8])
    sun = (light[0], light[1], light[2])
    pixel = scene.camera[frame, 12]
    red = green = blue = 0.0
    weight = (1.0, 1.0, 1.0)
    origin = eye
    travelled = 0.0
    widening = 1.0
    is_mirrored = False
    mirror_waits = mirror_used = False
    mirror_origin = mirror_direction = mirror_weight = (0.0, 0.0, 0.0)
    mirror_travelled = 0.0
    mirror_widening = 1.0
    mirror_skips = -1
    for _ in range(_MOST_RAYS):
        clear = 0.0
        solid = surface - num_planes
        if surface < 0:
            color = surroundings(scene, appearance, frame, direction, column, row, pixel * widening, is_mirrored)
            red += weight[0] * color[0]
            green += weight[1] * color[1]
            blue += weight[2] * color[2]
        else:
            point = add_scaled(origin, direction, distance)
            travelled += distance
            toward = unit(direction)
            footprint = (travelled - distance + distance * widening) * pixel
            local, local_normal, normal = surface_point(scene, frame, surface, face, point)
            if solid < 0:
                local_toward = to_local(rotation_of(scene.plane_rotation, frame, surface), toward)
                is_curved = False
            else:
                local_toward = to_local(rotation_of(scene.solid_rotation, frame, solid), toward)
                kind = scene.solid_kind[solid]
                is_curved = (kind != BOX) & (kind != CYLINDER) & (kind != MESH)
            albedo = pattern_color(
                appearance, surface, local, local_normal, local_toward, footprint, solid < 0, is_curved
            )
            specular = material[surface, SPECULAR]
            metallic = material[surface, METALLIC]
            clear = material[surface, TRANSPARENCY]
            upward = 0.5 + 0.5 * normal[2]
            sky_share = sky_past(scene, appearance, frame, solid, point, normal)

            # The sun is light -1; its lobe and those of the lamps are summed.
            lit_red = lit_green = lit_blue = 0.0
            gloss_red = gloss_green = gloss_blue = 0.0
            for lamp in range(-1, appearance.lamps.shape[0]):
                toward_light = sun
                lamp_color = (light[3], light[3], light[3])
                softness = light[16]
                farthest = 1e30
                if lamp >= 0:
                    way = (
                        appearance.lamps[lamp, 0] - point[0],
                        appearance.lamps[lamp, 1] - point[1],
                        appearance.lamps[lamp, 2] - point[2],
                    )
                    nearness = 1.0 / max(dot(way, way), appearance.lamps[lamp, 6] * appearance.lamps[lamp, 6] + 1e-6)
                    toward_light = unit(way)
                    farthest = math.sqrt(dot(way, way))
                    softness = appearance.lamps[lamp, 6] * math.sqrt(nearness)
                    lamp_color = (
                        appearance.lamps[lamp, 3] * nearness,
                        appearance.lamps[lamp, 4] * nearness,
                        appearance.lamps[lamp, 5] * nearness,
                    )
                slant = dot(normal, toward_light)
                if slant <= 0.0:
                    continue
                left = 1.0
                if light[18] > 0.0:
                    for other in range(num_solids):
                        # Convex solids keep no light from themselves; a mesh may.
                        is_other = other != solid or scene.solid_kind[other] == MESH
                        if is_other and left > 0.0 and scene.solid_present[frame, other]:
                            left *= part_let_past(
                                scene,
                                appearance,
                                frame,
                                other,
                                point,
                                normal,
                                toward_light,
                                farthest,
                                softness,
                                footprint,
                            )
                if left <= 0.0:
                    continue
                lit_red += lamp_color[0] * left * slant
                lit_green += lamp_color[1] * left * slant
                lit_blue += lamp_color[2] * left * slant
                if specular > 0.0 or metallic > 0.0:
                    shine = left * shine_of(material, surface, normal, toward, toward_light)
                    gloss_red += lamp_color[0] * shine
                    gloss_green += lamp_color[1] * shine
                    gloss_blue += lamp_color[2] * shine

            facing = min(max(-dot(normal, toward), 0.0), 1.0)
            grazing = 1.0 - facing
            squared = grazing * grazing
            fifth = squared * squared * grazing
            rim = 0.6 * specular * fifth * sky_share * upward
            # Metal mirrors in its own colour, at its rim in white; glass only at its rim.
            sharpness = material[surface, SHARPNESS]
            metal = (
                metallic * (albedo[0] + (1.0 - albedo[0]) * fifth),
                metallic * (albedo[1] + (1.0 - albedo[1]) * fifth),
                metallic * (albedo[2] + (1.0 - albedo[2]) * fifth),
            )
            bounced = add_scaled(direction, normal, -2.0 * dot(direction, normal))
            mirrors = max(metal[0], max(metal[1], metal[2])) * sharpness
            can_bounce = not mirror_used and not mirror_waits and not is_mirrored
            around = (0.0, 0.0, 0.0)
            glass = clear * (0.04 + 0.96 * fifth)
            if glass > _NEGLIGIBLE or (mirrors > _NEGLIGIBLE and not can_bounce):
                around = surroundings(scene, appearance, frame, bounced, column, row, 0.2, True)
            bounce_up = 0.5 + 0.5 * bounced[2] / math.sqrt(dot(bounced, bounced))

            fog = travelled * light[17]
            fog = fog * fog
            fog = fog * fog
            fog = fog / (1.0 + fog)
            kept = (1.0 - fog) * (1.0 - clear)
            if mirrors > _NEGLIGIBLE and can_bounce:
                mirror_waits = True
                mirror_origin = point
                mirror_direction = bounced
                mirror_travelled = travelled
                mirror_skips = solid
                # A curved mirror sends neighbouring rays apart.
                mirror_widening = 1.0
                if is_curved:
                    mirror_widening += 2.0 * travelled / (scene.solid_radius[solid] * max(facing, 0.1))
                share = kept * sharpness
                mirror_weight = (
                    weight[0] * share * metal[0],
                    weight[1] * share * metal[1],
                    weight[2] * share * metal[2],
                )
                sharp = 0.0
            else:
                sharp = sharpness
            dull = 1.0 - sharpness
            base = 1.0 - metallic
            coat = 2.0 * specular * base
            part = (
                albedo[0] * base * (lit_red + sky_share * (below[0] + (above[0] - below[0]) * upward))
                + gloss_red * (coat + metal[0])
                + rim * horizon[0] * base
                + metal[0] * (dull * sky_share * (below[0] + (above[0] - below[0]) * bounce_up) + sharp * around[0])
                + metal[0] * dull * lit_red * 0.5,
                albedo[1] * base * (lit_green + sky_share * (below[1] + (above[1] - below[1]) * upward))
                + gloss_green * (coat + metal[1])
                + rim * horizon[1] * base
                + metal[1] * (dull * sky_share * (below[1] + (above[1] - below[1]) * bounce_up) + sharp * around[1])
                + metal[1] * dull * lit_green * 0.5,
                albedo[2] * base * (lit_blue + sky_share * (below[2] + (above[2] - below[2]) * upward))
                + gloss_blue * (coat + metal[2])
                + rim * horizon[2] * base
                + metal[2] * (dull * sky_share * (below[2] + (above[2] - below[2]) * bounce_up) + sharp * around[2])
                + metal[2] * dull * lit_blue * 0.5,
            )
            shine_through = clear * (1.0 - fog)
            haze = fog * (1.0 - clear)
            red += weight[0] * (part[0] * kept + horizon[0] * haze)
            green += weight[1] * (part[1] * kept + horizon[1] * haze)
            blue += weight[2] * (part[2] * kept + horizon[2] * haze)
            if clear > 0.0:
                bright = 2.0 * specular + 0.1
                red += weight[0] * shine_through * (gloss_red * bright) + weight[0] * glass * around[0]
                green += weight[1] * shine_through * (gloss_green * bright) + weight[1] * glass * around[1]
                blue += weight[2] * shine_through * (gloss_blue * bright) + weight[2] * glass * around[2]
                let = clear - glass
                weight = (weight[0] * let, weight[1] * let, weight[2] * let)
                origin = point
        skipped = solid
        if clear <= 0.0 or max(weight[0], max(weight[1], weight[2])) < _NEGLIGIBLE:
            if not mirror_waits:
                break
            mirror_waits = False
            mirror_used = True
            is_mirrored = True
            origin = mirror_origin
            direction = mirror_direction
            weight = mirror_weight
            travelled = mirror_travelled
            widening = mirror_widening
            skipped = mirror_skips
        surface, face, distance = trace(scene, frame, origin, direction, skipped)
    exposure = appearance.screen[2]
    return to_screen(red * exposure, green * exposure, blue * exposure)
