"""Impacts: time of contact, restitution, exchange of momentum."""

from typing import ClassVar

import numpy as np

from eval.metrics.impact_fit import Impact, ImpactFit, Side, impacts, is_seen, measure
from eval.metrics.metric import MetricInfo
from eval.metrics.motion_skill import NOISE_PIXELS
from eval.perception.tracks import Tracks
from eval.reference import Reference


class ContactTime:
    """Skill of the times of impacts: 1 at the time of the simulation, 0 where none is seen near it.

    Two arcs that meet are fitted to the tracked path about each impact, and the same to the reference's. The skill is
    1 - (difference of the times they meet, s) / (time from the impact to the nearer end of the fitted stretch, s),
    times the share of frames in which the object is seen whole. Half a frame interval and what half a pixel of tracker
    noise moves the fit are free. Where the velocity changes by less than a quarter of what is due, there is no
    impact: 0.

    Source: this project.
    """

    info: ClassVar[MetricInfo] = MetricInfo(
        name="contact_time",
        summary="impacts happen at the right time",
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
            worst.append(min(_time_skill(reference, side, tracks) for side in bent or impact.sides))
        return float(np.mean(worst))


def _bend(reference: Reference, side: Side) -> float:
    """Return by how many pixels a frame the velocity changes."""
    spec, _, _ = reference.clip.labelled
    change = float(np.linalg.norm(side.fit.change))
    return change / spec.frame_rate / reference.metres_per_pixel(side.name)


def _time_skill(reference: Reference, side: Side, tracks: Tracks) -> float:
    spec, _, _ = reference.clip.labelled
    fit, share = measure(reference, side, tracks)
    if fit is None or not is_seen(side, fit):
        return 0.0
    seconds = np.array(spec.seconds)[side.frames]
    reach = min(side.fit.seconds - seconds[0], seconds[-1] - side.fit.seconds)
    free = (0.5 + NOISE_PIXELS / max(_bend(reference, side), NOISE_PIXELS)) / spec.frame_rate
    late = max(0.0, abs(fit.seconds - side.fit.seconds) - free)
    return max(0.0, 1.0 - late / reach) * share


FREE_RESTITUTION = 0.1
"""Difference of two restitutions that tracker noise can make."""

_MIN_RESTITUTION = 0.2
_IN_PLANE = 0.9
_MIN_PIXELS = 2.0
IMPACT_FRAMES = 3


class Restitution:
    """Skill of the bounces: 1 keeps the simulation's ratio of speeds, 0 sticks, passes through, or is as far off.

    Restitution is speed apart over speed together along the contact's normal, from two arcs fitted to the tracked paths
    about the impact. Skill: 1 - (|difference| - 0.1) / (the reference's), which is 0 for a ball that sticks, times the
    share of frames in which the objects are seen whole. Bounces that gain or lose too much are alike wrong.

    Source: Newton (1687), Principia, scholium to the laws of motion (the ratio of relative speeds).
    """

    info: ClassVar[MetricInfo] = MetricInfo(
        name="restitution",
        summary="bounces have the restitution of the scene's materials",
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
        return float(np.mean([_restitution_skill(reference, tracks, *bounce) for bounce in _bounces(reference)]))


def ratio(impact: Impact, fits: dict[str, ImpactFit]) -> tuple[float, float]:
    """Return (restitution, speed together in m/s) of an impact; restitution is 0 where nothing comes together."""
    normal = impact.normal / np.linalg.norm(impact.normal)
    together = apart = 0.0
    for side, sign in ((impact.first, 1.0), (impact.second, -1.0)):
        if side is not None:
            together += sign * float(fits[side.name].before @ normal)
            apart -= sign * float(fits[side.name].after @ normal)
    return (apart / together if together > 0 else 0.0), together


def _bounces(reference: Reference) -> list[tuple[Impact, float]]:
    spec, _, _ = reference.clip.labelled
    found = []
    for impact in impacts(reference):
        if np.linalg.norm(impact.normal) < _IN_PLANE:
            continue
        value, together = ratio(impact, {side.name: side.fit for side in impact.sides})
        least = _MIN_PIXELS * max(reference.metres_per_pixel(side.name) for side in impact.sides)
        if value >= _MIN_RESTITUTION and together * IMPACT_FRAMES / spec.frame_rate >= least:
            found.append((impact, value))
    return found


def _restitution_skill(reference: Reference, tracks: Tracks, impact: Impact, expected: float) -> float:
    fits, shares = {}, []
    for side in impact.sides:
        fit, share = measure(reference, side, tracks)
        if fit is None:
            return 0.0
        fits[side.name] = fit
        shares.append(share)
    value, together = ratio(impact, fits)
    if together * IMPACT_FRAMES / reference.clip.meta.frame_rate < reference.metres_per_pixel(impact.sides[0].name):
        return 0.0
    return max(0.0, 1.0 - max(0.0, abs(value - expected) - FREE_RESTITUTION) / expected) * min(shares)


FREE_MOMENTUM = 0.1
"""Part of the exchanged momentum that tracker noise and friction can take."""


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
        summary="colliding objects conserve momentum",
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
        return float(np.mean([_momentum_score(reference, tracks, *item) for item in _exchanges(reference)]))


def _exchanges(reference: Reference) -> list[tuple[Impact, float]]:
    """Return impacts of two followed objects, and the momentum exchanged, kg m/s."""
    spec, _, _ = reference.clip.labelled
    found = []
    for impact in impacts(reference):
        if len(impact.sides) < 2:
            continue
        bends = [abs(side.fit.change[0]) * IMPACT_FRAMES / spec.frame_rate for side in impact.sides]
        pixels = [bend / reference.metres_per_pixel(s.name) for bend, s in zip(bends, impact.sides, strict=True)]
        if max(pixels) >= _MIN_PIXELS:
            exchanged = 0.5 * sum(side.mass * abs(float(side.fit.change[0])) for side in impact.sides)
            found.append((impact, exchanged))
    return found


def _momentum_score(reference: Reference, tracks: Tracks, impact: Impact, exchanged: float) -> float:
    surplus = moved = 0.0
    shares = []
    for side in impact.sides:
        fit, share = measure(reference, side, tracks)
        if fit is None:
            return 0.0
        surplus += side.mass * float(fit.change[0] - side.fit.change[0])
        moved += 0.5 * side.mass * abs(float(fit.change[0]))
        shares.append(share)
    residual = max(0.0, abs(surplus) / exchanged - FREE_MOMENTUM)
    return max(0.0, 1.0 - residual) * min(1.0, 2 * moved / exchanged) * min(shares)
