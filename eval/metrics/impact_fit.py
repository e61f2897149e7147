"""Impacts that a video shows clearly: a fit in the path of an object, with its time and the velocities around it."""

from dataclasses import dataclass
from functools import lru_cache
from itertools import product

import numpy as np
from jaxtyping import Float, Int

from eval.metrics.contact_free import free_objects
from eval.metrics.motion_skill import NOISE_PIXELS
from eval.perception.tracks import Tracks
from eval.reference import Reference

_WINDOW = 5
_MIN_SIDE = 3
_MIN_PIXELS = 2.0
_STEPS = 8
_BETTER_PIXELS = 0.1

_SEEN_SHARE = 0.25
"""A tracked fit counts as the impact when it changes the velocity by this share of what is due."""


@dataclass(frozen=True)
class ImpactFit:
    """Two arcs of constant acceleration that meet in one point.

    Units:
        seconds:   of the meeting, s
        before:    velocity (right, up) there, on the first arc, m/s
        after:     the same on the second arc
        residual:  root mean square distance of the path from the arcs, m
    """

    seconds: float
    before: Float[np.ndarray, "2"]
    after: Float[np.ndarray, "2"]
    residual: float

    @property
    def change(self) -> Float[np.ndarray, "2"]:
        """Of the velocity, m/s."""
        return self.after - self.before


@dataclass(frozen=True, eq=False)
class Side:
    """One object in an impact.

    frames:  seen whole, some before and some after the impact, none beyond the object's next or last impact
    pulls:   vertical acceleration before and after, m/s²: that of gravity, or 0 for what lies on something
    fit:    of the reference
    """

    name: str
    mass: float
    frames: Int[np.ndarray, "n"]
    pulls: tuple[float, float]
    fit: ImpactFit


@dataclass(frozen=True, eq=False)
class Impact:
    """Two bodies begin to touch, and at least one of them is an object whose path shows it.

    first, second:  None = does not move
    normal:         (right, up) from the first towards the second; its length says how far it lies in the image plane
    """

    first: Side | None
    second: Side | None
    normal: Float[np.ndarray, "2"]

    @property
    def sides(self) -> list[Side]:
        """The objects that are followed."""
        return [side for side in (self.first, self.second) if side is not None]


def fit_kink(
    path: Float[np.ndarray, "n 2"], seconds: Float[np.ndarray, "n"], pulls: tuple[float, float]
) -> ImpactFit | None:
    """Fit two arcs of given vertical accelerations (m/s²) that meet; None with fewer than 5 different times.

    The time of the meeting is searched in steps of an eighth of a frame interval.
    """
    times = np.unique(seconds)
    if len(times) < 2 * _MIN_SIDE - 1:
        return None
    steps = round(float(times[-2] - times[1]) / float(np.diff(times).min()) * _STEPS) + 1
    meetings = np.linspace(times[1], times[-2], steps)
    early, late = np.minimum(seconds - meetings[:, None], 0.0), np.maximum(seconds - meetings[:, None], 0.0)
    left = np.stack(np.broadcast_arrays(path[:, 0], path[:, 1] - 0.5 * (pulls[0] * early**2 + pulls[1] * late**2)), -1)
    terms = np.stack([np.ones_like(early), early, late], axis=-1)
    explained, _ = np.linalg.qr(terms)
    missed = left - explained @ (explained.swapaxes(1, 2) @ left)
    residuals = np.sqrt(np.square(missed).sum(-1).mean(-1))
    best = int(residuals.argmin())
    fit, *_ = np.linalg.lstsq(terms[best], left[best], rcond=None)
    return ImpactFit(float(meetings[best]), fit[1], fit[2], float(residuals[best]))


