"""Do objects go on existing, as themselves, seen or not, and does nothing else appear?"""

from typing import ClassVar

from eval.metrics.attributes import Attributes
from eval.metrics.base import Metric, MetricInfo
from eval.metrics.containment import Containment
from eval.metrics.count import Count
from eval.metrics.identity import Identity
from eval.metrics.reappearance import Reappearance
from eval.metrics.sightings import info
from eval.metrics.survival import Survival
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
        "objects go on existing, look the same, and nothing else appears",
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
