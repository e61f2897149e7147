# pyright: reportCallIssue=false, reportAttributeAccessIssue=false
# Numba's stubs describe its simulator.
"""The drivers for a CUDA device: one thread a pixel, with the scalar functions that the CPU drivers use.

Imported only where a device is asked for. Each kernel draws some frames of a scene; arrays of images begin with the
frame ``first``, those of the scene hold all frames.
"""

import math
from typing import Any

from numba import cuda

from physics_data.core.conventions import FAR_PLANE
from physics_data.renderers.kernels.compilation import scalar
from physics_data.renderers.kernels.flow import describe, move, move_sky
from physics_data.renderers.kernels.scene_struct import FACE_BITS, SKY
from physics_data.renderers.kernels.shade import encode, sky_color, surface_color
from physics_data.renderers.kernels.trace import enter, eye_of, is_within, key_of, look_through, ray_through
from physics_data.renderers.kernels.vectors import rotation_of, row_of, to_local, unit

_kernel: Any = cuda.jit
_NO_KEY = -1000000


@scalar
def _pixel_of(index, height, width):
    """Return frame, row and column of the pixel that a thread draws."""
    pixel = index % (height * width)
    return index // (height * width), pixel // width, pixel % width


@scalar
def _color_of(scene, frame, surface, face, column, row, direction, depth):
    if surface == SKY:
        return sky_color(scene.light, unit(direction))
    return surface_color(scene, frame, surface, face, column, row, eye_of(scene.camera, frame), direction, depth)


@_kernel
def draw_centers(first, scene, encoded, raw, instance_ids, depth_map, amodal_masks, keys):
    """Draw labels, and the colour before edges are smoothed."""
    index = cuda.grid(1)
    if index >= keys.size:
        return
    item, row, column = _pixel_of(index, keys.shape[1], keys.shape[2])
    frame = first + item
    eye = eye_of(scene.camera, frame)
    direction = ray_through(scene.camera, frame, column + 0.5, row + 0.5)
    surface, face, depth = look_through(scene, frame, column, row, eye, direction)
    solid = surface - scene.plane_position.shape[1]
    keys[item, row, column] = SKY if surface == SKY else key_of(scene, surface, face)
    instance_ids[item, row, column] = scene.solid_instance[solid] + 1 if solid >= 0 else 0
    depth_map[item, row, column] = math.inf if surface == SKY or depth > FAR_PLANE else depth
    for instance in range(amodal_masks.shape[1]):
        amodal_masks[item, instance, row, column] = False
    for other in range(scene.solid_kind.shape[0]):
        if is_within(scene.solid_bounds[frame, other], column, row):
            local = to_local(rotation_of(scene.solid_rotation, frame, other), direction)
            if enter(scene, other, row_of(scene.eye_local, frame, other), local)[0] > 0.0:
                amodal_masks[item, scene.solid_instance[other], row, column] = True
    red, green, blue = _color_of(scene, frame, surface, face, column, row, direction, depth)
    raw[item, row, 3 * column] = encode(encoded, red)
    raw[item, row, 3 * column + 1] = encode(encoded, green)
    raw[item, row, 3 * column + 2] = encode(encoded, blue)


@scalar
def _is_edge(keys, item, row, column):
    """Whether a pixel's centre shows another surface or face than one of its four neighbours."""
    here = keys[item, row, column]
    left, right = max(column - 1, 0), min(column + 1, keys.shape[2] - 1)
    above, below = max(row - 1, 0), min(row + 1, keys.shape[1] - 1)
    beside = keys[item, row, left] != here or keys[item, row, right] != here
    return beside or keys[item, above, column] != here or keys[item, below, column] != here


@_kernel
def smooth_edges(first, scene, offsets, encoded, decoded, keys, raw, rgb):
    """Draw the colour: at edges the mean over ``offsets`` (pixels from the corner), else what ``raw`` holds."""
    index = cuda.grid(1)
    if index >= keys.size:
        return
    item, row, column = _pixel_of(index, keys.shape[1], keys.shape[2])
    frame = first + item
    if offsets.shape[0] == 0 or not _is_edge(keys, item, row, column):
        for channel in range(3):
            rgb[item, row, 3 * column + channel] = raw[item, row, 3 * column + channel]
        return
    eye = eye_of(scene.camera, frame)
    red = green = blue = 0.0
    known = _NO_KEY
    color = (0.0, 0.0, 0.0)
    for sample in range(offsets.shape[0]):
        direction = ray_through(scene.camera, frame, column + offsets[sample, 0], row + offsets[sample, 1])
        surface, face, depth = look_through(scene, frame, column, row, eye, direction)
        key = SKY if surface == SKY else key_of(scene, surface, face)
        if key != known:  # as on the CPU: samples of one key in a row share the colour of the first
            known = key
            found = False
            for way in range(5):
                x = column + (1 if way == 1 else 0) - (1 if way == 2 else 0)
                y = row + (1 if way == 3 else 0) - (1 if way == 4 else 0)
                if not found and 0 <= x < keys.shape[2] and 0 <= y < keys.shape[1] and keys[item, y, x] == key:
                    found = True
                    color = (
                        decoded[raw[item, y, 3 * x]],
                        decoded[raw[item, y, 3 * x + 1]],
                        decoded[raw[item, y, 3 * x + 2]],
                    )
            if not found:
                color = _color_of(scene, frame, surface, face, column, row, direction, depth)
        red += color[0]
        green += color[1]
        blue += color[2]
    share = 1.0 / offsets.shape[0]
    rgb[item, row, 3 * column] = encode(encoded, red * share)
    rgb[item, row, 3 * column + 1] = encode(encoded, green * share)
    rgb[item, row, 3 * column + 2] = encode(encoded, blue * share)


@_kernel
def draw_flow(first, is_forward, scene, keys, flow, seen):
    """Draw the flow of the frames in ``keys`` to the next frame, or with is_forward false to the one before."""
    index = cuda.grid(1)
    if index >= seen.size:
        return
    item, row, column = _pixel_of(index, keys.shape[1], keys.shape[2])
    frame = first + item
    there = frame + 1 if is_forward else frame - 1
    surface = keys[item, row, column] >> FACE_BITS
    if surface == SKY:
        x, y, is_visible = move_sky(scene, frame, there, row, column)
    else:
        x, y, is_visible = move(scene, frame, there, surface, row, column)
    flow[item, row, column, 0] = x - (column + 0.5)
    flow[item, row, column, 1] = y - (row + 0.5)
    seen[item, row, column] = is_visible


@_kernel
def draw_surfaces(first, scene, keys, depth_map, normals, coordinates):
    """Draw normals and body coordinates; arrays without frames are left out."""
    index = cuda.grid(1)
    if index >= keys.size:
        return
    item, row, column = _pixel_of(index, keys.shape[1], keys.shape[2])
    surface = keys[item, row, column] >> FACE_BITS
    normal = (0.0, 0.0, 0.0)
    local = (math.nan, math.nan, math.nan)
    if surface != SKY and depth_map[item, row, column] < math.inf:
        normal, local = describe(scene, first + item, surface, row, column)
    if normals.shape[0] > 0:
        normals[item, row, column, 0] = normal[0]
        normals[item, row, column, 1] = normal[1]
        normals[item, row, column, 2] = normal[2]
    if coordinates.shape[0] > 0:
        coordinates[item, row, column, 0] = local[0]
        coordinates[item, row, column, 1] = local[1]
        coordinates[item, row, column, 2] = local[2]
