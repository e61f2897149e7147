"""PhyWorld's errors of coloured balls in a square world, as published, and an unbiased reading beside them.

Known defects of the published reading: pixel k of a picture of S pixels is drawn at k / (S - 1) and read at k / S, a
bias of 1/S that is the whole of the published floor of uniform motion; a ball that is missing is put at the right wall
(a red one in a collision at the left), so what it costs depends on where it should have been; two balls of one colour
are averaged; "velocity error" of the parabola is an error of position; scenes in which an error cannot be computed drop
out of the mean.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Float, UInt8

WORLD = 10.0
"""Side of the world, in its unit of length."""

SECONDS = 0.1
"""Time between two frames, in the world's unit of time."""

FIRST_SCORED = 3
"""The first frame that is scored; three are given."""

NATIVE_SIZE = 256
"""Pixels at which the clips are drawn, before any resizing."""

MISSING_ERROR = 10.0
"""What a frame without its ball costs in the unbiased error: as if it crossed the world in one unit of time."""

_FAINT = 25  # grey levels of 255; what a codec spills is no ball

Ball = Literal["red", "blue"]


def official_balls(frames: UInt8[np.ndarray, "t s s 3"], ball: Ball, missing_x: float) -> Float[np.ndarray, "t 3"]:
    """Return (x, y, radius) per frame by the published colour thresholds, world units; rows count upwards as y.

    A missing ball is at ``missing_x`` and keeps its last y and radius, NaN where it was never seen.

    Source: Kang et al. (2024), arXiv 2411.02385; phyworld/phyworld id_ood_data/evaluate.py.
    """
    first, picked = _coloured_rows(frames)
    red, green, blue = (picked[..., channel] for channel in range(3))
    mask = (green < 127) & ((red > 127) & (blue < 127) if ball == "red" else (red < 127) & (blue > 127))
    size, last = frames.shape[2], (np.nan, np.nan)
    found = np.empty((len(frames), 3))
    for index, picture in enumerate(mask):
        rows, columns = np.nonzero(picture)
        if len(rows):
            radius = np.sqrt(len(rows) / np.pi) / size * WORLD
            found[index] = columns.mean() / size * WORLD, (first + rows.mean()) / size * WORLD, radius
        else:
            found[index] = missing_x, *last
        last = found[index, 1], found[index, 2]
    return found


def _coloured_rows(frames: np.ndarray) -> tuple[int, np.ndarray]:
    """Return the first row that is not white in every frame, and the frames from there to the last such row."""
    rows = np.flatnonzero((frames != 255).any((0, 2, 3)))
    return (int(rows[0]), frames[:, rows[0] : rows[-1] + 1]) if len(rows) else (0, frames[:, :1])


def uniform_error(
    frames: UInt8[np.ndarray, "t s s 3"], positions: Float[np.ndarray, "t 2"], radius: float, velocity: float
) -> float:
    """Return the published velocity error of uniform motion: |mean of the frames' velocities - velocity|.

    NaN where fewer than two scored frames show the whole ball.

    Units: world lengths per unit of time
    """
    kept = _inside(positions, radius)
    ball = official_balls(frames[kept], "red", WORLD)
    return _absolute_mean(np.diff(ball[:, 0]) / SECONDS - velocity)


def parabola_errors(
    frames: UInt8[np.ndarray, "t s s 3"], positions: Float[np.ndarray, "t 2"], radius: float
) -> tuple[float, float]:
    """Return the published errors of the parabola: mean |x - x*| and mean |y - y*|, world lengths; NaN if none left."""
    kept = _inside(positions, radius)
    if not len(kept):
        return float("nan"), float("nan")
    error = np.abs(official_balls(frames[kept], "red", WORLD)[:, :2] - positions[kept])
    return float(error[:, 0].mean()), float(error[:, 1].mean())


def collision_errors(
    frames: UInt8[np.ndarray, "t s s 3"], positions: Float[np.ndarray, "t 2 2"], radii: tuple[float, float]
) -> tuple[float, float]:
    """Return the published velocity errors before and after the impact: mean over balls of |mean v - mean v*|.

    The impact is the first frame in which a true velocity changes by more than 0.1; that frame counts for neither. NaN
    where one side has no frame.
    """
    x = positions[:, :, 0]
    kept = np.flatnonzero((x[:, 0] - radii[0] >= 0) & (x[:, 1] + radii[1] <= WORLD))
    kept = kept[kept >= FIRST_SCORED]
    true = np.diff(x[kept], axis=0) / SECONDS
    if not len(true):
        return float("nan"), float("nan")
    pair = (official_balls(frames[kept], "red", 0.0)[:, 0], official_balls(frames[kept], "blue", WORLD)[:, 0])
    found = np.diff(np.stack(pair, axis=1), axis=0) / SECONDS
    impact = _impact(true)
    before, after = slice(None, impact), slice(impact + 1, None)
    return _mean_difference(found[before], true[before]), _mean_difference(found[after], true[after])


