"""Do objects at rest stay, and do objects without support fall?"""

from functools import lru_cache
from typing import ClassVar

import numpy as np
from jaxtyping import Int

from eval.metrics.base import MetricInfo
from eval.metrics.intervals import fit_polynomial
from eval.metrics.laws import gravity_stretches
from eval.metrics.resting import displacement, rests
from eval.perception.tracks import Tracks
from eval.reference import Reference

_HALF_WINDOW = 3
_HANG_SHARE = 0.5
_MIN_DIAMETERS = 0.5


class Rest:
    """Share of the frames that are right, of those in which the reference's objects rest or fall.

    At rest: 1 - (displacement from the object's own first place in that stretch) / (its diameter); a pixel of tracker
    noise is free. Falling, from half a diameter on: wrong is an object that hangs, that is, is half a diameter higher
    than it should be and accelerates downwards with less than half of gravity (a parabola through 7 frames); the frame
    gets acceleration / (g / 2). A frame in which the object is not seen whole counts as 0; mean over objects and both.

    Source: Newton (1687), Principia, Lex I.
    """

    info: ClassVar[MetricInfo] = MetricInfo(
        name="rest",
        summary="what rests stays, what has no support does not hang",
        unit="1",
        direction="higher",
        best=1.0,
        worst=0.0,
        needs=("trajectory", "contacts", "camera", "amodal_masks"),
        source="Newton (1687), Principia, Lex I",
    )

    def refuses(self, reference: Reference) -> str | None:
        """Return a reason where nothing rests and nothing falls in view."""
        return None if rests(reference) or _falls(reference) else "no object rests for 5 frames or falls in view"

    def score(self, reference: Reference, tracks: Tracks) -> float:
        """Return the share in [0, 1]."""
        parts: dict[tuple[str, str], list[np.ndarray]] = {}
        for rest in rests(reference):
            moved, frames = displacement(reference, rest, tracks.of(rest.name))
            beyond = np.maximum(0.0, np.hypot(*moved.T) - rest.noise)
            values = np.zeros(len(rest.frames))
            values[: len(frames)] = np.maximum(0.0, 1.0 - beyond / rest.diameter)
            parts.setdefault((rest.name, "rest"), []).append(values)
        for name, frames in _falls(reference):
            parts.setdefault((name, "fall"), []).append(_fall_values(reference, tracks, name, frames))
        return float(np.mean([np.concatenate(values).mean() for values in parts.values()]))


@lru_cache(maxsize=4)
def _falls(reference: Reference) -> list[tuple[str, Int[np.ndarray, "n"]]]:
    """Return the frames in which objects are half a diameter or more below the highest place of their flight."""
    found = []
    numbers = {name: number for number, name in reference.present_at_start.items()}
    for stretch in gravity_stretches(reference):
        height = reference.true_path(stretch.name)[:, 1]
        frames = stretch.frames
        peak = np.maximum.accumulate(height[frames])
        fallen = frames[peak - height[frames] >= _diameter(reference, numbers[stretch.name], stretch.name)]
        if len(fallen):
            found.append((stretch.name, fallen))
    return found


def _diameter(reference: Reference, number: int, name: str) -> float:
    return _MIN_DIAMETERS * reference.silhouette(number).diameter * reference.metres_per_pixel(name)


def _fall_values(reference: Reference, tracks: Tracks, name: str, frames: Int[np.ndarray, "n"]) -> np.ndarray:
    spec, _, _ = reference.clip.labelled
    track = tracks.of(name)
    height = reference.lift(name, track.centroid, np.arange(spec.num_frames))[:, 1]
    known = track.whole & np.isfinite(height) & reference.scored
    number = next(i for i, other in reference.present_at_start.items() if other == name)
    limit = reference.true_path(name)[:, 1] + _diameter(reference, number, name)
    values = np.zeros(len(frames))
    for row, frame in enumerate(frames):
        if not known[frame]:
            continue
        if height[frame] <= limit[frame]:
            values[row] = 1.0
            continue
        near = np.arange(max(0, frame - _HALF_WINDOW), min(spec.num_frames, frame + _HALF_WINDOW + 1))
        near = near[known[near]]
        if len(np.unique(tracks.seconds[near])) >= 4:
            pull = -2 * fit_polynomial(height[near], tracks.seconds[near], 2).coefficients[2]
            values[row] = np.clip(pull / (-_HANG_SHARE * spec.gravity[2]), 0.0, 1.0)
    return values
