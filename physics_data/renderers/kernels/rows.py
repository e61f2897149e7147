"""What every driver does with a row of pixels: surfaces, labels and flow, and which columns need any work at all."""

import math

import numpy as np

from physics_data.renderers.kernels.compilation import scalar, stage
from physics_data.renderers.kernels.flow import is_camera_still, is_present, is_surface_still, move_sky
from physics_data.renderers.kernels.layout import COLUMN, FACE_BITS, FAR, LANE, LINE, MOVED, NEAREST, SKY
from physics_data.renderers.kernels.spans import enter_span, ground_span, lane, moved_span
from physics_data.renderers.kernels.vectors import add_scaled, minus, rotation_of, row_of, to_local, to_world
from physics_data.renderers.kernels.visibility import eye_of, is_hidden, ray_through


@scalar
def number_columns(values, width):
    """Fill COLUMN for the rows of a frame."""
    columns = lane(COLUMN, 0)
    for column in range(width):
        values[columns + np.uint64(column)] = column + 0.5


@stage
def find_surfaces(scene, frame, row, values, keys, amodal_masks, backdrop):
    """Find depth and key of every pixel of a row, and mark what each instance covers."""
    width = keys.shape[0]
    depths, lines = lane(NEAREST, 0), lane(LINE, 0)
    for x in range(np.uint64(width)):
        values[lines + x] = row + 0.5
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
            ground_span(scene, frame, plane, width, values, keys)
    for solid in range(scene.solid_kind.shape[0]):
        bounds = scene.solid_bounds[frame, solid]
        if bounds[2] <= row < bounds[3]:
            covered = amodal_masks[frame, scene.solid_instance[solid], row]
            enter_span(scene, frame, solid, bounds[0], bounds[1], values, keys, covered)


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
def darkened_columns(scene, frame, plane, row):
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
def touched_columns(scene, frame, row):
    """Return the first column of a row, and the one after the last, where the picture may differ from the backdrop."""
    first, last = covered_columns(scene, frame, row)
    for plane in range(scene.plane_position.shape[1]):
        begin, end = darkened_columns(scene, frame, plane, row)
        if begin < end:
            first, last = (min(first, begin), max(last, end)) if first < last else (begin, end)
    return first, last


@scalar
def narrow(keys, surface, first, last):
    """Shorten a stretch of a row to that between the first and the last pixel that shows a surface."""
    first, last = max(first, 0), min(last, keys.shape[0])
    while first < last and keys[first] >> FACE_BITS != surface:
        first += 1
    while first < last and keys[last - 1] >> FACE_BITS != surface:
        last -= 1
    return first, last


@scalar
def _other_frame(images, frame, way):
    """Return the frame that the flow of a frame leads to and the number of the pair, or -1 where there is none."""
    if way == 0:
        return (frame + 1, frame) if frame < images.optical_flow.shape[0] else (-1, -1)
    return (frame - 1, frame - 1) if 0 < frame <= images.backward_flow.shape[0] else (-1, -1)


@scalar
def flow_span(scene, images, frame, surface, row, first, last, values):
    """Write both flows of a surface's pixels in a row, unless neither camera nor surface moves.

    NEAREST and NORMAL must be known. Where nothing moves the flow stays 0; ``draw_still_flow`` says what is seen.
    """
    keys = images.keys[frame, row]
    places = lane(MOVED, 0)
    lane_size = np.uint64(LANE)
    solid = surface - scene.plane_position.shape[1]
    for way in range(2):
        there, pair = _other_frame(images, frame, way)
        if there < 0 or (
            is_camera_still(scene.camera, frame, there) and is_surface_still(scene, frame, there, surface)
        ):
            continue
        moved_span(scene, frame, there, surface, row, first, last, values)
        flow = images.optical_flow[pair, row] if way == 0 else images.backward_flow[pair, row]
        seen = images.optical_flow_seen[pair, row] if way == 0 else images.backward_flow_seen[pair, row]
        can_be_seen = is_present(scene, there, surface)
        if solid < 0:
            rotation = rotation_of(scene.plane_rotation, frame, surface)
            turned = rotation_of(scene.plane_rotation, there, surface)
            position = row_of(scene.plane_position, frame, surface)
            moved = row_of(scene.plane_position, there, surface)
        else:
            rotation = rotation_of(scene.solid_rotation, frame, solid)
            turned = rotation_of(scene.solid_rotation, there, solid)
            position = row_of(scene.solid_position, frame, solid)
            moved = row_of(scene.solid_position, there, solid)
        eye = minus(eye_of(scene.camera, frame), position)
        for x in range(np.uint64(first), np.uint64(last)):
            if keys[x] >> FACE_BITS != surface:
                continue
            column = values[lane(COLUMN, 0) + x]
            u, v = values[places + x], values[places + lane_size + x]
            flow[x, 0] = u - column
            flow[x, 1] = v - (row + 0.5)
            is_seen = can_be_seen and values[places + lane_size + lane_size + x] > 0.5
            if is_seen:
                direction = ray_through(scene.camera, frame, column, row + 0.5)
                local = to_local(rotation, add_scaled(eye, direction, values[lane(NEAREST, 0) + x]))
                point = add_scaled(moved, to_world(turned, local), 1.0)
                is_seen = not is_hidden(scene, there, surface, point, int(u), int(v))
            seen[x] = is_seen


@scalar
def flow_of_sky(scene, images, frame, row):
    """Write both flows of the sky's pixels in a row, unless the camera stands still."""
    keys = images.keys[frame, row]
    for way in range(2):
        there, pair = _other_frame(images, frame, way)
        if there < 0 or is_camera_still(scene.camera, frame, there):
            continue
        flow = images.optical_flow[pair, row] if way == 0 else images.backward_flow[pair, row]
        seen = images.optical_flow_seen[pair, row] if way == 0 else images.backward_flow_seen[pair, row]
        for column in range(keys.shape[0]):
            if keys[column] == SKY:
                x, y, is_seen = move_sky(scene, frame, there, row, column)
                flow[column, 0] = x - (column + 0.5)
                flow[column, 1] = y - (row + 0.5)
                seen[column] = is_seen
