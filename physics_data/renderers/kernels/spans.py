"""Rows of pixels as vectors: the loops that take most of the time, each over a stretch of one row.

They are written so that the compiler turns them into vector instructions: nothing branches inside, all numbers of a
row lie in one array at constant distances (so that no two can overlap unnoticed), and places in it are unsigned (so
that none can count from the end).
"""

import numpy as np

from physics_data.renderers.kernels.compilation import scalar
from physics_data.renderers.kernels.intersect import (
    enter_box,
    enter_capsule,
    enter_cylinder,
    enter_ellipsoid,
    enter_plane,
    enter_sphere,
    normal_of,
)
from physics_data.renderers.kernels.layout import (
    BOX,
    CAPSULE,
    CHECKER,
    COLOR,
    COLUMN,
    CYLINDER,
    ELLIPSOID,
    FACE_BITS,
    FACES,
    LANE,
    LINE,
    MESH,
    MOVED,
    NEAR,
    NEAREST,
    NORMAL,
    PLAIN,
    SHARE,
    SKYLIGHT,
    SPHERE,
    STRIPES,
    SUN,
)
from physics_data.renderers.kernels.light import (
    ambient_past,
    box_lets_past,
    capsule_lets_past,
    cylinder_lets_past,
    ellipsoid_lets_past,
    mesh_lets_past,
    sphere_lets_past,
)
from physics_data.renderers.kernels.pattern import second_share
from physics_data.renderers.kernels.shade import has_curved_faces, lit_color
from physics_data.renderers.kernels.vectors import (
    add_scaled,
    dot,
    minus,
    rotation_of,
    row_of,
    to_local,
    to_world,
    triple,
    unit,
)
from physics_data.renderers.kernels.visibility import enter_triangles, eye_of, ray_through, solid_normal, to_camera


@scalar
def lane(which, column):
    """Return the place of a column in a lane of the row."""
    return np.uint64(which * LANE) + np.uint64(column)


@scalar
def _rays(camera, frame, y):
    """Return the world direction at the optical axis' column of a row, and what one column adds."""
    per_pixel = camera[frame, 12]
    middle = ray_through(camera, frame, camera[frame, 13], y)
    return middle, (camera[frame, 3] * per_pixel, camera[frame, 4] * per_pixel, camera[frame, 5] * per_pixel)


@scalar
def _rays_anywhere(camera, frame, rotation):
    """Return the directions of the optical axis, of one pixel to the right and of one down, in a solid's frame."""
    per_pixel = camera[frame, 12]
    return (
        to_local(rotation, (camera[frame, 9], camera[frame, 10], camera[frame, 11])),
        to_local(rotation, (camera[frame, 3] * per_pixel, camera[frame, 4] * per_pixel, camera[frame, 5] * per_pixel)),
        to_local(rotation, (camera[frame, 6] * per_pixel, camera[frame, 7] * per_pixel, camera[frame, 8] * per_pixel)),
    )


@scalar
def _ray_at(rays, center, x, values):
    """Return the direction through the place in the image that lanes hold."""
    right = values[lane(COLUMN, 0) + x] - center[0]
    down = values[lane(LINE, 0) + x] - center[1]
    return add_scaled(add_scaled(rays[0], rays[1], right), rays[2], down)


@scalar
def _keep(distance, key, place, index, values, keys, covered):
    """Note a hit where it is one, and make it the pixel's surface where it is the nearest so far."""
    is_hit = distance > 0.0
    covered[index] = covered[index] | is_hit
    is_nearer = is_hit & (distance < values[place])
    values[place] = distance if is_nearer else values[place]
    keys[index] = key if is_nearer else keys[index]


