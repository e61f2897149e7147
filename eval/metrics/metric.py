"""What a metric is, and what it says of one scene."""

from dataclasses import dataclass
from typing import ClassVar, Literal, Protocol, runtime_checkable

from eval.perception.tracks import Tracks
from eval.reference import Reference


@dataclass(frozen=True)
class MetricInfo:
    """What a reader of a score must know.

    best, worst:  the ends of the scale; a video that cannot be read gets ``worst``, and no value lies beyond it
    needs:        labels of the reference that are used
    source:       where the definition comes from
    """

    name: str
    summary: str
    unit: str
    direction: Literal["higher", "lower"]
    best: float
    worst: float
    needs: tuple[str, ...]
    source: str


@runtime_checkable
class Metric(Protocol):
    """One number per scene.

    Whether a metric applies to a scene is decided from the reference alone, so every system is averaged over the same
    scenes and none can escape a scene by failing in it.
    """

    info: ClassVar[MetricInfo]

    def refuses(self, reference: Reference) -> str | None:
        """Return why the metric says nothing of this scene, or None where it applies."""
        ...

    def score(self, reference: Reference, tracks: Tracks) -> float:
        """Return the value for a scene to which the metric applies, never NaN."""
        ...
