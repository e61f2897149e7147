"""A scorer without weights: how little the audit of a clip finds wrong with it."""

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from eval.audit.footage import Footage
from eval.audit.video import audit_footage
from eval.pairs.pair_scores import ClipScore
from physics_data.core.atomic import write_text
from physics_data.core.clip import Clip
from physics_data.core.dataset import ShardDataset


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
    """Yield key and score of every clip that belongs to a set of twins."""
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