@scalar
def enter_span(scene, frame, solid, first, last, values, keys, covered):
    """Let a solid cover the places ``first`` to ``last`` of the lanes.

    Arguments:
        values:   the lanes; NEAREST is lowered where the solid is nearer
        keys:     of the same places, int32
        covered:  bool; becomes True where the ray meets the solid
    """
    kind = scene.solid_kind[solid]
    size = triple(scene.solid_size, solid)
    rotation = rotation_of(scene.solid_rotation, frame, solid)
    eye = row_of(scene.eye_local, frame, solid)
    rays = _rays_anywhere(scene.camera, frame, rotation)
    center = (scene.camera[frame, 13], scene.camera[frame, 14])
    key = np.int32((scene.plane_position.shape[1] + solid) * FACES)
    depths = lane(NEAREST, 0)
    begin, end = np.uint64(first), np.uint64(last)
    if kind == SPHERE:
        for x in range(begin, end):
            distance, _ = enter_sphere(eye, _ray_at(rays, center, x, values), size[0])
            _keep(distance, key, depths + x, x, values, keys, covered)
    elif kind == BOX:
        for x in range(begin, end):
            distance, face = enter_box(eye, _ray_at(rays, center, x, values), size)
            _keep(distance, key + np.int32(face), depths + x, x, values, keys, covered)
    elif kind == CYLINDER:
        for x in range(begin, end):
            distance, face = enter_cylinder(eye, _ray_at(rays, center, x, values), size[0], size[2])
            _keep(distance, key + np.int32(face), depths + x, x, values, keys, covered)
    elif kind == CAPSULE:
        for x in range(begin, end):
            distance, _ = enter_capsule(eye, _ray_at(rays, center, x, values), size[0], size[2])
            _keep(distance, key, depths + x, x, values, keys, covered)
    elif kind == ELLIPSOID:
        for x in range(begin, end):
            distance, _ = enter_ellipsoid(eye, _ray_at(rays, center, x, values), size)
            _keep(distance, key, depths + x, x, values, keys, covered)
    else:
        for x in range(begin, end):
            distance, face = enter_triangles(scene, solid, eye, _ray_at(rays, center, x, values))
            _keep(distance, key + np.int32(scene.mesh_patches[face]), depths + x, x, values, keys, covered)


@scalar
def ground_span(scene, frame, plane, count, values, keys):
    """Let a plane cover the first ``count`` places of the lanes where it is the nearest so far."""
    if not scene.plane_present[frame, plane]:
        return
    rotation = rotation_of(scene.plane_rotation, frame, plane)
    above = minus(eye_of(scene.camera, frame), row_of(scene.plane_position, frame, plane))
    rays = _rays_anywhere(scene.camera, frame, (1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0))
    center = (scene.camera[frame, 13], scene.camera[frame, 14])
    depths = lane(NEAREST, 0)
    for x in range(np.uint64(count)):
        distance, _ = enter_plane(rotation, above, _ray_at(rays, center, x, values))
        is_nearer = (distance > 0.0) & (distance < values[depths + x])
        values[depths + x] = distance if is_nearer else values[depths + x]
        keys[x] = np.int32(plane * FACES) if is_nearer else keys[x]


