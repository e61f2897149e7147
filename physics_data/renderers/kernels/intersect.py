"""Where a ray enters a solid or a triangle mesh, in the solid's own frame.

Each function takes the ray's origin (outside the solid) and direction (any length) and returns the distance in units
of the direction and the number of the face that was hit; a miss is a negative distance. Those of primitives do not
branch, so that a loop over a row of pixels becomes vector instructions.

The boxes of a mesh's tree lie in the order in which the walk visits them. Behind a box that the ray misses it goes on
after that box's last descendant, otherwise with the next one, so one number per box is all the memory it needs.
"""

import math

from physics_data.renderers.kernels.compilation import routine, scalar
from physics_data.renderers.kernels.scene_struct import BOX, CAPSULE, CYLINDER, ELLIPSOID, FAR, SPHERE
from physics_data.renderers.kernels.vectors import cross, dot, unit

MISS = -1.0
_TINY = 1e-30


@scalar
def enter_sphere(origin, direction, radius):
    """Return the distance to a ball around the origin, and face 0."""
    a = dot(direction, direction)
    b = dot(origin, direction)
    discriminant = b * b - a * (dot(origin, origin) - radius * radius)
    distance = (-b - math.sqrt(max(discriminant, 0.0))) / a
    return (distance if (discriminant >= 0.0) & (b < 0.0) else MISS), 0


@scalar
def _slab(origin, direction, half):
    """Return the distances at which a ray enters and leaves |x| <= half; an interval turned inside out is a miss."""
    inverse = 1.0 / (direction if abs(direction) > _TINY else _TINY)
    first = (-half - origin) * inverse
    second = (half - origin) * inverse
    return min(first, second), max(first, second)


@scalar
def box_interval(origin, direction, half):
    """Return the distances at which a ray enters and leaves a box, and the axis of the face it enters by."""
    near_x, far_x = _slab(origin[0], direction[0], half[0])
    near_y, far_y = _slab(origin[1], direction[1], half[1])
    near_z, far_z = _slab(origin[2], direction[2], half[2])
    near = max(near_x, near_y)
    axis = 1 if near_y > near_x else 0
    axis = 2 if near_z > near else axis
    return max(near, near_z), min(far_x, min(far_y, far_z)), axis


@scalar
def enter_box(origin, direction, half):
    """Return the distance to a box; faces 0, 1, 2 lie on the negative sides of x, y, z and 3, 4, 5 on the positive."""
    near, far, axis = box_interval(origin, direction, half)
    along = direction[1] if axis == 1 else direction[0]
    along = direction[2] if axis == 2 else along
    return (near if (near <= far) & (near > 0.0) else MISS), (axis if along > 0.0 else axis + 3)


@scalar
def cylinder_interval(origin, direction, radius, half_height):
    """Return the distances at which a ray enters and leaves a cylinder, and 1 if it enters by an end, else 0."""
    end_near, end_far = _slab(origin[2], direction[2], half_height)
    a = direction[0] * direction[0] + direction[1] * direction[1]
    b = origin[0] * direction[0] + origin[1] * direction[1]
    c = origin[0] * origin[0] + origin[1] * origin[1] - radius * radius
    discriminant = b * b - a * c
    is_along = a < _TINY
    root = math.sqrt(max(discriminant, 0.0))
    inverse = 1.0 / max(a, _TINY)
    side_near = -FAR if is_along else (-b - root) * inverse
    side_far = FAR if is_along else (-b + root) * inverse
    misses = (discriminant < 0.0) | (is_along & (c > 0.0))
    near = FAR if misses else max(end_near, side_near)
    return near, (-FAR if misses else min(end_far, side_far)), (0 if side_near > end_near else 1)


@scalar
def enter_cylinder(origin, direction, radius, half_height):
    """Return the distance to a closed cylinder along z; face 0 is the side, 2 the lower end, 5 the upper one."""
    near, far, by_end = cylinder_interval(origin, direction, radius, half_height)
    end = 2 if direction[2] > 0.0 else 5
    return (near if (near <= far) & (near > 0.0) else MISS), (end if by_end == 1 else 0)


@scalar
def enter_capsule(origin, direction, radius, half_height):
    """Return the distance to a capsule along z, and face 0."""
    a = direction[0] * direction[0] + direction[1] * direction[1]
    b = origin[0] * direction[0] + origin[1] * direction[1]
    c = origin[0] * origin[0] + origin[1] * origin[1] - radius * radius
    discriminant = b * b - a * c
    is_along = a < _TINY
    side = (-b - math.sqrt(max(discriminant, 0.0))) / max(a, _TINY)
    height = origin[2] if is_along else origin[2] + side * direction[2]
    by_side = (abs(height) <= half_height) & (side > 0.0) & ~is_along
    center = half_height if height > 0.0 else -half_height
    cap, _ = enter_sphere((origin[0], origin[1], origin[2] - center), direction, radius)
    misses = (discriminant < 0.0) | (is_along & (c > 0.0))
    return (MISS if misses else (side if by_side else cap)), 0


