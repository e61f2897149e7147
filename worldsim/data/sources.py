"""``ShardSource``: the clips of one split of one dataset, held in memory as pixels if asked."""

import copy
import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Protocol, overload, runtime_checkable

import numpy as np
from jaxtyping import Int64, UInt8

from physics_data.core.clip import Clip, ClipMeta
from physics_data.core.clip_index import ClipIndex
from physics_data.core.dataset import ShardDataset
from physics_data.core.errors import DataError
from physics_data.core.shards import IndexRow
from physics_data.core.trajectory import Trajectory
from worldsim.data.annotations.store import AnnotationStore
from worldsim.data.labels import LABELS, labels_of, require_known

_DECODING_THREADS = 4
Positions = Int64[np.ndarray, "n"]


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
    def shapes(self) -> Sequence[ClipShape]:
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
    for shape in source.distinct_shapes if isinstance(source, ShardSource) else source.shapes:
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


def divided(index: ClipIndex, validation_fraction: float) -> dict[str, Positions]:
    """Return split → positions of its clips.

    Where no row is in "val", the fraction of "train" goes there, at least one group and never all. Clips of one file,
    of one scene on several engines, or of one set of pairs stay together. The digests of their names decide which, so
    the same dataset is always divided alike.
    """
    codes, names = index.codes("split")
    found = {name: np.flatnonzero(codes == code) for code, name in enumerate(names)}
    train = found.get("train", np.zeros(0, dtype=np.int64))
    if validation_fraction and "val" not in found and len(train):
        columns = (index.texts(name, train) for name in ("pair_id", "key", "source", "scenario"))
        rows = (row for group in zip(*columns, strict=True) for row in zip(*group, strict=True))
        digests = [hashlib.sha256(_group_of(*row).encode()).hexdigest() for row in rows]
        groups = sorted(set(digests))
        count = min(max(1, round(validation_fraction * len(groups))), len(groups) - 1)
        chosen = set(groups[: max(count, 0)])
        held_back = np.array([digest in chosen for digest in digests], dtype=bool)
        found["val"], found["train"] = train[held_back], train[~held_back]
    return found


def _group_of(pair_id: str | None, key: str, source: str, scenario: str | None) -> str:
    """Return what clips that show the same thing share: their set of pairs, their scene, or their file."""
    if pair_id is not None:
        return pair_id
    rest, _, last = key.rpartition("-")
    return f"{scenario}-{last}" if source == "physics" else rest or key


class _Selected(Sequence[IndexRow]):
    """Some rows of an index, read when they are asked for."""

    def __init__(self, index: ClipIndex, positions: Positions) -> None:
        self._index, self._positions = index, positions

    def __len__(self) -> int:
        return len(self._positions)

    @overload
    def __getitem__(self, position: int) -> IndexRow: ...

    @overload
    def __getitem__(self, position: slice) -> Sequence[IndexRow]: ...

    def __getitem__(self, position: int | slice) -> IndexRow | Sequence[IndexRow]:
        if isinstance(position, slice):
            return _Selected(self._index, self._positions[position])
        return self._index[int(self._positions[position])]


class _Shapes(Sequence[ClipShape]):
    """The shapes of some rows of an index."""

    def __init__(self, rows: Sequence[IndexRow]) -> None:
        self._rows = rows

    def __len__(self) -> int:
        return len(self._rows)

    @overload
    def __getitem__(self, position: int) -> ClipShape: ...

    @overload
    def __getitem__(self, position: slice) -> Sequence[ClipShape]: ...

    def __getitem__(self, position: int | slice) -> ClipShape | Sequence[ClipShape]:
        if isinstance(position, slice):
            return _Shapes(self._rows[position])
        row = self._rows[position]
        return ClipShape(row.key, row.num_frames, row.height, row.width, row.frame_rate)


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
        found = divided(self._dataset.rows, validation_fraction).get(split, np.zeros(0, dtype=np.int64))
        self._positions = found if include_impossible else self._dataset.possible(found)
        self.num_left_out = len(found) - len(self._positions)
        if not len(self._positions):
            why = f" that can happen ({self.num_left_out} impossible ones are left out)" if self.num_left_out else ""
            raise DataError(f"{self.folder} has {len(self._dataset)} clips but none in split '{split}'{why}.")
        self._memory: list[PixelClip] | None = None
        self._annotations = [AnnotationStore(self.folder, annotator) for annotator in annotations]

    def __len__(self) -> int:
        return len(self._positions)

    def subset(self, positions: Positions) -> "ShardSource":
        """Return the source of some of its clips, by position, none of them held in memory."""
        chosen = copy.copy(self)
        chosen._positions, chosen._memory = self._positions[positions], None
        return chosen

    @property
    def rows(self) -> Sequence[IndexRow]:
        """The index rows of the clips, in the order of their positions."""
        return _Selected(self._dataset.rows, self._positions)

    @property
    def shapes(self) -> Sequence[ClipShape]:
        """The size and length of each clip, from the index."""
        return _Shapes(self.rows)

    @property
    def distinct_shapes(self) -> Sequence[ClipShape]:
        """The shape of the first clip of each size, length and rate."""
        firsts = self._dataset.rows.firsts(("num_frames", "height", "width", "frame_rate"), self._positions)
        return _Shapes(_Selected(self._dataset.rows, firsts))

    @property
    def scenarios(self) -> set[str]:
        """The scenarios of the clips."""
        firsts = self._dataset.rows.firsts(("scenario",), self._positions)
        return {row.scenario for row in _Selected(self._dataset.rows, firsts) if row.scenario is not None}

    @property
    def held_out_scenarios(self) -> set[str]:
        """The scenarios that the dataset shows in split "ood" and never in "train", pairs aside."""
        index = self._dataset.rows
        plain = np.flatnonzero(index.codes("pair_id")[0] < 0)
        firsts = _Selected(index, index.firsts(("split", "scenario"), plain))
        seen = {split: {row.scenario for row in firsts if row.split == split} for split in ("ood", "train")}
        return {name for name in seen["ood"] - seen["train"] if name is not None}

    def identity(self) -> str:
        """Return 16 hex digits that two sources share exactly when their clips are equal, byte for byte."""
        told = hashlib.sha256()
        for digests in self._dataset.rows.texts("sha256", self._positions):
            told.update("".join(digests).encode())
        return told.hexdigest()[:16]

    def load(self, position: int) -> PixelClip:
        """Return one clip.

        Raises:
            DataError: its shard is missing, truncated or changed.
        """
        if self._memory is not None:
            return self._memory[position]
        return self._read(int(self._positions[position]))

    def load_whole(self, position: int) -> Clip:
        """Return one clip with all its streams and its trajectory.

        Raises:
            DataError: its shard is missing, truncated or changed.
        """
        return self._dataset.load(int(self._positions[position]))

    def load_meta(self, position: int) -> ClipMeta:
        """Return the record of one clip alone, without reading its arrays.

        Raises:
            DataError: its shard is missing, truncated or damaged there.
        """
        return self._dataset.load_meta(int(self._positions[position]))

    def load_into_memory(self, on_clip: Callable[[], None] = lambda: None) -> None:
        """Decode all clips, with threads: decompression and checksums release the interpreter lock."""
        if self._memory is None:
            with ThreadPoolExecutor(_DECODING_THREADS) as pool:
                self._memory = list(self._each(pool, on_clip))

    def _each(self, pool: ThreadPoolExecutor, on_clip: Callable[[], None]) -> Iterator[PixelClip]:
        for clip in pool.map(self._read, self._positions.tolist()):
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
