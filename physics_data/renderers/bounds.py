"""Screen rectangles outside of which a body cannot be seen, or cannot darken a plane.

They make the cost of a frame follow the pixels that are covered. Every rectangle is safe, that is, too large
rather than too small; what reaches behind the camera gets the whole image.
"""

import itertools
import math

import numpy as np
from jaxtyping import Bool, Float, Int32

from physics_data.core.geometry import PinholeView
from physics_data.core.scene import Body, Box, Cylinder, Sphere

_NEAR = 1e-3
_PADDING = 2
_CORNERS = np.array(list(itertools.product((-1.0, 1.0), repeat=3)))
_GOLDEN = (1 + math.sqrt(5)) / 2
_ICOSAHEDRON = np.array(
    [np.roll((0.0, a, b * _GOLDEN), shift) for shift in range(3) for a in (-1, 1) for b in (-1, 1)]
) * (math.sqrt(3) / _GOLDEN**2)
"""Corners of the icosahedron whose faces touch the unit ball."""

_SIXTHS = np.arange(6) * math.pi / 3
_HEXAGON = np.column_stack([np.cos(_SIXTHS), np.sin(_SIXTHS)]) / math.cos(math.pi / 6)
"""Corners of the hexagon whose sides touch the unit circle."""


def hull_of(body: Body) -> Float[np.ndarray, "12 3"]:
    """Return 12 points in the body frame, m, whose convex hull holds the solid."""
    shape = body.shape
    if isinstance(shape, Sphere):
        return shape.radius * _ICOSAHEDRON
    if isinstance(shape, Box):
        return (_CORNERS * shape.half_extents)[np.arange(12) % 8]
    assert isinstance(shape, Cylinder)
    ends = [np.column_stack([shape.radius * _HEXAGON, np.full(6, z)]) for z in (-shape.half_height, shape.half_height)]
    return np.concatenate(ends)


class ScreenBounds:
    """Finds rectangles for one view and image size: half open, x0, x1, y0, y1 in pixels; empty ones are all zero."""

    def __init__(self, view: PinholeView, width: int, height: int) -> None:
        self._view = view
        self._limit = np.array([width, height], dtype=np.float64)

    def of_solids(self, points: Float[np.ndarray, "t o k 3"]) -> Int32[np.ndarray, "t o 4"]:
        """Return where each solid can be seen.

        Units:
            points:  m, world frame; their hull holds the solid
        """
        return self._around(points, np.zeros(points.shape[:2]))

    def of_shadows(
        self,
        points: Float[np.ndarray, "t o k 3"],
        normal: Float[np.ndarray, "t p 3"],
        origin: Float[np.ndarray, "t p 3"],
        sun: Float[np.ndarray, "3"],
        softness: float,
    ) -> Int32[np.ndarray, "t p o 4"]:
        """Return where each solid can hide the sun from each plane: its hull thrown along the sun, and the penumbra.

        Units:
            normal, origin:  the planes' unit normals, and points of them in m, world frame
            sun:             unit vector to the sun
            softness:        tangent of the sun's half angle
        """
        slant = normal @ sun
        lit = slant > 1e-3
        length = _height(points, normal, origin) / np.where(lit, slant, 1.0)[..., None, None]
        thrown = points[:, None] - length[..., None] * sun
        depth = np.abs((thrown - self._view.origin) @ self._view.world_from_camera[:, 2]).max(axis=-1, initial=0.0)
        blur = softness * np.abs(length).max(axis=-1, initial=0.0) + depth / self._view.focal
        rectangles = self._around(thrown, blur / np.where(lit, slant, 1.0)[..., None])
        # Where the sun grazes the plane, throwing along it is ill-posed, but then it hardly lights the plane.
        everywhere = np.array([0, self._limit[0], 0, self._limit[1]], dtype=np.int32)
        grazing = (slant > 0) & ~lit
        return np.where(lit[..., None, None], rectangles, np.where(grazing[..., None, None], everywhere, 0)).astype(
            np.int32
        )

    def of_dimming(
        self,
        points: Float[np.ndarray, "t o k 3"],
        normal: Float[np.ndarray, "t p 3"],
        origin: Float[np.ndarray, "t p 3"],
        reach: Float[np.ndarray, "o"],
    ) -> Int32[np.ndarray, "t p o 4"]:
        """Return where each solid can hide the sky from each plane: within its reach, if it is that near.

        Units:
            reach:  m; a point is dimmed if the solid is nearer than that to the place as far above the plane
        """
        height = _height(points, normal, origin)
        thrown = points[:, None] - height[..., None] * normal[:, :, None, None]
        rectangles = self._around(thrown, np.broadcast_to(reach, thrown.shape[:3]))
        is_near = height.min(axis=-1, initial=np.inf) < 2 * reach
        return np.where(is_near[..., None], rectangles, 0).astype(np.int32)

    def _around(
        self, points: Float[np.ndarray, "*batch k 3"], growth: Float[np.ndarray, "*batch"]
    ) -> Int32[np.ndarray, "*batch 4"]:
        """Return rectangles around what is no farther than ``growth`` (m) from convex hulls of points."""
        projected = self._view.project(points)
        depth = projected[..., 2].min(axis=-1, initial=np.inf) - growth
        in_front = depth > _NEAR
        pixel = np.where(in_front[..., None, None], projected[..., :2], 0.0)
        # A shift of g moves a pixel position u (from the center) by at most (focal + |u|) g / (nearest depth).
        widest = np.abs(pixel - self._limit / 2).max(axis=(-2, -1), initial=0.0)
        spread = (self._view.focal + widest) * growth / np.where(in_front, depth, 1.0) + _PADDING
        low = np.floor(pixel.min(axis=-2, initial=np.inf) - spread[..., None])
        high = np.ceil(pixel.max(axis=-2, initial=-np.inf) + spread[..., None])
        behind = projected[..., 2].max(axis=-1, initial=-np.inf) + growth <= _NEAR
        low = np.where(in_front[..., None], np.clip(low, 0, self._limit), 0.0)
        high = np.where(in_front[..., None], np.clip(high, 0, self._limit), self._limit)
        high = np.where(behind[..., None], 0.0, high)
        return np.stack([low[..., 0], high[..., 0], low[..., 1], high[..., 1]], axis=-1).astype(np.int32)


