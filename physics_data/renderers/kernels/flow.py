"""The drivers for streams that are drawn when asked: where surfaces move to, their normals and their own coordinates.

They start from the surface at each pixel centre and meet it with the same ray again, which is cheaper than keeping
what the first pass knew.
"""

import math
from typing import Any

import numpy as np

from physics_data.renderers.kernels.compilation import driver, scalar, source_digest
from physics_data.renderers.kernels.layout import FACE_BITS, SKY
from physics_data.renderers.kernels.vectors import add_scaled, minus, rotation_of, row_of, to_local, to_world
from physics_data.renderers.kernels.visibility import (
    enter,
    enter_ground,
    eye_of,
    is_seen,
    look_through,
    ray_through,
    solid_normal,
    to_camera,
)

_NEAR = 1e-3


@scalar
def meet(scene, frame, surface, direction):
    """Return where a ray from the camera meets a surface that it is known to meet, in its frame, and the face.

    The arguments are a surface and the ray's direction in the world frame.
    """
    eye = eye_of(scene.camera, frame)
    solid = surface - scene.plane_position.shape[1]
    if solid < 0:
        distance = enter_ground(scene, frame, surface, eye, direction)
        rotation = rotation_of(scene.plane_rotation, frame, surface)
        offset = minus(eye, row_of(scene.plane_position, frame, surface))
        return to_local(rotation, add_scaled(offset, direction, distance)), 0
    local_eye = row_of(scene.eye_local, frame, solid)
    local_direction = to_local(rotation_of(scene.solid_rotation, frame, solid), direction)
    distance, face = enter(scene, solid, local_eye, local_direction)
    return add_scaled(local_eye, local_direction, distance), face


@scalar
def _place(scene, frame, surface, local):
    """Return the world position, m, of a point of a surface."""
    solid = surface - scene.plane_position.shape[1]
    if solid < 0:
        turned = to_world(rotation_of(scene.plane_rotation, frame, surface), local)
        return add_scaled(row_of(scene.plane_position, frame, surface), turned, 1.0)
    turned = to_world(rotation_of(scene.solid_rotation, frame, solid), local)
    return add_scaled(row_of(scene.solid_position, frame, solid), turned, 1.0)


@scalar
def _is_present(scene, frame, surface):
    solid = surface - scene.plane_position.shape[1]
    return scene.plane_present[frame, surface] if solid < 0 else scene.solid_present[frame, solid]


@scalar
def move(scene, here, there, surface, row, column, height, width):
    """Return how far the point at a pixel moves to another frame, pixels (x, y), and whether it is seen there.

    What comes to lie behind the other camera has no place in its image: it moves by 0 and is not seen.
    """
    camera = scene.camera
    direction = ray_through(camera, here, column + 0.5, row + 0.5)
    face = 0
    if surface == SKY:
        point = direction
        local = to_camera(camera, there, direction)
    else:
        on_surface, face = meet(scene, here, surface, direction)
        point = _place(scene, there, surface, on_surface)
        local = to_camera(camera, there, minus(point, eye_of(camera, there)))
    if local[2] < _NEAR:
        return 0.0, 0.0, False
    scale = 1.0 / (camera[there, 12] * local[2])
    x = local[0] * scale + camera[there, 13]
    y = local[1] * scale + camera[there, 14]
    seen = (x >= 0.0) & (x < width) & (y >= 0.0) & (y < height)
    if seen:
        if surface == SKY:
            seen = look_through(scene, there, int(x), int(y), eye_of(camera, there), direction)[0] == SKY
        else:
            seen = _is_present(scene, there, surface) and is_seen(scene, there, surface, face, point, int(x), int(y))
    return x - (column + 0.5), y - (row + 0.5), seen


@scalar
def _is_still(array, here, there, index):
    for axis in range(array.shape[2]):
        if array[here, index, axis] != array[there, index, axis]:
            return False
    return True


@scalar
def is_camera_still(camera, here, there):
    """Whether two frames are seen from the same place in the same direction."""
    for value in range(camera.shape[1]):
        if camera[here, value] != camera[there, value]:
            return False
    return True


@scalar
def _is_turn_still(array, here, there, index):
    for row in range(3):
        for column in range(3):
            if array[here, index, row, column] != array[there, index, row, column]:
                return False
    return True


