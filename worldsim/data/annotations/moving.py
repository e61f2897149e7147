"""``MovingPixels``: what moves against the background, the camera's own motion taken away."""

from collections.abc import Mapping
from typing import ClassVar

import cv2
import numpy as np
from jaxtyping import Float, UInt8

from worldsim.data.annotations.classical import refuse_weights
from worldsim.data.annotations.flow import InverseSearchFlow

_LEAST_SPEED = 0.5
"""Motion against the background that counts, pixels per frame."""

_GRID = 8


class MovingPixels:
    """Pixels whose flow differs from the background's by half a pixel per frame or more.

    The background's flow is the homography that most of the picture follows, so a pan, zoom or turn of the camera is
    not motion; parallax of a camera that travels is. Shadows move with what casts them.

    Source: Fischler & Bolles (1981), Random sample consensus.
    """

    labels: ClassVar[tuple[str, ...]] = ("moving_mask",)

    def __init__(self, weights: str | None = None) -> None:
        """Get ready; there are no weights."""
        refuse_weights("moving", weights)
        self._flow = InverseSearchFlow()

    @property
    def identity(self) -> Mapping[str, str]:
        """Method and version."""
        return {"method": f"flow against a homography, {_LEAST_SPEED} pixels", "opencv": cv2.__version__}

    def annotate(self, rgb: UInt8[np.ndarray, "t h w 3"], frame_rate: float) -> dict[str, np.ndarray]:
        """Return the mask, by the flow to the next frame, in the last frame from the one before; nothing for one."""
        flows = self._flow.annotate(rgb, frame_rate)
        if not flows:
            return {}
        cv2.setRNGSeed(0)
        each = [*flows["optical_flow"], flows["backward_flow"][-1]]
        return {"moving_mask": np.stack([np.linalg.norm(f - _background(f), axis=-1) >= _LEAST_SPEED for f in each])}


def _background(flow: Float[np.ndarray, "h w 2"]) -> Float[np.ndarray, "h w 2"]:
    """Return the flow of the homography that most of a grid of points follows; none if no points agree."""
    height, width = flow.shape[:2]
    columns, rows = np.meshgrid(np.arange(width), np.arange(height))
    places = np.stack([columns, rows], axis=-1).astype(np.float32)
    start = places[_GRID // 2 :: _GRID, _GRID // 2 :: _GRID].reshape(-1, 2)
    moved = start + flow[_GRID // 2 :: _GRID, _GRID // 2 :: _GRID].reshape(-1, 2)
    if len(start) < 8:
        return np.zeros_like(flow)
    matrix, _ = cv2.findHomography(start, moved, cv2.RANSAC, 0.5)
    if matrix is None:
        return np.zeros_like(flow)
    return cv2.perspectiveTransform(places.reshape(-1, 1, 2), matrix).reshape(height, width, 2) - places