@scalar
def enter_ellipsoid(origin, direction, half):
    """Return the distance to an ellipsoid around the origin, and face 0."""
    squeezed = (origin[0] / half[0], origin[1] / half[1], origin[2] / half[2])
    return enter_sphere(squeezed, (direction[0] / half[0], direction[1] / half[1], direction[2] / half[2]), 1.0)


@routine
def enter_solid(kind, size, origin, direction):
    """Return the distance to a solid of any kind but meshes, and the face."""
    if kind == SPHERE:
        return enter_sphere(origin, direction, size[0])
    if kind == BOX:
        return enter_box(origin, direction, size)
    if kind == CYLINDER:
        return enter_cylinder(origin, direction, size[0], size[2])
    if kind == CAPSULE:
        return enter_capsule(origin, direction, size[0], size[2])
    return enter_ellipsoid(origin, direction, size)


@scalar
def normal_of(kind, size, face, point):
    """Return the outward unit normal at a point of the surface of a solid of any kind but meshes."""
    if kind == SPHERE:
        inverse = 1.0 / size[0]
        return (point[0] * inverse, point[1] * inverse, point[2] * inverse)
    if kind == ELLIPSOID:
        return unit((point[0] / (size[0] * size[0]), point[1] / (size[1] * size[1]), point[2] / (size[2] * size[2])))
    if kind == CAPSULE:
        inverse = 1.0 / size[0]
        height = point[2] - min(max(point[2], -size[2]), size[2])
        return (point[0] * inverse, point[1] * inverse, height * inverse)
    if (kind == CYLINDER) & (face == 0):
        inverse = 1.0 / size[0]
        return (point[0] * inverse, point[1] * inverse, 0.0)
    sign = -1.0 if face < 3 else 1.0
    axis = face if face < 3 else face - 3
    return (sign if axis == 0 else 0.0, sign if axis == 1 else 0.0, sign if axis == 2 else 0.0)


@scalar
def enter_plane(rotation, origin, direction):
    """Return the distance to the upper side of the plane z = 0 of a body frame (a miss from below), and face 0.

    origin is relative to a point of the plane; it and direction are in the world frame.
    """
    normal = (rotation[2], rotation[5], rotation[8])
    slope = dot(direction, normal)
    height = dot(origin, normal)
    hits = (slope <= -1e-12) & (height > 0.0)
    return (-height / (slope if hits else -1.0) if hits else MISS), 0


_ON_EDGE = 1e-9


@scalar
def _meets_box(boxes, node, origin, inverse, nearest):
    """Whether a ray meets a box before ``nearest``."""
    near = 0.0
    far = nearest
    for axis in range(3):
        first = (boxes[node, axis] - origin[axis]) * inverse[axis]
        second = (boxes[node, 3 + axis] - origin[axis]) * inverse[axis]
        near = max(near, min(first, second))
        far = min(far, max(first, second))
    return near <= far


@scalar
def _enter_triangle(triangles, index, origin, direction):
    """Return the distance to the outer side of a triangle, or a miss.

    Source: Möller & Trumbore (1997), Fast, minimum storage ray/triangle intersection.
    """
    first = (triangles[index, 3], triangles[index, 4], triangles[index, 5])
    second = (triangles[index, 6], triangles[index, 7], triangles[index, 8])
    across = cross(direction, second)
    volume = dot(first, across)
    inverse = 1.0 / (volume if volume > 0.0 else 1.0)
    way = (
        origin[0] - triangles[index, 0],
        origin[1] - triangles[index, 1],
        origin[2] - triangles[index, 2],
    )
    u = dot(way, across) * inverse
    along = cross(way, first)
    v = dot(direction, along) * inverse
    distance = dot(second, along) * inverse
    inside = (u >= -_ON_EDGE) & (v >= -_ON_EDGE) & (u + v <= 1.0 + _ON_EDGE)
    return distance if (volume > 0.0) & inside & (distance > 0.0) else MISS


@routine
def enter_mesh(boxes, links, triangles, root, ox, oy, oz, dx, dy, dz):
    """Return the distance to a mesh and the number of the triangle that was hit.

    Units:
        boxes:      m, body frame: low corner, high corner
        links:      the box after a box's last descendant; first triangle; number of triangles, 0 unless a leaf
        triangles:  m, body frame: a corner, the two edges from it, the unit normal
        root:       first box of the mesh
    """
    origin = (ox, oy, oz)
    direction = (dx, dy, dz)
    inverse = (
        1.0 / (dx if abs(dx) > 1e-30 else 1e-30),
        1.0 / (dy if abs(dy) > 1e-30 else 1e-30),
        1.0 / (dz if abs(dz) > 1e-30 else 1e-30),
    )
    nearest = FAR
    hit = -1
    node = root
    end = links[root, 0]
    while node < end:
        if not _meets_box(boxes, node, origin, inverse, nearest):
            node = links[node, 0]
            continue
        first = links[node, 1]
        for index in range(first, first + links[node, 2]):
            distance = _enter_triangle(triangles, index, origin, direction)
            if 0.0 < distance < nearest:
                nearest = distance
                hit = index
        node += 1
    return (nearest if hit >= 0 else MISS), max(hit, 0)
