"""Position, velocity and acceleration skill of moving objects over physics-free baselines."""

from dataclasses import dataclass
from functools import lru_cache
from math import factorial
from typing import ClassVar

import numpy as np
from jaxtyping import Bool, Float, Int

from eval.metrics.contact_free import MIN_FRAMES
from eval.metrics.metric import MetricInfo
from eval.perception.tracks import Tracks
from eval.reference import Reference

NOISE_PIXELS = 0.5
"""Distance between a tracked and a true centroid that is forgiven: the mean error to which the tracker is held."""

_HALF_WINDOW = {0: 0, 1: 2, 2: 3}
_MIN_FLOORS = 2.0


@dataclass(frozen=True, eq=False)
class Challenge:
    """The path of one object, and what a video gets for knowing no physics.

    Units (order 0: m, 1: m/s, 2: m/s²):
        frames:   in which the reference shows the object whole
        truth:    where its centroid is, m
        zero:     error of the best control beyond the floor at every frame; NaN where the window is not full
        floor:    error that is forgiven: tracker noise, and how far further takes of the scene are
    """

    name: str
    frames: Int[np.ndarray, "n"]
    truth: Float[np.ndarray, "n 2"]
    zero: Float[np.ndarray, "n"]
    floor: Float[np.ndarray, "n"]


def derivative(
    path: Float[np.ndarray, "n c"],
    seconds: Float[np.ndarray, "n"],
    frames: Int[np.ndarray, "n"],
    known: Bool[np.ndarray, "n"],
    order: int,
) -> Float[np.ndarray, "n c"]:
    """Return the path (order 0), its velocity or acceleration, from a polynomial of that degree about each frame.

    The window is 5 frames for velocities and 7 for accelerations. One unknown frame in it is borne; with more, and at
    the ends of a stretch, the value is NaN.
    """
    if order == 0:
        return np.where(known[:, None], path, np.nan)
    half = _HALF_WINDOW[order]
    result = np.full(path.shape, np.nan)
    for row, frame in enumerate(frames):
        near = np.flatnonzero((np.abs(frames - frame) <= half) & known)
        if len(near) < 2 * half or len(np.unique(seconds[near])) < order + 2:
            continue
        powers = np.vander(seconds[near] - seconds[near].mean(), order + 1, increasing=True)
        fit, *_ = np.linalg.lstsq(powers, path[near], rcond=None)
        result[row] = factorial(order) * fit[order]
    return result


def noise(reference: Reference, name: str, order: int) -> float:
    """Return the error of a derivative that tracker noise alone makes: m, m/s or m/s²."""
    spec, _, _ = reference.clip.labelled
    half = _HALF_WINDOW[order]
    weights = np.linalg.pinv(np.vander(np.arange(-half, half + 1.0), order + 1, increasing=True))[order]
    gain = factorial(order) * float(np.linalg.norm(weights)) * spec.frame_rate**order
    return NOISE_PIXELS * reference.metres_per_pixel(name) * gain


@lru_cache(maxsize=12)
def challenges(reference: Reference, order: int) -> list[Challenge]:
    """Return the objects whose place, velocity or acceleration can be asked for.

    Controls continue the last conditioning frame (else the first frame in which the object is seen whole): they stay at
    its place, keep its velocity, or keep it up to the border of the image. One that is right (its error is below twice
    the noise) is the truth itself there and cannot mark the zero; the next one does. An object on which all controls
    are right says nothing and is left out.
    """
    spec, _, _ = reference.clip.labelled
    found = []
    for number, name in reference.present_at_start.items():
        frames = np.flatnonzero(reference.clear(number))
        if len(frames) < MIN_FRAMES:
            continue
        seconds, all_known = np.array(spec.seconds)[frames], np.ones(len(frames), bool)
        truth = reference.lift(name, reference.silhouette(number).centroid[frames], frames)
        center = reference.true_path(name)
        drifts = [reference.true_path(name, take) - center for take in reference.takes]
        spread = [_length(derivative(drift[frames], seconds, frames, all_known, order)) for drift in drifts]
        least = noise(reference, name, order)
        floor = least + np.max([np.zeros(len(frames)), *spread], axis=0)
        controls = _controls(reference, name, frames, seconds, truth, center)
        errors = [derivative(truth - control, seconds, frames, all_known, order) for control in controls]
        beyond = [np.maximum(0.0, _length(error) - floor) for error in errors]
        wrong = [zero for zero in beyond if np.isfinite(zero).any() and np.nanmean(zero) >= _MIN_FLOORS * least]
        if wrong:
            found.append(Challenge(name, frames, truth, min(wrong, key=np.nanmean), floor))
    return found


