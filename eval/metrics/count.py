"""Are there as many objects as there should be?"""

from typing import ClassVar

import numpy as np

from eval.metrics.base import MetricInfo
from eval.metrics.sightings import expected_late, info, near
from eval.perception.tracks import Tracks
from eval.reference import Reference


class Count:
    """1 - ∫|n - n*| / ∫n*, at least 0: n objects and strange pieces are seen, n* are due.

    An object that is partly covered, or was seen a frame ago, may be counted or not, so n* is a range; objects that
    enter later belong to it, and a video that never shows them is short of them.

    Source: this project; count errors as in Baillargeon, Spelke, Wasserman (1985).
    """

    info: ClassVar[MetricInfo] = info("count", "as many objects are seen as should be", "this project")

    def refuses(self, reference: Reference) -> str | None:
        """Return a reason where nothing is seen well in any frame."""
        return None if _bounds(reference)[0].any() else "no object is seen well in any frame"

    def score(self, reference: Reference, tracks: Tracks) -> float:
        """Return the score in [0, 1]."""
        low, high = _bounds(reference)
        number = tracks.births + np.sum([track.presence for track in tracks.tracks], axis=0, dtype=np.int64)
        error = np.maximum(number - high, 0) + np.maximum(low - number, 0)
        return max(0.0, 1.0 - float(error[reference.scored].sum() / low.sum()))


def _bounds(reference: Reference) -> tuple[np.ndarray, np.ndarray]:
    low, high = expected_late(reference)
    for number in reference.present_at_start:
        low = low + reference.visible(number)
        high = high + near(reference.silhouette(number).seen > 0)
    return low, high
