"""Free motion: errors against gravity and inertia on contact-free segments, and the skill made of them."""

from dataclasses import dataclass
from functools import lru_cache
from typing import ClassVar, Literal

import numpy as np

from eval.metrics.contact_free import Stretch, airborne_segments, collision_free_segments, fit_polynomial, tracked_path
from eval.metrics.metric import MetricInfo
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
    return [stretch for stretch in airborne_segments(reference) if _is_flat(reference, stretch)]


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
    for stretch in collision_free_segments(reference):
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


class GravityError:
    """Relative error of the fall: 0 falls as the scene says, 1 hovers, 2 falls upward or is not there.

    The tracked centroid is lifted to metres and one constant acceleration is fitted to the frames in which the
    reference object touches nothing: |a_vertical - g| / |g| + (residual of the fit) / (distance fallen from rest).
    Mean over the flights of all objects, weighted by frames; a frame in which the object is not seen whole counts as 2.

    Source: Galilei (1638), Two New Sciences, Third Day.
    """

    info: ClassVar[MetricInfo] = MetricInfo(
        name="gravity_error",
        summary="free objects fall with the acceleration of the scene",
        unit="1 (relative)",
        direction="lower",
        best=0.0,
        worst=WORST_ERROR,
        needs=("trajectory", "contacts", "camera", "amodal_masks"),
        source="Galilei (1638), Two New Sciences, Third Day",
    )

    def refuses(self, reference: Reference) -> str | None:
        """Return a reason where no object flies freely, in view and across the camera's axis, for 5 frames."""
        return None if gravity_stretches(reference) else "no object flies freely for 5 frames in view"

    def score(self, reference: Reference, tracks: Tracks) -> float:
        """Return the error in [0, 2]."""
        return mean_error(gravity_errors(reference, tracks))


class VelocityError:
    """Relative error of the horizontal velocity: 0 keeps it, 1 stands still, 2 goes backwards or is not there.

    One straight line is fitted to the lifted horizontal coordinate between two collisions, across occlusions too:
    |v_fit - v_ref| / |v_ref| + (residual of the fit) / (distance of the reference). Mean over the stretches of all
    objects, weighted by frames; a frame in which the object is not seen whole
    counts as 2.

    Source: Newton (1687), Principia, Lex I.
    """

    info: ClassVar[MetricInfo] = MetricInfo(
        name="velocity_error",
        summary="objects without horizontal forces keep their velocity",
        unit="1 (relative)",
        direction="lower",
        best=0.0,
        worst=WORST_ERROR,
        needs=("trajectory", "contacts", "camera", "amodal_masks"),
        source="Newton (1687), Principia, Lex I",
    )

    def refuses(self, reference: Reference) -> str | None:
        """Return a reason where no object crosses 6 % of the image at a steady horizontal velocity, in view."""
        return None if velocity_stretches(reference) else "no object moves steadily across the view"

    def score(self, reference: Reference, tracks: Tracks) -> float:
        """Return the error in [0, 2]."""
        return mean_error(velocity_errors(reference, tracks))


TOLERANCE = 0.1
"""Relative error that tracker noise makes in the shortest stretches."""


class FreeMotion:
    """Skill over an object that does not move: 1 obeys gravity and inertia, 0 is no better than standing still.

    Each stretch gives max(0, 1 - error) x (share of its frames in which the object is seen whole), with the errors of
    ``gravity_error`` and ``velocity_error``, from which 0.1 is free (the rest is stretched, so that an error of 1 stays
    0). An object's skill is the worst of its laws, so that drifting on correctly does not excuse hovering; the scene's
    is the mean over its moving objects. A frozen picture gets 0 by construction.

    Source: skill scores against persistence, Murphy (1988), Monthly Weather Review 116.
    """

    info: ClassVar[MetricInfo] = MetricInfo(
        name="free_motion",
        summary="free objects follow gravity and inertia; standing still scores 0",
        unit="1",
        direction="higher",
        best=1.0,
        worst=0.0,
        needs=("trajectory", "contacts", "camera", "amodal_masks"),
        source="skill against persistence: Murphy (1988), Monthly Weather Review 116",
    )

    def refuses(self, reference: Reference) -> str | None:
        """Return a reason where neither law can be tested."""
        if gravity_stretches(reference) or velocity_stretches(reference):
            return None
        return "no object falls or moves steadily in view"

    def score(self, reference: Reference, tracks: Tracks) -> float:
        """Return the skill in [0, 1]."""
        by_law: dict[tuple[str, str], list[LawError]] = {}
        for item in gravity_errors(reference, tracks) + velocity_errors(reference, tracks):
            by_law.setdefault((item.name, item.law), []).append(item)
        by_object: dict[str, list[float]] = {}
        for (name, _), items in by_law.items():
            skills = [min(1.0, max(0.0, 1.0 - item.error) / (1.0 - TOLERANCE)) * item.share for item in items]
            by_object.setdefault(name, []).append(float(np.average(skills, weights=[item.frames for item in items])))
        return float(np.mean([min(skills) for skills in by_object.values()]))
