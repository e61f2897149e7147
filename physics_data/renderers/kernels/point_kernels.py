"""Drivers that follow points of surfaces through a clip and decide in which frames they are seen.

They cast a ray to the point itself, as the flow does, so nothing rests on stored pixels or depths.
"""

from typing import Any

from physics_data.renderers.kernels.compilation import driver, source_digest
from physics_data.renderers.kernels.flow import is_present, meet, place
from physics_data.renderers.kernels.scene_struct import SKY, by_address
from physics_data.renderers.kernels.trace import eye_of, is_hidden, look_through, ray_through, solid_normal, to_camera
from physics_data.renderers.kernels.vectors import dot, minus, rotation_of, to_world


def _compile_find_points(digest: int) -> Any:
    @driver
    def find_points(scene, frames, rows, columns, surfaces, local, normals):
        """Find the surface at the centre of each pixel, and place and outward normal of the point in its frame, m."""
        if digest < 0:
            return
        scene = by_address(scene)
        num_planes = scene.plane_position.shape[1]
        for index in range(frames.shape[0]):
            frame, row, column = frames[index], rows[index], columns[index]
            direction = ray_through(scene.camera, frame, column + 0.5, row + 0.5)
            surface = look_through(scene, frame, column, row, eye_of(scene.camera, frame), direction)[0]
            surfaces[index] = surface
            if surface == SKY:
                continue
            point, face = meet(scene, frame, surface, direction)
            normal = (0.0, 0.0, 1.0)
            if surface >= num_planes:
                normal = solid_normal(scene, surface - num_planes, face, point)
            for axis in range(3):
                local[index, axis] = point[axis]
                normals[index, axis] = normal[axis]

    return find_points


def _compile_see_points(digest: int) -> Any:
    @driver
    def see_points(first, last, scene, surfaces, local, normals, pixel, depth, seen):
        """Project points of surfaces into the frames ``first`` to ``last``.

        Units:
            pixel:  [frame, point, 2]; left alone behind the camera and where the surface is not there
            depth:  [frame, point], m; left alone where the surface is not there
            seen:   [frame, point]; True = inside the image, on a side that faces the camera, nothing in front
        """
        if digest < 0:
            return
        scene = by_address(scene)
        camera = scene.camera
        num_planes = scene.plane_position.shape[1]
        for frame in range(first, last):
            eye = eye_of(camera, frame)
            for index in range(surfaces.shape[0]):
                surface = surfaces[index]
                if surface == SKY or not is_present(scene, frame, surface):
                    continue
                normal = (normals[index, 0], normals[index, 1], normals[index, 2])
                point = place(scene, frame, surface, (local[index, 0], local[index, 1], local[index, 2]))
                if surface < num_planes:
                    normal = to_world(rotation_of(scene.plane_rotation, frame, surface), normal)
                else:
                    normal = to_world(rotation_of(scene.solid_rotation, frame, surface - num_planes), normal)
                moved = to_camera(camera, frame, minus(point, eye))
                depth[frame, index] = moved[2]
                if moved[2] <= 0.0:
                    continue
                scale = 1.0 / (camera[frame, 12] * moved[2])
                x = moved[0] * scale + camera[frame, 13]
                y = moved[1] * scale + camera[frame, 14]
                pixel[frame, index, 0] = x
                pixel[frame, index, 1] = y
                inside = (x >= 0.0) & (x < scene.image_size[0]) & (y >= 0.0) & (y < scene.image_size[1])
                if inside and dot(normal, minus(eye, point)) > 0.0:
                    seen[frame, index] = not is_hidden(scene, frame, surface, point, int(x), int(y))

    return see_points


find_points = _compile_find_points(source_digest())
see_points = _compile_see_points(source_digest())
