"""Do objects go on existing while they should be seen, and does nothing else appear?"""

from typing import ClassVar

import numpy as np

from eval.metrics.base import MetricInfo
from eval.perception.tracks import Tracks
from eval.reference import Reference


class ObjectPermanence:
    """Share of the object sightings due that are there, with uncalled-for objects counted against it.

    TP / (TP + FN + FP): a cell is one object in one frame in which the reference shows it; TP cells have the object,
    FN cells lack it, FP are blobs that match no object (less the objects that enter the reference later). Cells in
    which the reference hides the object ask for nothing. Vanishing, blinking, splitting, a changed colour and a late
    return each lower it; where objects are does not matter here.

    Source: Jaccard (1912) index over object cells; the events are those of Baillargeon, Spelke, Wasserman (1985).
    """

    info: ClassVar[MetricInfo] = MetricInfo(
        name="object_permanence",
        summary="objects stay there, look the same, and nothing else appears",
        unit="1",
        direction="higher",
        best=1.0,
        worst=0.0,
        needs=("instance_ids", "amodal_masks"),
        source="Jaccard (1912); Baillargeon, Spelke, Wasserman (1985)",
    )

    def refuses(self, reference: Reference) -> str | None:
        """Return a reason where no object of the first frame is seen well in any frame."""
        seen = any(reference.visible(number).any() for number in reference.present_at_start)
        return None if seen else "no object of the first frame is seen well"

    def score(self, reference: Reference, tracks: Tracks) -> float:
        """Return the index in [0, 1]."""
        hits = due = 0
        for number, name in reference.present_at_start.items():
            visible = reference.visible(number)
            due += int(visible.sum())
            hits += int((visible & tracks.of(name).presence).sum())
        late = [reference.visible(i) for i in reference.tracked if i not in reference.present_at_start]
        expected = np.sum(late, axis=0) if late else np.zeros_like(tracks.births)
        uncalled = int(np.maximum(tracks.births - expected, 0).sum())
        return hits / (due + uncalled)
