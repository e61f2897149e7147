"""Containment: what is in a container stays in it, goes where it goes, and comes out of it and of nothing else."""

from dataclasses import dataclass
from functools import lru_cache
from typing import ClassVar

import numpy as np
from jaxtyping import Bool, Float, Int

from eval.metrics.metric import MetricInfo
from eval.metrics.visibility import alike, due, info, near, place_marks, stretches
from eval.perception.tracks import Track, Tracks
from eval.reference import Reference
from physics_data.labels.boxes import contained, containers, mask_boxes

MIN_FRAMES = 3
"""Frames that an interval must last: one or two are a ball that touches the rim."""

WALLS = 4
"""Ways out of six that are closed: a box without lid and front still holds what lies in it, and shows it."""


@dataclass(frozen=True)
class ContainmentInterval:
    """A stretch of time that an object spends in a container, and what a video can show of it.

    Units:
        inside:   frames of the interval
        shown:    frames of it, and the last stretch of sight before and the first after it, in which it must be seen
        hidden:   frames of the interval in which no pixel of it is seen, nor a frame before or after
        room:     (left, top, right, bottom) of the container's outline in each hidden frame, pixels
    """

    number: int
    name: str
    inside: Int[np.ndarray, "n"]
    shown: Int[np.ndarray, "m"]
    hidden: Int[np.ndarray, "k"]
    room: Float[np.ndarray, "k 4"]


class Containment:
    """How well objects keep to standing and carried containers: the worst of an interval, averaged over them.

    - Seen in the container (through an opening or a wall) and where it is revealed: in every frame in which the object
      is due, from entering to leaving and while it is in sight next, 1 - (distance from its true place / diameter -
      0.25) / 1.75. It goes where the container goes; one that stays behind, or runs ahead, or is not there, scores 0.
    - Hidden by it: 1 - the share of frames in which the object is shown outside the container's outline (with half a
      diameter around it). Which is also where a still video leaves the passenger when the container has gone.

    Where it is to be seen, an object of its colour may stand for it.

    Source: this project, after Hespos & Baillargeon (2001), Cognition 78, 207-245.
    """

    info: ClassVar[MetricInfo] = info(
        "containment",
        "objects in a container stay in it, move with it, and leave it only through the opening",
        "this project; Hespos, Baillargeon (2001), Cognition 78, 207-245",
        "trajectory",
    )

    def refuses(self, reference: Reference) -> str | None:
        """Return a reason where nothing that pixels could show is in a container."""
        return None if containment_intervals(reference) else "no object of the first frame is in a container in view"

    def score(self, reference: Reference, tracks: Tracks) -> float:
        """Return the score in [0, 1]."""
        return float(np.mean([_score(reference, interval, tracks) for interval in containment_intervals(reference)]))


@lru_cache(maxsize=4)
def containment_intervals(reference: Reference) -> list[ContainmentInterval]:
    """Return every stay of at least three frames of an object of the first frame, if any frame of it can be judged."""
    spec, _, trajectory = reference.clip.labelled
    found = []
    for index in containers(spec):
        inside = contained(spec, trajectory, index, WALLS)
        for number, visible in due(reference).items():
            name = reference.tracked[number]
            for frames in stretches(inside[:, spec.body_index(name)]):
                if len(frames) < MIN_FRAMES:
                    continue
                interval = _interval(reference, number, frames, visible, spec.bodies[index].name)
                if len(interval.shown) or len(interval.hidden):
                    found.append(interval)
    return found


def _interval(
    reference: Reference, number: int, inside: Int[np.ndarray, "n"], visible: Bool[np.ndarray, "t"], container: str
) -> ContainmentInterval:
    spec, rendering, _ = reference.clip.labelled
    names = [body.name for body in spec.instances]
    outline = rendering.amodal_masks[:, names.index(container)]
    dark = ~near(reference.silhouette(number).seen > 0) & reference.scored
    hidden = inside[dark[inside] & outline[inside].any(axis=(1, 2))]
    room = mask_boxes(outline[hidden][:, None])[:, 0]
    asked = np.zeros(len(visible), bool)
    asked[inside] = True
    in_sight = reference.visible(number, with_conditioning=True)
    after = np.flatnonzero(in_sight & (np.arange(len(visible)) > inside[-1]))
    asked[after[: MIN_FRAMES + 2]] = True
    shown = np.flatnonzero(asked & visible & reference.clear(number))
    return ContainmentInterval(number, reference.tracked[number], inside, shown, hidden, room)


def _score(reference: Reference, interval: ContainmentInterval, tracks: Tracks) -> float:
    colors = alike(reference)
    candidates = [tracks.of(name) for name, color in colors.items() if color == colors[interval.name]]
    outline = reference.silhouette(interval.number)
    parts = []
    if len(interval.shown):
        places = [_places(track, interval.shown, outline.centroid, outline.diameter) for track in candidates]
        parts.append(float(np.max(places, axis=0).mean()))
    if len(interval.hidden):
        parts.append(1.0 - float(_outside(tracks.of(interval.name), interval, outline.diameter / 2).mean()))
    return min(parts)


def _places(
    track: Track, frames: Int[np.ndarray, "n"], centroid: Float[np.ndarray, "t 2"], diameter: float
) -> Float[np.ndarray, "n"]:
    off = np.linalg.norm(track.centroid[frames] - centroid[frames], axis=-1) / diameter
    return np.where(track.presence[frames], np.nan_to_num(place_marks(off)), 0.0)


def _outside(track: Track, interval: ContainmentInterval, margin: float) -> Bool[np.ndarray, "k"]:
    x, y = track.centroid[interval.hidden].T
    left, top, right, bottom = interval.room.T
    within = (x >= left - margin) & (x <= right + margin) & (y >= top - margin) & (y <= bottom + margin)
    return track.presence[interval.hidden] & ~within
