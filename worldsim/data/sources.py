"""``ShardSource``: the clips of one split of one dataset, held in memory as pixels if asked."""

import hashlib
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import UInt8

from physics_data.core.clip import Clip, ClipMeta
from physics_data.core.dataset import ShardDataset
from physics_data.core.errors import DataError
from physics_data.core.shards import IndexRow
from physics_data.core.trajectory import Trajectory
from worldsim.data.annotations.store import AnnotationStore
from worldsim.data.labels import LABELS, labels_of, require_known

_DECODING_THREADS = 4


DEFAULT_LABELS = ("instance_ids",)
"""What is read of a clip beside its pixels, if nothing else is asked for."""


@dataclass(frozen=True)
class PixelClip:
    """What training reads of a clip: pixels, the record, and the arrays of labels (``labels.LABELS``).

    An array that is not in ``labels`` is not known; footage without pseudo-labels has none. ``trajectory`` is that of
    ``meta.spec``, where more was read than pixels and ids.
    """

    meta: ClipMeta
    rgb: UInt8[np.ndarray, "t h w 3"]
    labels: Mapping[str, np.ndarray] = field(default_factory=dict)
    trajectory: Trajectory | None = None

    @classmethod
    def of(cls, clip: Clip, labels: Iterable[str] = DEFAULT_LABELS) -> "PixelClip":
        """Keep some labels of a clip, as far as it has them."""
        return cls(clip.meta, clip.rgb, labels_of(clip, labels), clip.trajectory)

    @property
    def instance_ids(self) -> UInt8[np.ndarray, "t h w"] | None:
        """The instance of each pixel; None if not known."""
        return self.labels.get("instance_ids")


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


def divided(rows: Sequence[IndexRow], validation_fraction: float) -> dict[str, list[int]]:
    """Return split → positions of its clips.

    Where no row is in "val", the fraction of "train" goes there, at least one group and never all. Clips of one file,
    of one scene on several engines, or of one set of pairs stay together. The digests of their names decide which, so
    the same dataset is always divided alike.
    """
    found: dict[str, list[int]] = defaultdict(list)
    for position, row in enumerate(rows):
        found[row.split].append(position)
    if validation_fraction and not found.get("val"):
        groups: dict[str, list[int]] = defaultdict(list)
        for position in found["train"]:
            groups[hashlib.sha256(_group_of(rows[position]).encode()).hexdigest()].append(position)
        count = min(max(1, round(validation_fraction * len(groups))), len(groups) - 1)
        chosen = {position for name in sorted(groups)[: max(count, 0)] for position in groups[name]}
        found["val"] = [position for position in found["train"] if position in chosen]
        found["train"] = [position for position in found["train"] if position not in chosen]
    return dict(found)


def _group_of(row: IndexRow) -> str:
    """Return what clips that show the same thing share: their set of pairs, their scene, or their file."""
    if row.pair_id is not None:
        return row.pair_id
    rest, _, last = row.key.rpartition("-")
    return f"{row.scenario}-{last}" if row.source == "physics" else rest or row.key


class ShardSource:
    """The clips of one split of a dataset folder, by position 0 to len - 1.

    After ``load_into_memory`` every clip is held decoded; 17 frames of 64x64 with instance ids take 280 kB. Before it,
    each access reads and checks the shard.
    """

    def __init__(
        self,
        folder: Path,
        split: str,
        *,
        name: str,
        labels: Iterable[str] = DEFAULT_LABELS,
        annotations: Iterable[str] = (),
        include_impossible: bool = False,
        validation_fraction: float = 0.0,
    ) -> None:
        """Open a dataset.

        Args:
            folder: dataset folder
            split: "train", "val" or "test"
            name: what the source is called in logs and pictures
            labels: what is read beside pixels, where a clip has it
            annotations: annotators whose pseudo-labels are read, where a clip has no exact label
            include_impossible: keep the clips of pairs that cannot happen, which are left out otherwise
            validation_fraction: where the dataset has no clip in "val", this fraction of "train" becomes "val"; see
                ``divided``

        Raises:
            DataError: no dataset there, an unfinished one, one without a clip in this split, or without an annotation.
            UnknownNameError: no such label.
        """
        self._labels = tuple(labels)
        require_known(self._labels)
        self.name = name
        self.folder = Path(folder)
        self._dataset = ShardDataset(self.folder)
        found = divided(self._dataset.rows, validation_fraction).get(split, [])
        possible = [position for position in found if self._dataset.can_happen(position)]
        self._positions = found if include_impossible else possible
        self.num_left_out = len(found) - len(self._positions)
        if not self._positions:
            why = f" that can happen ({self.num_left_out} impossible ones are left out)" if self.num_left_out else ""
            raise DataError(f"{self.folder} has {len(self._dataset)} clips but none in split '{split}'{why}.")
        self._memory: list[PixelClip] | None = None
        self._annotations = [AnnotationStore(self.folder, annotator) for annotator in annotations]

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

    @property
    def held_out_scenarios(self) -> set[str]:
        """The scenarios that the dataset shows in split "ood" and never in "train", pairs aside."""
        seen: dict[str, set[str]] = {"train": set(), "ood": set()}
        for row in self._dataset.rows:
            if row.pair_id is None and row.scenario is not None:
                seen.setdefault(row.split, set()).add(row.scenario)
        return seen["ood"] - seen["train"]

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
        return self._read(self._positions[position])

    def load_whole(self, position: int) -> Clip:
        """Return one clip with all its streams and its trajectory.

        Raises:
            DataError: its shard is missing, truncated or changed.
        """
        return self._dataset.load(self._positions[position])

    def load_meta(self, position: int) -> ClipMeta:
        """Return the record of one clip alone, without reading its arrays.

        Raises:
            DataError: its shard is missing, truncated or damaged there.
        """
        return self._dataset.load_meta(self._positions[position])

    def load_into_memory(self, on_clip: Callable[[], None] = lambda: None) -> None:
        """Decode all clips, with threads: decompression and checksums release the interpreter lock."""
        if self._memory is None:
            with ThreadPoolExecutor(_DECODING_THREADS) as pool:
                self._memory = list(self._each(pool, on_clip))

    def _each(self, pool: ThreadPoolExecutor, on_clip: Callable[[], None]) -> Iterator[PixelClip]:
        for clip in pool.map(self._read, self._positions):
            yield clip
            on_clip()

    def _read(self, position: int) -> PixelClip:
        """Unpack no more of a clip than what is asked for."""
        if set(self._labels) <= set(DEFAULT_LABELS):
            meta, rgb, ids = self._dataset.load_pixels(position)
            clip = PixelClip(meta, rgb, {} if ids is None or not self._labels else {"instance_ids": ids})
        else:
            clip = PixelClip.of(self._dataset.load(position), self._labels)
        if not self._annotations:
            return clip
        arrays = dict(clip.labels)
        for store in self._annotations:
            known = store.load(clip.meta.key)
            wanted = [name for label in self._labels for name in LABELS[label] if name in known and name not in arrays]
            arrays |= {name: known[name] for name in wanted}
        return replace(clip, labels=arrays)
