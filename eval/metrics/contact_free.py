"""Contact-free segments of a reference clip, and polynomial fits to them."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from eval.metrics.visibility import stretches
from eval.perception.tracks import Track
from eval.reference import Reference
from physics_data.core.errors import TrackTooShortError
from physics_data.core.scene import Plane

MIN_FRAMES = 5
"""Frames that a stretch of the reference needs; the tracked part of it needs one more than the fit has unknowns."""


@dataclass(frozen=True)
class Stretch:
    """Frames of one object in which a law holds and the reference shows the object whole."""

    name: str
    frames: Int[np.ndarray, "n"]


@dataclass(frozen=True)
class PolynomialFit:
    """A least-squares polynomial path.

    coefficients:  lowest power first; m, m/s, m/s² / 2
    residual:      root mean square distance from the fit, m
    """

    coefficients: Float[np.ndarray, "p"]
    residual: float


def fit_polynomial(position: Float[np.ndarray, "n"], seconds: Float[np.ndarray, "n"], degree: int) -> PolynomialFit:
    """Fit one coordinate of a path: degree 1 keeps its velocity, degree 2 its acceleration.

    Units:
        position:  m
        seconds:   s

    Raises:
        TrackTooShortError: fewer than degree + 2 different times, which any such path fits exactly.
    """
    times = len(np.unique(seconds))
    if times < degree + 2:
        raise TrackTooShortError(f"{times} tracked times, a fit of degree {degree} needs {degree + 2}.")
    centered = seconds - seconds.mean()
    powers = np.vander(centered, degree + 1, increasing=True)
    coefficients, *_ = np.linalg.lstsq(powers, position, rcond=None)
    residual = float(np.sqrt(np.mean((powers @ coefficients - position) ** 2)))
    return PolynomialFit(coefficients, residual)


def airborne_segments(reference: Reference) -> list[Stretch]:
    """Return every stretch of free flight: the object touches nothing and is seen whole."""
    spec, _, trajectory = reference.clip.labelled
    airborne = trajectory.airborne()
    found = []
    for number, name in free_objects(reference).items():
        clear = reference.clear(number)
        for run in stretches(airborne[:, spec.body_index(name)]):
            frames = run[clear[run]]
            if len(frames) >= MIN_FRAMES:
                found.append(Stretch(name, frames))
    return found


def collision_free_segments(reference: Reference) -> list[Stretch]:
    """Return every stretch between two collisions; contact with the ground does not end one."""
    spec, _, trajectory = reference.clip.labelled
    contacts = trajectory.contacts
    flat = np.array([isinstance(body.shape, Plane) for body in spec.bodies])
    found = []
    for number, name in free_objects(reference).items():
        body = spec.body_index(name)
        touches = ((contacts.body_a == body) & ~flat[contacts.body_b]) | (
            (contacts.body_b == body) & ~flat[contacts.body_a]
        )
        hits = np.unique(contacts.frame_index[touches])  # hit k lies between frames k - 1 and k
        clear = reference.clear(number)
        for piece in np.split(np.arange(trajectory.num_frames), hits):
            frames = piece[clear[piece]]
            if len(frames) >= MIN_FRAMES:
                found.append(Stretch(name, frames))
    return found


def tracked_path(
    reference: Reference, stretch: Stretch, track: Track, seconds: Float[np.ndarray, "t"], axis: int
) -> tuple[Float[np.ndarray, "n"], Float[np.ndarray, "n"], float]:
    """Return the tracked (position m, seconds) along an axis (0 right, 1 up) and the share of the frames it covers.

    Frames in which the object is missing or cut off by the image border have no position.
    """
    frames = stretch.frames[track.whole[stretch.frames]]
    position = reference.lift(stretch.name, track.centroid[frames], frames)[:, axis]
    usable = np.isfinite(position)
    return position[usable], seconds[frames][usable], float(usable.sum()) / len(stretch.frames)


def free_objects(reference: Reference) -> dict[int, str]:
    """Return the objects that forces move and no joint holds."""
    spec, _, _ = reference.clip.labelled
    held = {name for joint in spec.joints for name in (joint.body, joint.parent)}
    names = {body.name for body in spec.bodies if body.is_dynamic} - held
    return {number: name for number, name in reference.present_at_start.items() if name in names}
