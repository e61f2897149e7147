"""Scores of clips by a model, or by the audit, which has no weights; the frame of a surprise."""

import csv
import json
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import isfinite
from pathlib import Path
from typing import Any, Literal

import numpy as np

from eval.audit.footage import Footage
from eval.audit.video import audit_footage
from eval.pairs.pair_sets import PairClip, PairSet
from physics_data.core.atomic import write_text
from physics_data.core.clip import Clip
from physics_data.core.dataset import ShardDataset
from physics_data.core.errors import DataError, suggest

Meaning = Literal["plausibility", "loss"]
"""What a larger number says: that the clip is more plausible (a likelihood), or less (a denoising loss, a surprise)."""


@dataclass(frozen=True)
class ClipScore:
    """A model's opinion of one clip; higher = more plausible, whatever the file says.

    score:   None where the file has no finite number, which loses every comparison
    frames:  one number per frame, not finite ones as None; None where the file has none
    """

    score: float | None
    frames: tuple[float | None, ...] | None = None


def read_scores(path: Path, keys: Collection[str], meaning: Meaning = "plausibility") -> dict[str, ClipScore]:
    """Read a CSV with the columns key and score, or JSON: ``{key: score}`` or ``{key: {"score": s, "frames": [...]}}``.

    Every one of ``keys`` gets an entry. What is missing, empty, NaN or infinite is None: it counts as the worst, and
    is never left out.

    Raises:
        DataError: no such file, another form, a key twice, or a key that is no clip.
    """
    path = Path(path)
    if not path.is_file():
        raise DataError(f"no table {path}; give a .csv with the columns key and score, or a .json.")
    given = dict(_unique(path, _read_json(path) if path.suffix.lower() == ".json" else _read_csv(path)))
    unmatched = sorted(set(given) - set(keys))
    if unmatched:
        raise DataError(
            f"{path} has {len(unmatched)} keys that match no clip of the pairs, such as '{unmatched[0]}': "
            + suggest(unmatched[0], sorted(keys)[:4])
        )
    if not given:
        raise DataError(f"{path} holds no score; write one line per clip, with its key and a number.")
    sign = 1.0 if meaning == "plausibility" else -1.0
    return {key: _opinion(path, key, given.get(key), sign) for key in sorted(keys)}


def _read_csv(path: Path) -> Iterable[tuple[str, Any]]:
    try:
        with open(path, newline="", encoding="utf-8") as file:
            reader = csv.DictReader(file)
            if not {"key", "score"} <= set(reader.fieldnames or ()):
                raise DataError(f"{path} has the columns {reader.fieldnames}; it needs key and score.")
            return [(line["key"], line["score"]) for line in reader]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{path} is no CSV ({error}); write the columns key and score, a line per clip.") from error


def _read_json(path: Path) -> Iterable[tuple[str, Any]]:
    try:
        pairs = json.loads(path.read_text(encoding="utf-8"), object_pairs_hook=_Pairs)
    except (OSError, ValueError, RecursionError) as error:
        raise DataError(f'{path} is no JSON ({error}); write {{"KEY": score, ...}}.') from error
    if not isinstance(pairs, _Pairs):
        raise DataError(f'{path} holds a {type(pairs).__name__}; write {{"KEY": score, ...}}.')
    return pairs


class _Pairs(list[tuple[str, Any]]):
    """The members of a JSON object in order, repeated names included, which a dictionary would swallow."""


def _unique(path: Path, pairs: Iterable[tuple[str, Any]]) -> list[tuple[str, Any]]:
    pairs, seen = list(pairs), set()
    for key, _ in pairs:
        if key in seen:
            raise DataError(f"{path} has two scores for '{key}'; keep one.")
        seen.add(key)
    return pairs


def _opinion(path: Path, key: str, value: Any, sign: float) -> ClipScore:
    if not isinstance(value, _Pairs):
        return ClipScore(_number(value, sign))
    members = dict(_unique(path, value))
    unknown = sorted(set(members) - {"score", "frames"})
    if unknown or "score" not in members:
        raise DataError(f"{path}: '{key}' has {sorted(members)}; it takes score, and frames if you have them.")
    frames = members.get("frames")
    if frames is not None and not isinstance(frames, list):
        raise DataError(f"{path}: the frames of '{key}' are {frames!r}; write a list with a number per frame.")
    return ClipScore(
        _number(members["score"], sign), None if frames is None else tuple(_number(f, sign) for f in frames)
    )


def _number(value: Any, sign: float) -> float | None:
    if isinstance(value, bool):
        return None
    try:
        number = sign * float(value)
    except (TypeError, ValueError, OverflowError):
        return None
    return number if isfinite(number) else None


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


def timing(sets: Sequence[PairSet], scores: Mapping[str, ClipScore]) -> Timing | None:
    """Return how well the peaks of surprise fit; None where no clip has scores by frame, or none can be timed.

    A clip without scores by frame among others that have them is as far off as its length, and so is one with a frame
    that is no number. Several frames that share the lowest score share the peak.

    Raises:
        DataError: a clip has scores for another number of frames than it has.
    """
    clips = [clip for pair_set in sets for clip in pair_set.impossible if _is_short(clip)]
    if not clips or not any(scores[clip.key].frames is not None for clip in clips):
        return None
    found = np.array([_peak(clip, scores[clip.key]) for clip in clips])
    chance = float(np.mean([np.mean(_distances(clip) <= TOLERANCE) for clip in clips]))
    return Timing(float(found[:, 0].mean()), chance, float(np.median(found[:, 1])), len(clips))


def _is_short(clip: PairClip) -> bool:
    if clip.violation is None:
        return False
    return clip.violation[1] - clip.violation[0] < _SHORT * clip.num_frames / clip.frame_rate


def _distances(clip: PairClip) -> np.ndarray:
    assert clip.violation is not None, "only impossible clips are timed"
    seconds = np.arange(clip.num_frames) / clip.frame_rate
    return np.maximum(0.0, np.maximum(clip.violation[0] - seconds, seconds - clip.violation[1]))


def _peak(clip: PairClip, opinion: ClipScore) -> tuple[float, float]:
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


def audit_score(clip: Clip) -> ClipScore:
    """Return minus the strength of the strongest event that an audit of the pictures finds, and the same by frame.

    Labels are not looked at. Where the audit finds nothing, or nothing moves, the score is 0, which makes ties.
    """
    rate, height, width = clip.meta.frame_rate, clip.meta.height, clip.meta.width
    audit = audit_footage(Footage(clip.rgb, np.arange(len(clip.rgb)) / rate, height, width))
    frames = np.zeros(len(clip.rgb))
    for event in audit.events:
        frame = min(round(event.seconds * rate), len(frames) - 1)
        frames[frame] = min(frames[frame], -event.strength)
    return ClipScore(-audit.strength, tuple(frames.tolist()))


def audit_scores(dataset: ShardDataset, split: str | None = None) -> Iterator[tuple[str, ClipScore]]:
    """Yield key and score of every clip that belongs to a pair."""
    for position in dataset.select(split=split, source="physics"):
        if dataset.rows[position].pair_id is not None:
            yield dataset.rows[position].key, audit_score(dataset.load(position))


def write_scores(path: Path, scores: dict[str, ClipScore]) -> None:
    """Write JSON that ``read_scores`` takes as plausibilities.

    Raises:
        StorageError: the disk refused.
    """
    record = {
        key: {"score": s.score, "frames": None if s.frames is None else list(s.frames)} for key, s in scores.items()
    }
    write_text(path, json.dumps(record) + "\n")