@lru_cache(maxsize=4)
def impacts(reference: Reference) -> list[Impact]:
    """Return every impact that the reference shows clearly.

    At least 3 frames on either side in which the object is seen whole and meets nothing else, a path that two arcs fit
    within the tracker's noise, meeting within a frame of the contact, no third body that can move touched
    meanwhile, and a fit of 2 pixels after 3 frames. Of the two bodies of an impact, what moves must be such an object;
    an object that only shivers is taken along.
    """
    spec, _, trajectory = reference.clip.labelled
    contacts = trajectory.contacts
    rows = zip(contacts.frame_index.tolist(), contacts.body_a.tolist(), contacts.body_b.tolist(), strict=True)
    touching = {row: number for number, row in enumerate(rows)}
    onsets = {row: number for row, number in touching.items() if (row[0] - 1, *row[1:]) not in touching}
    numbers = {spec.body_index(name): number for number, name in free_objects(reference).items()}
    right = reference.view.world_from_camera[:, 0]
    right = np.array([right[0], right[1], 0.0]) / np.hypot(right[0], right[1])
    found = []
    for (frame, *pair), row in onsets.items():
        bodies = [spec.bodies[body] for body in pair]
        if any(body not in numbers and not spec.bodies[body].is_static for body in pair):
            continue
        if any(_touches_a_third(reference, frame, body, pair) for body in pair):
            continue
        sides: list[Side | None] = []
        for body in pair:
            hits = [k for k, *others in onsets if body in others and k != frame]
            sides.append(_side(reference, body, numbers[body], frame, hits) if body in numbers else None)
        if any(side is None and not body.is_static for side, body in zip(sides, bodies, strict=True)):
            continue
        if any(side is not None and _is_clear(reference, side, frame) for side in sides):
            normal = contacts.normal[row]
            found.append(Impact(sides[0], sides[1], np.array([normal @ right, normal[2]])))
    return found


def _touches_a_third(reference: Reference, frame: int, body: int, pair: list[int]) -> bool:
    """Return whether a body that takes part in an impact passes it on to another one that can move, as in a stack."""
    spec, _, trajectory = reference.clip.labelled
    contacts = trajectory.contacts
    near = abs(contacts.frame_index - frame) <= 1
    others = np.concatenate(
        [contacts.body_b[near & (contacts.body_a == body)], contacts.body_a[near & (contacts.body_b == body)]]
    )
    return any(other not in pair and not spec.bodies[other].is_static for other in others.tolist())


def measure(reference: Reference, side: Side, tracks: Tracks) -> tuple[ImpactFit | None, float]:
    """Return the fit of a tracked object about an impact, and the share of the frames in which it is seen whole."""
    track = tracks.of(side.name)
    frames = side.frames[track.whole[side.frames]]
    path = reference.lift(side.name, track.centroid[frames], frames)
    usable = np.isfinite(path).all(axis=1)
    path, seconds = path[usable], tracks.seconds[frames][usable]
    best = fit_kink(path, seconds, side.pulls)
    # What hovers has no fit, though two falling arcs that meet in one come close to a level line.
    least = _BETTER_PIXELS * reference.metres_per_pixel(side.name)
    for fit in [fit_kink(path, seconds, pulls) for pulls in _pulls(reference) if pulls != side.pulls]:
        if best is not None and fit is not None and fit.residual < best.residual - least:
            best = fit
    return best, float(usable.sum()) / len(side.frames)


def is_seen(side: Side, fit: ImpactFit) -> bool:
    """Whether a tracked fit is the impact, and not the noise of a smooth path."""
    due = side.fit.change
    return bool(fit.change @ due >= _SEEN_SHARE * (due @ due))


def _pulls(reference: Reference) -> list[tuple[float, float]]:
    """Return the vertical accelerations before and after an impact that there can be."""
    spec, _, _ = reference.clip.labelled
    either = (spec.gravity[2], 0.0)
    return [(before, after) for before, after in product(either, either)]


def _side(reference: Reference, body: int, number: int, frame: int, hits: list[int]) -> Side | None:
    spec, _, _ = reference.clip.labelled
    start = max([0, frame - _WINDOW, *(k for k in hits if k < frame)])
    stop = min([spec.num_frames, frame + _WINDOW, *(k for k in hits if k > frame)])
    frames = np.arange(start, stop)
    frames = frames[reference.clear(number)[start:stop]]
    if (frames < frame).sum() < _MIN_SIDE or (frames >= frame).sum() < _MIN_SIDE:
        return None
    name, seconds = spec.bodies[body].name, np.array(spec.seconds)[frames]
    path = reference.lift(name, reference.silhouette(number).centroid[frames], frames)
    fits = {pulls: fit_kink(path, seconds, pulls) for pulls in _pulls(reference)}
    pulls, fit = min(fits.items(), key=lambda item: item[1].residual if item[1] else np.inf)
    if fit is None or fit.residual > NOISE_PIXELS * reference.metres_per_pixel(name):
        return None
    return Side(name, spec.bodies[body].mass, frames, pulls, fit)


def _is_clear(reference: Reference, side: Side, frame: int) -> bool:
    spec, _, _ = reference.clip.labelled
    bend = float(np.linalg.norm(side.fit.change)) * _MIN_SIDE / spec.frame_rate
    late = abs(side.fit.seconds * spec.frame_rate - (frame - 0.5))
    return bend >= _MIN_PIXELS * reference.metres_per_pixel(side.name) and late <= 1.0
