"""Identity and attributes: objects keep who they are, their size and their colour."""

from typing import ClassVar

import numpy as np
from jaxtyping import Float, Int
from scipy.optimize import linear_sum_assignment

from eval.metrics.metric import MetricInfo
from eval.metrics.visibility import alike, due, info, uncalled
from eval.perception.tracks import Track, Tracks
from eval.public.tracking import Detections, idf1
from eval.reference import Reference


class Identity:
    """IDF1 = 2 IDTP / (2 IDTP + IDFP + IDFN) of the sightings due, under the best match of identities.

    In each frame the objects found stand for the true ones so that the total distance is least; what they are off by
    does not matter, who stands where does. Objects of one colour may exchange places: no picture shows it. Pieces that
    are no object are false; while the reference hides an object, nothing is asked.

    Source: Ristani et al. (2016), Performance measures and a data set for multi-target tracking.
    """

    info: ClassVar[MetricInfo] = info(
        "identity", "objects keep their identity", "Ristani et al. (2016), ECCV workshops"
    )

    def refuses(self, reference: Reference) -> str | None:
        """Return a reason where no object of the first frame is seen well in any frame."""
        return None if due(reference) else "no object of the first frame is seen well"

    def score(self, reference: Reference, tracks: Tracks) -> float:
        """Return IDF1 in [0, 1]."""
        strange = uncalled(reference, tracks)
        return idf1([_frame(reference, tracks, k, int(strange[k])) for k in np.flatnonzero(reference.scored)])


def _frame(reference: Reference, tracks: Tracks, frame: np.intp, strange: int) -> Detections:
    """Return what is due and found in a frame; overlap is 1 where a found object stands for a true one, else 0."""
    colors = alike(reference)
    true = [number for number, visible in due(reference).items() if visible[frame]]
    named = {number: tracks.of(reference.tracked[number]) for number in true}
    found = [number for number in true if named[number].presence[frame]]
    overlap = np.zeros((len(true), len(found) + strange))
    ids = list(found)
    if found:
        places = np.array([reference.silhouette(number).centroid[frame] for number in true])
        shown = np.array([named[number].centroid[frame] for number in found])
        distance = np.linalg.norm(places[:, None] - shown[None], axis=-1)
        # Two that are closer to each other than their size cannot be said to have changed places.
        size = np.array([reference.silhouette(number).diameter for number in true])
        own = np.array([[a == b for b in found] for a in true])
        distance = np.where(own, np.maximum(distance - size[:, None], 0.0), distance)
        for row, column in zip(*linear_sum_assignment(distance), strict=True):
            overlap[row, column] = 1.0
            if colors[reference.tracked[true[row]]] == colors[reference.tracked[found[column]]]:
                ids[column] = true[row]
    ids += [-1 - k for k in range(strange)]
    return Detections(np.array(true, dtype=int), np.array(ids, dtype=int), overlap)


FREE_SIZE, FREE_COLOR = float(np.log(1.25)), 20.0
"""Change of area (logarithm) and of colour (grey levels) that is the tracker's or the light's."""

WORST_SIZE, WORST_COLOR = float(np.log(2.5)), 90.0
"""Changes from which the score of a frame is 0."""


class Attributes:
    """Constancy of area and mean colour against the reference's own change, the worse of the two, frame by frame.

    Area: |log(area / area of the silhouette)|, relative to the same at the object's first clear frame. Colour: length
    of the difference of the mean colour's change since then and the reference's. Each falls from 1 at what the tracker
    makes to 0 at 2.5 times the area, or 90 grey levels. Frames in which the reference shows the object whole count; one
    in which the video lacks it is 0, one in which it touches the image border or another object is left out.

    Source: this project.
    """

    info: ClassVar[MetricInfo] = info("attributes", "objects keep their size and colour", "this project", "rgb")

    def refuses(self, reference: Reference) -> str | None:
        """Return a reason where no object of the first frame is seen whole in two frames."""
        return None if clear_frames(reference) else "no object of the first frame is seen whole in two frames"

    def score(self, reference: Reference, tracks: Tracks) -> float:
        """Return the score in [0, 1], the mean over objects."""
        objects = clear_frames(reference).items()
        return float(
            np.mean([_attribute_score(reference, i, frames, tracks.of(reference.tracked[i])) for i, frames in objects])
        )


def clear_frames(reference: Reference) -> dict[int, np.ndarray]:
    """Return the objects of the first frame that are seen whole in two frames or more, and these frames."""
    frames = {number: np.flatnonzero(reference.clear(number) & visible) for number, visible in due(reference).items()}
    return {number: found for number, found in frames.items() if len(found) >= 2}


def changes(
    reference: Reference, number: int, frames: Int[np.ndarray, "n"], track: Track
) -> tuple[Float[np.ndarray, "k"], Float[np.ndarray, "k"]]:
    """Return how area and colour of an object change since it is first seen whole, beyond the reference's change.

    Frames in which the video lacks it, or in which it touches something, are left out. Where the conditioning frames
    show it whole, it is compared with these.

    Units:
        area: logarithm of the ratio; colour: grey levels, length of the difference; 0 where a tracker reads no colour
    """
    given = np.flatnonzero(reference.clear(number, with_conditioning=True) & ~reference.scored)
    usable = track.whole if track.crowded is None else track.whole & ~track.crowded
    kept = np.concatenate([given, frames])
    kept = kept[usable[kept]]
    counted = reference.scored[kept]
    if not counted.any():
        return np.zeros(0), np.zeros(0)
    area = np.log(track.area[kept] / reference.silhouette(number).seen[kept])
    if track.color is None:
        return (area - area[0])[counted], np.zeros(int(counted.sum()))
    _, rendering, _ = reference.clip.labelled
    true = np.array([rendering.rgb[k][rendering.instance_ids[k] == number].mean(axis=0) for k in kept])
    change = (track.color[kept] - track.color[kept[0]]) - (true - true[0])
    return (area - area[0])[counted], np.nan_to_num(np.linalg.norm(change, axis=-1))[counted]


def _attribute_score(reference: Reference, number: int, frames: np.ndarray, track: Track) -> float:
    missing = int((~track.presence[frames]).sum())
    area, color = changes(reference, number, frames, track)
    if not len(area):
        return 0.0
    by_size = 1.0 - np.clip((np.abs(area) - FREE_SIZE) / (WORST_SIZE - FREE_SIZE), 0.0, 1.0)
    by_color = 1.0 - np.clip((color - FREE_COLOR) / (WORST_COLOR - FREE_COLOR), 0.0, 1.0)
    return float(np.minimum(by_size, by_color).sum() / (len(area) + missing))