@scalar
def start_span(scene, frame, surface, row, first, last, values, keys):
    """Set both lights to 1 and write normals for the pixels of a row that show a surface; others get anything."""
    solid = surface - scene.plane_position.shape[1]
    sun, sky, normals = lane(SUN, 0), lane(SKYLIGHT, 0), lane(NORMAL, 0)
    begin, end = np.uint64(first), np.uint64(last)
    lane_size = np.uint64(LANE)
    if solid < 0:
        rotation = rotation_of(scene.plane_rotation, frame, surface)
        for x in range(begin, end):
            values[sun + x] = 1.0
            values[sky + x] = 1.0
            values[normals + x] = rotation[2]
            values[normals + lane_size + x] = rotation[5]
            values[normals + lane_size + lane_size + x] = rotation[8]
        return
    kind = scene.solid_kind[solid]
    size = triple(scene.solid_size, solid)
    rotation = rotation_of(scene.solid_rotation, frame, solid)
    eye = row_of(scene.eye_local, frame, solid)
    middle, step = _rays(scene.camera, frame, row + 0.5)
    start = to_local(rotation, middle)
    way = to_local(rotation, step)
    center = scene.camera[frame, 13]
    columns, depths = lane(COLUMN, 0), lane(NEAREST, 0)
    for x in range(begin, end):
        values[sun + x] = 1.0
        values[sky + x] = 1.0
    if kind == SPHERE:
        for x in range(begin, end):
            direction = add_scaled(start, way, values[columns + x] - center)
            local = add_scaled(eye, direction, values[depths + x])
            normal = to_world(rotation, normal_of(SPHERE, size, 0, local))
            values[normals + x] = normal[0]
            values[normals + lane_size + x] = normal[1]
            values[normals + lane_size + lane_size + x] = normal[2]
        return
    for x in range(begin, end):
        if keys[x] >> FACE_BITS == surface:
            direction = add_scaled(start, way, values[columns + x] - center)
            local = add_scaled(eye, direction, values[depths + x])
            face = keys[x] & (FACES - 1)
            if kind == MESH:
                _, face = enter_triangles(scene, solid, eye, direction)
            normal = to_world(rotation, solid_normal(scene, solid, face, local))
        else:
            normal = (0.0, 0.0, 1.0)
        values[normals + x] = normal[0]
        values[normals + lane_size + x] = normal[1]
        values[normals + lane_size + lane_size + x] = normal[2]


@scalar
def shadow_span(scene, frame, other, surface, row, first, last, values, keys):
    """Multiply SUN with the part of the sun that a solid leaves to the points of a row."""
    kind = scene.solid_kind[other]
    size = triple(scene.solid_size, other)
    rotation = rotation_of(scene.solid_rotation, frame, other)
    eye = row_of(scene.eye_local, frame, other)
    middle, step = _rays(scene.camera, frame, row + 0.5)
    start = to_local(rotation, middle)
    way = to_local(rotation, step)
    center, per_pixel = scene.camera[frame, 13], scene.camera[frame, 12]
    sun = row_of(scene.sun_local, frame, other)
    softness = scene.light[16]
    columns, depths, shares = lane(COLUMN, 0), lane(NEAREST, 0), lane(SUN, 0)
    begin, end = np.uint64(first), np.uint64(last)
    if kind == SPHERE:
        for x in range(begin, end):
            depth = values[depths + x]
            point = add_scaled(eye, add_scaled(start, way, values[columns + x] - center), depth)
            values[shares + x] *= sphere_lets_past(point, sun, size, softness, depth * per_pixel)
    elif kind == BOX:
        for x in range(begin, end):
            depth = values[depths + x]
            point = add_scaled(eye, add_scaled(start, way, values[columns + x] - center), depth)
            values[shares + x] *= box_lets_past(point, sun, size, softness, depth * per_pixel)
    elif kind == CYLINDER:
        for x in range(begin, end):
            depth = values[depths + x]
            point = add_scaled(eye, add_scaled(start, way, values[columns + x] - center), depth)
            values[shares + x] *= cylinder_lets_past(point, sun, size, softness, depth * per_pixel)
    elif kind == CAPSULE:
        for x in range(begin, end):
            depth = values[depths + x]
            point = add_scaled(eye, add_scaled(start, way, values[columns + x] - center), depth)
            values[shares + x] *= capsule_lets_past(point, sun, size, softness, depth * per_pixel)
    elif kind == ELLIPSOID:
        for x in range(begin, end):
            depth = values[depths + x]
            point = add_scaled(eye, add_scaled(start, way, values[columns + x] - center), depth)
            values[shares + x] *= ellipsoid_lets_past(point, sun, size, softness, depth * per_pixel)
    else:
        normals = lane(NORMAL, 0)
        lane_size = np.uint64(LANE)
        for x in range(begin, end):
            if keys[x] >> FACE_BITS == surface:
                depth = values[depths + x]
                point = add_scaled(eye, add_scaled(start, way, values[columns + x] - center), depth)
                normal = (
                    values[normals + x],
                    values[normals + lane_size + x],
                    values[normals + lane_size + lane_size + x],
                )
                normal = to_local(rotation, normal)
                values[shares + x] *= mesh_lets_past(scene, other, point, normal, sun, softness, depth * per_pixel)


