"""The driver for CPU cores: frame by frame, row by row; then again where edges are."""

import math
from typing import Any

import numpy as np

from physics_data.renderers.kernels.compilation import driver, scalar, source_digest
from physics_data.renderers.kernels.layout import COLOR, COLUMN, FACE_BITS, FACES, FAR, LANE, NEAREST, SHARE, SKY
from physics_data.renderers.kernels.shade import may_darken, sky_color, surface_color
from physics_data.renderers.kernels.spans import (
    color_span,
    dim_span,
    enter_span,
    ground_span,
    lane,
    pattern_span,
    shadow_span,
    start_span,
)
from physics_data.renderers.kernels.vectors import rotation_of, row_of, to_local, unit
from physics_data.renderers.kernels.visibility import (
    enter,
    enter_ground,
    eye_of,
    is_within,
    key_of,
    ray_through,
    surface_of,
)

_NO_KEY = -1000000


@scalar
def encode(table, value):
    """Look up the sRGB byte of a screen-linear value in [0, 1]."""
    last = table.shape[0] - 1
    return table[np.uint64(min(max(value, 0.0), 1.0) * last + 0.5)]


@scalar
def is_edge(keys, frame, row, column):
    """Whether a pixel centre shows another surface or face than one of its four neighbours."""
    here = keys[frame, row, column]
    if row > 0 and keys[frame, row - 1, column] != here:
        return True
    if row + 1 < keys.shape[1] and keys[frame, row + 1, column] != here:
        return True
    if column > 0 and keys[frame, row, column - 1] != here:
        return True
    return column + 1 < keys.shape[2] and keys[frame, row, column + 1] != here


@scalar
def find_surfaces(scene, frame, row, values, keys, amodal_masks, backdrop):
    """Find depth and key of every pixel of a row, and mark what each instance covers."""
    width = keys.shape[0]
    depths = lane(NEAREST, 0)
    if backdrop.keys.shape[0] > 0:
        known_keys, known_depths = backdrop.keys[0, row], backdrop.nearest[row]
        for x in range(np.uint64(width)):
            keys[x] = known_keys[x]
            values[depths + x] = known_depths[x]
    else:
        for x in range(np.uint64(width)):
            keys[x] = np.int32(SKY)
            values[depths + x] = FAR
        for plane in range(scene.plane_position.shape[1]):
            ground_span(scene, frame, plane, row, width, values, keys)
    for solid in range(scene.solid_kind.shape[0]):
        bounds = scene.solid_bounds[frame, solid]
        if bounds[2] <= row < bounds[3]:
            covered = amodal_masks[frame, scene.solid_instance[solid], row]
            enter_span(scene, frame, solid, row, bounds[0], bounds[1], values, keys, covered)


@scalar
def write_labels(scene, frame, row, values, keys, instance_ids, depth_map, backdrop):
    """Write ids and depth of a row; where a backdrop holds the others, those of solids alone."""
    depths = lane(NEAREST, 0)
    num_planes = scene.plane_position.shape[1]
    width = keys.shape[0]
    if backdrop.keys.shape[0] > 0:
        known = backdrop.depth_map[0, row]
        for x in range(np.uint64(width)):
            instance_ids[x] = 0
            depth_map[x] = known[x]
    else:
        for x in range(np.uint64(width)):
            instance_ids[x] = 0
            depth_map[x] = np.float32(math.inf) if keys[x] < 0 else np.float32(values[depths + x])
    first, last = covered_columns(scene, frame, row)
    for x in range(np.uint64(first), np.uint64(last)):
        solid = (keys[x] >> FACE_BITS) - num_planes
        if solid >= 0:
            instance_ids[x] = scene.solid_instance[solid] + 1
            depth_map[x] = values[depths + x]


@scalar
def covered_columns(scene, frame, row):
    """Return the first column of a row, and the one after the last, that a solid may cover."""
    first = 1 << 30
    last = 0
    for solid in range(scene.solid_kind.shape[0]):
        bounds = scene.solid_bounds[frame, solid]
        if bounds[2] <= row < bounds[3]:
            first = min(first, bounds[0])
            last = max(last, bounds[1])
    return min(first, last), last


@scalar
def _darkened_columns(scene, frame, plane, row):
    """Return the first column of a row, and the one after the last, where a solid may darken a plane."""
    first = 1 << 30
    last = 0
    for solid in range(scene.solid_kind.shape[0]):
        bounds = scene.shadow_bounds[frame, plane, solid]
        if bounds[2] <= row < bounds[3]:
            first = min(first, bounds[0])
            last = max(last, bounds[1])
        bounds = scene.dimming_bounds[frame, plane, solid]
        if bounds[2] <= row < bounds[3]:
            first = min(first, bounds[0])
            last = max(last, bounds[1])
    return min(first, last), last


