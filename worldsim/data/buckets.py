"""Buckets: clips of many sizes and lengths, shrunk and cropped to a few, each batch of one bucket.

Assignment and draws are pure functions of the index, the seed and the step, so a resumed run sees the same batches.

Source: NovelAI (2022), aspect ratio bucketing; here lengths are bucketed as well, and nothing is enlarged.
"""

import functools
import hashlib
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Annotated

import numpy as np
from pydantic import Field

from physics_data.core.config import StrictModel
from physics_data.core.errors import DataError
from physics_data.core.shards import IndexRow
from worldsim.data.augmentation import stretch
from worldsim.data.mixture import Mixture, assign, quotas
from worldsim.data.sources import ClipShape, PixelClip, ShardSource
from worldsim.data.spatial_augmentation import crop, resize

Side = Annotated[int, Field(ge=1)]


class Bucket(StrictModel):
    """Size and length of the clips of a batch.

    width, height:  pixels
    num_frames:     frames; 1 = stills
    """

    width: Side
    height: Side
    num_frames: Side

    def __str__(self) -> str:
        return f"{self.width}x{self.height}x{self.num_frames}"


@dataclass(frozen=True)
class Placement:
    """How a clip comes into a bucket: shrunk to a size that covers it, cropped around the centre, cut at its end."""

    bucket: Bucket
    shrunk: tuple[int, int]
    """Height and width, pixels, before cropping."""

    def of(self, shape: ClipShape) -> str:
        """Say what is done to a clip of this shape."""
        height, width = self.shrunk
        done = [] if (height, width) == (shape.height, shape.width) else [f"resized to {width}x{height}"]
        for what, over in (("columns", width - self.bucket.width), ("rows", height - self.bucket.height)):
            done += [f"{over} {what} cropped"] if over else []
        over = shape.num_frames - self.bucket.num_frames
        done += [f"the last {over} frames left out"] if over else []
        return ", ".join(done) or "unchanged"

    def fit(self, clip: PixelClip) -> PixelClip:
        """Return the clip in the bucket's size and length; masks follow, but states of motion are lost by a change."""
        bucket, (height, width) = self.bucket, self.shrunk
        if clip.meta.num_frames > bucket.num_frames:
            clip = stretch(clip, 0, bucket.num_frames)
        if (height, width) != (clip.meta.height, clip.meta.width):
            clip = resize(clip, height, width)
        if (height, width) != (bucket.height, bucket.width):
            top, left = (height - bucket.height) // 2, (width - bucket.width) // 2
            clip = crop(clip, top, left, bucket.height, bucket.width)
        return clip


def place(shape: ClipShape, buckets: Sequence[Bucket], frame_rate: float) -> Placement | str:
    """Return the bucket that crops least of the picture, then has most frames, then is largest; or why none takes it.

    Stills go into buckets of 1 frame, videos into the others. Nothing is enlarged or prolonged.
    """
    still = shape.num_frames == 1
    if not still and shape.frame_rate != frame_rate:
        return f"of {shape.frame_rate:g} Hz, data.frame_rate is {frame_rate:g}"
    alike = [one for one in buckets if (one.num_frames == 1) == still]
    if not alike:
        return "stills, and no bucket has 1 frame" if still else "videos, and every bucket has 1 frame"
    short = [one for one in alike if one.num_frames <= shape.num_frames]
    if not short:
        return "shorter than every bucket"
    small = [one for one in short if one.height <= shape.height and one.width <= shape.width]
    if not small:
        return "smaller than every bucket"
    return max((_placed(shape, one) for one in small), key=lambda one: _merit(shape, one))


def _placed(shape: ClipShape, bucket: Bucket) -> Placement:
    scale = max(bucket.height / shape.height, bucket.width / shape.width)
    height, width = max(bucket.height, round(shape.height * scale)), max(bucket.width, round(shape.width * scale))
    return Placement(bucket, (height, width))


def _merit(shape: ClipShape, placed: Placement) -> tuple[float, int, int]:
    bucket = placed.bucket
    aspect = (shape.width * bucket.height) / (shape.height * bucket.width)
    return round(min(aspect, 1 / aspect), 6), bucket.num_frames, bucket.height * bucket.width


class BucketSource:
    """The clips of a source that are in one bucket, as they come into it; a ``ClipSource``."""

    def __init__(self, source: ShardSource, bucket: Bucket, frame_rate: float) -> None:
        """Take a source whose clips are all in this bucket."""
        self.name, self.folder, self.bucket = source.name, source.folder, bucket
        self._source, self._frame_rate = source, frame_rate

    @property
    def rows(self) -> Sequence[IndexRow]:
        """The index rows of the clips, as they are stored."""
        return self._source.rows

    @property
    def shapes(self) -> Sequence[ClipShape]:
        """The shapes of the clips in the bucket."""
        one = self.bucket
        return [ClipShape(s.key, one.num_frames, one.height, one.width, s.frame_rate) for s in self._source.shapes]

    def __len__(self) -> int:
        return len(self._source)

    def identity(self) -> str:
        """Return 16 hex digits that two sources share exactly when their clips are equal."""
        return hashlib.sha256(f"{self._source.identity()} {self.bucket}".encode()).hexdigest()[:16]

    def load(self, position: int) -> PixelClip:
        """Return one clip in the bucket's size and length."""
        placed = place(self._source.shapes[position], [self.bucket], self._frame_rate)
        assert isinstance(placed, Placement)
        return placed.fit(self._source.load(position))

    def load_into_memory(self, on_clip: Callable[[], None] = lambda: None) -> None:
        """Nothing is held: clips are read once."""


