"""Buckets: which clip comes into which, what is done to it, and batches of one bucket at the right shares."""

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from physics_data.core.clip import Clip
from physics_data.core.errors import ConfigError, DataError
from tests.worldsim.tiny_clips import footage_clip, write_dataset
from worldsim.data.buckets import Bucket, BucketedMixture, Placement, place, sort_into_buckets
from worldsim.data.sources import ClipShape, ShardSource

WIDE = Bucket(width=64, height=32, num_frames=9)
SHORT = Bucket(width=64, height=32, num_frames=5)
TALL = Bucket(width=32, height=64, num_frames=5)
SQUARE = Bucket(width=32, height=32, num_frames=5)
STILL = Bucket(width=32, height=32, num_frames=1)
ALL = (WIDE, SHORT, TALL, SQUARE, STILL)


def footage(index: int, width: int, height: int, num_frames: int, *, frame_rate: float = 16.0) -> Clip:
    """A clip whose pixels hold their own column (red), row (green) and frame (blue)."""
    clip = footage_clip(index, num_frames)
    frames, rows, columns = np.indices((num_frames, height, width))
    rgb = np.stack([columns, rows, frames], -1).astype(np.uint8)
    meta = clip.meta.model_copy(update={"height": height, "width": width, "frame_rate": frame_rate})
    return replace(clip, meta=meta, rgb=rgb)


def opened(folder: Path, clips: list[Clip], name: str = "footage") -> ShardSource:
    return ShardSource(write_dataset(folder, clips), "train", name=name)


@pytest.mark.parametrize(
    ("size", "found", "done"),
    [
        ((128, 64, 9), WIDE, "resized to 64x32"),
        ((128, 64, 8), SHORT, "resized to 64x32, the last 3 frames left out"),
        ((64, 32, 9), WIDE, "unchanged"),
        ((36, 64, 5), TALL, "4 columns cropped"),
        ((72, 64, 5), SQUARE, "resized to 36x32, 4 columns cropped"),
        ((50, 40, 1), STILL, "resized to 40x32, 8 columns cropped"),
        ((33, 32, 6), SQUARE, "1 columns cropped, the last 1 frames left out"),
    ],
)
def test_a_clip_comes_into_the_bucket_that_crops_least(size: tuple[int, int, int], found: Bucket, done: str) -> None:
    width, height, num_frames = size
    shape = ClipShape("a", num_frames, height, width, 16.0)
    placed = place(shape, ALL, 16.0)
    assert isinstance(placed, Placement)
    assert (placed.bucket, placed.of(shape)) == (found, done)
    assert place(shape, ALL[::-1], 16.0) == placed


@pytest.mark.parametrize(
    ("shape", "buckets", "why"),
    [
        (ClipShape("a", 9, 32, 30, 16.0), ALL, "smaller than every bucket"),
        (ClipShape("a", 3, 64, 64, 16.0), ALL, "shorter than every bucket"),
        (ClipShape("a", 9, 64, 64, 24.0), ALL, "of 24 Hz, data.frame_rate is 16"),
        (ClipShape("a", 1, 64, 64, 1.0), (WIDE,), "stills, and no bucket has 1 frame"),
        (ClipShape("a", 9, 64, 64, 16.0), (STILL,), "videos, and every bucket has 1 frame"),
    ],
)
def test_what_no_bucket_takes_has_a_reason(shape: ClipShape, buckets: tuple[Bucket, ...], why: str) -> None:
    assert place(shape, buckets, 16.0) == why


