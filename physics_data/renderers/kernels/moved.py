"""Where the points of a row are in another frame, and whether they are seen there: the flow of moving pixels.

The moved points are a row of their own, whose rays the same vector loops follow in the other frame.
"""

import numpy as np

from physics_data.renderers.kernels.compilation import scalar
from physics_data.renderers.kernels.flow import is_camera_still, is_present, is_surface_still, move_sky
from physics_data.renderers.kernels.scene_struct import (
    COLUMN,
    FACE_BITS,
    IN_VIEW,
    LANE,
    LINE,
    MESH,
    NEAR,
    NEAREST,
    NORMAL,
    SKY,
)
from physics_data.renderers.kernels.spans import enter_span, ground_span, lane, rays_of_row, whole_vectors
from physics_data.renderers.kernels.trace import eye_of, to_camera
from physics_data.renderers.kernels.vectors import add_scaled, dot, minus, rotation_of, row_of, to_local

_CLOSE = 1.0 - 1e-7
"""A point is hidden by what its ray meets before this part of the way."""


@scalar
def _pose_of(scene, frame, surface):
    """Return rotation and position of a surface."""
    solid = surface - scene.plane_position.shape[1]
    if solid < 0:
        return rotation_of(scene.plane_rotation, frame, surface), row_of(scene.plane_position, frame, surface)
    return rotation_of(scene.solid_rotation, frame, solid), row_of(scene.solid_position, frame, solid)


@scalar
def _move_span(scene, here, there, surface, row, first, last, values, moved):
    """Write where the points of a surface are in another frame, and IN_VIEW if nothing but others hides them there.

    They are in view if they lie inside the image and on a side that faces the camera.
    """
    camera = scene.camera
    rotation, position = _pose_of(scene, here, surface)
    turned, place = _pose_of(scene, there, surface)
    eye = to_local(rotation, minus(eye_of(camera, here), position))
    middle, step = rays_of_row(camera, here, row + 0.5)
    start = to_local(rotation, middle)
    way = to_local(rotation, step)
    center = camera[here, 13]
    # What the other frame's camera makes of the surface's own axes and origin, and where that camera is for them.
    x_axis = to_camera(camera, there, (turned[0], turned[3], turned[6]))
    y_axis = to_camera(camera, there, (turned[1], turned[4], turned[7]))
    z_axis = to_camera(camera, there, (turned[2], turned[5], turned[8]))
    offset = minus(place, eye_of(camera, there))
    origin = to_camera(camera, there, offset)
    camera_local = to_local(turned, (-offset[0], -offset[1], -offset[2]))
    focal = 1.0 / camera[there, 12]
    center_x, center_y = camera[there, 13], camera[there, 14]
    right, bottom = 1.0 * scene.image_size[0], 1.0 * scene.image_size[1]
    columns, lines, depths, normals = lane(COLUMN, 0), lane(LINE, 0), lane(NEAREST, 0), lane(NORMAL, 0)
    views = lane(IN_VIEW, 0)
    lane_size = np.uint64(LANE)
    begin, end = whole_vectors(first, last)
    for x in range(begin, end):
        local = add_scaled(eye, add_scaled(start, way, values[columns + x] - center), values[depths + x])
        normal = (values[normals + x], values[normals + lane_size + x], values[normals + lane_size + lane_size + x])
        facing = dot(to_local(rotation, normal), minus(camera_local, local))
        point = add_scaled(add_scaled(add_scaled(origin, x_axis, local[0]), y_axis, local[1]), z_axis, local[2])
        is_ahead = point[2] >= NEAR
        scale = focal / (point[2] if is_ahead else 1.0)
        u = point[0] * scale + center_x
        v = point[1] * scale + center_y
        is_candidate = is_ahead & (facing > 0.0) & (u >= 0.0) & (u < right) & (v >= 0.0) & (v < bottom)
        # What comes to lie behind the other camera has no place in its image: it stays where it is, unseen.
        moved[columns + x] = u if is_ahead else values[columns + x]
        moved[lines + x] = v if is_ahead else row + 0.5
        moved[depths + x] = point[2] * _CLOSE
        moved[views + x] = 1.0 if is_candidate else 0.0


@scalar
def _is_above(scene, there, surface, plane):
    """Whether all of a solid lies above a plane, so that the plane cannot hide it."""
    solid = surface - scene.plane_position.shape[1]
    if solid < 0:
        return surface == plane
    rotation = rotation_of(scene.plane_rotation, there, plane)
    offset = minus(row_of(scene.solid_position, there, solid), row_of(scene.plane_position, there, plane))
    return dot(offset, (rotation[2], rotation[5], rotation[8])) > scene.solid_radius[solid]


