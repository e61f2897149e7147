"""How solids keep light away: soft shadows of the sun and darkening close to surfaces.

Both are closed forms without random samples, so a still scene is still to the bit.
"""

import math

from physics_data.renderers.kernels.compilation import scalar
from physics_data.renderers.kernels.intersect import box_interval, cylinder_interval
from physics_data.renderers.kernels.layout import BOX, SPHERE
from physics_data.renderers.kernels.vectors import dot


@scalar
def smooth(x):
    """Return the cubic that rises from 0 at x <= 0 to 1 at x >= 1."""
    if x <= 0.0:
        return 0.0
    if x >= 1.0:
        return 1.0
    return x * x * (3.0 - 2.0 * x)


@scalar
def _edge_clearance(first, second, sun_first, sun_second, half_first, half_second):
    """Clearance of a line from a box, seen along one of the box's axes."""
    length = math.sqrt(sun_first * sun_first + sun_second * sun_second)
    if length < 1e-9:
        return -1e300
    width = half_first * abs(sun_second) + half_second * abs(sun_first)
    return (abs(first * sun_second - second * sun_first) - width) / length


@scalar
def _box_clearance(point, sun, half):
    """Seen along the sun a box is a hexagon with three pairs of parallel sides; take the farthest side."""
    x = _edge_clearance(point[1], point[2], sun[1], sun[2], half[1], half[2])
    y = _edge_clearance(point[2], point[0], sun[2], sun[0], half[2], half[0])
    z = _edge_clearance(point[0], point[1], sun[0], sun[1], half[0], half[1])
    return max(x, max(y, z))


@scalar
def _cylinder_clearance(point, sun, radius, half_height):
    """Seen along the sun a cylinder is an ellipse swept along a segment.

    The distance to the ellipse is its implicit function over the length of that function's gradient.
    """
    slant = math.sqrt(sun[0] * sun[0] + sun[1] * sun[1])
    flatness = max(abs(sun[2]), 1e-3)
    if slant < 1e-9:
        return math.sqrt(point[0] * point[0] + point[1] * point[1]) - radius
    across = abs(point[0] * sun[1] - point[1] * sun[0]) / slant
    along = abs(point[2] * slant - (point[0] * sun[0] + point[1] * sun[1]) * sun[2] / slant)
    beyond = along - half_height * slant
    end = beyond - radius * flatness
    u = across / radius
    v = max(beyond, 0.0) / (radius * flatness)
    level = math.sqrt(u * u + v * v)
    if level < 1e-6:
        return max(-radius, end)
    steepness = math.sqrt(u * u + v * v / (flatness * flatness)) / radius
    return max(level * (level - 1.0) / steepness, end)


@scalar
def sunlight_past(kind, size, radius, point, sun, softness, footprint):
    """Return the part of the sun that a solid leaves visible from a point outside it, 0 to 1.

    Units:
        point, size:  m, the solid's frame
        radius:       m, of a ball around the solid
        sun:          unit vector to the sun, the solid's frame
        softness:     tangent of the sun's half angle
        footprint:    m, size of the pixel at the point; edges are at least that wide
    """
    ahead = -dot(point, sun)
    blur = softness * max(ahead, 0.0) + footprint
    beside = max(dot(point, point) - ahead * ahead, 0.0)
    if beside >= (radius + blur) * (radius + blur):
        return 1.0
    if kind == SPHERE:
        if ahead <= 0.0:
            return 1.0
        return smooth(0.5 + 0.5 * (math.sqrt(beside) - size[0]) / blur)
    if kind == BOX:
        clearance = _box_clearance(point, sun, size)
        if clearance >= blur:
            return 1.0
        _, leaves, _ = box_interval(point, sun, (size[0] + blur, size[1] + blur, size[2] + blur))
    else:
        clearance = _cylinder_clearance(point, sun, size[0], size[2])
        if clearance >= blur:
            return 1.0
        _, leaves, _ = cylinder_interval(point, sun, size[0] + blur, size[2] + blur)
    if leaves <= 0.0:
        return 1.0
    return smooth(0.5 + 0.5 * clearance / blur)


@scalar
def distance_to(kind, size, point):
    """Return the distance from a point to a solid's surface, negative inside; m, the solid's frame."""
    if kind == SPHERE:
        return math.sqrt(dot(point, point)) - size[0]
    if kind == BOX:
        x = abs(point[0]) - size[0]
        y = abs(point[1]) - size[1]
        z = abs(point[2]) - size[2]
        outside = max(x, 0.0) * max(x, 0.0) + max(y, 0.0) * max(y, 0.0) + max(z, 0.0) * max(z, 0.0)
        return math.sqrt(outside) + min(max(x, max(y, z)), 0.0)
    side = math.sqrt(point[0] * point[0] + point[1] * point[1]) - size[0]
    end = abs(point[2]) - size[2]
    outside = max(side, 0.0) * max(side, 0.0) + max(end, 0.0) * max(end, 0.0)
    return math.sqrt(outside) + min(max(side, end), 0.0)


@scalar
def ambient_past(kind, size, point, normal, reach):
    """Return the part of the sky's light that a solid leaves to a point, 0 to 1.

    The solid's distance from a place ``reach`` above the surface says how much of the sky it covers; solids
    farther than ``reach`` from there cover nothing.
    """
    above = (point[0] + normal[0] * reach, point[1] + normal[1] * reach, point[2] + normal[2] * reach)
    covered = 1.0 - distance_to(kind, size, above) / reach
    if covered <= 0.0:
        return 1.0
    return 1.0 - 0.8 * smooth(0.75 * covered)
