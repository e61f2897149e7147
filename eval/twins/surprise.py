"""When a model is surprised: the frame it finds least plausible, held against when the violation happens."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from eval.twins.scores import ClipScore
from eval.twins.sets import TwinClip, TwinSet
from physics_data.core.errors import DataError

TOLERANCE = 0.15
"""A peak counts as in time when it lies this close to the violation, s."""

_SHORT = 0.5


@dataclass(frozen=True)
class Timing:
    """Peaks of surprise over the impossible clips whose violation takes less than half of the clip.

    Units:
        in_time:   share of the clips whose least plausible frame lies within ``TOLERANCE`` of the violation
        chance:    the same share for a frame drawn blindly
        distance:  median time between peak and violation, s; 0 inside it
        clips:     how many
    """

    in_time: float
    chance: float
    distance: float
    clips: int


def timing(sets: Sequence[TwinSet], scores: Mapping[str, ClipScore]) -> Timing | None:
    """Return how well the peaks of surprise fit; None where no clip has scores by frame, or none can be timed.

    A clip without scores by frame among others that have them is as far off as its length, and so is one with a frame
    that is no number. Several frames that share the lowest score share the peak.

    Raises:
        DataError: a clip has scores for another number of frames than it has.
    """
    clips = [clip for twins in sets for clip in twins.impossible if _is_short(clip)]
    if not clips or not any(scores[clip.key].frames is not None for clip in clips):
        return None
    found = np.array([_peak(clip, scores[clip.key]) for clip in clips])
    chance = float(np.mean([np.mean(_distances(clip) <= TOLERANCE) for clip in clips]))
    return Timing(float(found[:, 0].mean()), chance, float(np.median(found[:, 1])), len(clips))


def _is_short(clip: TwinClip) -> bool:
    if clip.violation is None:
        return False
    return clip.violation[1] - clip.violation[0] < _SHORT * clip.num_frames / clip.frame_rate


def _distances(clip: TwinClip) -> np.ndarray:
    assert clip.violation is not None, "only impossible clips are timed"
    seconds = np.arange(clip.num_frames) / clip.frame_rate
    return np.maximum(0.0, np.maximum(clip.violation[0] - seconds, seconds - clip.violation[1]))


def _peak(clip: TwinClip, opinion: ClipScore) -> tuple[float, float]:
    """Return (share of the peak that is in time, distance in s)."""
    if opinion.frames is not None and len(opinion.frames) != clip.num_frames:
        raise DataError(
            f"'{clip.key}' has scores for {len(opinion.frames)} frames, the clip has {clip.num_frames}; "
            "write one per frame."
        )
    if opinion.frames is None or None in opinion.frames:
        return 0.0, clip.num_frames / clip.frame_rate
    values = np.array(opinion.frames, dtype=np.float64)
    distances = _distances(clip)[values == values.min()]
    return float(np.mean(distances <= TOLERANCE)), float(np.median(distances))
