"""IDF1: the share of detections that carry the right identity, under the best one-to-one match of identities."""

from collections.abc import Sequence
from typing import ClassVar

import numpy as np
from scipy.optimize import linear_sum_assignment

from eval.public.base import Comparison, PublicMeasureInfo
from eval.public.hota import Detections, mask_detections

OVERLAP = 0.5


def idf1(frames: Sequence[Detections], overlap: float = OVERLAP) -> float:
    """Return 2 IDTP / (2 IDTP + IDFP + IDFN) of one sequence; 0 where nothing is to be found, or nothing is.

    A found object can stand for a true one in the frames in which they overlap by at least ``overlap``. Identities are
    matched once for the whole sequence, or left unmatched, so that the fewest detections are wrong.

    Source: Ristani et al. (2016), Performance measures and a data set for multi-target tracking.
    """
    true_ids = np.unique(np.concatenate([frame.true_ids for frame in frames]))
    found_ids = np.unique(np.concatenate([frame.found_ids for frame in frames]))
    if not len(true_ids) or not len(found_ids):
        return 0.0
    shared = np.zeros((len(true_ids), len(found_ids)))
    for frame in frames:
        rows, columns = np.searchsorted(true_ids, frame.true_ids), np.searchsorted(found_ids, frame.found_ids)
        shared[np.ix_(rows, columns)] += frame.overlap >= overlap
    hits = shared[linear_sum_assignment(-shared)].sum()
    total = sum(len(frame.true_ids) + len(frame.found_ids) for frame in frames)
    return float(2 * hits / total)


class Idf1:
    """IDF1 of the objects' masks at an IoU of one half."""

    info: ClassVar[PublicMeasureInfo] = PublicMeasureInfo(
        name="idf1",
        unit="1",
        direction="higher",
        defects="asks for half an overlap, so a shift of a third of a diameter counts as a lost object",
        source="Ristani et al. (2016), ECCV workshops; JonathonLuiten/TrackEval trackeval/metrics/identity.py",
    )

    def measure(self, pair: Comparison) -> float:
        """Return the share in [0, 1]."""
        return idf1(mask_detections(pair.reference_ids, pair.video_ids))