def test_clips_are_fitted_as_it_was_said_and_dropped_ones_are_counted(tmp_path: Path) -> None:
    sizes = [(128, 64, 10), (36, 64, 5), (20, 20, 5), (64, 32, 2), (40, 32, 1), (20, 20, 9)]
    found = sort_into_buckets(opened(tmp_path, [footage(n, *one) for n, one in enumerate(sizes)]), ALL, 16.0)
    assert [str(one.bucket) for one in found.sources] == ["64x32x9", "32x64x5", "32x32x1"]
    assert found.lines == (
        "footage: 1 clips of 128x64x10 in bucket 64x32x9: resized to 64x32, the last 1 frames left out",
        "footage: 1 clips of 36x64x5 in bucket 32x64x5: 4 columns cropped",
        "footage: 1 clips of 40x32x1 in bucket 32x32x1: 8 columns cropped",
        "footage: 3 of 6 clips are dropped: 2 are smaller than every bucket; 1 are shorter than every bucket",
    )
    assert [row[:2] for row in found.table][:3] == [
        ("footage-000000", "64x32x9"),
        ("footage-000001", "32x64x5"),
        ("footage-000002", "dropped"),
    ]
    wide, tall, still = (source.load(0) for source in found.sources)
    assert wide.rgb.shape == (9, 32, 64, 3)
    assert wide.meta.num_frames == 9
    assert wide.rgb[0, 0, :, 0].tolist() == pytest.approx(np.arange(64) * 2 + 0.5, abs=0.51)
    assert wide.rgb[:, 0, 0, 2].tolist() == list(range(9))
    assert tall.rgb[0, 0, :, 0].tolist() == list(range(2, 34))
    assert still.rgb[0, 0, :, 0].tolist() == list(range(4, 36))
    assert [shape.num_frames for source in found.sources for shape in source.shapes] == [9, 5, 1]


def test_batches_are_of_one_bucket_and_shares_are_kept(tmp_path: Path) -> None:
    many = [footage(n, 64, 32, 9) for n in range(6)] + [footage(6 + n, 32, 64, 5) for n in range(2)]
    stills = [footage(n, 32, 32, 1) for n in range(3)] + [footage(3, 64, 32, 9)]
    sources = [opened(tmp_path / "a", many, "a"), opened(tmp_path / "b", stills, "b")]

    def mixture() -> BucketedMixture:
        return BucketedMixture(sources, [3.0, 1.0], ALL, frame_rate=16.0, seed=0)

    made, again, steps = mixture(), mixture(), 64
    of_source: Counter[str] = Counter()
    of_bucket: Counter[str] = Counter()
    for step in range(steps):
        picks = made.batch(step, 2)
        buckets = {made.sources[source].bucket for source, _ in picks}
        assert len(buckets) == 1
        of_bucket[str(buckets.pop())] += 1
        of_source.update(made.sources[source].name for source, _ in picks)
    # a: 3/4 of all clips, 3/4 of them wide and 1/4 tall; b: 1/4, 3/4 of them stills and 1/4 wide
    assert of_bucket == {"64x32x9": 40, "32x64x5": 12, "32x32x1": 12}
    assert of_source == {"a": 96, "b": 32}
    assert made.seen_shares(steps, 2) == {"a": 0.75, "b": 0.25}
    assert [again.batch(step, 2) for step in range(40, 50)] == [made.batch(step, 2) for step in range(40, 50)]
    first = [pick for step in range(20) for pick in made.batch(step, 2) if made.sources[pick[0]].bucket == TALL]
    assert set(Counter(first).values()) <= {3, 4}  # each clip as often as any other
    assert "bucket 32x32x5 has no clip" in made.lines()
    assert {row[2] for row in made.table()} == {"64x32x9", "32x64x5", "32x32x1"}


def test_masks_follow_the_picture(make_dataset: Callable[..., Path]) -> None:
    source = ShardSource(make_dataset("physics", size=40), "train", name="physics", labels=("instance_ids",))
    found = sort_into_buckets(source, [Bucket(width=20, height=10, num_frames=5)], 16.0)
    clip = found.sources[0].load(0)
    whole = source.load(0)
    assert clip.instance_ids is not None and whole.instance_ids is not None
    assert np.array_equal(clip.instance_ids, whole.instance_ids[:, 1::2, 1::2][:, 5:15])


def test_a_source_without_a_fitting_clip_is_refused(tmp_path: Path) -> None:
    source = opened(tmp_path, [footage(0, 16, 16, 5), footage(1, 64, 64, 5, frame_rate=24.0)])
    with pytest.raises(DataError, match="no clip of .* is in a bucket .* 1 are smaller .*; 1 are of 24 Hz"):
        sort_into_buckets(source, ALL, 16.0)
    fitting = opened(tmp_path / "fits", [footage(0, 64, 32, 9)])
    with pytest.raises(ConfigError, match="two sources have one name"):
        BucketedMixture([fitting, fitting], [1.0, 1.0], ALL, frame_rate=16.0, seed=0)
