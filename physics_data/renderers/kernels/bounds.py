"""Screen rectangles outside of which a solid cannot be seen, or cannot darken a plane.

They make the cost of a frame follow the pixels that are covered. Every rectangle is safe, that is, too large rather
than too small; what reaches behind the camera gets the whole image.
"""

import math
from typing import Any

from physics_data.renderers.kernels.compilation import driver, scalar, source_digest
from physics_data.renderers.kernels.scene_struct import CAPSULE, ELLIPSOID, SPHERE, by_address
from physics_data.renderers.kernels.trace import eye_of, to_camera
from physics_data.renderers.kernels.vectors import (
    add_scaled,
    dot,
    minus,
    rotation_of,
    row_of,
    to_local,
    to_world,
    triple,
)

_NEAR = 1e-3
_PADDING = 2.0
"""How much shadows may be wider than their outlines thrown onto a plane, pixels."""

_ROUNDING = 1.0 / 64.0
"""The same for outlines in the image, which are exact but for rounding, pixels."""

_HUGE = 1e30


@scalar
def _start(box):
    """Make a box of x, y (pixels) and depth (m) empty."""
    for axis in range(3):
        box[axis] = _HUGE
        box[3 + axis] = -_HUGE


@scalar
def _include(box, x, y, near, far):
    box[0] = min(box[0], x)
    box[1] = min(box[1], y)
    box[2] = min(box[2], near)
    box[3] = max(box[3], x)
    box[4] = max(box[4], y)
    box[5] = max(box[5], far)


@scalar
def _include_point(box, camera, frame, point):
    """Grow a box to hold the image of a world point."""
    local = to_camera(camera, frame, minus(point, eye_of(camera, frame)))
    scale = 1.0 / (camera[frame, 12] * max(local[2], _NEAR))
    _include(box, local[0] * scale + camera[frame, 13], local[1] * scale + camera[frame, 14], local[2], local[2])


@scalar
def _include_ellipsoid(box, camera, frame, center, first, second, third):
    """Grow a box to hold the image of an ellipsoid with three half axes, world frame, which may be flat.

    Source: the outline is the dual conic that the camera makes of the dual quadric; Hartley & Zisserman (2004),
    Multiple View Geometry, section 8.3.
    """
    c = to_camera(camera, frame, minus(center, eye_of(camera, frame)))
    u = to_camera(camera, frame, first)
    v = to_camera(camera, frame, second)
    w = to_camera(camera, frame, third)
    extent = math.sqrt(u[2] * u[2] + v[2] * v[2] + w[2] * w[2])
    box[2] = min(box[2], c[2] - extent)
    box[5] = max(box[5], c[2] + extent)
    if c[2] - extent <= _NEAR:
        return
    zz = u[2] * u[2] + v[2] * v[2] + w[2] * w[2] - c[2] * c[2]
    for axis in range(2):
        a, b, d, e = (u[0], v[0], w[0], c[0]) if axis == 0 else (u[1], v[1], w[1], c[1])
        xz = a * u[2] + b * v[2] + d * w[2] - e * c[2]
        xx = a * a + b * b + d * d - e * e
        root = math.sqrt(max(xz * xz - xx * zz, 0.0))
        low = (xz + root) / zz
        high = (xz - root) / zz
        middle = camera[frame, 13 + axis]
        box[axis] = min(box[axis], low / camera[frame, 12] + middle)
        box[3 + axis] = max(box[3 + axis], high / camera[frame, 12] + middle)