@scalar
def _dim(kind, size, reach, rotation, eye, direction, x, values):
    lane_size = np.uint64(LANE)
    normals = lane(NORMAL, 0)
    point = add_scaled(eye, direction, values[lane(NEAREST, 0) + x])
    normal = (values[normals + x], values[normals + lane_size + x], values[normals + lane_size + lane_size + x])
    values[lane(SKYLIGHT, 0) + x] *= ambient_past(kind, size, point, to_local(rotation, normal), reach)


@scalar
def dim_span(scene, frame, other, row, first, last, values):
    """Multiply SKYLIGHT with the part of the sky's light that a solid leaves to the points of a row."""
    kind = scene.solid_kind[other]
    size = triple(scene.solid_size, other)
    reach = scene.solid_reach[other]
    rotation = rotation_of(scene.solid_rotation, frame, other)
    eye = row_of(scene.eye_local, frame, other)
    middle, step = _rays(scene.camera, frame, row + 0.5)
    start = to_local(rotation, middle)
    way = to_local(rotation, step)
    center = scene.camera[frame, 13]
    columns = lane(COLUMN, 0)
    begin, end = np.uint64(first), np.uint64(last)
    if kind == SPHERE:
        for x in range(begin, end):
            direction = add_scaled(start, way, values[columns + x] - center)
            _dim(SPHERE, size, reach, rotation, eye, direction, x, values)
    elif kind == CYLINDER:
        for x in range(begin, end):
            direction = add_scaled(start, way, values[columns + x] - center)
            _dim(CYLINDER, size, reach, rotation, eye, direction, x, values)
    elif kind == CAPSULE:
        for x in range(begin, end):
            direction = add_scaled(start, way, values[columns + x] - center)
            _dim(CAPSULE, size, reach, rotation, eye, direction, x, values)
    elif kind == ELLIPSOID:
        for x in range(begin, end):
            direction = add_scaled(start, way, values[columns + x] - center)
            _dim(ELLIPSOID, size, reach, rotation, eye, direction, x, values)
    else:
        for x in range(begin, end):
            direction = add_scaled(start, way, values[columns + x] - center)
            _dim(BOX, size, reach, rotation, eye, direction, x, values)


@scalar
def _pattern_at(pattern, frequency, is_curved, rotation, eye, direction, per_pixel, x, values):
    lane_size = np.uint64(LANE)
    normals = lane(NORMAL, 0)
    depth = values[lane(NEAREST, 0) + x]
    local = to_local(rotation, add_scaled(eye, direction, depth))
    normal = (values[normals + x], values[normals + lane_size + x], values[normals + lane_size + lane_size + x])
    toward = to_local(rotation, unit(direction))
    local_normal = to_local(rotation, normal)
    share = second_share(pattern, frequency, local, local_normal, toward, depth * per_pixel, is_curved)
    values[lane(SHARE, 0) + x] = share


@scalar
def pattern_span(scene, frame, surface, row, first, last, values):
    """Write SHARE, how much of its second colour a surface shows, for a stretch of a row."""
    begin, end = np.uint64(first), np.uint64(last)
    shares = lane(SHARE, 0)
    pattern = scene.pattern[surface]
    if pattern == PLAIN:
        for x in range(begin, end):
            values[shares + x] = 0.0
        return
    solid = surface - scene.plane_position.shape[1]
    if solid < 0:
        rotation = rotation_of(scene.plane_rotation, frame, surface)
        position = row_of(scene.plane_position, frame, surface)
    else:
        rotation = rotation_of(scene.solid_rotation, frame, solid)
        position = row_of(scene.solid_position, frame, solid)
    is_curved = has_curved_faces(scene, surface)
    frequency = scene.material[surface, 6]
    eye = minus(eye_of(scene.camera, frame), position)
    middle, step = _rays(scene.camera, frame, row + 0.5)
    center, per_pixel = scene.camera[frame, 13], scene.camera[frame, 12]
    columns = lane(COLUMN, 0)
    if pattern == CHECKER:
        for x in range(begin, end):
            direction = add_scaled(middle, step, values[columns + x] - center)
            _pattern_at(CHECKER, frequency, is_curved, rotation, eye, direction, per_pixel, x, values)
    else:
        for x in range(begin, end):
            direction = add_scaled(middle, step, values[columns + x] - center)
            _pattern_at(STRIPES, frequency, is_curved, rotation, eye, direction, per_pixel, x, values)


