"""Is each object still the one it was?"""

from typing import ClassVar

import numpy as np
from scipy.optimize import linear_sum_assignment

from eval.metrics.base import MetricInfo
from eval.metrics.sightings import alike, due, info, uncalled
from eval.perception.tracks import Tracks
from eval.public.hota import Detections
from eval.public.identity import idf1
from eval.reference import Reference


class Identity:
    """IDF1 = 2 IDTP / (2 IDTP + IDFP + IDFN) of the sightings due, under the best match of identities.

    In each frame the objects found stand for the true ones so that the total distance is least; what they are off by
    does not matter, who stands where does. Objects of one colour may exchange places: no picture shows it. Pieces that
    are no object are false; while the reference hides an object, nothing is asked.

    Source: Ristani et al. (2016), Performance measures and a data set for multi-target tracking.
    """

    info: ClassVar[MetricInfo] = info(
        "identity", "each object stays the one it was", "Ristani et al. (2016), ECCV workshops"
    )

    def refuses(self, reference: Reference) -> str | None:
        """Return a reason where no object of the first frame is seen well in any frame."""
        return None if due(reference) else "no object of the first frame is seen well"

    def score(self, reference: Reference, tracks: Tracks) -> float:
        """Return IDF1 in [0, 1]."""
        strange = uncalled(reference, tracks)
        return idf1([_frame(reference, tracks, k, int(strange[k])) for k in np.flatnonzero(reference.scored)])


def _frame(reference: Reference, tracks: Tracks, frame: np.intp, strange: int) -> Detections:
    """Return what is due and found in a frame; overlap is 1 where a found object stands for a true one, else 0."""
    colors = alike(reference)
    true = [number for number, visible in due(reference).items() if visible[frame]]
    named = {number: tracks.of(reference.tracked[number]) for number in true}
    found = [number for number in true if named[number].presence[frame]]
    overlap = np.zeros((len(true), len(found) + strange))
    ids = list(found)
    if found:
        places = np.array([reference.silhouette(number).centroid[frame] for number in true])
        shown = np.array([named[number].centroid[frame] for number in found])
        distance = np.linalg.norm(places[:, None] - shown[None], axis=-1)
        # Two that are closer to each other than their size cannot be said to have changed places.
        size = np.array([reference.silhouette(number).diameter for number in true])
        own = np.array([[a == b for b in found] for a in true])
        distance = np.where(own, np.maximum(distance - size[:, None], 0.0), distance)
        for row, column in zip(*linear_sum_assignment(distance), strict=True):
            overlap[row, column] = 1.0
            if colors[reference.tracked[true[row]]] == colors[reference.tracked[found[column]]]:
                ids[column] = true[row]
    ids += [-1 - k for k in range(strange)]
    return Detections(np.array(true, dtype=int), np.array(ids, dtype=int), overlap)