@scalar
def _shade_span(scene, frame, surface, row, first, last, values, keys, table, rgb, raw, backdrop, kept_shares):
    """Colour the pixels of a surface in a stretch of a row."""
    first, last = max(first, 0), min(last, keys.shape[0])
    while first < last and keys[first] >> FACE_BITS != surface:
        first += 1
    while first < last and keys[last - 1] >> FACE_BITS != surface:
        last -= 1
    if first >= last:
        return
    num_planes = scene.plane_position.shape[1]
    shares = lane(SHARE, 0)
    start_span(scene, frame, surface, row, first, last, values, keys)
    casts_shadows = scene.light[18] > 0.0
    for other in range(scene.solid_kind.shape[0]):
        if surface < num_planes:
            bounds = scene.shadow_bounds[frame, surface, other]
            if casts_shadows and bounds[2] <= row < bounds[3]:
                left, right = max(first, bounds[0]), min(last, bounds[1])
                shadow_span(scene, frame, other, surface, row, left, max(left, right), values, keys)
            bounds = scene.dimming_bounds[frame, surface, other]
            if bounds[2] <= row < bounds[3]:
                left, right = max(first, bounds[0]), min(last, bounds[1])
                dim_span(scene, frame, other, row, left, max(left, right), values)
        else:
            may_shadow, may_dim = may_darken(scene, frame, surface, other, 0, 0)
            if casts_shadows and may_shadow:
                shadow_span(scene, frame, other, surface, row, first, last, values, keys)
            if may_dim:
                dim_span(scene, frame, other, row, first, last, values)
    if surface < num_planes and backdrop.keys.shape[0] > 0:
        known = backdrop.shares[row]
        for x in range(np.uint64(first), np.uint64(last)):
            values[shares + x] = known[x]
    else:
        pattern_span(scene, frame, surface, row, first, last, values, keys)
    color_span(scene, frame, surface, row, first, last, values)
    red = lane(COLOR, 0)
    green = red + np.uint64(LANE)
    blue = green + np.uint64(LANE)
    for x in range(np.uint64(first), np.uint64(last)):
        if keys[x] >> FACE_BITS == surface:
            color = (encode(table, values[red + x]), encode(table, values[green + x]), encode(table, values[blue + x]))
            place = np.uint64(3) * x
            for channel in range(3):
                rgb[place + np.uint64(channel)] = color[channel]
                raw[place + np.uint64(channel)] = color[channel]
            if kept_shares.shape[0] > 0:
                kept_shares[row, x] = values[shares + x]


@scalar
def _shade_sky(scene, frame, row, keys, table, rgb, raw):
    for x in range(np.uint64(keys.shape[0])):
        if keys[x] < 0:
            direction = unit(ray_through(scene.camera, frame, x + 0.5, row + 0.5))
            red, green, blue = sky_color(scene.light, direction)
            color = (encode(table, red), encode(table, green), encode(table, blue))
            place = np.uint64(3) * x
            for channel in range(3):
                rgb[place + np.uint64(channel)] = color[channel]
                raw[place + np.uint64(channel)] = color[channel]


@scalar
def _draw_row(scene, frame, row, table, images, backdrop, scratch):
    values = scratch.lanes
    keys = images.keys[frame, row]
    rgb = images.rgb[frame, row]
    raw = scratch.raw[row]
    num_planes = scene.plane_position.shape[1]
    width = keys.shape[0]
    has_backdrop = backdrop.keys.shape[0] > 0
    find_surfaces(scene, frame, row, values, keys, images.amodal_masks, backdrop)
    if scratch.nearest.shape[0] > 0:
        depths = lane(NEAREST, 0)
        for x in range(np.uint64(width)):
            scratch.nearest[row, x] = values[depths + x]
            scratch.shares[row, x] = 0.0
    write_labels(
        scene, frame, row, values, keys, images.instance_ids[frame, row], images.depth_map[frame, row], backdrop
    )
    if has_backdrop:
        smooth_rgb, raw_rgb = backdrop.rgb[0, row], backdrop.raw[row]
        for place in range(np.uint64(3 * width)):
            rgb[place] = smooth_rgb[place]
        for place in range(np.uint64(3 * width)):
            raw[place] = raw_rgb[place]
    else:
        _shade_sky(scene, frame, row, keys, table, rgb, raw)
    for surface in range(num_planes):
        first, last = 0, width
        if has_backdrop:
            first, last = _darkened_columns(scene, frame, surface, row)
        _shade_span(scene, frame, surface, row, first, last, values, keys, table, rgb, raw, backdrop, scratch.shares)
    for solid in range(scene.solid_kind.shape[0]):
        bounds = scene.solid_bounds[frame, solid]
        if bounds[2] <= row < bounds[3]:
            surface = num_planes + solid
            _shade_span(
                scene,
                frame,
                surface,
                row,
                bounds[0],
                bounds[1],
                values,
                keys,
                table,
                rgb,
                raw,
                backdrop,
                scratch.shares,
            )


