"""Where a ray enters a triangle mesh: a walk through a tree of boxes, without a stack.

The boxes lie in the order in which the walk visits them. Behind a box that the ray misses it goes on after that box's
last descendant, otherwise with the next one, so one number per box is all the memory it needs.
"""

from physics_data.renderers.kernels.compilation import routine, scalar
from physics_data.renderers.kernels.intersect import MISS
from physics_data.renderers.kernels.layout import FAR
from physics_data.renderers.kernels.vectors import cross, dot

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