def skills(reference: Reference, tracks: Tracks, order: int) -> dict[str, float]:
    """Return 1 - error / error of the best control, in [0, 1], of every object that can be asked for.

    A frame in which the object is not seen whole counts as the control's error there or its mean, whichever is larger;
    no frame counts more than twice that.
    """
    spec, _, _ = reference.clip.labelled
    times, found = np.array(spec.seconds), {}
    for item in challenges(reference, order):
        track, seconds = tracks.of(item.name), tracks.seconds[item.frames]
        path = reference.lift(item.name, track.centroid[item.frames], item.frames)
        known = track.whole[item.frames] & np.isfinite(path).all(axis=1)
        # A video of another rate shows what is due at its own times.
        due = np.stack([np.interp(seconds, times[item.frames], axis) for axis in item.truth.T], axis=-1)
        error = _length(derivative(np.where(known[:, None], path - due, 0.0), seconds, item.frames, known, order))
        lost = np.maximum(item.zero, np.nanmean(item.zero))
        beyond = np.where(np.isnan(error), lost, np.minimum(np.maximum(0.0, error - item.floor), 2 * lost))
        asked = np.isfinite(item.zero)
        found[item.name] = float(max(0.0, 1.0 - beyond[asked].sum() / item.zero[asked].sum()))
    return found


def _controls(
    reference: Reference,
    name: str,
    frames: Int[np.ndarray, "n"],
    seconds: Float[np.ndarray, "n"],
    truth: Float[np.ndarray, "n 2"],
    center: Float[np.ndarray, "t 2"],
) -> list[Float[np.ndarray, "n 2"]]:
    spec, _, _ = reference.clip.labelled
    number = next(i for i, other in reference.present_at_start.items() if other == name)
    given = np.flatnonzero(reference.clear(number, with_conditioning=True) & ~reference.scored)
    first = int(given[-1]) if len(given) else int(frames[0])
    # One conditioning frame shows no velocity: the control is told that of the first interval.
    other = first - 1 if len(given) and first > 0 else min(first + 1, len(center) - 1)
    velocity = (center[first] - center[other]) * spec.frame_rate / ((first - other) or 1)
    start = reference.lift(name, reference.silhouette(number).centroid[[first]], np.array([first]))
    frozen = np.repeat(start, len(frames), axis=0)
    steady = start + (seconds - spec.seconds[first])[:, None] * velocity
    corners = reference.lift(name, np.array([[0.0, 0.0], [spec.width, spec.height]]), np.array([first, first]))
    if not np.isfinite(corners).all():
        return [frozen, steady]
    return [frozen, steady, np.clip(steady, corners.min(axis=0), corners.max(axis=0))]


def _length(vectors: Float[np.ndarray, "n 2"]) -> Float[np.ndarray, "n"]:
    return np.hypot(vectors[:, 0], vectors[:, 1])


_SOURCE = "skill against a reference forecast: Murphy (1988), Monthly Weather Review 116"


class MotionSkill:
    """Skill of one derivative of the tracked path over the best control: 1 is the simulation's, 0 that without physics.

    1 - error / error of the control. The error is the mean distance between tracked and true derivative of the
    centroid, lifted to metres. Controls: frozen, first velocity kept, the same up to the image border. From both errors
    goes what half a pixel of tracker noise makes. Mean over the objects that move.

    Source: skill scores against a reference forecast, Murphy (1988), Monthly Weather Review 116.
    """

    info: ClassVar[MetricInfo]
    order: ClassVar[int]
    quantity: ClassVar[str]

    def refuses(self, reference: Reference) -> str | None:
        """Return a reason where no object's motion differs measurably from every control's."""
        if challenges(reference, self.order):
            return None
        return f"no object, seen whole, has {self.quantity} that pixels tell from standing still"

    def score(self, reference: Reference, tracks: Tracks) -> float:
        """Return the skill in [0, 1]."""
        return float(np.mean(list(skills(reference, tracks, self.order).values())))


def _info(name: str, quantity: str) -> MetricInfo:
    return MetricInfo(
        name=name,
        summary=f"objects have the {quantity} of the simulation; the best physics-free path is 0",
        unit="1",
        direction="higher",
        best=1.0,
        worst=0.0,
        needs=("trajectory", "camera", "amodal_masks", "instance_ids"),
        source=_SOURCE,
    )


class PositionSkill(MotionSkill):
    """``MotionSkill`` of the position."""

    info: ClassVar[MetricInfo] = _info("position_skill", "position")
    order: ClassVar[int] = 0
    quantity: ClassVar[str] = "a position"


class VelocitySkill(MotionSkill):
    """``MotionSkill`` of the velocity, a line through 5 frames."""

    info: ClassVar[MetricInfo] = _info("velocity_skill", "velocity")
    order: ClassVar[int] = 1
    quantity: ClassVar[str] = "a velocity"


class AccelerationSkill(MotionSkill):
    """``MotionSkill`` of the acceleration, a parabola through 7 frames."""

    info: ClassVar[MetricInfo] = _info("acceleration_skill", "acceleration")
    order: ClassVar[int] = 2
    quantity: ClassVar[str] = "an acceleration"
