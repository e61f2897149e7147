"""Smooth edges: where a pixel's neighbour shows another surface, its colour becomes the mean of several samples.

The samples of all edge pixels of a row are one long row of their own, so the same vector loops find their surfaces.
A sample that shows what the pixel's centre or one of its neighbours shows gets the colour found there.
"""

import numpy as np

from physics_data.renderers.kernels.compilation import scalar
from physics_data.renderers.kernels.scene_struct import COLUMN, EDGES_AT_ONCE, FAR, LINE, NEAREST, SKY
from physics_data.renderers.kernels.shade import encode, sky_color, surface_color
from physics_data.renderers.kernels.spans import enter_span, ground_span, lane
from physics_data.renderers.kernels.trace import enter, eye_of, ray_through, surface_of
from physics_data.renderers.kernels.vectors import rotation_of, row_of, to_local, unit

_NO_KEY = -1000000
_AROUND = ((0, 0), (1, 0), (-1, 0), (0, 1), (0, -1))


@scalar
def find_edges(keys, frame, row, first, last, marks):
    """Mark the columns of a row whose centre shows another surface or face than one of its four neighbours."""
    height, width = keys.shape[1], keys.shape[2]
    here, above, below = keys[frame, row], keys[frame, max(row - 1, 0)], keys[frame, min(row + 1, height - 1)]
    for x in range(np.uint64(first), np.uint64(last)):
        marks[x] = (here[x] != above[x]) | (here[x] != below[x])
    for x in range(np.uint64(max(first, 1)), np.uint64(max(last, 1))):
        marks[x] = marks[x] | (here[x] != here[x - np.uint64(1)])
    for x in range(np.uint64(first), np.uint64(max(min(last, width - 1), first))):
        marks[x] = marks[x] | (here[x] != here[x + np.uint64(1)])


@scalar
def _sample_edges(scene, frame, row, edges, count, offsets, scratch):
    """Find the keys of the samples of ``count`` edge pixels of a row, those of one pixel behind each other."""
    values, keys = scratch.lanes, scratch.samples
    num_samples = offsets.shape[0]
    place = 0
    for edge in range(count):
        for sample in range(num_samples):
            values[lane(COLUMN, place)] = edges[edge] + offsets[sample, 0]
            values[lane(LINE, place)] = row + offsets[sample, 1]
            values[lane(NEAREST, place)] = FAR
            keys[place] = SKY
            place += 1
    for plane in range(scene.plane_position.shape[1]):
        ground_span(scene, frame, plane, np.int64(0), place, values, keys)
    first, last = edges[0], edges[count - 1]
    for solid in range(scene.solid_kind.shape[0]):
        bounds = scene.solid_bounds[frame, solid]
        if bounds[2] <= row < bounds[3] and bounds[0] <= last and first < bounds[1]:
            begin, end = 0, count
            while begin < end and edges[begin] < bounds[0]:
                begin += 1
            while begin < end and edges[end - 1] >= bounds[1]:
                end -= 1
            enter_span(scene, frame, solid, begin * num_samples, end * num_samples, values, keys, scratch.marks)


@scalar
def _smooth_pixel(scene, frame, row, column, first, num_samples, tables, images, scratch):
    keys, raw, decoded = images.keys, scratch.raw, tables[1]
    red = green = blue = 0.0
    known = _NO_KEY
    color = (0.0, 0.0, 0.0)
    for sample in range(first, first + num_samples):
        key = scratch.samples[sample]
        if key != known:
            known = key
            found = False
            for way in range(5):
                x, y = column + _AROUND[way][0], row + _AROUND[way][1]
                if 0 <= x < keys.shape[2] and 0 <= y < keys.shape[1] and keys[frame, y, x] == key:
                    color = (decoded[raw[y, 3 * x]], decoded[raw[y, 3 * x + 1]], decoded[raw[y, 3 * x + 2]])
                    found = True
                    break
            if not found:
                place = (scratch.lanes[lane(COLUMN, sample)], scratch.lanes[lane(LINE, sample)])
                direction = ray_through(scene.camera, frame, place[0], place[1])
                surface = surface_of(key)
                solid = surface - scene.plane_position.shape[1]
                face = 0
                if solid >= 0:
                    local = to_local(rotation_of(scene.solid_rotation, frame, solid), direction)
                    _, face = enter(scene, solid, row_of(scene.eye_local, frame, solid), local)
                depth = scratch.lanes[lane(NEAREST, sample)]
                eye = eye_of(scene.camera, frame)
                color = sky_color(scene.light, unit(direction))
                if surface != SKY:
                    color = surface_color(scene, frame, surface, face, column, row, eye, direction, depth)
        red += color[0]
        green += color[1]
        blue += color[2]
    share = 1.0 / num_samples
    images.rgb[frame, row, 3 * column] = encode(tables[0], red * share)
    images.rgb[frame, row, 3 * column + 1] = encode(tables[0], green * share)
    images.rgb[frame, row, 3 * column + 2] = encode(tables[0], blue * share)


@scalar
def smooth_row(scene, frame, row, first, last, offsets, tables, images, scratch):
    """Smooth the edge pixels in a stretch of a row; overwrites the lanes."""
    marks, edges = scratch.marks, scratch.edges
    num_samples = offsets.shape[0]
    find_edges(images.keys, frame, row, first, last, marks)
    column = first
    while column < last:
        count = 0
        while column < last and count < EDGES_AT_ONCE:
            edges[count] = column
            count += 1 if marks[column] else 0
            column += 1
        if count > 0:
            _sample_edges(scene, frame, row, edges, count, offsets, scratch)
            for edge in range(count):
                _smooth_pixel(
                    scene, frame, row, np.int64(edges[edge]), edge * num_samples, num_samples, tables, images, scratch
                )
            if column < last:  # the samples' marks have overwritten those of the columns
                find_edges(images.keys, frame, row, first, last, marks)
