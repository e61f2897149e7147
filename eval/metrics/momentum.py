"""Do two objects that meet keep their momentum together?"""

from typing import ClassVar

import numpy as np

from eval.metrics.base import MetricInfo
from eval.metrics.impacts import Impact, impacts, measure
from eval.perception.tracks import Tracks
from eval.reference import Reference

TOLERANCE = 0.1
"""Part of the exchanged momentum that tracker noise and friction can take."""

_MIN_PIXELS = 2.0
_FRAMES = 3


class Momentum:
    """1 where what one object loses the other gains, 0 where the sum is off by all that should be exchanged.

    Horizontal velocities across the camera's axis are taken from arcs fitted to both tracked paths about an impact,
    masses from the reference. The residual is |change of the sum - the reference's| / (momentum exchanged in the
    reference), of which 0.1 is free. Where less than half of it is exchanged, the score falls with that, down to 0:
    objects that never meet conserve nothing. A frame in which an object is not seen whole counts as 0.

    Source: Newton (1687), Principia, Corollary III to the laws of motion.
    """

    info: ClassVar[MetricInfo] = MetricInfo(
        name="momentum",
        summary="objects that meet exchange momentum and keep its sum",
        unit="1",
        direction="higher",
        best=1.0,
        worst=0.0,
        needs=("trajectory", "contacts", "masses", "camera", "amodal_masks"),
        source="Newton (1687), Principia, Corollary III to the laws of motion",
    )

    def refuses(self, reference: Reference) -> str | None:
        """Return a reason where no two followed objects exchange horizontal momentum in view."""
        return None if _exchanges(reference) else "no two objects exchange momentum across the camera's axis in view"

    def score(self, reference: Reference, tracks: Tracks) -> float:
        """Return the score in [0, 1], the mean over impacts."""
        return float(np.mean([_score(reference, tracks, *item) for item in _exchanges(reference)]))


def _exchanges(reference: Reference) -> list[tuple[Impact, float]]:
    """Return impacts of two followed objects, and the momentum exchanged, kg m/s."""
    spec, _, _ = reference.clip.labelled
    found = []
    for impact in impacts(reference):
        if len(impact.sides) < 2:
            continue
        bends = [abs(side.kink.change[0]) * _FRAMES / spec.frame_rate for side in impact.sides]
        pixels = [bend / reference.metres_per_pixel(s.name) for bend, s in zip(bends, impact.sides, strict=True)]
        if max(pixels) >= _MIN_PIXELS:
            exchanged = 0.5 * sum(side.mass * abs(float(side.kink.change[0])) for side in impact.sides)
            found.append((impact, exchanged))
    return found


def _score(reference: Reference, tracks: Tracks, impact: Impact, exchanged: float) -> float:
    surplus = moved = 0.0
    shares = []
    for side in impact.sides:
        kink, share = measure(reference, side, tracks)
        if kink is None:
            return 0.0
        surplus += side.mass * float(kink.change[0] - side.kink.change[0])
        moved += 0.5 * side.mass * abs(float(kink.change[0]))
        shares.append(share)
    residual = max(0.0, abs(surplus) / exchanged - TOLERANCE)
    return max(0.0, 1.0 - residual) * min(1.0, 2 * moved / exchanged) * min(shares)
