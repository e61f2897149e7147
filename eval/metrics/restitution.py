"""Do objects come out of an impact as fast as they should?"""

from typing import ClassVar

import numpy as np

from eval.metrics.base import MetricInfo
from eval.metrics.impacts import Impact, Kink, impacts, measure
from eval.perception.tracks import Tracks
from eval.reference import Reference

TOLERANCE = 0.1
"""Difference of two restitutions that tracker noise can make."""

_MIN_RESTITUTION = 0.2
_IN_PLANE = 0.9
_MIN_PIXELS = 2.0
_FRAMES = 3


class Restitution:
    """Skill of the bounces: 1 keeps the simulation's ratio of speeds, 0 sticks, passes through, or is as far off.

    Restitution is speed apart over speed together along the contact's normal, from two arcs fitted to the tracked paths
    about the impact. Skill: 1 - (|difference| - 0.1) / (the reference's), which is 0 for a ball that sticks, times the
    share of frames in which the objects are seen whole. Bounces that gain or lose too much are alike wrong.

    Source: Newton (1687), Principia, scholium to the laws of motion (the ratio of relative speeds).
    """

    info: ClassVar[MetricInfo] = MetricInfo(
        name="restitution",
        summary="bounces return the share of the speed that the scene's materials do",
        unit="1",
        direction="higher",
        best=1.0,
        worst=0.0,
        needs=("trajectory", "contacts", "camera", "amodal_masks"),
        source="Newton (1687), Principia, scholium to the laws of motion",
    )

    def refuses(self, reference: Reference) -> str | None:
        """Return a reason where no clean bounce lies across the camera's axis."""
        return None if _bounces(reference) else "no clean bounce across the camera's axis"

    def score(self, reference: Reference, tracks: Tracks) -> float:
        """Return the skill in [0, 1], the mean over bounces."""
        return float(np.mean([_skill(reference, tracks, *bounce) for bounce in _bounces(reference)]))


def ratio(impact: Impact, kinks: dict[str, Kink]) -> tuple[float, float]:
    """Return (restitution, speed together in m/s) of an impact; restitution is 0 where nothing comes together."""
    normal = impact.normal / np.linalg.norm(impact.normal)
    together = apart = 0.0
    for side, sign in ((impact.first, 1.0), (impact.second, -1.0)):
        if side is not None:
            together += sign * float(kinks[side.name].before @ normal)
            apart -= sign * float(kinks[side.name].after @ normal)
    return (apart / together if together > 0 else 0.0), together


def _bounces(reference: Reference) -> list[tuple[Impact, float]]:
    spec, _, _ = reference.clip.labelled
    found = []
    for impact in impacts(reference):
        if np.linalg.norm(impact.normal) < _IN_PLANE:
            continue
        value, together = ratio(impact, {side.name: side.kink for side in impact.sides})
        least = _MIN_PIXELS * max(reference.metres_per_pixel(side.name) for side in impact.sides)
        if value >= _MIN_RESTITUTION and together * _FRAMES / spec.frame_rate >= least:
            found.append((impact, value))
    return found


def _skill(reference: Reference, tracks: Tracks, impact: Impact, expected: float) -> float:
    kinks, shares = {}, []
    for side in impact.sides:
        kink, share = measure(reference, side, tracks)
        if kink is None:
            return 0.0
        kinks[side.name] = kink
        shares.append(share)
    value, together = ratio(impact, kinks)
    if together * _FRAMES / reference.clip.meta.frame_rate < reference.metres_per_pixel(impact.sides[0].name):
        return 0.0
    return max(0.0, 1.0 - max(0.0, abs(value - expected) - TOLERANCE) / expected) * min(shares)