@scalar
def _finish(box, growth, camera, frame, width, height, bounds):
    """Write the rectangle of a box grown by ``growth`` (m): half open x0, x1, y0, y1 in pixels, all 0 if empty."""
    bounds[0] = bounds[1] = bounds[2] = bounds[3] = 0
    if box[5] + growth <= _NEAR:
        return
    depth = box[2] - growth
    if depth <= _NEAR:
        bounds[1] = width
        bounds[3] = height
        return
    # A shift of g moves a pixel position u (from the centre) by at most (focal + |u|) g / (nearest depth).
    aside = max(abs(box[0] - camera[frame, 13]), abs(box[3] - camera[frame, 13]))
    aside = max(aside, max(abs(box[1] - camera[frame, 14]), abs(box[4] - camera[frame, 14])))
    spread = (1.0 / camera[frame, 12] + aside) * growth / depth + (_PADDING if growth > 0.0 else _ROUNDING)
    left = max(math.floor(min(box[0] - spread, 1.0 * width)), 0)
    right = min(math.ceil(max(box[3] + spread, 0.0)), width)
    top = max(math.floor(min(box[1] - spread, 1.0 * height)), 0)
    bottom = min(math.ceil(max(box[4] + spread, 0.0)), height)
    if left < right and top < bottom:
        bounds[0], bounds[1], bounds[2], bounds[3] = left, right, top, bottom


@scalar
def _thrown(point, normal, height, way):
    """Move a point along ``way`` onto a plane above which it has a height; way . normal is 1."""
    return add_scaled(point, way, -(dot(point, normal) - height))


@scalar
def _include_solid(box, scene, hull, frame, solid, normal, height, way):
    """Grow a box to hold a solid that is thrown onto a plane; with normal and way 0 it stays where it is."""
    camera = scene.camera
    kind = scene.solid_kind[solid]
    size = triple(scene.solid_size, solid)
    rotation = rotation_of(scene.solid_rotation, frame, solid)
    position = row_of(scene.solid_position, frame, solid)
    low = _HUGE
    if kind in (SPHERE, ELLIPSOID, CAPSULE):
        a, b, c = (size[0], size[1], size[2]) if kind == ELLIPSOID else (size[0], size[0], size[0])
        first = to_world(rotation, (a, 0.0, 0.0))
        second = to_world(rotation, (0.0, b, 0.0))
        third = to_world(rotation, (0.0, 0.0, c))
        rise = (dot(first, normal), dot(second, normal), dot(third, normal))
        half = size[2] if kind == CAPSULE else 0.0
        for end in range(2 if kind == CAPSULE else 1):
            center = add_scaled(position, (rotation[2], rotation[5], rotation[8]), half if end == 0 else -half)
            low = min(low, dot(center, normal) - height - math.sqrt(dot(rise, rise)))
            _include_ellipsoid(
                box,
                camera,
                frame,
                _thrown(center, normal, height, way),
                add_scaled(first, way, -rise[0]),
                add_scaled(second, way, -rise[1]),
                add_scaled(third, way, -rise[2]),
            )
        return low
    for corner in range(hull.shape[1]):
        point = add_scaled(position, to_world(rotation, row_of(hull, solid, corner)), 1.0)
        low = min(low, dot(point, normal) - height)
        _include_point(box, camera, frame, _thrown(point, normal, height, way))
    return low


