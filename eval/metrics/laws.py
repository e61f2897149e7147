"""How far a tracked object is from a law of motion, stretch by stretch; shared by the error metrics and realism."""

from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import numpy as np

from eval.metrics.intervals import Stretch, fit_polynomial, flights, glides, tracked_path
from eval.perception.tracks import Tracks
from eval.reference import Reference
from physics_data.core.errors import TrackTooShortError

WORST_ERROR = 2.0
"""Errors end here (falls upward, goes backwards), so that a video without any track is never better than a bad one."""

_FLAT_TOLERANCE = 0.1
_MIN_WIDTHS = 0.06


@dataclass(frozen=True)
class LawError:
    """One object's error against one law in one stretch.

    error:   relative, 0 = obeys, 1 = does not move by it at all, at most ``WORST_ERROR``
    share:   of the stretch's frames in which the object was tracked whole
    frames:  frames of the stretch
    """

    law: Literal["gravity", "velocity"]
    name: str
    error: float
    share: float
    frames: int


@lru_cache(maxsize=4)
def gravity_stretches(reference: Reference) -> list[Stretch]:
    """Return the flights whose plane faces the camera closely enough that pixels give the acceleration within 10 %."""
    return [stretch for stretch in flights(reference) if _is_flat(reference, stretch)]


def _is_flat(reference: Reference, stretch: Stretch) -> bool:
    spec, _, _ = reference.clip.labelled
    gravity = -spec.gravity[2]
    if gravity <= 0:
        return False
    height = reference.true_path(stretch.name)[stretch.frames, 1]
    fit = fit_polynomial(height, np.array(spec.seconds)[stretch.frames], 2)
    return bool(abs(2 * fit.coefficients[2] + gravity) <= _FLAT_TOLERANCE * gravity)


def gravity_errors(reference: Reference, tracks: Tracks) -> list[LawError]:
    """Fit one constant acceleration to each flight: |a_vertical - g| / |g|, plus what the fit leaves unexplained.

    The residual of the fit is counted relative to the distance fallen from rest in the time of the stretch.
    """
    spec, _, _ = reference.clip.labelled
    gravity = abs(spec.gravity[2])
    found = []
    for stretch in gravity_stretches(reference):
        position, seconds, share = tracked_path(reference, stretch, tracks.of(stretch.name), tracks.seconds, axis=1)
        try:
            fit = fit_polynomial(position, seconds, 2)
        except TrackTooShortError:
            error = WORST_ERROR
        else:
            fallen = 0.5 * gravity * float(np.ptp(seconds)) ** 2
            error = abs(2 * fit.coefficients[2] + gravity) / gravity + fit.residual / fallen
        found.append(LawError("gravity", stretch.name, min(float(error), WORST_ERROR), share, len(stretch.frames)))
    return found


@lru_cache(maxsize=4)
def velocity_stretches(reference: Reference) -> list[tuple[Stretch, float]]:
    """Return the stretches with a steady horizontal velocity over 6 % of the image or more, and the velocity, m/s."""
    spec, _, trajectory = reference.clip.labelled
    seconds, found = np.array(spec.seconds), []
    for stretch in glides(reference):
        path = reference.true_path(stretch.name)[stretch.frames]
        fit = fit_polynomial(path[:, 0], seconds[stretch.frames], 1)
        distance = abs(fit.coefficients[1]) * float(np.ptp(seconds[stretch.frames]))
        pixels = reference.view.project(trajectory.position[stretch.frames, spec.body_index(stretch.name)])[:, 0]
        if np.ptp(pixels) >= _MIN_WIDTHS * spec.width and fit.residual <= 0.05 * distance:
            found.append((stretch, float(fit.coefficients[1])))
    return found


def velocity_errors(reference: Reference, tracks: Tracks) -> list[LawError]:
    """Fit one constant horizontal velocity to each stretch: |v_fit - v_ref| / |v_ref|, plus the relative residual."""
    found = []
    for stretch, expected in velocity_stretches(reference):
        position, seconds, share = tracked_path(reference, stretch, tracks.of(stretch.name), tracks.seconds, axis=0)
        try:
            fit = fit_polynomial(position, seconds, 1)
        except TrackTooShortError:
            error = WORST_ERROR
        else:
            distance = abs(expected) * float(np.ptp(seconds))
            error = abs(fit.coefficients[1] - expected) / abs(expected) + fit.residual / distance
        found.append(LawError("velocity", stretch.name, min(float(error), WORST_ERROR), share, len(stretch.frames)))
    return found


def mean_error(errors: list[LawError]) -> float:
    """Return the mean over the frames of all stretches; frames without the object count as the worst."""
    frames = sum(e.frames for e in errors)
    return sum(e.frames * (e.share * e.error + (1 - e.share) * WORST_ERROR) for e in errors) / frames