@scalar
def sample_surfaces(scene, frame, row, column, offsets, depths, samples):
    """Find the key of every sample of a pixel: ``offsets`` in pixels from its corner, keys into ``samples``."""
    camera = scene.camera
    eye = eye_of(camera, frame)
    num_planes = scene.plane_position.shape[1]
    count = offsets.shape[0]
    for sample in range(count):
        depths[sample] = FAR
        samples[sample] = SKY
    for plane in range(num_planes):
        for sample in range(count):
            direction = ray_through(camera, frame, column + offsets[sample, 0], row + offsets[sample, 1])
            distance = enter_ground(scene, frame, plane, eye, direction)
            if 0.0 < distance < depths[sample]:
                depths[sample] = distance
                samples[sample] = plane * FACES
    for solid in range(scene.solid_kind.shape[0]):
        if not is_within(scene.solid_bounds[frame, solid], column, row):
            continue
        rotation = rotation_of(scene.solid_rotation, frame, solid)
        local_eye = row_of(scene.eye_local, frame, solid)
        for sample in range(count):
            direction = ray_through(camera, frame, column + offsets[sample, 0], row + offsets[sample, 1])
            distance, face = enter(scene, solid, local_eye, to_local(rotation, direction))
            if 0.0 < distance < depths[sample]:
                depths[sample] = distance
                samples[sample] = key_of(scene, num_planes + solid, face)


@scalar
def _smooth_pixel(scene, frame, row, column, offsets, tables, images, scratch):
    """Replace a pixel's colour by the mean of its samples' colours.

    A sample that shows the same surface as the pixel's centre or one of its neighbours gets the colour found there.
    """
    encoded, decoded = tables
    keys, raw = images.keys, scratch.raw
    camera = scene.camera
    eye = eye_of(camera, frame)
    count = offsets.shape[0]
    sample_surfaces(scene, frame, row, column, offsets, scratch.depths, scratch.samples)
    red = green = blue = 0.0
    known = _NO_KEY
    color = (0.0, 0.0, 0.0)
    for sample in range(count):
        key = scratch.samples[sample]
        if key != known:
            known = key
            found = False
            for way in range(5):
                x = column + (1 if way == 1 else 0) - (1 if way == 2 else 0)
                y = row + (1 if way == 3 else 0) - (1 if way == 4 else 0)
                if 0 <= x < keys.shape[2] and 0 <= y < raw.shape[0] and keys[frame, y, x] == key:
                    color = (decoded[raw[y, 3 * x]], decoded[raw[y, 3 * x + 1]], decoded[raw[y, 3 * x + 2]])
                    found = True
                    break
            if not found:
                direction = ray_through(camera, frame, column + offsets[sample, 0], row + offsets[sample, 1])
                surface = surface_of(key)
                if surface == SKY:
                    color = sky_color(scene.light, unit(direction))
                else:
                    solid = surface - scene.plane_position.shape[1]
                    face = 0
                    if solid >= 0:
                        rotation = rotation_of(scene.solid_rotation, frame, solid)
                        _, face = enter(
                            scene, solid, row_of(scene.eye_local, frame, solid), to_local(rotation, direction)
                        )
                    depth = scratch.depths[sample]
                    color = surface_color(scene, frame, surface, face, column, row, eye, direction, depth)
        red += color[0]
        green += color[1]
        blue += color[2]
    share = 1.0 / count
    images.rgb[frame, row, 3 * column] = encode(encoded, red * share)
    images.rgb[frame, row, 3 * column + 1] = encode(encoded, green * share)
    images.rgb[frame, row, 3 * column + 2] = encode(encoded, blue * share)


def _compile_draw_frames(digest: int) -> Any:
    @driver
    def draw_frames(first, last, scene, offsets, tables, images, backdrop, scratch):
        """Draw the frames ``first`` to ``last``.

        Pixel centres decide every label and the colour; then the colour of pixels at edges becomes the mean over
        ``offsets`` (pixels from the corner), if there are any. What no solid touches is taken from ``backdrop``,
        unless that is empty.
        """
        if digest < 0:
            return
        height = images.keys.shape[1]
        width = images.keys.shape[2]
        columns = lane(COLUMN, 0)
        for column in range(width):
            scratch.lanes[columns + np.uint64(column)] = column + 0.5
        for frame in range(first, last):
            for row in range(height):
                _draw_row(scene, frame, row, tables[0], images, backdrop, scratch)
            if offsets.shape[0] == 0:
                continue
            for row in range(height):
                left, right = 0, width
                if backdrop.keys.shape[0] > 0:
                    left, right = covered_columns(scene, frame, row)
                    for plane in range(scene.plane_position.shape[1]):
                        begin, end = _darkened_columns(scene, frame, plane, row)
                        if begin < end:
                            left, right = (min(left, begin), max(right, end)) if left < right else (begin, end)
                for column in range(left, right):
                    if is_edge(images.keys, frame, row, column):
                        _smooth_pixel(scene, frame, row, column, offsets, tables, images, scratch)

    return draw_frames


draw_frames = _compile_draw_frames(source_digest())
