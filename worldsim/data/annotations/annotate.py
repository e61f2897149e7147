"""Pseudo-labels for all clips of a dataset, shard by shard; an interrupted run is finished."""

import contextlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from physics_data.core.atomic import remove_partials
from physics_data.core.dataset import ShardDataset
from physics_data.core.errors import DataError
from physics_data.core.shards import IndexRow, decode_pixels, read_members
from physics_data.pipeline.executors import ExecutorName, run_work
from worldsim.data.annotations import ANNOTATORS
from worldsim.data.annotations.base import Annotator
from worldsim.data.annotations.store import (
    FOLDER_NAME,
    annotation_path,
    read_annotation_manifest,
    write_annotations,
)


@dataclass(frozen=True)
class LabelWriter:
    """Writes the labels of one annotator for the clips of a shard; all that a worker is sent."""

    folder: Path
    annotator: str
    weights: str | None

    def __reduce__(self) -> tuple[type["LabelWriter"], tuple[Path, str, str | None]]:
        return type(self), (self.folder, self.annotator, self.weights)

    @cached_property
    def _member(self) -> Annotator:
        return ANNOTATORS.get(self.annotator)(self.weights)

    @cached_property
    def shards(self) -> dict[str, list[IndexRow]]:
        """Name of each shard and its rows."""
        found: dict[str, list[IndexRow]] = {}
        for row in ShardDataset(self.folder).rows:
            found.setdefault(Path(row.shard).stem, []).append(row)
        return found

    def __call__(self, name: str, on_clip: Callable[[], None] = lambda: None) -> dict[str, Any]:
        """Write the labels of a shard and return their manifest; what is there already for these clips is kept."""
        path = annotation_path(self.folder, self.annotator, name)
        facts = {
            "identity": dict(self._member.identity),
            "checksums": [row.sha256 for row in self.shards[name]],
        }
        if path.is_file():
            with contextlib.suppress(DataError):  # a damaged manifest is written again
                record = read_annotation_manifest(path.with_suffix(".json"))
                if record["bytes"] == path.stat().st_size and all(record.get(k) == v for k, v in facts.items()):
                    return record
        return write_annotations(path, self._labels(name, on_clip), **facts)

    def _labels(self, name: str, on_clip: Callable[[], None]) -> Iterator[tuple[str, dict[str, np.ndarray]]]:
        for row in self.shards[name]:
            meta, rgb, _ = decode_pixels(read_members(self.folder, row))
            yield row.key, self._member.annotate(rgb, meta.frame_rate)
            on_clip()


def annotate(
    folder: Path,
    annotators: Sequence[str],
    *,
    weights: str | None = None,
    workers: int = 1,
    executor: ExecutorName = "local",
    on_clips: Callable[[int], None] = lambda count: None,
) -> dict[str, int]:
    """Write pseudo-labels beside a dataset and return annotator → labelled clips.

    Args:
        folder: dataset folder, physics or footage
        annotators: names of ``ANNOTATORS``
        weights: for learned ones; see ``Annotator``
        workers: processes, or shards at a time on a cluster; never changes the result
        executor: "local" or "ray"
        on_clips: called with the number of further clips that are done

    Raises:
        ConfigError: a package or weights are missing.
        DataError: no dataset there, or a damaged clip.
        UnknownNameError: no such annotator.
    """
    for name in annotators:
        ANNOTATORS.get(name)(weights)  # what is missing is said before any work
    counts: dict[str, int] = {}
    for name in annotators:
        writer = LabelWriter(folder, name, weights)
        remove_partials(folder / FOLDER_NAME / name)
        done = run_work(executor, writer, list(writer.shards), workers, on_clips)
        counts[name] = sum(len(manifest["rows"]) for _, manifest in done)
    return counts