def _inside(positions: np.ndarray, radius: float) -> np.ndarray:
    whole = ((positions - radius >= 0) & (positions + radius <= WORLD)).all(-1)
    frames = np.flatnonzero(whole)
    return frames[frames >= FIRST_SCORED]


def _impact(velocities: np.ndarray) -> int:
    changes = (np.abs(np.diff(velocities, axis=0)) > 0.1).any(1)
    return int(changes.argmax()) + 1 if changes.any() else len(velocities) - 1


def _mean_difference(found: np.ndarray, true: np.ndarray) -> float:
    return float(np.abs(found.mean(0) - true.mean(0)).mean()) if len(true) else float("nan")


def _absolute_mean(values: np.ndarray) -> float:
    return float(abs(values.mean())) if len(values) else float("nan")


@dataclass(frozen=True)
class UnbiasedError:
    """velocity, position: world units, over the frames that show the ball; missing: share of frames that do not.

    ``error`` is the velocity error in which every missing frame counts as ``MISSING_ERROR``.
    """

    velocity: float
    position: float
    missing: float

    @property
    def error(self) -> float:
        """The velocity error that no missing ball can lower."""
        return (1 - self.missing) * self.velocity + self.missing * MISSING_ERROR


def unbiased_balls(frames: UInt8[np.ndarray, "t s s 3"], ball: Ball) -> Float[np.ndarray, "t 3"]:
    """Return (x, y, radius) per frame from how far each pixel is from white, world units; NaN where nothing is.

    Pixels are read where they were drawn, also in pictures that were resized from 256 pixels.
    """
    size = frames.shape[2]
    own, others = (0, (1, 2)) if ball == "red" else (2, (0, 1))
    first, picked = _coloured_rows(frames)
    rest = np.maximum(picked[..., others[0]], picked[..., others[1]])
    cover = np.where(picked[..., own] > rest, picked[..., own] - rest, 0)
    cover[cover < _FAINT] = 0
    columns, rows = cover.sum(1, dtype=np.int64) / 255, cover.sum(2, dtype=np.int64) / 255
    total = columns.sum(1)
    place = ((np.arange(size) + 0.5) * NATIVE_SIZE / size - 0.5) / (NATIVE_SIZE - 1) * WORLD
    with np.errstate(invalid="ignore", divide="ignore"):
        x, y = columns @ place / total, rows @ place[first : first + picked.shape[1]] / total
    radius = np.sqrt(total / np.pi) / size * WORLD
    return np.where(total[:, None] > 0, np.stack([x, y, radius], axis=1), np.nan)


def unbiased_error(
    frames: UInt8[np.ndarray, "t s s 3"],
    positions: Float[np.ndarray, "t b 2"],
    radii: tuple[float, ...],
    split: Literal["none", "impact"] = "none",
) -> UnbiasedError:
    """Return the error of one or two balls, red and blue, over the scored frames that show them whole.

    velocity is the mean over balls and phases (before and after the impact, if the error is split there) of the length
    of mean v - mean v*. A ball of less than a half or more than twice its area is missing.

    Raises:
        ValueError: no ball is whole in two scored frames.
    """
    velocity, position, missing = [], [], []
    colours: tuple[Ball, ...] = ("red", "blue")
    for index, radius in enumerate(radii):
        kept = _inside(positions[:, index], radius)
        if len(kept) < 2:
            continue
        found = unbiased_balls(frames[kept], colours[index])
        true = positions[kept, index]
        there = (found[:, 2] > radius / np.sqrt(2)) & (found[:, 2] < radius * np.sqrt(2))
        missing.append(1 - there.mean())
        if there.any():
            position.append(float(np.abs(found[there, :2] - true[there]).mean()))
        steps = there[1:] & there[:-1] & (np.diff(kept) == 1)
        moves = np.diff(found[:, :2], axis=0) / SECONDS, np.diff(true, axis=0) / SECONDS
        phases = [part for part in _phases(moves[1], steps, split) if len(part)]
        velocity += [float(np.linalg.norm((moves[0] - moves[1])[part].mean(0))) for part in phases]
    if not missing:
        raise ValueError("no ball is whole in two scored frames; the scene cannot be scored.")
    speed = float(np.mean(velocity)) if velocity else MISSING_ERROR
    return UnbiasedError(speed, float(np.mean(position)) if position else WORLD, float(np.mean(missing)))


def _phases(true: np.ndarray, steps: np.ndarray, split: str) -> list[np.ndarray]:
    if split == "none":
        return [np.flatnonzero(steps)]
    impact = _impact(true)
    numbers = np.arange(len(true))
    return [np.flatnonzero(steps & (numbers < impact)), np.flatnonzero(steps & (numbers > impact))]
