"""Where a ray enters a solid, in the solid's own frame.

Each function takes the ray's origin (outside the solid) and direction (any length) and returns the distance in
units of the direction and the number of the face that was hit; a miss is a negative distance.
"""

import math

from physics_data.renderers.kernels.compilation import scalar
from physics_data.renderers.kernels.layout import BOX, SPHERE
from physics_data.renderers.kernels.vectors import dot

MISS = -1.0


@scalar
def enter_sphere(origin, direction, radius):
    """Return the distance to a ball around the origin, and face 0."""
    a = dot(direction, direction)
    b = dot(origin, direction)
    discriminant = b * b - a * (dot(origin, origin) - radius * radius)
    if discriminant < 0.0 or b >= 0.0:
        return MISS, 0
    return (-b - math.sqrt(discriminant)) / a, 0


@scalar
def _slab(origin, direction, half):
    """Return the distances at which a ray enters and leaves |x| <= half; an interval turned inside out is a miss."""
    if direction == 0.0:
        if abs(origin) > half:
            return 1e300, -1e300
        return -1e300, 1e300
    inverse = 1.0 / direction
    first = (-half - origin) * inverse
    second = (half - origin) * inverse
    return min(first, second), max(first, second)


@scalar
def box_interval(origin, direction, half):
    """Return the distances at which a ray enters and leaves a box, and the axis of the face it enters by."""
    near_x, far_x = _slab(origin[0], direction[0], half[0])
    near_y, far_y = _slab(origin[1], direction[1], half[1])
    near_z, far_z = _slab(origin[2], direction[2], half[2])
    near = near_x
    axis = 0
    if near_y > near:
        near = near_y
        axis = 1
    if near_z > near:
        near = near_z
        axis = 2
    return near, min(far_x, min(far_y, far_z)), axis


@scalar
def enter_box(origin, direction, half):
    """Return the distance to a box; faces 0, 1, 2 lie on the negative sides of x, y, z and 3, 4, 5 on the positive."""
    near, far, axis = box_interval(origin, direction, half)
    if near > far or near <= 0.0:
        return MISS, 0
    along = direction[0]
    if axis == 1:
        along = direction[1]
    elif axis == 2:
        along = direction[2]
    return near, (axis if along > 0.0 else axis + 3)


@scalar
def cylinder_interval(origin, direction, radius, half_height):
    """Return the distances at which a ray enters and leaves a cylinder, and 1 if it enters by an end, else 0."""
    near, far = _slab(origin[2], direction[2], half_height)
    a = direction[0] * direction[0] + direction[1] * direction[1]
    b = origin[0] * direction[0] + origin[1] * direction[1]
    c = origin[0] * origin[0] + origin[1] * origin[1] - radius * radius
    discriminant = b * b - a * c
    if discriminant < 0.0 or (a == 0.0 and c > 0.0):
        return 1e300, -1e300, 0
    if a == 0.0:
        return near, far, 1
    root = math.sqrt(discriminant)
    side_near = (-b - root) / a
    by_end = 1
    if side_near > near:
        near = side_near
        by_end = 0
    return near, min(far, (-b + root) / a), by_end


@scalar
def enter_cylinder(origin, direction, radius, half_height):
    """Return the distance to a closed cylinder along z; face 0 is the side, 2 the lower end, 5 the upper one."""
    near, far, by_end = cylinder_interval(origin, direction, radius, half_height)
    if near > far or near <= 0.0:
        return MISS, 0
    if by_end == 0:
        return near, 0
    return near, (2 if direction[2] > 0.0 else 5)


@scalar
def enter_solid(kind, size, origin, direction):
    """Return the distance to a solid of any kind, and the face."""
    if kind == SPHERE:
        return enter_sphere(origin, direction, size[0])
    if kind == BOX:
        return enter_box(origin, direction, size)
    return enter_cylinder(origin, direction, size[0], size[2])


@scalar
def normal_of(kind, size, face, point):
    """Return the outward unit normal at a point of a solid's surface."""
    if kind == SPHERE:
        inverse = 1.0 / size[0]
        return (point[0] * inverse, point[1] * inverse, point[2] * inverse)
    if kind != BOX and face == 0:
        inverse = 1.0 / size[0]
        return (point[0] * inverse, point[1] * inverse, 0.0)
    sign = -1.0 if face < 3 else 1.0
    axis = face % 3
    return (sign if axis == 0 else 0.0, sign if axis == 1 else 0.0, sign if axis == 2 else 0.0)


@scalar
def enter_plane(rotation, origin, direction):
    """Return the distance to the upper side of the plane z = 0 of a body frame (a miss from below), and face 0.

    origin is relative to a point of the plane; it and direction are in the world frame.
    """
    normal = (rotation[2], rotation[5], rotation[8])
    slope = dot(direction, normal)
    height = dot(origin, normal)
    if slope > -1e-12 or height <= 0.0:
        return MISS, 0
    return -height / slope, 0
