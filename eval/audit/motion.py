"""Motion without a reference: which law describes a track in the fewest words, and does anything gain energy?"""

from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

import numpy as np
from jaxtyping import Float

from eval.audit.ends import ramp, runs_of
from eval.perception.tracks import Track

Law = Literal["rest", "constant_velocity", "constant_acceleration", "friction", "oscillation", "none"]

_UNREST = (0.25, 0.015)  # what an outline's centre is off by: pixels, and diameters
_SHORTEST = 8  # frames
_NONE = 6.0  # times the unrest; a worse fit describes nothing
_GAIN = (1.25, 1.8)  # height of a bounce over the one before


@dataclass(frozen=True)
class Fit:
    """A law fitted to a stretch of a track. residual: root mean square distance, pixels."""

    law: Law
    residual: float
    description: float


def fit_laws(seconds: Float[np.ndarray, "n"], place: Float[np.ndarray, "n 2"], diameter: float) -> list[Fit]:
    """Fit every law to a path and return them, the shortest description first.

    The description length is the Bayesian information criterion: misfit over the centre's unrest, squared, plus the
    logarithm of the number of values for each parameter.

    Units:
        seconds:   s
        place:     pixels
        diameter:  of the thing, pixels

    Source: Schwarz (1978), Estimating the dimension of a model.
    """
    unrest = float(np.hypot(_UNREST[0], _UNREST[1] * diameter))
    time = seconds - seconds[0]
    time = time / max(float(time[-1]), 1e-9)
    fits = []

    def add(law: Law, path: np.ndarray | None, parameters: int) -> None:
        if path is not None:
            misfit = ((place - path) ** 2).sum()
            description = float(misfit / unrest**2 + parameters * np.log(place.size))
            fits.append(Fit(law, float(np.sqrt(misfit / len(place))), description))

    for degree, law in enumerate(("rest", "constant_velocity", "constant_acceleration")):
        basis = np.vander(time, degree + 1)
        add(law, basis @ np.linalg.lstsq(basis, place, rcond=None)[0], 2 * (degree + 1))  # type: ignore[arg-type]
    add("friction", _friction(time, place), 6)
    add("oscillation", _oscillation(time, place), 9)
    return sorted(fits, key=lambda fit: fit.description)


def _friction(time: np.ndarray, place: np.ndarray) -> np.ndarray | None:
    """Constant deceleration along a line until it stands; the time of rest is searched for."""
    best, least = None, np.inf
    for stop in np.linspace(0.2, 0.95, 31):
        way = np.where(time < stop, time - time**2 / (2 * stop), stop / 2)
        basis = np.stack([np.ones_like(way), way], axis=1)
        path = basis @ np.linalg.lstsq(basis, place, rcond=None)[0]
        misfit = float(((place - path) ** 2).sum())
        if misfit < least:
            best, least = path, misfit
    return best


def _oscillation(time: np.ndarray, place: np.ndarray) -> np.ndarray | None:
    """Damped oscillation about a point, one frequency for both axes, by a search over the frequency."""
    if len(time) < 12:
        return None
    best, least = None, np.inf
    for turns in np.concatenate([np.linspace(0.5, 4, 15), np.linspace(4.5, 8, 8)]):
        for damping in (0.0, 1.0, 3.0):
            wave = np.exp(-damping * time)
            angle = 2 * np.pi * turns * time
            double = 2 * angle
            basis = np.stack(
                [np.ones_like(time), wave * np.cos(angle), wave * np.sin(angle), np.cos(double), np.sin(double)], axis=1
            )[:, : 3 if turns < 1 else 5]
            path = basis @ np.linalg.lstsq(basis, place, rcond=None)[0]
            misfit = float(((place - path) ** 2).sum())
            if misfit < least:
                best, least = path, misfit
    return best


