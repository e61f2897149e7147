"""Rows of pixels as vectors: the loops that take most of the time, each over a stretch of one row.

They are written so that the compiler turns them into vector instructions: nothing branches inside, all numbers of a
row lie in one array at constant distances (so that no two can overlap unnoticed), and places in it are unsigned (so
that none can count from the end).
"""

import numpy as np

from physics_data.renderers.kernels.compilation import routine, scalar
from physics_data.renderers.kernels.intersect import (
    enter_box,
    enter_capsule,
    enter_cylinder,
    enter_ellipsoid,
    enter_plane,
    enter_sphere,
    normal_of,
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
from physics_data.renderers.kernels.scene_struct import (
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
    NEAREST,
    NORMAL,
    PLAIN,
    SHARE,
    SKYLIGHT,
    SPHERE,
    STRIPES,
    SUN,
)
from physics_data.renderers.kernels.shade import has_curved_faces, lit_color
from physics_data.renderers.kernels.texture import second_share
from physics_data.renderers.kernels.trace import enter_triangles, eye_of, ray_through, solid_normal
from physics_data.renderers.kernels.vectors import (
    add_scaled,
    minus,
    rotation_of,
    row_of,
    to_local,
    to_world,
    triple,
    unit,
)


@scalar
def lane(which, column):
    """Return the place of a column in a lane of the row."""
    return np.uint64(which * LANE) + np.uint64(column)


@scalar
def whole_vectors(first, last):
    """Widen a stretch of lanes to whole blocks of eight, so that no loop over it ends with places one by one."""
    return np.uint64((first >> 3) << 3), np.uint64(((last + 7) >> 3) << 3)


@scalar
def rays_of_row(camera, frame, y):
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


@routine
def _enter_lanes(kind, size, eye, rays, center, key, begin, end, values, keys, covered):
    """Let a solid of any kind but meshes cover places of the lanes: ``enter_span`` without the scene."""
    depths = lane(NEAREST, 0)
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
    else:
        for x in range(begin, end):
            distance, _ = enter_ellipsoid(eye, _ray_at(rays, center, x, values), size)
            _keep(distance, key, depths + x, x, values, keys, covered)


@scalar
def enter_span(scene, frame, solid, first, last, values, keys, covered):
    """Let a solid cover the places ``first`` to ``last`` of the lanes.

    Arguments:
        values:   the lanes; NEAREST is lowered where the solid is nearer
        keys:     of the same places, int32
        covered:  bool; becomes True where the ray meets the solid
    """
    rays = _rays_anywhere(scene.camera, frame, rotation_of(scene.solid_rotation, frame, solid))
    eye = row_of(scene.eye_local, frame, solid)
    center = (scene.camera[frame, 13], scene.camera[frame, 14])
    key = np.int32((scene.plane_position.shape[1] + solid) * FACES)
    begin, end = np.uint64(first), np.uint64(last)
    kind = scene.solid_kind[solid]
    if kind != MESH:
        size = triple(scene.solid_size, solid)
        _enter_lanes(kind, size, eye, rays, center, key, begin, end, values, keys, covered)
        return
    depths = lane(NEAREST, 0)
    for x in range(begin, end):
        distance, face = enter_triangles(scene, solid, eye, _ray_at(rays, center, x, values))
        _keep(distance, key + np.int32(scene.mesh_patches[face]), depths + x, x, values, keys, covered)


@scalar
def ground_span(scene, frame, plane, first, last, values, keys):
    """Let a plane cover the places ``first`` to ``last`` of the lanes where it is the nearest so far."""
    if not scene.plane_present[frame, plane]:
        return
    rotation = rotation_of(scene.plane_rotation, frame, plane)
    above = minus(eye_of(scene.camera, frame), row_of(scene.plane_position, frame, plane))
    rays = _rays_anywhere(scene.camera, frame, (1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0))
    center = (scene.camera[frame, 13], scene.camera[frame, 14])
    depths = lane(NEAREST, 0)
    for x in range(np.uint64(first), np.uint64(last)):
        distance, _ = enter_plane(rotation, above, _ray_at(rays, center, x, values))
        is_nearer = (distance > 0.0) & (distance < values[depths + x])
        values[depths + x] = distance if is_nearer else values[depths + x]
        keys[x] = np.int32(plane * FACES) if is_nearer else keys[x]


@scalar
def start_span(scene, frame, surface, row, first, last, values, keys):
    """Set both lights to 1 and write normals for the pixels of a row that show a surface; others get anything."""
    solid = surface - scene.plane_position.shape[1]
    sun, sky, normals = lane(SUN, 0), lane(SKYLIGHT, 0), lane(NORMAL, 0)
    begin, end = whole_vectors(first, last)
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
    middle, step = rays_of_row(scene.camera, frame, row + 0.5)
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
            normal = to_world(rotation, normal_of(SPHERE, size, np.int64(0), local))
            values[normals + x] = normal[0]
            values[normals + lane_size + x] = normal[1]
            values[normals + lane_size + lane_size + x] = normal[2]
        return
    for x in range(np.uint64(first), np.uint64(last)):
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
    middle, step = rays_of_row(scene.camera, frame, row + 0.5)
    start = to_local(rotation, middle)
    way = to_local(rotation, step)
    center, per_pixel = scene.camera[frame, 13], scene.camera[frame, 12]
    sun = row_of(scene.sun_local, frame, other)
    softness = scene.light[16]
    columns, depths, shares = lane(COLUMN, 0), lane(NEAREST, 0), lane(SUN, 0)
    begin, end = whole_vectors(first, last)
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
        for x in range(np.uint64(first), np.uint64(last)):
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
    middle, step = rays_of_row(scene.camera, frame, row + 0.5)
    start = to_local(rotation, middle)
    way = to_local(rotation, step)
    center = scene.camera[frame, 13]
    columns = lane(COLUMN, 0)
    begin, end = whole_vectors(first, last)
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
    begin, end = whole_vectors(first, last)
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
    middle, step = rays_of_row(scene.camera, frame, row + 0.5)
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
    middle, step = rays_of_row(scene.camera, frame, row + 0.5)
    center = scene.camera[frame, 13]
    material, light = scene.material, scene.light
    columns, depths, normals = lane(COLUMN, 0), lane(NEAREST, 0), lane(NORMAL, 0)
    shares, suns, skies, colors = lane(SHARE, 0), lane(SUN, 0), lane(SKYLIGHT, 0), lane(COLOR, 0)
    lane_size = np.uint64(LANE)
    begin, end = whole_vectors(first, last)
    for x in range(begin, end):
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
