"""One number per scene in which neither permanence nor motion can outvote the other."""

from math import sqrt
from typing import ClassVar

from eval.metrics.base import MetricInfo
from eval.metrics.motion_realism import MotionRealism
from eval.metrics.object_permanence import ObjectPermanence
from eval.perception.tracks import Tracks
from eval.reference import Reference


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