@scalar
def is_surface_still(scene, here, there, surface):
    """Whether a surface has the same pose in two frames and is there in the second one; the sky always has."""
    if surface == SKY:
        return True
    solid = surface - scene.plane_position.shape[1]
    if not _is_present(scene, there, surface):
        return False
    if solid < 0:
        turns = _is_turn_still(scene.plane_rotation, here, there, surface)
        return turns and _is_still(scene.plane_position, here, there, surface)
    turns = _is_turn_still(scene.solid_rotation, here, there, solid)
    return turns and _is_still(scene.solid_position, here, there, solid)


def _compile_draw_flow(digest: int) -> Any:
    @driver
    def draw_flow(first, last, is_forward, scene, keys, still, flow, seen):
        """Draw the flow of the pairs of frames ``first`` to ``last``; pair k is frames k and k + 1.

        Where neither camera nor surface moves the flow stays as it is given, which must be 0.

        Units:
            keys:       of all frames
            is_forward: whether the flow is that of the earlier frame's pixels
            still:      room for one bool per surface, for this thread alone
            flow, seen: [pair, row, column]; pixels (x, y), and True = the point is visible in the other frame
        """
        if digest < 0:
            return
        height, width = keys.shape[1], keys.shape[2]
        num_planes = scene.plane_position.shape[1]
        num_surfaces = num_planes + scene.solid_kind.shape[0]
        for pair in range(first, last):
            here = pair if is_forward else pair + 1
            there = pair + 1 if is_forward else pair
            camera_still = is_camera_still(scene.camera, here, there)
            for surface in range(num_surfaces):
                still[surface] = camera_still and is_surface_still(scene, here, there, surface)
            for row in range(height):
                for column in range(width):
                    surface = keys[here, row, column] >> FACE_BITS
                    if camera_still and (surface == SKY or still[surface]):
                        # The same ray was cast in the other frame.
                        seen[pair, row, column] = keys[there, row, column] >> FACE_BITS == surface
                        continue
                    x, y, is_visible = move(scene, here, there, surface, row, column, height, width)
                    flow[pair, row, column, 0] = x
                    flow[pair, row, column, 1] = y
                    seen[pair, row, column] = is_visible

    return draw_flow


@scalar
def body_coordinates(scene, surface, local):
    """Bring a point of a surface into the frame of its body, m: parts have frames of their own."""
    solid = surface - scene.plane_position.shape[1]
    if solid < 0:
        return local
    pose = scene.solid_in_body
    turn = (
        pose[solid, 3],
        pose[solid, 4],
        pose[solid, 5],
        pose[solid, 6],
        pose[solid, 7],
        pose[solid, 8],
        pose[solid, 9],
        pose[solid, 10],
        pose[solid, 11],
    )
    turned = to_world(turn, local)
    return (turned[0] + pose[solid, 0], turned[1] + pose[solid, 1], turned[2] + pose[solid, 2])


@scalar
def describe(scene, frame, surface, row, column):
    """Return the world normal and the body coordinates, m, of the surface at a pixel centre."""
    direction = ray_through(scene.camera, frame, column + 0.5, row + 0.5)
    local, face = meet(scene, frame, surface, direction)
    solid = surface - scene.plane_position.shape[1]
    if solid < 0:
        rotation = rotation_of(scene.plane_rotation, frame, surface)
        return (rotation[2], rotation[5], rotation[8]), local
    normal = to_world(rotation_of(scene.solid_rotation, frame, solid), solid_normal(scene, solid, face, local))
    return normal, body_coordinates(scene, surface, local)


def _compile_draw_surfaces(digest: int) -> Any:
    @driver
    def draw_surfaces(first, last, scene, keys, normals, coordinates):
        """Draw normals and body coordinates of the frames ``first`` to ``last``; arrays without frames are left out."""
        if digest < 0:
            return
        for frame in range(first, last):
            for row in range(keys.shape[1]):
                for column in range(keys.shape[2]):
                    surface = keys[frame, row, column] >> FACE_BITS
                    normal = (0.0, 0.0, 0.0)
                    local = (math.nan, math.nan, math.nan)
                    if surface != SKY:
                        normal, local = describe(scene, frame, surface, row, column)
                    for axis in range(3):
                        if normals.shape[0] > 0:
                            normals[frame, row, column, axis] = np.float32(normal[axis])
                        if coordinates.shape[0] > 0:
                            coordinates[frame, row, column, axis] = np.float32(local[axis])

    return draw_surfaces


draw_flow = _compile_draw_flow(source_digest())
draw_surfaces = _compile_draw_surfaces(source_digest())
