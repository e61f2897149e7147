"""The driver for CPU cores: frame by frame, row by row, surface by surface; then again where edges are."""

from typing import Any

import numpy as np

from physics_data.renderers.kernels.compilation import driver, scalar, source_digest
from physics_data.renderers.kernels.edges import smooth_row
from physics_data.renderers.kernels.moved import flow_of_sky, flow_span
from physics_data.renderers.kernels.rows import (
    darkened_columns,
    find_surfaces,
    narrow,
    number_columns,
    touched_columns,
    write_labels,
)
from physics_data.renderers.kernels.scene_struct import (
    COLOR,
    FACE_BITS,
    LANE,
    NEAREST,
    SHARE,
    SKYLIGHT,
    SUN,
    by_address,
)
from physics_data.renderers.kernels.shade import encode, may_darken, sky_color
from physics_data.renderers.kernels.spans import color_span, dim_span, lane, pattern_span, shadow_span, start_span
from physics_data.renderers.kernels.trace import ray_through
from physics_data.renderers.kernels.vectors import unit


@scalar
def _stretch(bounds, row, first, last):
    """Return the part of a stretch of a row that lies in a rectangle x0, x1, y0, y1."""
    if bounds[2] <= row < bounds[3]:
        return max(first, bounds[0]), min(last, bounds[1])
    return first, first


@scalar
def _shade_span(scene, frame, surface, row, first, last, table, images, backdrop, scratch):
    """Colour the pixels of a surface in a stretch of a row, and write their flow."""
    values, keys = scratch.lanes, images.keys[frame, row]
    rgb, raw, kept_shares = images.rgb[frame, row], scratch.raw[row], scratch.shares
    first, last = narrow(keys, surface, first, last)
    if first >= last:
        return
    num_planes = scene.plane_position.shape[1]
    shares = lane(SHARE, 0)
    start_span(scene, frame, surface, row, first, last, values, keys)
    flow_span(scene, images, frame, surface, row, first, last, scratch)
    casts_shadows = scene.light[18] > 0.0
    for other in range(scene.solid_kind.shape[0]):
        left, right, begin, end = first, last, first, last
        if surface < num_planes:
            left, right = _stretch(scene.shadow_bounds[frame, surface, other], row, first, last)
            begin, end = _stretch(scene.dimming_bounds[frame, surface, other], row, first, last)
        else:
            may_shadow, may_dim = may_darken(scene, frame, surface, other, np.int64(0), np.int64(0))
            right = last if may_shadow else first
            end = last if may_dim else first
        if casts_shadows and left < right:
            shadow_span(scene, frame, other, surface, row, left, right, values, keys)
        if begin < end:
            dim_span(scene, frame, other, row, begin, end, values)
    if surface < num_planes and backdrop.keys.shape[0] > 0:
        # Where no light is lost, the backdrop is right already.
        suns, skies = lane(SUN, 0), lane(SKYLIGHT, 0)
        while first < last and values[suns + np.uint64(first)] * values[skies + np.uint64(first)] == 1.0:
            first += 1
        while first < last and values[suns + np.uint64(last - 1)] * values[skies + np.uint64(last - 1)] == 1.0:
            last -= 1
        known = backdrop.shares[row]
        for x in range(np.uint64(first), np.uint64(last)):
            values[shares + x] = known[x]
    else:
        pattern_span(scene, frame, surface, row, first, last, values)
    color_span(scene, frame, surface, row, first, last, values)
    red = lane(COLOR, 0)
    green = red + np.uint64(LANE)
    blue = green + np.uint64(LANE)
    is_kept = surface < num_planes and backdrop.keys.shape[0] > 0
    for x in range(np.uint64(first), np.uint64(last)):
        if is_kept and values[lane(SUN, 0) + x] * values[lane(SKYLIGHT, 0) + x] == 1.0:
            continue
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
        flow_of_sky(scene, images, frame, row)
    for surface in range(num_planes + scene.solid_kind.shape[0]):
        first, last = 0, width
        if surface >= num_planes:
            bounds = scene.solid_bounds[frame, surface - num_planes]
            first, last = (bounds[0], bounds[1]) if bounds[2] <= row < bounds[3] else (0, 0)
        elif has_backdrop:
            first, last = darkened_columns(scene, frame, surface, row)
        if first < last:
            _shade_span(scene, frame, surface, row, first, last, table, images, backdrop, scratch)


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
        scene, images = by_address(scene), by_address(images)
        backdrop, scratch = by_address(backdrop), by_address(scratch)
        for frame in range(first, last):
            number_columns(scratch.lanes, width)
            for row in range(height):
                _draw_row(scene, frame, row, tables[0], images, backdrop, scratch)
            if offsets.shape[0] == 0:
                continue
            for row in range(height):
                left, right = 0, width
                if backdrop.keys.shape[0] > 0:
                    left, right = touched_columns(scene, frame, row)
                smooth_row(scene, frame, row, left, right, offsets, tables, images, scratch)

    return draw_frames


draw_frames = _compile_draw_frames(source_digest())
