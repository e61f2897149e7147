"""Do objects speed up, slow down and turn as the simulation makes them?"""

from typing import ClassVar

import numpy as np

from eval.metrics.base import MetricInfo
from eval.metrics.moving import challenges, skills
from eval.perception.tracks import Tracks
from eval.reference import Reference

_ORDER = 2


class AccelerationSkill:
    """Skill of the tracked acceleration over the best dummy: 1 is the simulation's, 0 no better than without physics.

    1 - error / error of the dummy, the error being the mean distance between the tracked and the true acceleration of
    the centroid, lifted to metres (a parabola through 7 frames). Dummies: frozen, first velocity kept, the same up to
    the image border. From both errors goes what half a pixel of tracker noise makes. Mean over the objects that move.

    Source: skill scores against a reference forecast, Murphy (1988), Monthly Weather Review 116.
    """

    info: ClassVar[MetricInfo] = MetricInfo(
        name="acceleration_skill",
        summary="objects have the acceleration of the simulation; the best physics-free path is 0",
        unit="1",
        direction="higher",
        best=1.0,
        worst=0.0,
        needs=("trajectory", "camera", "amodal_masks", "instance_ids"),
        source="skill against a reference forecast: Murphy (1988), Monthly Weather Review 116",
    )

    def refuses(self, reference: Reference) -> str | None:
        """Return a reason where no object's acceleration differs measurably from every dummy's."""
        if challenges(reference, _ORDER):
            return None
        return "no object, seen whole, has a acceleration that pixels tell from standing still"

    def score(self, reference: Reference, tracks: Tracks) -> float:
        """Return the skill in [0, 1]."""
        return float(np.mean(list(skills(reference, tracks, _ORDER).values())))
