"""Measures of footage (motion of scene and camera, text, bars, shake), and near-duplicates among clips."""

import base64
import itertools
from typing import NamedTuple

import cv2
import numpy as np
from jaxtyping import Float, UInt8

from physics_data.core.clip import FootageMeasures

_GRID = 4
_MIN_CELLS = 6
"""The picture is cut into 4 x 4 cells; so many must agree on a motion that is called the camera's."""

_BAR_LEVEL = 20
_BAR_SHARE = 0.04
_GLYPH_RISE = 40


class _Shift(NamedTuple):
    """How the picture as a whole moved between two frames, in pixels; NaN where it cannot be told."""

    across: float
    down: float


def measure(rgb: UInt8[np.ndarray, "t h w 3"], frame_rate: float) -> FootageMeasures:
    """Measure a stretch of one shot.

    Units:
        frame_rate:  Hz
    """
    cv2.setNumThreads(1)  # the same bytes on any machine; workers share the cores anyway
    cv2.setRNGSeed(0)
    grey = [cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY) for frame in rgb]
    height = rgb.shape[1]
    dense = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_FAST)
    motion, shifts = [], []
    for before, after in itertools.pairwise(grey):
        flow = dense.calc(before, after, None)  # pyright: ignore[reportCallIssue, reportArgumentType]
        motion.append(float(np.linalg.norm(flow, axis=-1).mean()))
        shifts.append(_camera_shift(before, after))
    camera, shake = _camera_motion(np.array(shifts, dtype=np.float64).reshape(-1, 2))
    return FootageMeasures(
        motion=round(float(np.mean(motion)) * frame_rate / height, 6) if motion else 0.0,
        camera_motion=round(camera * frame_rate / height, 6),
        camera_shake=round(shake / height, 6),
        text_share=round(text_share(rgb), 6),
        bars_share=round(bars_share(rgb), 6),
    )


def bars_share(rgb: UInt8[np.ndarray, "t h w 3"]) -> float:
    """Return the share of rows or columns in black bars at two opposite edges, if both stay black throughout."""
    brightest = rgb.max(axis=(0, 3))
    found = 0.0
    for axis in (1, 0):
        lit = np.flatnonzero((brightest > _BAR_LEVEL).any(axis=axis))
        length = brightest.shape[1 - axis]
        if len(lit):
            before, after = int(lit[0]), length - 1 - int(lit[-1])
            if min(before, after) >= max(1, _BAR_SHARE * length / 2):
                found = max(found, (before + after) / length)
    return found


