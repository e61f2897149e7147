"""Composite scores: object permanence, motion realism and their geometric mean."""

from math import sqrt
from typing import ClassVar

from eval.metrics.containment import Containment
from eval.metrics.energy import Energy
from eval.metrics.free_motion import FreeMotion
from eval.metrics.identity import Attributes, Identity
from eval.metrics.impact_metrics import ContactTime, Momentum, Restitution
from eval.metrics.metric import Metric, MetricInfo
from eval.metrics.motion_skill import AccelerationSkill, PositionSkill, VelocitySkill
from eval.metrics.resting import Drift, Rest
from eval.metrics.visibility import Count, Reappearance, Survival, info
from eval.perception.tracks import Tracks
from eval.reference import Reference

COMPONENTS: tuple[Metric, ...] = (Survival(), Reappearance(), Containment(), Count(), Identity(), Attributes())


class ObjectPermanence:
    """The least of the components that apply: survival, reappearance, containment, count, identity, attributes.

    The minimum, and not a mean: an object that keeps its place, number and identity but changes its colour is as
    impossible as one that vanishes, and the parts that are right must not outvote the one that is wrong. Each
    component lets the tracker's own error pass, so that the minimum stays near 1 for the truth.

    Source: this project; the events are those of Baillargeon, Spelke, Wasserman (1985).
    """

    info: ClassVar[MetricInfo] = info(
        "object_permanence",
        "objects persist, keep their appearance, and no others appear",
        "this project; Baillargeon, Spelke, Wasserman (1985)",
        "rgb",
    )

    def refuses(self, reference: Reference) -> str | None:
        """Return a reason where no component applies: no object is seen well in any frame."""
        applies = any(metric.refuses(reference) is None for metric in COMPONENTS)
        return None if applies else "no object is seen well in any frame"

    def score(self, reference: Reference, tracks: Tracks) -> float:
        """Return the least component, in [0, 1]."""
        return min(self.components(reference, tracks).values())

    def components(self, reference: Reference, tracks: Tracks) -> dict[str, float]:
        """Return the components that apply by name, each in [0, 1]."""
        return {m.info.name: m.score(reference, tracks) for m in COMPONENTS if m.refuses(reference) is None}


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


class Overall:
    """Geometric mean of object permanence and motion realism: zero when either is zero.

    A frozen picture keeps its objects but does not move; a video whose object vanishes may have moved it well until
    then. Neither may be called good, which an arithmetic mean would do.

    Source: this project.
    """

    info: ClassVar[MetricInfo] = MetricInfo(
        name="overall",
        summary="geometric mean of object permanence and motion realism",
        unit="1",
        direction="higher",
        best=1.0,
        worst=0.0,
        needs=("trajectory", "contacts", "camera", "instance_ids", "amodal_masks"),
        source="this project",
    )

    def refuses(self, reference: Reference) -> str | None:
        """Return a reason where either part does not apply."""
        return ObjectPermanence().refuses(reference) or MotionRealism().refuses(reference)

    def score(self, reference: Reference, tracks: Tracks) -> float:
        """Return the mean in [0, 1]."""
        return sqrt(ObjectPermanence().score(reference, tracks) * MotionRealism().score(reference, tracks))