@scalar
def _may_hide(scene, there, surface, other):
    """Whether a solid may hide a surface: their outlines meet, and it is not all behind."""
    bounds = scene.solid_bounds[there, other]
    if bounds[0] >= bounds[1]:
        return False
    solid = surface - scene.plane_position.shape[1]
    if solid < 0:
        return True
    if solid == other:
        return scene.solid_kind[other] == MESH  # a convex solid hides no point of a side that faces the camera
    mine = scene.solid_bounds[there, solid]
    if mine[0] >= bounds[1] or bounds[0] >= mine[1] or mine[2] >= bounds[3] or bounds[2] >= mine[3]:
        return False
    offset = minus(row_of(scene.solid_position, there, other), row_of(scene.solid_position, there, solid))
    behind = to_camera(scene.camera, there, offset)[2]
    return behind <= scene.solid_radius[other] + scene.solid_radius[solid]


@scalar
def _is_over(bounds, x, moved):
    """Whether a moved point lies in a rectangle x0, x1, y0, y1."""
    u, v = moved[lane(COLUMN, 0) + np.uint64(x)], moved[lane(LINE, 0) + np.uint64(x)]
    return (u >= bounds[0]) & (u < bounds[1]) & (v >= bounds[2]) & (v < bounds[3])


@scalar
def _hide_span(scene, there, surface, first, last, moved, keys, covered):
    """Write in ``keys`` what a moved point's ray meets before the point, SKY for nothing."""
    for x in range(np.uint64(first), np.uint64(last)):
        keys[x] = np.int32(SKY)
    for plane in range(scene.plane_position.shape[1]):
        if not _is_above(scene, there, surface, plane):
            ground_span(scene, there, plane, first, last, moved, keys)
    lines = lane(LINE, 0)
    top, bottom = 1e30, -1e30
    for x in range(np.uint64(first), np.uint64(last)):
        line = moved[lines + x]
        top = line if line < top else top
        bottom = line if line > bottom else bottom
    for other in range(scene.solid_kind.shape[0]):
        bounds = scene.solid_bounds[there, other]
        if bounds[3] <= top or bounds[2] > bottom or not _may_hide(scene, there, surface, other):
            continue
        begin, end = first, last
        while begin < end and not _is_over(bounds, begin, moved):
            begin += 1
        while begin < end and not _is_over(bounds, end - 1, moved):
            end -= 1
        if begin < end:
            enter_span(scene, there, other, begin, end, moved, keys, covered)


@scalar
def _other_frame(images, frame, way):
    """Return the frame that the flow of a frame leads to and the number of the pair, or -1 where there is none."""
    if way == 0:
        return (frame + 1, frame) if frame < images.optical_flow.shape[0] else (-1, -1)
    return (frame - 1, frame - 1) if 0 < frame <= images.backward_flow.shape[0] else (-1, -1)


@scalar
def flow_span(scene, images, frame, surface, row, first, last, scratch):
    """Write both flows of a surface's pixels in a row, unless neither camera nor surface moves.

    NEAREST and NORMAL must be known. Where nothing moves the flow stays 0; ``draw_still_flow`` says what is seen.
    """
    keys, values, moved, met = images.keys[frame, row], scratch.lanes, scratch.moved, scratch.samples
    columns, lines, views = lane(COLUMN, 0), lane(LINE, 0), lane(IN_VIEW, 0)
    for way in range(2):
        there, pair = _other_frame(images, frame, way)
        if there < 0 or (
            is_camera_still(scene.camera, frame, there) and is_surface_still(scene, frame, there, surface)
        ):
            continue
        _move_span(scene, frame, there, surface, row, first, last, values, moved)
        can_be_seen = is_present(scene, there, surface)
        if can_be_seen:
            _hide_span(scene, there, surface, first, last, moved, met, scratch.marks)
        flow = images.optical_flow[pair, row] if way == 0 else images.backward_flow[pair, row]
        seen = images.optical_flow_seen[pair, row] if way == 0 else images.backward_flow_seen[pair, row]
        for x in range(np.uint64(first), np.uint64(last)):
            if keys[x] >> FACE_BITS == surface:
                flow[x, 0] = moved[columns + x] - values[columns + x]
                flow[x, 1] = moved[lines + x] - (row + 0.5)
                seen[x] = can_be_seen and moved[views + x] > 0.5 and met[x] < 0


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
