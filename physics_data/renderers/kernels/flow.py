"""The drivers for streams that are drawn when asked: where surfaces move to, their normals and their own coordinates.

They start from the surface at each pixel centre and meet it with the same ray again, which is cheaper than keeping
what the first pass knew.
"""

import math
from typing import Any

import numpy as np

from physics_data.renderers.kernels.compilation import driver, scalar, source_digest
from physics_data.renderers.kernels.scene_struct import FACE_BITS, NEAR, SKY, by_address
from physics_data.renderers.kernels.trace import (
    enter,
    enter_ground,
    eye_of,
    is_hidden,
    look_through,
    ray_through,
    solid_normal,
    to_camera,
)
from physics_data.renderers.kernels.vectors import add_scaled, dot, minus, rotation_of, row_of, to_local, to_world


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
def place(scene, frame, surface, local):
    """Return the world position, m, of a point of a surface."""
    solid = surface - scene.plane_position.shape[1]
    if solid < 0:
        turned = to_world(rotation_of(scene.plane_rotation, frame, surface), local)
        return add_scaled(row_of(scene.plane_position, frame, surface), turned, 1.0)
    turned = to_world(rotation_of(scene.solid_rotation, frame, solid), local)
    return add_scaled(row_of(scene.solid_position, frame, solid), turned, 1.0)


@scalar
def is_present(scene, frame, surface):
    """Whether a surface is there in a frame."""
    solid = surface - scene.plane_position.shape[1]
    return scene.plane_present[frame, surface] if solid < 0 else scene.solid_present[frame, solid]


@scalar
def move_sky(scene, here, there, row, column):
    """Return where the sky at a pixel is in another frame, pixels (x, y), and whether it is seen there.

    It is infinitely far away, so only the camera's turning moves it. Sky that comes to lie behind the other camera has
    no place in its image: it stays where it is, unseen.
    """
    camera = scene.camera
    direction = ray_through(camera, here, column + 0.5, row + 0.5)
    local = to_camera(camera, there, direction)
    if local[2] < NEAR:
        return column + 0.5, row + 0.5, False
    scale = 1.0 / (camera[there, 12] * local[2])
    x = local[0] * scale + camera[there, 13]
    y = local[1] * scale + camera[there, 14]
    seen = (x >= 0.0) & (x < scene.image_size[0]) & (y >= 0.0) & (y < scene.image_size[1])
    if seen:
        seen = look_through(scene, there, int(x), int(y), eye_of(camera, there), direction)[0] == SKY
    return x, y, seen


@scalar
def move(scene, here, there, surface, row, column):
    """Return where the point of a surface at a pixel is in another frame, and whether it is seen there; see above."""
    camera = scene.camera
    local, face = meet(scene, here, surface, ray_through(camera, here, column + 0.5, row + 0.5))
    point = place(scene, there, surface, local)
    solid = surface - scene.plane_position.shape[1]
    eye = eye_of(camera, there)
    moved = to_camera(camera, there, minus(point, eye))
    if moved[2] < NEAR:
        return column + 0.5, row + 0.5, False
    if solid < 0:
        rotation = rotation_of(scene.plane_rotation, there, surface)
        normal = (rotation[2], rotation[5], rotation[8])
    else:
        rotation = rotation_of(scene.solid_rotation, there, solid)
        normal = to_world(rotation, solid_normal(scene, solid, face, local))
    scale = 1.0 / (camera[there, 12] * moved[2])
    x = moved[0] * scale + camera[there, 13]
    y = moved[1] * scale + camera[there, 14]
    seen = (x >= 0.0) & (x < scene.image_size[0]) & (y >= 0.0) & (y < scene.image_size[1])
    seen = seen & (dot(normal, minus(eye, point)) > 0.0)
    if seen:
        seen = is_present(scene, there, surface) and not is_hidden(scene, there, surface, point, int(x), int(y))
    return x, y, seen


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
    if not is_present(scene, there, surface):
        return False
    if solid < 0:
        turns = _is_turn_still(scene.plane_rotation, here, there, surface)
        return turns and _is_still(scene.plane_position, here, there, surface)
    turns = _is_turn_still(scene.solid_rotation, here, there, solid)
    return turns and _is_still(scene.solid_position, here, there, solid)


def _compile_draw_still_flow(digest: int) -> Any:
    @driver
    def draw_still_flow(first, last, is_forward, scene, keys, still, seen):
        """Finish the flow of the pairs of frames ``first`` to ``last`` where neither camera nor surface moves.

        The flow is 0 there, and what is seen was decided by the same ray in the other frame.

        Units:
            is_forward: whether the flow is that of the earlier frame's pixels; pair k is frames k and k + 1
            keys:       of all frames
            still:      room for one bool per surface and the sky, for this thread alone
            seen:       [pair, row, column]; True = the point is visible in the other frame
        """
        if digest < 0:
            return
        scene = by_address(scene)
        num_surfaces = scene.plane_position.shape[1] + scene.solid_kind.shape[0]
        for pair in range(first, last):
            here = pair if is_forward else pair + 1
            there = pair + 1 if is_forward else pair
            if not is_camera_still(scene.camera, here, there):
                continue
            still[0] = True
            moves = False
            for surface in range(num_surfaces):
                still[surface + 1] = is_surface_still(scene, here, there, surface)
                moves = moves or not still[surface + 1]
            for row in range(keys.shape[1]):
                mine, others, visible = keys[here, row], keys[there, row], seen[pair, row]
                if moves:
                    for x in range(np.uint64(keys.shape[2])):
                        if still[(mine[x] >> FACE_BITS) + 1]:
                            visible[x] = mine[x] >> FACE_BITS == others[x] >> FACE_BITS
                else:
                    for x in range(np.uint64(keys.shape[2])):
                        visible[x] = mine[x] >> FACE_BITS == others[x] >> FACE_BITS

    return draw_still_flow


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
        scene = by_address(scene)
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


draw_still_flow = _compile_draw_still_flow(source_digest())
draw_surfaces = _compile_draw_surfaces(source_digest())