def shadow_pairs(
    position: Float[np.ndarray, "t o 3"],
    radius: Float[np.ndarray, "o"],
    footprint: Float[np.ndarray, "t o"],
    sun: Float[np.ndarray, "3"],
    softness: float,
) -> Bool[np.ndarray, "t o o"]:
    """Return [frame, receiver, caster]: whether the ball around a solid may hide the sun from the ball around another.

    Units:
        radius:     m, of the balls
        footprint:  m, size of a pixel on the receiver; shadows are blurred by as much
        sun:        unit vector to the sun
        softness:   tangent of the sun's half angle
    """
    offset = position[:, None] - position[:, :, None]
    ahead = offset @ sun
    beside = np.sqrt(np.maximum((offset**2).sum(axis=-1) - ahead**2, 0.0))
    both = radius[:, None] + radius
    blur = softness * np.maximum(ahead + both, 0.0) + footprint[:, :, None]
    return (ahead > -both - blur) & (beside < both + blur)


def dimming_pairs(
    position: Float[np.ndarray, "t o 3"], radius: Float[np.ndarray, "o"], reach: Float[np.ndarray, "o"]
) -> Bool[np.ndarray, "t o o"]:
    """Return [frame, receiver, caster]: whether the ball around a solid may hide the sky from the ball around another.

    Units:
        radius:  m, of the balls
        reach:   m, of the casters
    """
    distance = np.linalg.norm(position[:, None] - position[:, :, None], axis=-1)
    return distance < radius[:, None] + radius + 2 * reach


def _height(
    points: Float[np.ndarray, "t o k 3"], normal: Float[np.ndarray, "t p 3"], origin: Float[np.ndarray, "t p 3"]
) -> Float[np.ndarray, "t p o k"]:
    """Return how far points lie above planes, m."""
    return np.einsum("toki,tpi->tpok", points, normal) - np.einsum("tpi,tpi->tp", origin, normal)[..., None, None]
