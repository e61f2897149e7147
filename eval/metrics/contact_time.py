"""Do impacts happen when the simulation has them?"""

from typing import ClassVar

import numpy as np

from eval.metrics.base import MetricInfo
from eval.metrics.impacts import Side, impacts, is_seen, measure
from eval.metrics.moving import NOISE_PIXELS
from eval.perception.tracks import Tracks
from eval.reference import Reference


class ContactTime:
    """Skill of the times of impacts: 1 at the time of the simulation, 0 where none is seen near it.

    Two arcs that meet are fitted to the tracked path about each impact, and the same to the reference's. The skill is
    1 - (difference of the times they meet, s) / (time from the impact to the nearer end of the fitted stretch, s),
    times the share of frames in which the object is seen whole. Half a frame interval and what half a pixel of tracker
    noise moves the kink are free. Where the velocity changes by less than a quarter of what is due, there is no
    impact: 0.

    Source: this project.
    """

    info: ClassVar[MetricInfo] = MetricInfo(
        name="contact_time",
        summary="impacts happen at their time",
        unit="1",
        direction="higher",
        best=1.0,
        worst=0.0,
        needs=("trajectory", "contacts", "camera", "amodal_masks"),
        source="this project",
    )

    def refuses(self, reference: Reference) -> str | None:
        """Return a reason where no impact is seen clearly."""
        return None if impacts(reference) else "no impact with three clear frames before and after it"

    def score(self, reference: Reference, tracks: Tracks) -> float:
        """Return the skill in [0, 1], the mean over impacts of the worse of its two objects."""
        worst = []
        for impact in impacts(reference):
            bent = [side for side in impact.sides if _bend(reference, side) >= NOISE_PIXELS]
            worst.append(min(_skill(reference, side, tracks) for side in bent or impact.sides))
        return float(np.mean(worst))


def _bend(reference: Reference, side: Side) -> float:
    """Return by how many pixels a frame the velocity changes."""
    spec, _, _ = reference.clip.labelled
    change = float(np.linalg.norm(side.kink.change))
    return change / spec.frame_rate / reference.metres_per_pixel(side.name)


def _skill(reference: Reference, side: Side, tracks: Tracks) -> float:
    spec, _, _ = reference.clip.labelled
    kink, share = measure(reference, side, tracks)
    if kink is None or not is_seen(side, kink):
        return 0.0
    seconds = np.array(spec.seconds)[side.frames]
    reach = min(side.kink.seconds - seconds[0], seconds[-1] - side.kink.seconds)
    free = (0.5 + NOISE_PIXELS / max(_bend(reference, side), NOISE_PIXELS)) / spec.frame_rate
    late = max(0.0, abs(kink.seconds - side.kink.seconds) - free)
    return max(0.0, 1.0 - late / reach) * share
