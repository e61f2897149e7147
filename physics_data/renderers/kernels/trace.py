"""What a ray meets in a scene, and where its surfaces are in the world and in the picture."""

from physics_data.renderers.kernels.compilation import scalar
from physics_data.renderers.kernels.intersect import MISS, enter_mesh, enter_plane, enter_solid, normal_of
from physics_data.renderers.kernels.scene_struct import FACE_BITS, FACES, FAR, MESH, SKY
from physics_data.renderers.kernels.vectors import dot, minus, rotation_of, row_of, to_local, triple


@scalar
def is_within(bounds, column, row):
    """Whether a pixel lies in a half-open rectangle x0, x1, y0, y1."""
    return bounds[0] <= column < bounds[1] and bounds[2] <= row < bounds[3]


@scalar
def eye_of(camera, frame):
    """Return the camera's origin, m."""
    return (camera[frame, 0], camera[frame, 1], camera[frame, 2])


@scalar
def ray_through(camera, frame, x, y):
    """Return the world direction through an image position in pixels, with a camera-frame z component of 1."""
    right = (x - camera[frame, 13]) * camera[frame, 12]
    down = (y - camera[frame, 14]) * camera[frame, 12]
    return (
        camera[frame, 3] * right + camera[frame, 6] * down + camera[frame, 9],
        camera[frame, 4] * right + camera[frame, 7] * down + camera[frame, 10],
        camera[frame, 5] * right + camera[frame, 8] * down + camera[frame, 11],
    )


@scalar
def to_camera(camera, frame, way):
    """Rotate a world vector into the camera's frame."""
    return (
        camera[frame, 3] * way[0] + camera[frame, 4] * way[1] + camera[frame, 5] * way[2],
        camera[frame, 6] * way[0] + camera[frame, 7] * way[1] + camera[frame, 8] * way[2],
        camera[frame, 9] * way[0] + camera[frame, 10] * way[1] + camera[frame, 11] * way[2],
    )


@scalar
def enter_triangles(scene, solid, origin, direction):
    """Return the distance to a mesh and the number of the triangle; the solid's frame."""
    return enter_mesh(
        scene.mesh_boxes,
        scene.mesh_links,
        scene.mesh_triangles,
        scene.solid_mesh[solid],
        origin[0],
        origin[1],
        origin[2],
        direction[0],
        direction[1],
        direction[2],
    )


@scalar
def enter(scene, solid, origin, direction):
    """Return the distance to a solid of any kind and the face, or the triangle of a mesh; the solid's frame."""
    kind = scene.solid_kind[solid]
    if kind == MESH:
        return enter_triangles(scene, solid, origin, direction)
    return enter_solid(kind, triple(scene.solid_size, solid), origin, direction)


@scalar
def solid_normal(scene, solid, face, point):
    """Return the outward unit normal at a point of any solid's surface; the solid's frame."""
    kind = scene.solid_kind[solid]
    if kind == MESH:
        triangles = scene.mesh_triangles
        return (triangles[face, 9], triangles[face, 10], triangles[face, 11])
    return normal_of(kind, triple(scene.solid_size, solid), face, point)


@scalar
def key_of(scene, surface, face):
    """Return the key of a hit: the surface, and the face or the smooth patch of a mesh that it lies on."""
    solid = surface - scene.plane_position.shape[1]
    if solid >= 0 and scene.solid_kind[solid] == MESH:
        return surface * FACES + scene.mesh_patches[face]
    return surface * FACES + face


@scalar
def surface_of(key):
    """Return the surface of a key."""
    return key >> FACE_BITS


@scalar
def enter_ground(scene, frame, plane, eye, direction):
    """Return the distance to a plane, a miss if it is not there."""
    if not scene.plane_present[frame, plane]:
        return MISS
    above = minus(eye, row_of(scene.plane_position, frame, plane))
    distance, _ = enter_plane(rotation_of(scene.plane_rotation, frame, plane), above, direction)
    return distance


@scalar
def look_through(scene, frame, column, row, eye, direction):
    """Return surface, face and depth of what a ray through a pixel meets first."""
    nearest = FAR
    surface = SKY
    face = 0
    num_planes = scene.plane_position.shape[1]
    for plane in range(num_planes):
        distance = enter_ground(scene, frame, plane, eye, direction)
        if 0.0 < distance < nearest:
            nearest = distance
            surface = plane
    for solid in range(scene.solid_kind.shape[0]):
        if not is_within(scene.solid_bounds[frame, solid], column, row):
            continue
        local_direction = to_local(rotation_of(scene.solid_rotation, frame, solid), direction)
        distance, entered = enter(scene, solid, row_of(scene.eye_local, frame, solid), local_direction)
        if 0.0 < distance < nearest:
            nearest = distance
            surface = num_planes + solid
            face = entered
    return surface, face, nearest


@scalar
def trace(scene, frame, origin, direction, skipped_solid):
    """Return surface, face and distance (in units of the direction) of what any ray meets first.

    Solids around the origin are not met, nor is the skipped one (-1 = none).
    """
    nearest = FAR
    surface = SKY
    face = 0
    num_planes = scene.plane_position.shape[1]
    length = dot(direction, direction)
    for plane in range(num_planes):
        distance = enter_ground(scene, frame, plane, origin, direction)
        if 1e-9 < distance < nearest:
            nearest = distance
            surface = plane
    for solid in range(scene.solid_kind.shape[0]):
        if solid == skipped_solid or not scene.solid_present[frame, solid]:
            continue
        offset = minus(origin, row_of(scene.solid_position, frame, solid))
        ahead = dot(offset, direction)
        radius = scene.solid_radius[solid]
        outside = dot(offset, offset) - radius * radius
        if outside > 0.0 and (ahead > 0.0 or outside * length > ahead * ahead):
            continue
        rotation = rotation_of(scene.solid_rotation, frame, solid)
        distance, entered = enter(scene, solid, to_local(rotation, offset), to_local(rotation, direction))
        if 0.0 < distance < nearest:
            nearest = distance
            surface = num_planes + solid
            face = entered
    return surface, face, nearest


@scalar
def is_hidden(scene, frame, surface, point, column, row):
    """Whether anything hides a point of a surface from the camera, if the side that it lies on faces the camera.

    A ray is cast to the point itself, so nothing rests on stored depths.

    Units:
        point:        m, world frame
        column, row:  the pixel that the point falls into, inside the image
    """
    eye = eye_of(scene.camera, frame)
    direction = minus(point, eye)
    close = 1.0 - 1e-7
    own = surface - scene.plane_position.shape[1]
    for plane in range(scene.plane_position.shape[1]):
        if 0.0 < enter_ground(scene, frame, plane, eye, direction) < close:
            return True
    for solid in range(scene.solid_kind.shape[0]):
        if not is_within(scene.solid_bounds[frame, solid], column, row):
            continue
        if solid == own and scene.solid_kind[solid] != MESH:
            continue  # a convex solid hides no point of a side that faces the camera
        rotation = rotation_of(scene.solid_rotation, frame, solid)
        local_eye = row_of(scene.eye_local, frame, solid)
        if 0.0 < enter(scene, solid, local_eye, to_local(rotation, direction))[0] < close:
            return True
    return False
