"""Do free objects fall and keep their velocity better than objects that do not move?"""

from typing import ClassVar

import numpy as np

from eval.metrics.base import MetricInfo
from eval.metrics.laws import LawError, gravity_errors, gravity_stretches, velocity_errors, velocity_stretches
from eval.perception.tracks import Tracks
from eval.reference import Reference

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
        summary="free objects move as gravity and inertia make them; standing still is 0",
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
