"""Stretches in which the reference leaves an object at rest, and how a video's object moves in them."""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from jaxtyping import Float, Int

from eval.metrics.intervals import MIN_FRAMES
from eval.metrics.moving import NOISE_PIXELS
from eval.perception.tracks import Track
from eval.reference import Reference

_REST_PIXELS = 0.02
"""Fastest rest, pixels a frame: half a pixel in 25 frames."""


@dataclass(frozen=True, eq=False)
class Rest:
    """An object at rest in the world and seen whole.

    Units:
        given:     conditioning frames in which it already rests, seen whole
        frames:    scored neighbours, but for those in which it is not seen whole
        diameter:  of its outline, m
        noise:     displacement that is forgiven, m
    """

    name: str
    given: Int[np.ndarray, "g"]
    frames: Int[np.ndarray, "n"]
    diameter: float
    noise: float


@lru_cache(maxsize=4)
def rests(reference: Reference) -> list[Rest]:
    """Return every stretch of at least 5 scored frames in which an object does not move."""
    spec, _, trajectory = reference.clip.labelled
    found = []
    for number, name in reference.present_at_start.items():
        metres = reference.metres_per_pixel(name)
        position = trajectory.position[:, spec.body_index(name)]
        steps = np.linalg.norm(np.diff(position, axis=0), axis=1)
        moves = np.flatnonzero(steps > _REST_PIXELS * metres) + 1
        clear = reference.clear(number, with_conditioning=True)
        diameter = reference.silhouette(number).diameter * metres
        for piece in np.split(np.arange(len(position)), moves):
            piece = piece[clear[piece]]
            given, frames = piece[~reference.scored[piece]], piece[reference.scored[piece]]
            if len(frames) >= MIN_FRAMES:
                found.append(Rest(name, given, frames, diameter, 2 * NOISE_PIXELS * metres))
    return found


def displacement(
    reference: Reference, rest: Rest, track: Track
) -> tuple[Float[np.ndarray, "m 2"], Int[np.ndarray, "m"]]:
    """Return where the tracked object is, in metres from its own first place in the stretch, and in which frames.

    The first place may lie in the conditioning frames, the frames that are returned do not.
    """
    frames = np.concatenate([rest.given, rest.frames])
    frames = frames[track.whole[frames]]
    path = reference.lift(rest.name, track.centroid[frames], frames)
    usable = np.isfinite(path).all(axis=1)
    path, frames = path[usable], frames[usable]
    counted = reference.scored[frames]
    return (path - path[:1])[counted], frames[counted]