@dataclass(frozen=True)
class TrackMotion:
    """How one thing moved.

    law, residual:  the best description of its longest stretch, and the misfit in diameters
    seconds:        length of the stretches that could be judged, s
    kinks:          sudden turns of the velocity, a count
    gain:           (strength, frame) of the largest growth of a bounce over the one before; None = fewer than two
    """

    law: Law
    residual: float
    seconds: float
    kinks: int
    gain: tuple[float, int] | None


def describe(track: Track, seconds: Float[np.ndarray, "t"]) -> TrackMotion | None:
    """Describe the motion of a track where it is seen whole and alone; None where that is too short."""
    good = track.presence & track.whole
    if track.crowded is not None:
        good &= ~track.crowded
    stretches = [run for run in runs_of(good) if run[1] - run[0] + 1 >= _SHORTEST]
    if not stretches:
        return None
    diameter = float(2 * np.sqrt(track.size / np.pi))
    kinks, judged, gain, pieces = 0, 0.0, None, []
    for first, last in stretches:
        span = slice(first, last + 1)
        turns = _kinks(seconds[span], track.centroid[span], diameter)
        kinks += len(turns)
        judged += float(seconds[last] - seconds[first])
        cuts = [0, *turns, last - first]
        for a, b in pairwise(cuts):
            if b - a + 1 >= 6:
                fit = fit_laws(seconds[span][a : b + 1], track.centroid[span][a : b + 1], diameter)[0]
                pieces.append((b - a + 1, fit))
        found = _gain(track.centroid[span], diameter)
        if found is not None and (gain is None or found[0] > gain[0]):
            gain = (found[0], found[1] + first)
    if not pieces:
        return None
    fit = max(pieces, key=lambda piece: piece[0])[1]
    residual = sum(n * f.residual**2 for n, f in pieces) / sum(n for n, _ in pieces)
    unrest = float(np.hypot(_UNREST[0], _UNREST[1] * diameter))
    law = fit.law if fit.residual < _NONE * unrest else "none"
    return TrackMotion(law, float(np.sqrt(residual)) / max(diameter, 1.0), judged, kinks, gain)


def _kinks(seconds: np.ndarray, place: np.ndarray, diameter: float) -> list[int]:
    """Frames at which the velocity turns by far more than it does around them."""
    if len(place) < 8:
        return []
    step = np.diff(place, axis=0)
    change = np.linalg.norm(np.diff(step, axis=0), axis=-1)
    usual = np.median(change)
    limit = max(4 * usual, 0.06 * diameter, 0.8)
    found: list[int] = []
    for k in np.flatnonzero(change > limit):
        if change[k] == change[max(0, k - 2) : k + 3].max() and 2 <= k < len(change) - 2:
            found.append(int(k) + 1)
    return found


def _gain(place: np.ndarray, diameter: float) -> tuple[float, int] | None:
    """How much higher a bounce goes than the one before; image y points down, so a bounce is a sharp maximum of it."""
    y = place[:, 1]
    step = np.diff(y)
    turns = [k for k in range(2, len(y) - 2) if step[k - 1] > 0.05 * diameter and step[k] < -0.05 * diameter]
    if len(turns) < 2 or np.ptp(y[turns]) > 0.35 * np.ptp(y):
        return None
    floor = float(np.median(y[turns]))
    edges = [0, *turns, len(y) - 1]
    heights, frames = [], []
    for a, b in pairwise(edges):
        if b - a < 3:
            continue
        top = int(y[a : b + 1].argmin()) + a
        inside = a < top < b
        heights.append(floor - float(y[top]) if inside or top == 0 else np.nan)
        frames.append(top)
    best: tuple[float, int] | None = None
    for k in range(1, len(heights)):
        low, high = heights[k - 1], heights[k]
        if np.isfinite(low) and np.isfinite(high) and low > 0.5 * diameter:
            sure = ramp(float(high / low), _GAIN)
            if best is None or sure > best[0]:
                best = (sure, frames[k])
    return best
