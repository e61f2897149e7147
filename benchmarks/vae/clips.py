"""The clips of the comparison: physics of every kind made on the spot, and real ones cut out of given videos."""

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import UInt8

from physics_data.core.clip import Clip
from physics_data.core.dataset import ShardDataset
from physics_data.pipeline.generate import ClipTask, generate_clip
from physics_data.scenarios import SCENARIOS
from physics_data.scenarios.shared.settings import SceneSettings
from worldsim.data.footage.ingest import ingest
from worldsim.data.footage.ingest_config import IngestConfig

_HELD_OUT_SEED = 7
_MOVED = 1.0
"""Pixels that the middle of an object must travel in a clip to count as moving."""


@dataclass(frozen=True)
class ClipSets:
    """What is trained on and what is measured on; ``real`` is empty without footage."""

    train: list[UInt8[np.ndarray, "t h w 3"]]
    physics: list[Clip]
    real: list[Clip]


def make_clips(num_train: int, num_physics: int, num_real: int, size: int, footage: Path | None) -> ClipSets:
    """Make physics clips, plain and textured, and cut real ones out of videos; some of the video files are held out.

    Held-out physics comes from another seed than training.

    Raises:
        DataError: the folder gives no clip of this size.
    """
    train = [_physics(number, 0, size).rgb for number in range(num_train)]
    physics = [_physics(number, _HELD_OUT_SEED, size) for number in range(num_physics)]
    if footage is None:
        return ClipSets(train, physics, [])
    shown, held = _real(footage, size)
    return ClipSets(train + [clip.rgb for clip in shown], physics, _spread(held, num_real))


def only_moving(instance_ids: UInt8[np.ndarray, "t h w"]) -> UInt8[np.ndarray, "t h w"]:
    """Return the ids of objects whose middle travels; all others become 0."""
    kept = instance_ids.copy()
    for number in np.unique(instance_ids[instance_ids > 0]):
        seen = [np.argwhere(frame == number).mean(axis=0) for frame in instance_ids if (frame == number).any()]
        if np.ptp(np.stack(seen), axis=0).max() < _MOVED:
            kept[instance_ids == number] = 0
    return kept


def _physics(number: int, seed: int, size: int) -> Clip:
    names = list(SCENARIOS)
    name = names[number * 7 % len(names)]
    engines = SCENARIOS.get(name).engines
    looks = "varied" if number % 2 else "plain"
    settings = SceneSettings(layout="centred", num_frames=17, width=size, height=size, looks=looks)
    return generate_clip(ClipTask(name, engines[number % len(engines)], number), settings, seed, "raycast").clip


def _real(footage: Path, size: int) -> tuple[list[Clip], list[Clip]]:
    with tempfile.TemporaryDirectory() as scratch:
        config = IngestConfig(num_frames=17, height=size, width=size, test_share=0.4, max_windows_per_file=12)
        ingest([footage], Path(scratch) / "real", config, tables=[], workers=1)
        dataset = ShardDataset(Path(scratch) / "real")
        parts = [[dataset.load(i) for i in dataset.select(split=split)] for split in ("train", "test")]
    return parts[0], parts[1]


def _spread(clips: Sequence[Clip], count: int) -> list[Clip]:
    places = np.unique(np.linspace(0, len(clips) - 1, min(count, len(clips))).astype(int)) if clips else []
    return [clips[place] for place in places]