@scalar
def color_span(scene, frame, surface, row, first, last, values):
    """Write COLOR from all other lanes."""
    middle, step = _rays(scene.camera, frame, row + 0.5)
    center = scene.camera[frame, 13]
    material, light = scene.material, scene.light
    columns, depths, normals = lane(COLUMN, 0), lane(NEAREST, 0), lane(NORMAL, 0)
    shares, suns, skies, colors = lane(SHARE, 0), lane(SUN, 0), lane(SKYLIGHT, 0), lane(COLOR, 0)
    lane_size = np.uint64(LANE)
    for x in range(np.uint64(first), np.uint64(last)):
        toward = unit(add_scaled(middle, step, values[columns + x] - center))
        normal = (values[normals + x], values[normals + lane_size + x], values[normals + lane_size + lane_size + x])
        red, green, blue = lit_color(
            material,
            surface,
            light,
            values[shares + x],
            values[suns + x],
            values[skies + x],
            normal,
            toward,
            values[depths + x],
        )
        values[colors + x] = red
        values[colors + lane_size + x] = green
        values[colors + lane_size + lane_size + x] = blue


@scalar
def moved_span(scene, here, there, surface, row, first, last, values):
    """Write MOVED: where the points of a surface are in another frame's image, and whether they may be seen there.

    They may if they lie inside the image and on a side that faces the camera.
    """
    camera = scene.camera
    solid = surface - scene.plane_position.shape[1]
    if solid < 0:
        rotation, turned = (
            rotation_of(scene.plane_rotation, here, surface),
            rotation_of(scene.plane_rotation, there, surface),
        )
        position, moved = row_of(scene.plane_position, here, surface), row_of(scene.plane_position, there, surface)
    else:
        rotation, turned = (
            rotation_of(scene.solid_rotation, here, solid),
            rotation_of(scene.solid_rotation, there, solid),
        )
        position, moved = row_of(scene.solid_position, here, solid), row_of(scene.solid_position, there, solid)
    eye = to_local(rotation, minus(eye_of(camera, here), position))
    middle, step = _rays(camera, here, row + 0.5)
    start = to_local(rotation, middle)
    way = to_local(rotation, step)
    center = camera[here, 13]
    # What the other frame's camera makes of the surface's own axes and origin, and where that camera is for them.
    x_axis = to_camera(camera, there, (turned[0], turned[3], turned[6]))
    y_axis = to_camera(camera, there, (turned[1], turned[4], turned[7]))
    z_axis = to_camera(camera, there, (turned[2], turned[5], turned[8]))
    offset = minus(moved, eye_of(camera, there))
    origin = to_camera(camera, there, offset)
    camera_local = to_local(turned, (-offset[0], -offset[1], -offset[2]))
    focal = 1.0 / camera[there, 12]
    center_x, center_y = camera[there, 13], camera[there, 14]
    right, bottom = 1.0 * scene.image_size[0], 1.0 * scene.image_size[1]
    columns, depths, normals, places = lane(COLUMN, 0), lane(NEAREST, 0), lane(NORMAL, 0), lane(MOVED, 0)
    lane_size = np.uint64(LANE)
    for x in range(np.uint64(first), np.uint64(last)):
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
        values[places + x] = u if is_ahead else values[columns + x]
        values[places + lane_size + x] = v if is_ahead else row + 0.5
        values[places + lane_size + lane_size + x] = 1.0 if is_candidate else 0.0
