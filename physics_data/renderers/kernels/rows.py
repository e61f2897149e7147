"""What every driver does with a row of pixels: surfaces and labels, and which columns need any work at all."""

import math

import numpy as np

from physics_data.renderers.kernels.compilation import scalar
from physics_data.renderers.kernels.scene_struct import COLUMN, FACE_BITS, FAR, LINE, NEAREST, SKY
from physics_data.renderers.kernels.spans import enter_span, ground_span, lane


@scalar
def number_columns(values, width):
    """Fill COLUMN for the rows of a frame."""
    columns = lane(COLUMN, 0)
    for column in range(width + 8):  # loops run to the end of a block
        values[columns + np.uint64(column)] = column + 0.5


@scalar
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
            ground_span(scene, frame, plane, np.int64(0), width, values, keys)
    for solid in range(scene.solid_kind.shape[0]):
        bounds = scene.solid_bounds[frame, solid]
        if bounds[2] <= row < bounds[3]:
            covered = amodal_masks[frame, scene.solid_instance[solid], row]
            enter_span(scene, frame, solid, np.int64(bounds[0]), np.int64(bounds[1]), values, keys, covered)


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
