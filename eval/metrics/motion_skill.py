"""Are objects where, as fast and as fast changing as the simulation has them?"""

from typing import ClassVar

import numpy as np

from eval.metrics.base import MetricInfo
from eval.metrics.moving import challenges, skills
from eval.perception.tracks import Tracks
from eval.reference import Reference

_SOURCE = "skill against a reference forecast: Murphy (1988), Monthly Weather Review 116"


class MotionSkill:
    """Skill of one derivative of the tracked path over the best dummy: 1 is the simulation's, 0 that without physics.

    1 - error / error of the dummy, the error being the mean distance between the tracked and the true derivative of the
    centroid, lifted to metres. Dummies: frozen, first velocity kept, the same up to the image border. From both errors
    goes what half a pixel of tracker noise makes. Mean over the objects that move.

    Source: skill scores against a reference forecast, Murphy (1988), Monthly Weather Review 116.
    """

    info: ClassVar[MetricInfo]
    order: ClassVar[int]
    quantity: ClassVar[str]

    def refuses(self, reference: Reference) -> str | None:
        """Return a reason where no object's motion differs measurably from every dummy's."""
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