@scalar
def _bound_on_plane(scene, hull, frame, plane, solid, width, height, box):
    """Write where a solid can hide the sun and the sky from a plane.

    Its shadow is its hull thrown along the sun, and the penumbra. A point is dimmed if the solid is nearer than its
    reach to the place as far above the point.
    """
    camera, light = scene.camera, scene.light
    rotation = rotation_of(scene.plane_rotation, frame, plane)
    normal = (rotation[2], rotation[5], rotation[8])
    offset = dot(row_of(scene.plane_position, frame, plane), normal)
    sun = (light[0], light[1], light[2])
    slant = dot(normal, sun)
    position = row_of(scene.solid_position, frame, solid)
    radius = scene.solid_radius[solid]
    if slant > 1e-3:
        _start(box)
        way = (sun[0] / slant, sun[1] / slant, sun[2] / slant)
        _include_solid(box, scene, hull, frame, solid, normal, offset, way)
        length = (max(dot(position, normal) - offset, 0.0) + radius) / slant
        blur = light[16] * length + max(box[5], 0.0) * camera[frame, 12]
        _finish(box, blur / slant, camera, frame, width, height, scene.shadow_bounds[frame, plane, solid])
    elif slant > 0.0:
        # Where the sun grazes the plane, throwing along it is ill-posed, but then it hardly lights the plane.
        bounds = scene.shadow_bounds[frame, plane, solid]
        bounds[0], bounds[1], bounds[2], bounds[3] = 0, width, 0, height
    _start(box)
    low = _include_solid(box, scene, hull, frame, solid, normal, offset, normal)
    reach = scene.solid_reach[solid]
    above = max(low - reach, 0.0)
    growth = math.sqrt(max(reach * reach - above * above, 0.0))
    if scene.solid_kind[solid] == ELLIPSOID:
        growth *= 2.0  # its distance is an estimate
    if low < 2.0 * reach or scene.solid_kind[solid] == ELLIPSOID:
        _finish(box, growth, camera, frame, width, height, scene.dimming_bounds[frame, plane, solid])


@scalar
def _bound_pair(scene, frame, receiver, caster):
    """Write whether the ball around a solid may hide the sun, or the sky, from the ball around another."""
    light = scene.light
    offset = minus(row_of(scene.solid_position, frame, caster), row_of(scene.solid_position, frame, receiver))
    both = scene.solid_radius[receiver] + scene.solid_radius[caster]
    ahead = dot(offset, (light[0], light[1], light[2]))
    squared = dot(offset, offset)
    beside = math.sqrt(max(squared - ahead * ahead, 0.0))
    eye = row_of(scene.eye_local, frame, receiver)
    footprint = (math.sqrt(dot(eye, eye)) + scene.solid_radius[receiver]) * scene.camera[frame, 12]
    blur = light[16] * max(ahead + both, 0.0) + footprint
    scene.shadow_pairs[frame, receiver, caster] = ahead > -both - blur and beside < both + blur
    reach = scene.solid_reach[caster] * (4.0 if scene.solid_kind[caster] == ELLIPSOID else 2.0)
    scene.dimming_pairs[frame, receiver, caster] = math.sqrt(squared) < both + reach


def _compile_bound_scene(digest: int) -> Any:
    @driver
    def bound_scene(scene, hull, width, height, box):
        """Fill what a scene's arrays say about each frame that follows from the poses: views, rectangles and pairs.

        Units:
            hull:  m, [solid, point, 3] in the solid's frame; the points' hull holds the solid
            box:   room for 6 numbers
        """
        if digest < 0:
            return
        scene = by_address(scene)
        none = (0.0, 0.0, 0.0)
        light = scene.light
        num_solids = scene.solid_kind.shape[0]
        for frame in range(scene.camera.shape[0]):
            eye = eye_of(scene.camera, frame)
            for solid in range(num_solids):
                rotation = rotation_of(scene.solid_rotation, frame, solid)
                local = to_local(rotation, minus(eye, row_of(scene.solid_position, frame, solid)))
                sun = to_local(rotation, (light[0], light[1], light[2]))
                for axis in range(3):
                    scene.eye_local[frame, solid, axis] = local[axis]
                    scene.sun_local[frame, solid, axis] = sun[axis]
            for solid in range(num_solids):
                if not scene.solid_present[frame, solid]:
                    continue
                _start(box)
                _include_solid(box, scene, hull, frame, solid, none, 0.0, none)
                _finish(box, 0.0, scene.camera, frame, width, height, scene.solid_bounds[frame, solid])
                for plane in range(scene.plane_position.shape[1]):
                    if scene.plane_present[frame, plane]:
                        _bound_on_plane(scene, hull, frame, plane, solid, width, height, box)
                for caster in range(num_solids):
                    if scene.solid_present[frame, caster]:
                        _bound_pair(scene, frame, solid, caster)

    return bound_scene


bound_scene = _compile_bound_scene(source_digest())
