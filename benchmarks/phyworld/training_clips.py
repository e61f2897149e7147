"""Training clips of PhyWorld's laws as shards that ``worldsim train`` reads: closed forms, training's ranges only."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
from pydantic import Field

from benchmarks.phyworld.world import (
    GIVEN_FRAMES,
    KINDS,
    NUM_FRAMES,
    BallScene,
    Kind,
    as_seen,
    draw,
    make_scene,
    training_choice,
)
from eval.public.phyworld import SECONDS, Ball, unbiased_balls
from physics_data.core.clip import Clip, ClipMeta
from physics_data.core.clip_index import write_index
from physics_data.core.config import StrictModel
from physics_data.core.dataset import ShardDataset, claim_folder, read_manifest, shard_path, write_manifest
from physics_data.core.errors import DataError
from physics_data.core.shards import IndexRow, write_shard

CLIPS_PER_SHARD = 250

Split = Literal["train", "test"]
SPLITS: tuple[Split, ...] = ("train", "test")
COLOURS: tuple[Ball, ...] = ("red", "blue")


class ClipPlan(StrictModel):
    """Clips of one law.

    clips:       to train on; the published sets have 30 000 to 3 000 000
    test_clips:  of the same ranges, held out
    size:        side of the pictures, px; divides the published 256
    """

    law: Kind
    clips: Annotated[int, Field(ge=1)] = 2000
    test_clips: Annotated[int, Field(ge=0)] = 64
    size: Annotated[int, Field(ge=1)] = 32
    seed: Annotated[int, Field(ge=0)] = 0


def training_scene(law: Kind, rng: np.random.Generator) -> BallScene:
    """Draw a scene from training's ranges of radius and speed.

    Raises:
        DataError: a drawn scene is out of these ranges, which must not happen.
    """
    scene = None
    while scene is None:  # some pairs of balls have no place in which they meet late enough
        scene = make_scene(law, *training_choice(law, rng), rng)
    if not scene.is_in_range:
        raise DataError(
            f"a training scene has radii {scene.radii} and speeds {scene.speeds}, out of training's ranges."
        )
    return scene


def write_clips(out: Path, plan: ClipPlan, on_clip: Callable[[], None] = lambda: None) -> int:
    """Write the dataset folder of a plan and return how many clips it holds; an interrupted run is finished.

    A clip depends on seed, law, split and number alone, so a larger set begins with the clips of a smaller one.

    Raises:
        DataError: ``out`` holds a dataset of another plan, or other things.
    """
    claim_folder(out, plan, advice="delete that folder")
    rows: list[IndexRow] = []
    for split, count in zip(SPLITS, (plan.clips, plan.test_clips), strict=True):
        for first in range(0, count, CLIPS_PER_SHARD):
            numbers = range(first, min(first + CLIPS_PER_SHARD, count))
            tar = shard_path(out, f"{plan.law}-{split}-{first // CLIPS_PER_SHARD:04d}")
            manifest = read_manifest(tar)
            if manifest is None:
                manifest = write_manifest(tar, write_shard(tar, _clips(plan, split, numbers, on_clip)))
            rows += [IndexRow(**row) for row in manifest["rows"]]
    write_index(out, rows)
    return len(rows)


@dataclass(frozen=True)
class Seen:
    """Smallest and largest radius and speed that the pixels of a dataset show, world units."""

    radius: tuple[float, float]
    speed: tuple[float, float]


def ranges_seen(folder: Path) -> Seen:
    """Read the balls of every stored clip from its pixels; speed along the ground, from the first three frames.

    Raises:
        DataError: no dataset there, or a damaged one.
    """
    dataset = ShardDataset(folder)
    radii, speeds = [], []
    for position in range(len(dataset)):
        _, rgb, _ = dataset.load_pixels(position)
        for colour in COLOURS:
            ball = unbiased_balls(rgb[:GIVEN_FRAMES, ::-1], colour)
            if np.isfinite(ball).all():
                radii.append(float(ball[0, 2]))
                speeds.append(abs(float(ball[-1, 0] - ball[0, 0])) / ((GIVEN_FRAMES - 1) * SECONDS))
    return Seen((min(radii), max(radii)), (min(speeds), max(speeds)))


def _clips(plan: ClipPlan, split: Split, numbers: range, on_clip: Callable[[], None]) -> Iterator[Clip]:
    for number in numbers:
        key = (KINDS.index(plan.law), SPLITS.index(split), number)
        rng = np.random.default_rng(np.random.SeedSequence(plan.seed, spawn_key=key))
        rgb = as_seen(draw(training_scene(plan.law, rng)), plan.size)
        meta = ClipMeta(
            key=f"{plan.law}-{split}-{number:06d}",
            source="footage",  # pixels alone: a model is told nothing else
            split=split,
            caption="",
            frame_rate=1 / SECONDS,
            num_frames=NUM_FRAMES,
            height=plan.size,
            width=plan.size,
        )
        yield Clip(meta, rgb)
        on_clip()
