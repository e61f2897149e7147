"""How solids keep light away: soft shadows of the sun and darkening close to surfaces.

Both are closed forms without random samples, so a still scene is still to the bit. Only a mesh, of which there is no
closed form, is met by rays: always the same ones.
"""

import math

from physics_data.renderers.kernels.compilation import scalar
from physics_data.renderers.kernels.intersect import box_interval, cylinder_interval
from physics_data.renderers.kernels.scene_struct import BOX, CAPSULE, CYLINDER, ELLIPSOID, MESH, SPHERE
from physics_data.renderers.kernels.trace import enter_triangles
from physics_data.renderers.kernels.vectors import add_scaled, cross, dot, triple, unit

_SUN_RAYS = 7
_SIN_60 = 0.8660254037844386


@scalar
def smooth(x):
    """Return the cubic that rises from 0 at x <= 0 to 1 at x >= 1."""
    x = min(max(x, 0.0), 1.0)
    return x * x * (3.0 - 2.0 * x)


@scalar
def sphere_lets_past(point, sun, size, softness, footprint):
    """Return the part of the sun that a ball leaves visible; the arguments are those of ``sunlight_past``."""
    ahead = -dot(point, sun)
    blur = softness * max(ahead, 0.0) + footprint
    beside = math.sqrt(max(dot(point, point) - ahead * ahead, 0.0))
    share = smooth(0.5 + 0.5 * (beside - size[0]) / blur)
    return share if ahead > 0.0 else 1.0


@scalar
def ellipsoid_lets_past(point, sun, size, softness, footprint):
    """Return the part of the sun that an ellipsoid leaves visible, by the distance between line and ellipsoid.

    Where the axes are scaled to a ball, the line's nearest point says by how much it misses; scaled back, that
    distance along the ellipsoid's own normal is right where it is small.
    """
    x, y, z = point[0] / size[0], point[1] / size[1], point[2] / size[2]
    u, v, w = sun[0] / size[0], sun[1] / size[1], sun[2] / size[2]
    ahead = -(x * u + y * v + z * w) / (u * u + v * v + w * w)
    blur = softness * max(-dot(point, sun), 0.0) + footprint
    x, y, z = x + ahead * u, y + ahead * v, z + ahead * w
    level = math.sqrt(x * x + y * y + z * z)
    x, y, z = x / size[0], y / size[1], z / size[2]
    steepness = math.sqrt(x * x + y * y + z * z)
    clearance = level * (level - 1.0) / max(steepness, 1e-12)
    share = smooth(0.5 + 0.5 * clearance / blur)
    return share if ahead > 0.0 else 1.0


@scalar
def capsule_lets_past(point, sun, size, softness, footprint):
    """Return the part of the sun that a capsule leaves visible, by the distance between line and segment."""
    across = max(1.0 - sun[2] * sun[2], 1e-12)
    # The place on the axis that is nearest to the line, and the nearest of the line to that.
    along = dot(point, sun)
    place = min(max((point[2] - along * sun[2]) / across, -size[2]), size[2])
    ahead = place * sun[2] - along
    x = point[0] + ahead * sun[0]
    y = point[1] + ahead * sun[1]
    z = point[2] + ahead * sun[2] - place
    blur = softness * max(ahead, 0.0) + footprint
    share = smooth(0.5 + 0.5 * (math.sqrt(x * x + y * y + z * z) - size[0]) / blur)
    return share if ahead > 0.0 else 1.0


@scalar
def _edge_clearance(first, second, sun_first, sun_second, half_first, half_second):
    """Clearance of a line from a box, seen along one of the box's axes."""
    length = math.sqrt(sun_first * sun_first + sun_second * sun_second)
    inverse = 1.0 / max(length, 1e-9)
    width = half_first * abs(sun_second) + half_second * abs(sun_first)
    clearance = (abs(first * sun_second - second * sun_first) - width) * inverse
    return clearance if length > 1e-9 else -1e30


