"""``ShardSource``: the clips of one split of one dataset, held in memory as pixels if asked."""

import hashlib
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import UInt8

from physics_data.core.clip import Clip, ClipMeta
from physics_data.core.dataset import ShardDataset
from physics_data.core.errors import DataError
from physics_data.core.shards import IndexRow

_DECODING_THREADS = 4


@dataclass(frozen=True)
class PixelClip:
    """What training reads of a clip: pixels, instance ids (None for footage) and the record."""

    meta: ClipMeta
    rgb: UInt8[np.ndarray, "t h w 3"]
    instance_ids: UInt8[np.ndarray, "t h w"] | None

    @classmethod
    def of(cls, clip: Clip) -> "PixelClip":
        """Drop the depth, masks and trajectory of a clip."""
        return cls(clip.meta, clip.rgb, None if clip.rendering is None else clip.rendering.instance_ids)


@dataclass(frozen=True)
class ClipShape:
    """Name, size, length and rate (Hz) of a clip, known without its pixels."""

    key: str
    num_frames: int
    height: int
    width: int
    frame_rate: float


@runtime_checkable
class ClipSource(Protocol):
    """Clips by position 0 to len - 1.

    name:    what the source is called in logs and pictures
    folder:  where it comes from, for messages
    """

    name: str
    folder: Path

    def __len__(self) -> int: ...

    @property
    def shapes(self) -> list[ClipShape]:
        """The size and length of each clip."""
        ...

    def identity(self) -> str:
        """Return 16 hex digits that two sources share exactly when their clips are equal."""
        ...

    def load(self, position: int) -> PixelClip:
        """Return one clip."""
        ...

    def load_into_memory(self, on_clip: Callable[[], None] = ...) -> None:
        """Get all clips ready; calls ``on_clip`` for each."""
        ...


def require_fit(
    source: ClipSource, *, num_frames: int, height: int, width: int, frame_rate: float | None = None
) -> None:
    """Check before any clip is read that every one fits.

    Raises:
        DataError: a clip has another picture size, another rate, or too few frames; names the first one.
    """
    for shape in source.shapes:
        if (shape.height, shape.width) != (height, width) or shape.num_frames < num_frames:
            raise DataError(
                f"clip '{shape.key}' of {source.folder} has {shape.num_frames} frames of {shape.width}x{shape.height}, "
                f"the config asks for {num_frames} of {width}x{height} (data.num_frames, data.width, data.height); "
                "change the config or make the dataset in that size."
            )
        if frame_rate is not None and shape.frame_rate != frame_rate:
            raise DataError(
                f"clip '{shape.key}' of {source.folder} runs at {shape.frame_rate:g} Hz, the config asks for "
                f"{frame_rate:g} Hz (data.frame_rate); change the config or make the dataset at that rate."
            )


class ShardSource:
    """The clips of one split of a dataset folder, by position 0 to len - 1.

    After ``load_into_memory`` every clip is held decoded; 17 frames of 64x64 with instance ids take 280 kB. Before it,
    each access reads and checks the shard.
    """

    def __init__(self, folder: Path, split: str, *, name: str) -> None:
        """Open a dataset.

        Args:
            folder: dataset folder
            split: "train" or "test"
            name: what the source is called in logs and pictures

        Raises:
            DataError: no dataset there, an unfinished one, or one without a clip in this split.
        """
        self.name = name
        self.folder = Path(folder)
        self._dataset = ShardDataset(self.folder)
        self._positions = self._dataset.select(split=split)
        if not self._positions:
            raise DataError(f"{self.folder} has {len(self._dataset)} clips but none in split '{split}'.")
        self._memory: list[PixelClip] | None = None

    def __len__(self) -> int:
        return len(self._positions)

    @property
    def rows(self) -> list[IndexRow]:
        """The index rows of the clips, in the order of their positions."""
        return [self._dataset.rows[position] for position in self._positions]

    @property
    def shapes(self) -> list[ClipShape]:
        """The size and length of each clip, from the index."""
        return [ClipShape(row.key, row.num_frames, row.height, row.width, row.frame_rate) for row in self.rows]

    def identity(self) -> str:
        """Return 16 hex digits that two sources share exactly when their clips are equal, byte for byte."""
        return hashlib.sha256("".join(row.sha256 for row in self.rows).encode()).hexdigest()[:16]

    def load(self, position: int) -> PixelClip:
        """Return one clip.

        Raises:
            DataError: its shard is missing, truncated or changed.
        """
        if self._memory is not None:
            return self._memory[position]
        return PixelClip(*self._dataset.load_pixels(self._positions[position]))

    def load_into_memory(self, on_clip: Callable[[], None] = lambda: None) -> None:
        """Decode all clips, with threads: decompression and checksums release the interpreter lock."""
        if self._memory is None:
            with ThreadPoolExecutor(_DECODING_THREADS) as pool:
                self._memory = list(self._each(pool, on_clip))

    def _each(self, pool: ThreadPoolExecutor, on_clip: Callable[[], None]) -> Iterator[PixelClip]:
        for parts in pool.map(self._dataset.load_pixels, self._positions):
            yield PixelClip(*parts)
            on_clip()
