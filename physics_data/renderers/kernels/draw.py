"""The driver: rows of pixels of all frames, first through the pixel centres, then again where edges are."""

import math
from typing import Any

from physics_data.renderers.kernels.compilation import driver, scalar, source_digest
from physics_data.renderers.kernels.intersect import enter_plane, enter_solid
from physics_data.renderers.kernels.shade import is_within, sky_color, surface_color
from physics_data.renderers.kernels.vectors import add_scaled, rotation_of, row_of, to_local, triple, unit

SKY = -1
NOTHING = -1000
TOUCHED = -1001


@scalar
def _is_edge(surfaces, frame, row, column):
    """Whether a pixel centre shows another surface or face than one of its four neighbours."""
    here = surfaces[frame, row, column]
    if row > 0 and surfaces[frame, row - 1, column] != here:
        return True
    if row + 1 < surfaces.shape[1] and surfaces[frame, row + 1, column] != here:
        return True
    if column > 0 and surfaces[frame, row, column - 1] != here:
        return True
    return column + 1 < surfaces.shape[2] and surfaces[frame, row, column + 1] != here


@scalar
def _mark(bounds, row, marks):
    """Mark the columns of a row that a rectangle x0, x1, y0, y1 holds."""
    if bounds[2] <= row < bounds[3]:
        for column in range(bounds[0], bounds[1]):
            marks[column] = TOUCHED


@scalar
def _mark_touched(scene, frame, row, marks):
    """Mark the columns of a row where a solid may be seen, or may darken a plane; the others get NOTHING."""
    for column in range(marks.shape[0]):
        marks[column] = NOTHING
    for solid in range(scene.solid_kind.shape[0]):
        _mark(scene.solid_bounds[frame, solid], row, marks)
        for plane in range(scene.plane_position.shape[1]):
            _mark(scene.shadow_bounds[frame, plane, solid], row, marks)
            _mark(scene.dimming_bounds[frame, plane, solid], row, marks)


@scalar
def _ray(camera, frame, x, y):
    """Return the world direction through an image position in pixels, with a camera-frame z component of 1."""
    right = (x - camera[frame, 13]) * camera[frame, 12]
    down = (y - camera[frame, 14]) * camera[frame, 12]
    return (
        camera[frame, 3] * right + camera[frame, 6] * down + camera[frame, 9],
        camera[frame, 4] * right + camera[frame, 7] * down + camera[frame, 10],
        camera[frame, 5] * right + camera[frame, 8] * down + camera[frame, 11],
    )


@scalar
def _nearest(scene, frame, column, row, eye, direction, amodal_masks, is_refining):
    """Return surface, face and depth of the nearest hit, and mark every solid that the ray meets."""
    nearest = 1e300
    surface = SKY
    face = 0
    num_planes = scene.plane_position.shape[1]
    for plane in range(num_planes):
        above = add_scaled(eye, row_of(scene.plane_position, frame, plane), -1.0)
        distance, _ = enter_plane(rotation_of(scene.plane_rotation, frame, plane), above, direction)
        if 0.0 < distance < nearest:
            nearest = distance
            surface = plane
    for solid in range(scene.solid_kind.shape[0]):
        if not is_within(scene.solid_bounds[frame, solid], column, row):
            continue
        local_eye = row_of(scene.eye_local, frame, solid)
        local_direction = to_local(rotation_of(scene.solid_rotation, frame, solid), direction)
        size = triple(scene.solid_size, solid)
        distance, entered = enter_solid(scene.solid_kind[solid], size, local_eye, local_direction)
        if distance > 0.0:
            if not is_refining:
                amodal_masks[frame, solid, row, column] = True
            if distance < nearest:
                nearest = distance
                surface = num_planes + solid
                face = entered
    return surface, face, nearest


@scalar
def _encode(table, value):
    """Look up the sRGB byte of a screen-linear value in [0, 1]."""
    last = table.shape[0] - 1
    return table[int(min(max(value, 0.0), 1.0) * last + 0.5)]


def _compile_draw_rows(digest: int) -> Any:
    @driver
    def draw_rows(first, last, offsets, is_refining, scene, table, images, backdrop):
        """Draw the rows ``first`` to ``last`` of the stack of all frames' rows.

        With is_refining false, the pixel centres decide every label and the colour; with it true, only pixels at
        edges are drawn again, as the mean over ``offsets`` (pixels from the corner), and only their colour changes.
        Pixels that no solid touches are taken from ``backdrop``, unless that has no frames.
        """
        if digest < 0:
            return
        rgb, instance_ids, depth_map, amodal_masks, surfaces = images
        height = rgb.shape[1]
        width = rgb.shape[2]
        num_planes = scene.plane_position.shape[1]
        camera = scene.camera
        has_backdrop = backdrop.surfaces.shape[0] > 0
        for item in range(first, last):
            frame = item // height
            row = item % height
            eye = (camera[frame, 0], camera[frame, 1], camera[frame, 2])
            marks = surfaces[frame, row]  # until each pixel's surface is known
            if has_backdrop and not is_refining:
                _mark_touched(scene, frame, row, marks)
            for column in range(width):
                if is_refining and not _is_edge(surfaces, frame, row, column):
                    continue
                if has_backdrop and not is_refining and marks[column] == NOTHING:
                    for channel in range(3):
                        rgb[frame, row, column, channel] = backdrop.rgb[0, row, column, channel]
                    instance_ids[frame, row, column] = 0
                    depth_map[frame, row, column] = backdrop.depth_map[0, row, column]
                    surfaces[frame, row, column] = backdrop.surfaces[0, row, column]
                    continue
                red, green, blue = 0.0, 0.0, 0.0
                color = other_color = (0.0, 0.0, 0.0)
                shaded = other_shaded = NOTHING
                for sample in range(offsets.shape[0]):
                    direction = _ray(camera, frame, column + offsets[sample, 0], row + offsets[sample, 1])
                    surface, face, distance = _nearest(
                        scene, frame, column, row, eye, direction, amodal_masks, is_refining
                    )
                    key = surface * 8 + face
                    if key != shaded:
                        # Colours are averages over a pixel already: each surface in it needs one, not one a sample.
                        color, other_color = other_color, color
                        shaded, other_shaded = other_shaded, shaded
                    if key != shaded:
                        shaded = key
                        if surface == SKY:
                            color = sky_color(scene.light, unit(direction))
                        else:
                            color = surface_color(scene, frame, surface, face, column, row, eye, direction, distance)
                    red += color[0]
                    green += color[1]
                    blue += color[2]
                    if not is_refining:
                        instance_ids[frame, row, column] = max(surface - num_planes + 1, 0)
                        depth_map[frame, row, column] = math.inf if surface == SKY else distance
                        surfaces[frame, row, column] = key
                share = 1.0 / offsets.shape[0]
                rgb[frame, row, column, 0] = _encode(table, red * share)
                rgb[frame, row, column, 1] = _encode(table, green * share)
                rgb[frame, row, column, 2] = _encode(table, blue * share)

    return draw_rows


draw_rows = _compile_draw_rows(source_digest())
