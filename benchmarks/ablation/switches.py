"""Identity switches: how often what stands at an object's place becomes something else."""

import cv2
import numpy as np
from jaxtyping import Float, UInt8
from scipy.optimize import linear_sum_assignment

from eval.metrics.sightings import alike, due, uncalled
from eval.perception.tracks import Tracks
from eval.reference import Reference

STRANGER = -1
"""What stands for every piece of a picture that is no object of the first frame."""

_GATE = 1.0
_BIRTH_LABEL = 255


def identity_switches(reference: Reference, tracks: Tracks) -> int:
    """Count, over all objects, the times at which another one, or a stranger, is found in its place.

    In each frame the pieces found are matched with the objects due at the least total distance, none over a diameter
    away. A switch is a match with another identity than that of the object's last match; before its first one an object
    is itself. Objects of one colour are one identity. What is lost is no switch: ``survival`` counts it.

    Source: mismatches of CLEAR MOT, Bernardin, Stiefelhagen (2008), EURASIP Journal on Image and Video Processing.
    """
    groups, names = alike(reference), reference.tracked
    identity = {number: groups[names[number]] for number in due(reference)}
    last, count = dict(identity), 0
    strange = uncalled(reference, tracks)
    for frame in range(len(tracks.seconds)):
        true = [number for number, visible in due(reference).items() if visible[frame]]
        places, found = _pieces(reference, tracks, frame, bool(strange[frame]))
        if not true or not found:
            continue
        outlines = [reference.silhouette(number) for number in true]
        wanted = np.array([outline.centroid[frame] for outline in outlines])
        size = np.array([outline.diameter for outline in outlines])
        distance = np.linalg.norm(wanted[:, None] - places[None], axis=-1) / size[:, None]
        for row, column in zip(*linear_sum_assignment(np.minimum(distance, 2 * _GATE)), strict=True):
            if distance[row, column] <= _GATE:
                count += found[column] != last[true[row]]
                last[true[row]] = found[column]
    return count


def _pieces(
    reference: Reference, tracks: Tracks, frame: int, with_strangers: bool
) -> tuple[Float[np.ndarray, "n 2"], list[int]]:
    """Return centroids, pixels, and identities of all that is found in a frame."""
    groups = alike(reference)
    seen = [track for track in tracks.tracks if track.presence[frame]]
    places = [track.centroid[frame] for track in seen]
    found = [groups[track.name] for track in seen]
    if with_strangers:
        strangers = _centroids(tracks.labels[frame])
        places, found = [*places, *strangers], [*found, *[STRANGER] * len(strangers)]
    return np.array(places).reshape(-1, 2), found


def _centroids(labels: UInt8[np.ndarray, "h w"]) -> list[Float[np.ndarray, "2"]]:
    count, _, _, middles = cv2.connectedComponentsWithStats((labels == _BIRTH_LABEL).astype(np.uint8), connectivity=4)
    return list(middles[1:count] + 0.5)