@scalar
def box_lets_past(point, sun, size, softness, footprint):
    """Return the part of the sun that a box leaves visible; the arguments are those of ``sunlight_past``.

    Seen along the sun a box is a hexagon with three pairs of parallel sides; the farthest one counts.
    """
    blur = softness * max(-dot(point, sun), 0.0) + footprint
    x = _edge_clearance(point[1], point[2], sun[1], sun[2], size[1], size[2])
    y = _edge_clearance(point[2], point[0], sun[2], sun[0], size[2], size[0])
    z = _edge_clearance(point[0], point[1], sun[0], sun[1], size[0], size[1])
    _, leaves, _ = box_interval(point, sun, (size[0] + blur, size[1] + blur, size[2] + blur))
    share = smooth(0.5 + 0.5 * max(x, max(y, z)) / blur)
    return share if leaves > 0.0 else 1.0


@scalar
def _cylinder_clearance(point, sun, radius, half_height):
    """Seen along the sun a cylinder is an ellipse swept along a segment.

    The distance to the ellipse is its implicit function over the length of that function's gradient.
    """
    slant = math.sqrt(sun[0] * sun[0] + sun[1] * sun[1])
    inverse = 1.0 / max(slant, 1e-9)
    flatness = max(abs(sun[2]), 1e-3)
    across = abs(point[0] * sun[1] - point[1] * sun[0]) * inverse
    along = abs(point[2] * slant - (point[0] * sun[0] + point[1] * sun[1]) * sun[2] * inverse)
    beyond = along - half_height * slant
    end = beyond - radius * flatness
    u = across / radius
    v = max(beyond, 0.0) / (radius * flatness)
    level = math.sqrt(u * u + v * v)
    w = v / flatness
    steepness = math.sqrt(u * u + w * w) / radius
    clearance = level * (level - 1.0) / max(steepness, 1e-9) if level > 1e-6 else -radius
    straight = math.sqrt(point[0] * point[0] + point[1] * point[1]) - radius
    return max(clearance, end) if slant > 1e-9 else straight


@scalar
def cylinder_lets_past(point, sun, size, softness, footprint):
    """Return the part of the sun that a cylinder leaves visible; the arguments are those of ``sunlight_past``."""
    blur = softness * max(-dot(point, sun), 0.0) + footprint
    clearance = _cylinder_clearance(point, sun, size[0], size[2])
    _, leaves, _ = cylinder_interval(point, sun, size[0] + blur, size[2] + blur)
    share = smooth(0.5 + 0.5 * clearance / blur)
    return share if leaves > 0.0 else 1.0


@scalar
def sunlight_past(kind, size, radius, point, sun, softness, footprint):
    """Return the part of the sun that a solid of any kind but meshes leaves visible from a point outside it, 0 to 1.

    Units:
        point, size:  m, the solid's frame
        radius:       m, of a ball around the solid
        sun:          unit vector to the sun, the solid's frame
        softness:     tangent of the sun's half angle
        footprint:    m, size of the pixel at the point; edges are at least that wide
    """
    ahead = -dot(point, sun)
    wide = radius + softness * max(ahead, 0.0) + footprint
    if max(dot(point, point) - ahead * ahead, 0.0) >= wide * wide:
        return 1.0
    if kind == SPHERE:
        return sphere_lets_past(point, sun, size, softness, footprint)
    if kind == BOX:
        return box_lets_past(point, sun, size, softness, footprint)
    if kind == CYLINDER:
        return cylinder_lets_past(point, sun, size, softness, footprint)
    if kind == CAPSULE:
        return capsule_lets_past(point, sun, size, softness, footprint)
    return ellipsoid_lets_past(point, sun, size, softness, footprint)


