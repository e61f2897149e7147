"""Annotators without weights: dense optical flow, moving pixels and point tracks."""

from collections.abc import Mapping
from itertools import pairwise
from typing import ClassVar

import cv2
import numpy as np
from jaxtyping import Bool, Float, UInt8

from physics_data.core.errors import ConfigError


def refuse_weights(annotator: str, weights: str | None) -> None:
    """Check that no weights are given to an annotator that has none.

    Raises:
        ConfigError: some are given.
    """
    if weights is not None:
        raise ConfigError(f"annotator '{annotator}' computes and has no weights; leave --weights {weights} out.")


_MAX_DISAGREEMENT = 0.5
"""A flow or a step of a track is believed where following it back ends within this many pixels of its start."""

_FRACTION_OF_LENGTH = 0.05
"""A flow may miss by this fraction of both lengths more."""


class InverseSearchFlow:
    """Optical flow by dense inverse search, forwards and backwards.

    Source: Kroeger et al. (2016), Fast optical flow using dense inverse search; as in OpenCV, at full resolution.
    """

    labels: ClassVar[tuple[str, ...]] = ("optical_flow", "backward_flow")

    def __init__(self, weights: str | None = None) -> None:
        """Get ready; there are no weights."""
        refuse_weights("flow", weights)
        self._search = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
        self._search.setFinestScale(0)

    @property
    def identity(self) -> Mapping[str, str]:
        """Method and version."""
        return {"method": "dense inverse search, medium, finest scale 0", "opencv": cv2.__version__}

    def annotate(self, rgb: UInt8[np.ndarray, "t h w 3"], frame_rate: float) -> dict[str, np.ndarray]:
        """Return both flows and where each is believed; nothing for a single frame."""
        if len(rgb) < 2:
            return {}
        cv2.setNumThreads(1)  # the same bytes on any machine
        grey = [cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY) for frame in rgb]
        forwards = np.stack([self._between(before, after) for before, after in pairwise(grey)])
        backwards = np.stack([self._between(after, before) for before, after in pairwise(grey)])
        pairs = list(zip(forwards, backwards, strict=True))
        return {
            "optical_flow": forwards,
            "optical_flow_seen": np.stack([agreeing(there, back) for there, back in pairs]),
            "backward_flow": backwards,
            "backward_flow_seen": np.stack([agreeing(back, there) for there, back in pairs]),
        }

    def _between(self, before: np.ndarray, after: np.ndarray) -> Float[np.ndarray, "h w 2"]:
        return np.array(self._search.calc(before, after, None))  # pyright: ignore[reportCallIssue, reportArgumentType]


def agreeing(there: Float[np.ndarray, "h w 2"], back: Float[np.ndarray, "h w 2"]) -> Bool[np.ndarray, "h w"]:
    """Return where a flow ends inside the picture and the flow back from there ends where it began.

    Units:
        there, back:  pixels
    """
    height, width = there.shape[:2]
    columns, rows = np.meshgrid(np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32))
    x, y = columns + there[..., 0], rows + there[..., 1]
    inside = (x >= -0.5) & (x < width - 0.5) & (y >= -0.5) & (y < height - 0.5)
    returned = cv2.remap(back, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    lengths = np.linalg.norm(there, axis=-1) + np.linalg.norm(returned, axis=-1)
    missed = np.linalg.norm(there + returned, axis=-1)
    return inside & (missed <= _MAX_DISAGREEMENT + _FRACTION_OF_LENGTH * lengths)


_MIN_SPEED = 0.5
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
        return {"method": f"flow against a homography, {_MIN_SPEED} pixels", "opencv": cv2.__version__}

    def annotate(self, rgb: UInt8[np.ndarray, "t h w 3"], frame_rate: float) -> dict[str, np.ndarray]:
        """Return the mask, by the flow to the next frame, in the last frame from the one before; nothing for one."""
        flows = self._flow.annotate(rgb, frame_rate)
        if not flows:
            return {}
        cv2.setRNGSeed(0)
        each = [*flows["optical_flow"], flows["backward_flow"][-1]]
        return {"moving_mask": np.stack([np.linalg.norm(f - _background(f), axis=-1) >= _MIN_SPEED for f in each])}


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


NUM_POINTS = 64
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
    kept = found & again & (missed <= _MAX_DISAGREEMENT)
    moved = there[:, 0] + np.float32(0.5)
    moved[~kept] = np.nan
    result[known] = moved
    return result


def _lucas_kanade(
    before: np.ndarray, after: np.ndarray, points: Float[np.ndarray, "n 1 2"]
) -> tuple[Float[np.ndarray, "n 1 2"], Bool[np.ndarray, "n"]]:
    moved, found, _ = cv2.calcOpticalFlowPyrLK(before, after, points, None, winSize=_WINDOW, maxLevel=_LEVELS)  # pyright: ignore[reportCallIssue, reportArgumentType]
    return np.asarray(moved), found.ravel() == 1
