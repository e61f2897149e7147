"""Do objects at rest creep?"""

from typing import ClassVar

import numpy as np

from eval.metrics.base import MetricInfo
from eval.metrics.intervals import fit_polynomial
from eval.metrics.resting import displacement, rests
from eval.perception.tracks import Tracks
from eval.reference import Reference
from physics_data.core.errors import TrackTooShortError

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
        summary="objects at rest do not creep",
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