@scalar
def mesh_lets_past(scene, solid, point, normal, sun, softness, footprint):
    """Return the part of the sun that a mesh leaves visible from a point, which may lie on it: the mean of 7 rays.

    Where the first three agree, so will the others.

    Units:
        normal:  of the surface that the point lies on, the mesh's frame
    """
    radius = scene.solid_radius[solid]
    origin = add_scaled(point, normal, 1e-5 * radius)
    ahead = -dot(point, sun)
    wide = radius + softness * max(ahead, 0.0) + footprint
    outside = dot(point, point) - ahead * ahead
    if outside >= wide * wide or ahead < -radius:
        return 1.0
    # Half a pixel at the distance of the mesh is the least width of an edge.
    spread = softness + 0.5 * footprint / max(ahead, radius)
    aside = unit(cross(sun, (0.0, 0.0, 1.0) if abs(sun[2]) < 0.9 else (1.0, 0.0, 0.0)))
    upward = cross(aside, sun)
    stopped = 0.0
    for ray in range(_SUN_RAYS):
        if ray == 3 and (stopped == 0.0 or stopped == 3.0):
            return 1.0 - stopped / 3.0
        u, v = 0.0, 0.0
        if ray > 0:
            turn = 3 * ray % 7 - 1
            u = 1.0 if turn % 3 == 0 else 0.5
            v = 0.0 if turn % 3 == 0 else _SIN_60
            u = -u if (turn == 2) | (turn == 3) | (turn == 4) else u
            v = -v if turn >= 4 else v
        direction = add_scaled(add_scaled(sun, aside, 0.75 * spread * u), upward, 0.75 * spread * v)
        distance, _ = enter_triangles(scene, solid, origin, direction)
        stopped += 1.0 if distance > 0.0 else 0.0
    return 1.0 - stopped / _SUN_RAYS


@scalar
def solid_lets_past(scene, solid, point, normal, sun, softness, footprint):
    """Return the part of the sun that any solid leaves visible from a point; all vectors in the solid's frame."""
    if scene.solid_kind[solid] == MESH:
        return mesh_lets_past(scene, solid, point, normal, sun, softness, footprint)
    size = triple(scene.solid_size, solid)
    return sunlight_past(scene.solid_kind[solid], size, scene.solid_radius[solid], point, sun, softness, footprint)


@scalar
def distance_to(kind, size, point):
    """Return the distance from a point to a solid's surface, negative inside; m, the solid's frame.

    That of an ellipsoid is right at its surface and roughly so around it; a mesh counts as a box around it.
    """
    if kind == SPHERE:
        return math.sqrt(dot(point, point)) - size[0]
    if kind == ELLIPSOID:
        x, y, z = point[0] / size[0], point[1] / size[1], point[2] / size[2]
        level = math.sqrt(x * x + y * y + z * z)
        x, y, z = x / size[0], y / size[1], z / size[2]
        return level * (level - 1.0) / max(math.sqrt(x * x + y * y + z * z), 1e-12)
    if kind == CAPSULE:
        height = point[2] - min(max(point[2], -size[2]), size[2])
        return math.sqrt(point[0] * point[0] + point[1] * point[1] + height * height) - size[0]
    if kind == CYLINDER:
        side = math.sqrt(point[0] * point[0] + point[1] * point[1]) - size[0]
        end = abs(point[2]) - size[2]
        outside = max(side, 0.0) * max(side, 0.0) + max(end, 0.0) * max(end, 0.0)
        return math.sqrt(outside) + min(max(side, end), 0.0)
    x = abs(point[0]) - size[0]
    y = abs(point[1]) - size[1]
    z = abs(point[2]) - size[2]
    outside = max(x, 0.0) * max(x, 0.0) + max(y, 0.0) * max(y, 0.0) + max(z, 0.0) * max(z, 0.0)
    return math.sqrt(outside) + min(max(x, max(y, z)), 0.0)


@scalar
def ambient_past(kind, size, point, normal, reach):
    """Return the part of the sky's light that a solid leaves to a point, 0 to 1.

    The solid's distance from a place ``reach`` above the surface says how much of the sky it covers; solids
    farther than ``reach`` from there cover nothing.
    """
    covered = 1.0 - distance_to(kind, size, add_scaled(point, normal, reach)) / reach
    return 1.0 - 0.8 * smooth(0.75 * covered)
