"""Rest: objects at rest stay and do not creep, objects without support fall."""

from dataclasses import dataclass
from functools import lru_cache
from typing import ClassVar

import numpy as np
from jaxtyping import Float, Int

from eval.metrics.contact_free import MIN_FRAMES, fit_polynomial
from eval.metrics.free_motion import gravity_stretches
from eval.metrics.metric import MetricInfo
from eval.metrics.motion_skill import NOISE_PIXELS
from eval.perception.tracks import Track, Tracks
from eval.reference import Reference
from physics_data.core.errors import TrackTooShortError

_REST_PIXELS = 0.02
"""Fastest rest, pixels a frame: half a pixel in 25 frames."""


@dataclass(frozen=True, eq=False)
class RestInterval:
    """An object at rest in the world and seen whole.

    Units:
        given:     conditioning frames in which it already rests, seen whole
        frames:    scored neighbours, but for those in which it is not seen whole
        diameter:  of its outline, m
        noise:     displacement that is forgiven, m
    """

    name: str
    given: Int[np.ndarray, "g"]
    frames: Int[np.ndarray, "n"]
    diameter: float
    noise: float


@lru_cache(maxsize=4)
def rests(reference: Reference) -> list[RestInterval]:
    """Return every stretch of at least 5 scored frames in which an object does not move."""
    spec, _, trajectory = reference.clip.labelled
    found = []
    for number, name in reference.present_at_start.items():
        metres = reference.metres_per_pixel(name)
        position = trajectory.position[:, spec.body_index(name)]
        steps = np.linalg.norm(np.diff(position, axis=0), axis=1)
        moves = np.flatnonzero(steps > _REST_PIXELS * metres) + 1
        clear = reference.clear(number, with_conditioning=True)
        diameter = reference.silhouette(number).diameter * metres
        for piece in np.split(np.arange(len(position)), moves):
            piece = piece[clear[piece]]
            given, frames = piece[~reference.scored[piece]], piece[reference.scored[piece]]
            if len(frames) >= MIN_FRAMES:
                found.append(RestInterval(name, given, frames, diameter, 2 * NOISE_PIXELS * metres))
    return found


def displacement(
    reference: Reference, rest: RestInterval, track: Track
) -> tuple[Float[np.ndarray, "m 2"], Int[np.ndarray, "m"]]:
    """Return where the tracked object is, in metres from its own first place in the stretch, and in which frames.

    The first place may lie in the conditioning frames, the frames that are returned do not.
    """
    frames = np.concatenate([rest.given, rest.frames])
    frames = frames[track.whole[frames]]
    path = reference.lift(rest.name, track.centroid[frames], frames)
    usable = np.isfinite(path).all(axis=1)
    path, frames = path[usable], frames[usable]
    counted = reference.scored[frames]
    return (path - path[:1])[counted], frames[counted]


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
        summary="resting objects stay at rest, unsupported objects fall",
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


WORST_DRIFT = 1.0
"""Diameters per second at which the scale ends: a video in which the object is not there is no better."""


class Drift:
    """Speed of the slow displacement of objects at rest, in their own diameters per second.

    One straight line is fitted to the tracked path of every stretch in which the reference leaves an object at rest,
    from which goes the slope that a pixel of tracker noise over the stretch makes. Mean over the frames of all
    stretches; a frame in which the object is not seen whole counts as 1, the end of the scale.

    Source: this project.
    """

    info: ClassVar[MetricInfo] = MetricInfo(
        name="drift",
        summary="objects at rest do not drift",
        unit="diameters/s",
        direction="lower",
        best=0.0,
        worst=WORST_DRIFT,
        needs=("trajectory", "camera", "amodal_masks"),
        source="this project",
    )

    def refuses(self, reference: Reference) -> str | None:
        """Return a reason where nothing rests in view."""
        return None if rests(reference) else "no object rests for 5 frames in view"

    def score(self, reference: Reference, tracks: Tracks) -> float:
        """Return the drift in [0, 1] diameters/s."""
        total = 0.0
        for rest in rests(reference):
            moved, frames = displacement(reference, rest, tracks.of(rest.name))
            seconds = tracks.seconds[frames]
            try:
                slopes = [fit_polynomial(axis, seconds, 1).coefficients[1] for axis in moved.T]
            except TrackTooShortError:
                total += len(rest.frames) * WORST_DRIFT
                continue
            speed = max(0.0, float(np.hypot(*slopes)) - rest.noise / float(np.ptp(seconds))) / rest.diameter
            missing = len(rest.frames) - len(frames)
            total += len(frames) * min(speed, WORST_DRIFT) + missing * WORST_DRIFT
        return total / sum(len(rest.frames) for rest in rests(reference))
