"""Does mechanical energy come out of nothing?"""

import math
from functools import lru_cache
from typing import ClassVar

import numpy as np
from jaxtyping import Float

from eval.metrics.contact_free import free_objects
from eval.metrics.metric import MetricInfo
from eval.metrics.motion_skill import NOISE_PIXELS, derivative, noise
from eval.perception.tracks import Tracks
from eval.reference import Reference

TOLERANCE = 0.1
"""Part of the scene's largest energy that is free beyond the noise: what pixels leave unsaid of depth and turns."""

_LASTING = 3
_MIN_PIXELS = 1.0
_MIN_NOISES = 4.0


class Energy:
    """1 where the tracked objects gain no more energy than the simulation's, 0 where they gain all of it again.

    Energy is mass x (speed² / 2 + g x height) of what is seen of the motion, speeds from a line through 5 frames, the
    same for the simulation, summed over the objects that forces move. What counts is its largest rise, between levels
    that last 3 frames, less the largest rise in the simulation and what noise feigns: 1 - (surplus / the largest
    energy of the simulation - 0.1) / 0.9, times the share of frames in which the objects are seen whole. Losses are
    allowed: a still video obeys this.

    Noise: half a pixel moves a level by m √((g d)² + (v s)²), d being half a pixel in metres, v the object's largest
    speed and s what white noise of half a pixel makes of a velocity; a rise has two levels, hence √2 of it. An object
    whose energy is below four times its noise says nothing and is left out.

    Source: Leibniz (1686), Brevis demonstratio, Acta Eruditorum; Helmholtz (1847), Über die Erhaltung der Kraft.
    """

    info: ClassVar[MetricInfo] = MetricInfo(
        name="energy",
        summary="objects gain no more mechanical energy than in the simulation",
        unit="1",
        direction="higher",
        best=1.0,
        worst=0.0,
        needs=("trajectory", "masses", "camera", "amodal_masks"),
        source="Helmholtz (1847), Über die Erhaltung der Kraft",
    )

    def refuses(self, reference: Reference) -> str | None:
        """Return a reason where nothing that forces move is seen to move."""
        return None if _energies(reference) else "no object that forces move is seen whole and moving"

    def score(self, reference: Reference, tracks: Tracks) -> float:
        """Return the score in [0, 1]."""
        due = _energies(reference)
        scale = sum(float(np.nanmax(energy)) for energy in due.values())
        totals, seen, asked = np.zeros((2, len(tracks.seconds))), 0, 0
        for name, energy in due.items():
            track, clear = tracks.of(name), np.isfinite(energy)
            path = reference.lift(name, track.centroid, np.arange(len(energy)))
            known = track.whole & np.isfinite(path).all(axis=1) & reference.scored
            shown = _energy(reference, name, np.where(known[:, None], path, 0.0), known, tracks.seconds)
            asked += int(clear.sum())
            seen += int((known & clear).sum())
            both = np.flatnonzero(clear & np.isfinite(shown))
            if len(both):  # an object keeps its energy while one of the two does not show it
                held = both[np.maximum(np.searchsorted(both, np.arange(len(energy)), side="right") - 1, 0)]
                totals += np.stack([shown[held], energy[held]])
        feigned = sum(_noise(reference, name) for name in due)
        surplus = max(0.0, (_rise(totals[0]) - _rise(totals[1]) - feigned) / scale - TOLERANCE) / (1 - TOLERANCE)
        return max(0.0, 1.0 - surplus) * seen / asked


def _rise(energy: Float[np.ndarray, "t"]) -> float:
    """Return the largest rise from a level that lasts 3 frames to a later one that does, J."""
    spans = np.lib.stride_tricks.sliding_window_view(energy, _LASTING)
    return float(np.max(spans.min(axis=1) - np.minimum.accumulate(spans.max(axis=1)), initial=0.0))


@lru_cache(maxsize=4)
def _energies(reference: Reference) -> dict[str, Float[np.ndarray, "t"]]:
    """Return the energy of each object that moves, J above its lowest place; NaN where it is not seen whole."""
    spec, _, _ = reference.clip.labelled
    found = {}
    if spec.num_frames < _LASTING:
        return found
    for number, name in free_objects(reference).items():
        clear = reference.clear(number)
        path = reference.lift(name, reference.silhouette(number).centroid, np.arange(spec.num_frames))
        known = clear & np.isfinite(path).all(axis=1)
        if not known.any():
            continue
        path = np.where(known[:, None], path - np.array([0.0, path[known, 1].min()]), 0.0)
        energy = _energy(reference, name, path, known, np.array(spec.seconds))
        # A body counts as moving from one pixel a frame.
        least = 0.5 * spec.bodies[spec.body_index(name)].mass
        least *= (_MIN_PIXELS * reference.metres_per_pixel(name) * spec.frame_rate) ** 2
        least = max(least, _MIN_NOISES * _noise(reference, name))
        if np.isfinite(energy).any() and np.nanmax(energy) >= least:
            found[name] = energy
    return found


def _noise(reference: Reference, name: str) -> float:
    """Return the rise, J, that half a pixel of tracker noise feigns."""
    spec, _, _ = reference.clip.labelled
    path = reference.true_path(name)
    speed = float(np.nanmax(np.linalg.norm(np.gradient(path, axis=0), axis=1), initial=0.0)) * spec.frame_rate
    off = noise(reference, name, 1)
    height = NOISE_PIXELS * reference.metres_per_pixel(name)
    mass = spec.bodies[spec.body_index(name)].mass
    return math.sqrt(2.0) * mass * math.hypot(spec.gravity[2] * height, speed * off)


def _energy(
    reference: Reference,
    name: str,
    path: Float[np.ndarray, "t 2"],
    known: np.ndarray,
    seconds: Float[np.ndarray, "t"],
) -> Float[np.ndarray, "t"]:
    spec, _, _ = reference.clip.labelled
    velocity = derivative(path, seconds, np.arange(len(path)), known, order=1)
    height = np.where(known, path[:, 1], np.nan)
    mass = spec.bodies[spec.body_index(name)].mass
    return mass * (0.5 * (velocity**2).sum(axis=1) - spec.gravity[2] * height)