@dataclass(frozen=True)
class Sorted:
    """A source sorted into buckets. lines: what became of its clips, in sentences. table: key and bucket of each."""

    sources: tuple[BucketSource, ...]
    lines: tuple[str, ...]
    table: tuple[tuple[str, str, str], ...]


def sort_into_buckets(source: ShardSource, buckets: Sequence[Bucket], frame_rate: float) -> Sorted:
    """Sort the clips of a source.

    Raises:
        DataError: no clip is in any bucket.
    """
    shapes = list(source.shapes)
    chosen = functools.cache(lambda size: place(ClipShape("", *size), buckets, frame_rate))
    placed = [chosen((one.num_frames, one.height, one.width, one.frame_rate)) for one in shapes]
    dropped = Counter(one for one in placed if isinstance(one, str))
    told = [f"{count} are {why}" for why, count in dropped.items()]
    if not len(dropped) or sum(dropped.values()) < len(shapes):
        ways = Counter(
            (one.bucket, f"{shape.width}x{shape.height}x{shape.num_frames}", one.of(shape))
            for one, shape in zip(placed, shapes, strict=True)
            if isinstance(one, Placement)
        )
        lines = [
            f"{source.name}: {count} clips of {size} in bucket {bucket}: {done}"
            for bucket in buckets
            for (own, size, done), count in ways.items()
            if own == bucket
        ]
        if told:
            lines.append(
                f"{source.name}: {sum(dropped.values())} of {len(shapes)} clips are dropped: {'; '.join(told)}"
            )
        positions = {
            bucket: [n for n, one in enumerate(placed) if isinstance(one, Placement) and one.bucket == bucket]
            for bucket in buckets
        }
        sources = tuple(
            BucketSource(source.subset(np.array(own)), bucket, frame_rate) for bucket, own in positions.items() if own
        )
        table = tuple(
            (
                shape.key,
                "dropped" if isinstance(one, str) else str(one.bucket),
                one if isinstance(one, str) else one.of(shape),
            )
            for shape, one in zip(shapes, placed, strict=True)
        )
        return Sorted(sources, tuple(lines), table)
    raise DataError(
        f"no clip of {source.folder} is in a bucket ({', '.join(map(str, buckets))}): {'; '.join(told)}. Write buckets "
        "that are no larger, no longer, and of that kind."
    )


class BucketedMixture:
    """Draws batches of one bucket each; sources and buckets keep their shares of clips, as in ``Mixture``.

    A source's weight is shared out to buckets by how many of its clips are in each. The bucket of a step, and the clips
    within a bucket, are given out as the draws of a ``Mixture`` are.
    """

    def __init__(
        self,
        sources: Sequence[ShardSource],
        weights: Sequence[float],
        buckets: Sequence[Bucket],
        *,
        frame_rate: float,
        seed: int,
    ) -> None:
        """Sort the sources.

        Args:
            sources: at least one, with different names
            weights: relative shares, > 0
            buckets: different ones
            frame_rate: Hz, of videos; stills may have any
            seed: decides the order

        Raises:
            ConfigError: two sources of one name.
            DataError: no clip of a source is in any bucket.
        """
        Mixture(sources, weights, seed=seed)  # checks names and weights
        self.sorted = [sort_into_buckets(source, buckets, frame_rate) for source in sources]
        self.sources = [one for each in self.sorted for one in each.sources]
        share = {source.name: weight / sum(weights) for source, weight in zip(sources, weights, strict=True)}
        total = {each.sources[0].name: sum(map(len, each.sources)) for each in self.sorted}
        self.used = [bucket for bucket in buckets if any(one.bucket == bucket for one in self.sources)]
        self._unused = [bucket for bucket in buckets if bucket not in self.used]
        self._members: list[list[int]] = []
        self._mixtures: list[Mixture] = []
        self._shares: list[float] = []
        for bucket in self.used:
            members = [number for number, one in enumerate(self.sources) if one.bucket == bucket]
            own = [self.sources[number] for number in members]
            parts = [share[one.name] * len(one) / total[one.name] for one in own]
            self._members.append(members)
            self._mixtures.append(Mixture(own, parts, seed=seed))
            self._shares.append(sum(parts))
        self._quotas = quotas(self._shares)

    def batch(self, step: int, batch_size: int) -> list[tuple[int, int]]:
        """Return (source, position) of each clip of the batch of a step, all of one bucket."""
        bucket, before = assign(self._quotas, step)
        members = self._members[bucket]
        return [(members[source], position) for source, position in self._mixtures[bucket].batch(before, batch_size)]

    def seen_shares(self, num_steps: int, batch_size: int) -> dict[str, float]:
        """Return the share of each source in the first ``num_steps`` batches."""
        counts: Counter[str] = Counter({one.name: 0 for one in self.sources})
        left = num_steps
        for quota, mixture in zip(self._quotas, self._mixtures, strict=True):
            steps = quota(left)
            left -= steps
            counts.update(mixture.seen(steps, batch_size))
        return {name: count / max(num_steps * batch_size, 1) for name, count in counts.items()}

    def lines(self) -> list[str]:
        """Return in sentences which clips are in which bucket, what is done to them, and what is dropped."""
        said = [line for each in self.sorted for line in each.lines]
        shares = ", ".join(f"{one} {share:.0%}" for one, share in zip(self.used, self._shares, strict=True))
        said.append(f"buckets (width x height x frames), share of steps: {shares}")
        return said + [f"bucket {one} has no clip" for one in self._unused]

    def table(self) -> Iterable[tuple[str, str, str, str]]:
        """Return (source, key, bucket, what is done) of every clip."""
        return ((each.sources[0].name, *row) for each in self.sorted for row in each.table)
