"""Pseudo-labels beside a dataset: ``DATASET/annotations/NAME/*.tar``, one tar for each shard."""

import contextlib
import hashlib
import io
import json
import tarfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from physics_data.core.array_codec import pack_array, pack_flow, pack_mask, unpack_array, unpack_flow, unpack_mask
from physics_data.core.atomic import atomic_path, folder_lock, remove_partials, write_text
from physics_data.core.dataset import ShardDataset
from physics_data.core.errors import DataError
from physics_data.core.shards import IndexRow, decode_pixels, read_members, tar_block
from physics_data.pipeline.executors import ExecutorName, run_work
from worldsim.data.annotations import ANNOTATORS
from worldsim.data.annotations.annotator import Annotator

FOLDER_NAME = "annotations"

_FLOWS = frozenset({"optical_flow", "backward_flow"})


def annotation_path(dataset: Path, annotator: str, shard: str) -> Path:
    """Return where the labels of a shard's clips lie; ``shard`` is the name of its tar without suffix."""
    return dataset / FOLDER_NAME / annotator / f"{shard}.tar"


def write_annotations(path: Path, clips: Iterable[tuple[str, dict[str, np.ndarray]]], **facts: Any) -> dict[str, Any]:
    """Write the labels of the clips of a shard, (key, arrays), atomically; the manifest beside it comes last.

    Raises:
        StorageError: the disk refused; no half-written file is left.
    """
    rows: list[dict[str, Any]] = []
    with atomic_path(path) as partial, open(partial, "wb") as file:
        for key, arrays in clips:
            block = tar_block(key, _packed(arrays))
            digest = hashlib.sha256(block).hexdigest()
            rows.append({"key": key, "offset": file.tell(), "length": len(block), "sha256": digest})
            file.write(block)
        file.write(b"\0" * 1024)
    manifest: dict[str, Any] = {"bytes": path.stat().st_size, **facts, "rows": rows}
    manifest["digest"] = _digest(manifest)
    write_text(path.with_suffix(".json"), json.dumps(manifest, indent=1))
    return manifest


def read_annotation_manifest(path: Path) -> dict[str, Any]:
    """Read the manifest of a tar of labels; older ones and their rows have no checksum.

    Raises:
        DataError: it cannot be read or is no such manifest.
    """
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
        rows = record["rows"]
        whole = isinstance(record["bytes"], int) and isinstance(rows, list)
        for row in rows:
            whole = whole and isinstance(row["key"], str) and isinstance(row.get("sha256", ""), str)
            whole = whole and all(isinstance(row[name], int) and row[name] >= 0 for name in ("offset", "length"))
            whole = whole and row["offset"] + row["length"] <= record["bytes"]
        if not whole or record.pop("digest", _digest(record)) != _digest(record):
            raise ValueError("its digest is another one")
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise DataError(
            f"the manifest {path} is damaged ({error!r:.200}); delete it and annotate again, which makes only what is "
            "missing."
        ) from error
    return record


class AnnotationStore:
    """Random access to the pseudo-labels of one annotator for the clips of one dataset."""

    def __init__(self, dataset: Path, annotator: str) -> None:
        """Read the manifests.

        Raises:
            DataError: the dataset has no labels of this annotator, or a manifest is damaged.
        """
        self._places: dict[str, tuple[Path, dict[str, Any]]] = {}
        folder = dataset / FOLDER_NAME / annotator
        for manifest in sorted(folder.glob("*.json")):
            for row in read_annotation_manifest(manifest)["rows"]:
                self._places[row["key"]] = (manifest.with_suffix(".tar"), row)
        if not self._places:
            raise DataError(
                f"{dataset} has no labels of annotator '{annotator}'; run: python -m worldsim annotate {dataset} "
                f"--labels {annotator}"
            )

    def __len__(self) -> int:
        return len(self._places)

    def load(self, key: str) -> dict[str, np.ndarray]:
        """Return the arrays of a clip; none if it was not annotated.

        Raises:
            DataError: the file is missing, cut off or damaged.
        """
        if key not in self._places:
            return {}
        path, row = self._places[key]
        try:
            with open(path, "rb") as file:
                file.seek(row["offset"])
                block = file.read(row["length"])
            if "sha256" in row and hashlib.sha256(block).hexdigest() != row["sha256"]:
                raise ValueError("its checksum is another one")
            with tarfile.open(fileobj=io.BytesIO(block)) as tar:
                members = {info.name.partition(".")[2]: file.read() for info in tar if (file := tar.extractfile(info))}
            return _unpacked(members)
        except Exception as error:  # of labels without a checksum anything may be damaged
            raise DataError(
                f"the labels of clip '{key}' in {path} are damaged ({error}); delete that file and its .json and "
                "annotate again, which makes only what is missing."
            ) from error


def _digest(manifest: Mapping[str, Any]) -> str:
    facts = {name: value for name, value in manifest.items() if name != "digest"}
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()


def _packed(arrays: Mapping[str, np.ndarray]) -> dict[str, bytes]:
    members: dict[str, bytes] = {}
    records: dict[str, Any] = {}
    for name, array in arrays.items():
        pack = pack_flow if name in _FLOWS else pack_mask if array.dtype == bool else pack_array
        members[f"{name}.zst"], records[name] = pack(array)
    return {"json": json.dumps(records).encode(), **members}


def _unpacked(members: Mapping[str, bytes]) -> dict[str, np.ndarray]:
    arrays = {}
    for name, record in json.loads(members["json"]).items():
        unpack = unpack_flow if name in _FLOWS else unpack_array if "dtype" in record else unpack_mask
        arrays[name] = unpack(members[f"{name}.zst"], record)
    return arrays


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
        StorageError: another process writes these labels, or the disk refused; finished shards stay.
        UnknownNameError: no such annotator.
    """
    for name in annotators:
        ANNOTATORS.get(name)(weights)  # what is missing is said before any work
    counts: dict[str, int] = {}
    for name in annotators:
        writer = LabelWriter(folder, name, weights)
        target = folder / FOLDER_NAME / name
        with folder_lock(target):
            remove_partials(target)
            done = run_work(executor, writer, list(writer.shards), workers, on_clips)
        counts[name] = sum(len(manifest["rows"]) for _, manifest in done)
    return counts
