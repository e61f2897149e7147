"""Are objects there whenever they should be seen?"""

from typing import ClassVar

import numpy as np

from eval.metrics.base import MetricInfo
from eval.metrics.sightings import MIN_STRETCH, due, info, stretches
from eval.perception.tracks import Tracks
from eval.reference import Reference


class Survival:
    """Share of the sightings due that are there, half by frame and half by stretch of sight.

    Per object: (recall over its frames of sight + mean recall over its stretches of sight) / 2, so that a short
    reappearance after a long time in view counts as much as that time. Mean over the objects of the first frame.

    Source: recall per object; the events are those of Baillargeon, Spelke, Wasserman (1985).
    """

    info: ClassVar[MetricInfo] = info(
        "survival", "objects are there whenever they should be seen", "Baillargeon, Spelke, Wasserman (1985)"
    )

    def refuses(self, reference: Reference) -> str | None:
        """Return a reason where no object of the first frame is seen well in any frame."""
        return None if due(reference) else "no object of the first frame is seen well"

    def score(self, reference: Reference, tracks: Tracks) -> float:
        """Return the share in [0, 1]."""
        shares = []
        for number, visible in due(reference).items():
            presence = tracks.of(reference.tracked[number]).presence
            recall = float(presence[visible].mean())
            runs = [run for run in stretches(visible) if len(run) >= MIN_STRETCH]
            shares.append((recall + np.mean([presence[run].mean() for run in runs] or [recall])) / 2)
        return float(np.mean(shares))