def text_share(rgb: UInt8[np.ndarray, "t h w 3"]) -> float:
    """Return the share of the picture under lines of lettering that stay in place for the whole stretch.

    Lines are wide regions of dense vertical strokes, found in the edges that all of first, middle and last frame have.
    """
    height = rgb.shape[1]
    strokes = np.full(rgb.shape[1:3], 255, dtype=np.uint8)
    for frame in (rgb[0], rgb[len(rgb) // 2], rgb[-1]):
        slope = np.abs(cv2.Sobel(cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY), cv2.CV_16S, 1, 0))
        strokes = np.minimum(strokes, (slope > 4 * _GLYPH_RISE).astype(np.uint8) * 255)
    reach = max(3, round(height / 24))
    lines = cv2.morphologyEx(strokes, cv2.MORPH_CLOSE, np.ones((1, reach), np.uint8))
    lines = cv2.morphologyEx(lines, cv2.MORPH_OPEN, np.ones((2, 2 * reach), np.uint8))
    _, _, boxes, _ = cv2.connectedComponentsWithStats(lines)
    covered = 0
    for _, _, width, tall, area in boxes[1:]:
        if width >= 2.5 * tall and tall <= 0.2 * height and area >= 0.5 * width * tall:
            covered += int(width * tall)
    return covered / strokes.size


def _camera_shift(before: np.ndarray, after: np.ndarray) -> _Shift:
    """Follow corners from all over the picture and fit one similarity to most of them.

    Where fewer than 6 of 16 parts of the picture agree, an object may be all that moves, and nothing is said.

    Source: Shi & Tomasi (1994), Good features to track; Lucas & Kanade (1981); Fischler & Bolles (1981), RANSAC.
    """
    lost = _Shift(np.nan, np.nan)
    corners = _corners(before)
    if len(corners) < _MIN_CELLS:
        return lost
    moved, found, _ = cv2.calcOpticalFlowPyrLK(before, after, corners, None)  # pyright: ignore[reportCallIssue, reportArgumentType]
    kept = found.ravel() == 1
    if kept.sum() < _MIN_CELLS:
        return lost
    matrix, agree = cv2.estimateAffinePartial2D(corners[kept], moved[kept], ransacReprojThreshold=1.0)
    if matrix is None:
        return lost
    size = np.array(before.shape[::-1])
    cells = (corners[kept][agree.ravel() == 1].reshape(-1, 2) * _GRID / size).astype(int)
    if len(np.unique(cells, axis=0)) < _MIN_CELLS:
        return lost
    centre = np.array([before.shape[1] / 2, before.shape[0] / 2])
    across, down = matrix[:, :2] @ centre + matrix[:, 2] - centre
    return _Shift(float(across), float(down))


def _corners(grey: np.ndarray) -> Float[np.ndarray, "n 1 2"]:
    """Return corners of every part of the picture, (x, y) in pixels, so that no strong texture takes them all."""
    rows, columns = (np.linspace(0, length, _GRID + 1).astype(int) for length in grey.shape)
    found = [np.zeros((0, 1, 2), dtype=np.float32)]
    for top, bottom in itertools.pairwise(rows):
        for left, right in itertools.pairwise(columns):
            corners = cv2.goodFeaturesToTrack(grey[top:bottom, left:right], 8, 0.05, 3)
            if corners is not None:
                found.append((corners + np.array([left, top])).astype(np.float32))
    return np.concatenate(found)


def _camera_motion(shifts: Float[np.ndarray, "n 2"]) -> tuple[float, float]:
    """Return the median speed of the picture and its unrest, pixels per frame.

    Unrest is the root mean square change of the shift from frame to frame: an even pan has none.
    """
    known = shifts[np.isfinite(shifts).all(axis=1)]
    if not len(known):
        return 0.0, 0.0
    speed = float(np.median(np.linalg.norm(known, axis=1)))
    changes = np.diff(known, axis=0)
    return speed, float(np.sqrt((changes**2).sum(axis=1).mean())) if len(changes) else 0.0


_CELLS = 16
_SIZE = 3 * _CELLS * _CELLS


def thumbnails(rgb: UInt8[np.ndarray, "t h w 3"]) -> str:
    """Return the first, middle and last frame as 16 x 16 grey levels, in base 64.

    Recoding moves a cell by a few levels; an object that is elsewhere moves some cells by more, so two stretches of one
    still camera are told apart.
    """
    frames = [
        cv2.resize(cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY), (_CELLS, _CELLS), interpolation=cv2.INTER_AREA)
        for frame in (rgb[0], rgb[len(rgb) // 2], rgb[-1])
    ]
    return base64.b64encode(np.stack(frames).tobytes()).decode()


class SeenClips:
    """The clips kept so far, and whether a further one shows something else than all of them."""

    def __init__(self, max_difference: int) -> None:
        """Start with none.

        Args:
            max_difference: grey levels by which no cell of two equal clips differs; -1: no two are equal
        """
        self._max_difference = max_difference
        self._cells = np.zeros((0, _SIZE), dtype=np.uint8)
        self._means = np.zeros(0)
        self._count = 0

    def is_new(self, pictures: str) -> bool:
        """Return whether a clip's ``thumbnails`` differ from all kept ones, and keep them if so."""
        cells = np.frombuffer(base64.b64decode(pictures), dtype=np.uint8)
        # Means differ by no more than the cells do: a cheap test that leaves few to compare.
        near = np.abs(self._means[: self._count] - cells.mean()) <= self._max_difference
        candidates = self._cells[: self._count][near].astype(np.int16)
        if (np.abs(candidates - cells).max(axis=1, initial=0) <= self._max_difference).any():
            return False
        if self._count == len(self._cells):
            more = max(1024, self._count)
            self._cells = np.concatenate([self._cells, np.zeros((more, _SIZE), dtype=np.uint8)])
            self._means = np.concatenate([self._means, np.zeros(more)])
        self._cells[self._count], self._means[self._count] = cells, cells.mean()
        self._count += 1
        return True
