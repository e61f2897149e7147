"""Do objects move as the scene's forces make them?"""

from typing import ClassVar

from eval.metrics.base import Metric, MetricInfo
from eval.metrics.contact_time import ContactTime
from eval.metrics.drift import Drift
from eval.metrics.energy import Energy
from eval.metrics.free_motion import FreeMotion
from eval.metrics.momentum import Momentum
from eval.metrics.motion_skill import AccelerationSkill, PositionSkill, VelocitySkill
from eval.metrics.rest import Rest
from eval.metrics.restitution import Restitution
from eval.perception.tracks import Tracks
from eval.reference import Reference

_SKILLS: tuple[Metric, ...] = (FreeMotion(), PositionSkill(), VelocitySkill(), AccelerationSkill())
_LAWS: tuple[Metric, ...] = (ContactTime(), Restitution(), Momentum(), Energy(), Rest(), Drift())


class MotionRealism:
    """The worst of the components of motion that apply to the scene, each put on the scale from 0 to 1.

    free_motion, position_skill, velocity_skill, acceleration_skill, contact_time, restitution, momentum, energy, rest,
    and 1 - drift. The worst counts, and not a mean of any kind: one broken law makes a motion impossible however well
    the others are kept, and with ten components even a geometric mean gives 0.93 to a video with one of them at 1/2.
    Every component forgives the tracker's noise by itself, so that the worst of many is still 1 at the truth.

    Conservation alone is no motion (a still picture conserves everything), so the metric applies where one of the
    first four does: those are 0 for a still picture by construction.

    Source: this project.
    """

    info: ClassVar[MetricInfo] = MetricInfo(
        name="motion_realism",
        summary="the worst component of motion: skill over physics-free paths, impacts, conservation, rest",
        unit="1",
        direction="higher",
        best=1.0,
        worst=0.0,
        needs=("trajectory", "contacts", "masses", "camera", "amodal_masks", "instance_ids"),
        source="this project",
    )

    def refuses(self, reference: Reference) -> str | None:
        """Return a reason where no object moves in a way that pixels can tell from standing still."""
        if any(skill.refuses(reference) is None for skill in _SKILLS):
            return None
        return "no object moves measurably in view"

    def score(self, reference: Reference, tracks: Tracks) -> float:
        """Return the score in [0, 1]."""
        return min(self.components(reference, tracks).values())

    def components(self, reference: Reference, tracks: Tracks) -> dict[str, float]:
        """Return the components that apply, each on the scale from 0 (worst) to 1 (best)."""
        applying = [metric for metric in _SKILLS + _LAWS if metric.refuses(reference) is None]
        found = {}
        for metric in applying:
            best, worst = metric.info.best, metric.info.worst
            found[metric.info.name] = (metric.score(reference, tracks) - worst) / (best - worst)
        return found
