"""``PyramidTracks``: corners followed from frame to frame, each step checked by following it back."""

from collections.abc import Mapping
from typing import ClassVar

import cv2
import numpy as np
from jaxtyping import Bool, Float, UInt8

from worldsim.data.annotations.classical import refuse_weights

NUM_POINTS = 64
_MOST_DISAGREEMENT = 0.5
"""A step is believed if following it back ends within this many pixels of its start."""

_WINDOW = (15, 15)
_LEVELS = 3


class PyramidTracks:
    """Corners of the first, middle and last frame, followed both ways by pyramidal Lucas-Kanade.

    Points that are lost stay lost: their place is NaN from there on. Where a clip has fewer than 64 corners, the points
    left over are nowhere.

    Source: Shi & Tomasi (1994), Good features to track; Bouguet (2000), Pyramidal implementation of Lucas Kanade.
    """

    labels: ClassVar[tuple[str, ...]] = ("tracks",)

    def __init__(self, weights: str | None = None) -> None:
        """Get ready; there are no weights."""
        refuse_weights("tracks", weights)

    @property
    def identity(self) -> Mapping[str, str]:
        """Method and version."""
        return {"method": f"pyramidal Lucas-Kanade, {NUM_POINTS} corners", "opencv": cv2.__version__}

    def annotate(self, rgb: UInt8[np.ndarray, "t h w 3"], frame_rate: float) -> dict[str, np.ndarray]:
        """Return the tracks; nothing for a single frame."""
        if len(rgb) < 2:
            return {}
        cv2.setNumThreads(1)
        grey = [cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY) for frame in rgb]
        queries = sorted({0, len(rgb) // 2, len(rgb) - 1})
        shares = np.diff(np.linspace(0, NUM_POINTS, len(queries) + 1).astype(int))
        pixel = np.full((len(rgb), NUM_POINTS, 2), np.nan, dtype=np.float32)
        first = 0
        for query, count in zip(queries, shares, strict=True):
            corners = _corners(grey[query], int(count))
            points = slice(first, first + len(corners))
            pixel[query, points] = corners
            for order in (range(query, len(grey) - 1), range(query, 0, -1)):
                for frame in order:
                    to = frame + 1 if order.step > 0 else frame - 1
                    pixel[to, points] = _step(grey[frame], grey[to], pixel[frame, points])
            first += int(count)
        height, width = rgb.shape[1:3]
        with np.errstate(invalid="ignore"):
            visible = np.all((pixel >= 0) & (pixel < np.array([width, height])), axis=-1)
        return {"track_pixel": pixel, "track_visible": visible}


def _corners(grey: np.ndarray, count: int) -> Float[np.ndarray, "n 2"]:
    """Return corners as (x, y), pixel centres at + 0.5."""
    found = cv2.goodFeaturesToTrack(grey, count, 0.01, 3)
    return np.zeros((0, 2), dtype=np.float32) if found is None else found[:, 0] + np.float32(0.5)


def _step(before: np.ndarray, after: np.ndarray, points: Float[np.ndarray, "n 2"]) -> Float[np.ndarray, "n 2"]:
    """Return where points are in the next picture; NaN where they were or become lost."""
    result = np.full_like(points, np.nan)
    known = np.isfinite(points).all(axis=1)
    if not known.any():
        return result
    start = points[known][:, None] - np.float32(0.5)
    there, found = _lucas_kanade(before, after, start)
    back, again = _lucas_kanade(after, before, there)
    missed = np.linalg.norm((back - start)[:, 0], axis=-1)
    kept = found & again & (missed <= _MOST_DISAGREEMENT)
    moved = there[:, 0] + np.float32(0.5)
    moved[~kept] = np.nan
    result[known] = moved
    return result


def _lucas_kanade(
    before: np.ndarray, after: np.ndarray, points: Float[np.ndarray, "n 1 2"]
) -> tuple[Float[np.ndarray, "n 1 2"], Bool[np.ndarray, "n"]]:
    moved, found, _ = cv2.calcOpticalFlowPyrLK(before, after, points, None, winSize=_WINDOW, maxLevel=_LEVELS)  # pyright: ignore[reportCallIssue, reportArgumentType]
    return np.asarray(moved), found.ravel() == 1
