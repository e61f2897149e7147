"""A dataset folder: ``dataset.yaml``, ``index.parquet`` and ``shards/*.tar``.

``ShardDataset`` reads it by position or key. The functions below it write one, so that an interrupted run resumes.
"""

import hashlib
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import reduce
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Int64, UInt8
from pydantic import BaseModel

from physics_data.core.atomic import LOCK_NAME, folder_lock, is_partial, remove_partials, write_text
from physics_data.core.clip import Clip, ClipMeta
from physics_data.core.clip_index import INDEX_NAME, ClipIndex, write_index
from physics_data.core.config import SHIPPED_CONFIGS, differences, present_names, read_json, read_yaml, validate_config
from physics_data.core.conventions import DATASET_FORMAT, DATASET_FORMATS_READ
from physics_data.core.errors import ConfigError, DataError, UnknownNameError, suggest
from physics_data.core.provenance import sha256_of, write_provenance
from physics_data.core.remote import cached_copy, listed_files, size_of, staged
from physics_data.core.shards import IndexRow, decode_pixels, read_clip, read_members, read_meta, write_shard
from physics_data.core.urls import is_remote

RECORD_NAME = "dataset.yaml"


def write_dataset(folder: Path, clips: Iterable[Clip], config: BaseModel) -> "ShardDataset":
    """Write clips that are made one after the other as a dataset of one shard, and open it.

    Args:
        folder: new, empty, or one that this very config began
        clips: with a key each
        config: what is made; stored in the record

    Raises:
        DataError: the folder holds other things, or two clips have one key.
        StorageError: the disk refused.
    """
    with folder_lock(folder):
        claim_folder(folder, config, advice="delete that folder")
        path = shard_path(folder, "clips-000000")
        rows = write_shard(path, clips)
        keys = [row.key for row in rows]
        if twice := sorted({key for key in keys if keys.count(key) > 1}):
            raise DataError(f"several clips have the key {', '.join(twice)}; give each clip its own.")
        write_manifest(path, rows, sha256=sha256_of(path))
        write_index(folder, rows)
    return ShardDataset(folder)


def read_record(folder: Path) -> dict[str, Any]:
    """Return what ``dataset.yaml`` says.

    Raises:
        DataError: it is missing or damaged.
    """
    try:
        return read_yaml(Path(folder) / RECORD_NAME)
    except ConfigError as error:
        raise DataError(f"{error} It is damaged; restore it, or build the dataset again.") from error


class ShardDataset:
    """Random access to the clips of a finished dataset, physics or footage, in a folder or behind a URL."""

    def __init__(self, folder: Path) -> None:
        """Read the index.

        Raises:
            DataError: no dataset, an unfinished one, or one of another format version.
        """
        self.folder = Path(folder)
        if is_remote(self.folder):
            record, index = (cached_copy(self.folder / name) for name in (RECORD_NAME, INDEX_NAME))
        else:
            record, index = self.folder / RECORD_NAME, self.folder / INDEX_NAME
        if record is None or not record.is_file():
            raise DataError(f"{self.folder} is not a dataset: it has no {RECORD_NAME}. {_how_to_make(self.folder)}")
        version = read_record(record.parent).get("format")
        if version not in DATASET_FORMATS_READ:
            known = " and ".join(f"'{name}'" for name in DATASET_FORMATS_READ)
            raise DataError(f"{record} has format '{version}', this version reads {known}; build it again.")
        if index is None or not index.is_file():
            raise DataError(f"{self.folder} is unfinished: {INDEX_NAME} is missing; run its build command again.")
        self.rows = ClipIndex(index)

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def digest(self) -> str:
        """16 hex digits of all keys and checksums, which tell datasets apart whose keys are the same."""
        told = hashlib.sha256()
        for number, (keys, digests) in enumerate(zip(self.rows.texts("key"), self.rows.texts("sha256"), strict=True)):
            lines = "\n".join(f"{key} {digest}" for key, digest in zip(keys, digests, strict=True))
            told.update(f"{chr(10) if number else ''}{lines}".encode())
        return told.hexdigest()[:16]

    def load(self, position: int) -> Clip:
        """Read and verify one clip.

        Raises:
            DataError: the shard is missing, truncated or differs from its checksum.
        """
        return read_clip(self.folder, self.rows[position])

    def load_pixels(
        self, position: int
    ) -> tuple[ClipMeta, UInt8[np.ndarray, "t h w 3"], UInt8[np.ndarray, "t h w"] | None]:
        """Read and verify one clip's record, rgb and instance ids (None for footage): all that training needs.

        Raises:
            DataError: see ``load``.
        """
        return decode_pixels(read_members(self.folder, self.rows[position]))

    def load_meta(self, position: int) -> ClipMeta:
        """Read the record of one clip alone, without its arrays and without verifying its checksum.

        Raises:
            DataError: the shard is missing, truncated or damaged there.
        """
        return read_meta(self.folder, self.rows[position])

    def can_happen(self, position: int) -> bool:
        """Return whether a clip shows what can happen: all but the impossible clips of a set of pairs.

        Raises:
            DataError: see ``load_meta``; records of sets are read.
        """
        if self.rows[position].pair_id is None:
            return True
        pair = self.load_meta(position).pair
        return pair is None or pair.is_possible

    def possible(self, positions: Int64[np.ndarray, "n"]) -> Int64[np.ndarray, "m"]:
        """Return the positions whose clips show what can happen; only the records of sets of pairs are read.

        Raises:
            DataError: see ``load_meta``.
        """
        of_sets = self.rows.codes("pair_id")[0][positions] >= 0
        kept = ~of_sets
        kept[of_sets] = [self.can_happen(int(position)) for position in positions[of_sets]]
        return positions[kept]

    def find(self, key: str) -> int:
        """Return the position of a clip by its key.

        Raises:
            UnknownNameError: no clip of that key.
        """
        position = self.rows.find(key)
        if position is None:
            keys = [known for group in self.rows.texts("key") for known in group]
            near = [known for known in keys if known.rpartition("-")[0] == key.rpartition("-")[0]] or keys
            raise UnknownNameError(f"no clip '{key}' in {self.folder}: {suggest(key, near[:5])}")
        return position

    def select(self, **conditions: str | None) -> list[int]:
        """Return the positions of the clips whose index columns equal the given values; None selects all.

        Raises:
            UnknownNameError: no such column.
        """
        for column in conditions:
            if column not in IndexRow.model_fields:
                raise UnknownNameError(f"unknown index column '{column}': {suggest(column, IndexRow.model_fields)}")
        wanted = {column: value for column, value in conditions.items() if value is not None}
        found = [self.rows.where(column, value) for column, value in wanted.items()]
        return list(range(len(self))) if not found else reduce(np.intersect1d, found).tolist()


def _how_to_make(folder: Path) -> str:
    """Return the command that makes a missing dataset: that of the shipped config which writes into this folder."""
    build = "python -m physics_data build --config"
    for config in sorted(SHIPPED_CONFIGS.glob("data_*.yaml")):
        for target in re.findall(rf"^#.*{build} \S+ --out (\S+)\s*$", config.read_text(encoding="utf-8"), re.MULTILINE):
            if folder.absolute().as_posix().endswith(f"/{target}"):
                return f"Make it with '{build} configs/{config.name} --out {folder}'."
    return (
        f"Make one with '{build} CONFIG --out {folder}' (configs/data_*.yaml), or from videos with "
        "'python -m worldsim ingest'."
    )


def claim_folder(folder: Path, config: BaseModel, *, identity: Mapping[str, str] | None = None, advice: str) -> None:
    """Make a folder this config's dataset, or go on with the one that this very config began there.

    Args:
        folder: dataset folder
        config: what is made; stored in the record
        identity: what else must stay the same for equal bytes, e.g. library versions; None if nothing must
        advice: how to start over, the end of the sentence "Write to another --out, or ..."

    Raises:
        DataError: the folder holds a dataset made another way, or other things.
        StorageError: the disk refused.
    """
    record_path = folder / RECORD_NAME
    if size_of(record_path) is not None:
        record = read_record(folder)
        differing = differences({"format": record.get("format")}, {"format": DATASET_FORMAT})
        differing += differences(record.get("identity", {}), dict(identity or {}))
        differing += differences(present_names(type(config), record.get("config")), config.model_dump(mode="json"))
        if differing:
            raise DataError(
                f"{folder} holds a dataset made another way (there → now):\n"
                + "\n".join(f"  {line}" for line in differing)
                + f"\nWrite to another --out, or {advice}."
            )
        remove_partials(folder)
        remove_partials(folder / "shards")
        return
    if is_remote(folder):
        occupied = bool(listed_files(folder))
    else:
        occupied = folder.is_dir() and any(p.name != LOCK_NAME and not is_partial(p) for p in folder.iterdir())
    if occupied:
        raise DataError(f"{folder} is not empty and holds no dataset; choose an empty or new folder with --out.")
    facts = {} if identity is None else {"identity": dict(identity)}
    with staged(folder) as place:
        write_provenance(place / RECORD_NAME, config, format=DATASET_FORMAT, **facts)


def shard_path(folder: Path, name: str) -> Path:
    """Return where a shard of a dataset lies; its manifest lies beside it with the suffix .json."""
    return folder / "shards" / f"{name}.tar"


def write_manifest(tar: Path, rows: Sequence[IndexRow], **facts: Any) -> dict[str, Any]:
    """Write the manifest of a shard and return it. Called after the shard: a manifest means that its shard is whole."""
    stored = [row.model_dump(mode="json", by_alias=True) for row in rows]
    manifest = {"bytes": tar.stat().st_size, **facts, "rows": stored}
    write_text(tar.with_suffix(".json"), json.dumps(manifest, indent=1, ensure_ascii=False))
    return manifest


REQUESTS = 16
"""Manifests that are asked of a server at a time."""


def read_manifests(folder: Path, names: Sequence[str]) -> Iterator[dict[str, Any] | None]:
    """Yield for each shard what ``read_manifest`` returns. Behind a URL, shards that are not there cost no request.

    Raises:
        DataError: a manifest is damaged, or the server refused.
    """
    tars = [shard_path(folder, name) for name in names]
    if not is_remote(folder):
        yield from map(read_manifest, tars)
        return
    there = listed_files(folder / "shards")
    with ThreadPoolExecutor(REQUESTS) as pool:
        for start in range(0, len(tars), 4 * REQUESTS):  # a manifest of 1,000 clips is 1 MB: few are in memory
            yield from pool.map(lambda tar: read_manifest(tar, there), tars[start : start + 4 * REQUESTS])


def shard_names(folder: Path) -> list[str]:
    """Return the names of the shards that are there, in order."""
    return sorted(Path(name).stem for name in listed_files(folder / "shards") if name.endswith(".tar"))


def read_manifest(tar: Path, sizes: Mapping[str, int] | None = None) -> dict[str, Any] | None:
    """Return the manifest of a finished shard; None where the shard must be made (again).

    Args:
        tar: the shard, in a folder or behind a URL
        sizes: name → bytes of the files beside it; None looks for them

    Raises:
        DataError: the manifest is damaged.
    """
    path = tar.with_suffix(".json")
    told, there = (size_of(file) if sizes is None else sizes.get(file.name) for file in (path, tar))
    if told is None or there is None:
        return None
    try:
        manifest = read_json(path)
        if not isinstance(manifest, dict) or not isinstance(manifest["rows"], list):
            raise ConfigError(f"{path} is no manifest of a shard.")
        for number, row in enumerate(manifest["rows"]):
            validate_config(IndexRow, row, source=f"row {number} of {path}")
        counted = [(*row[:-1], int(row[-1])) for name in ("drawn", "rejections") for row in manifest.get(name, [])]
        if any(len(row) not in (3, 4) for row in counted):
            raise ConfigError(f"{path} counts draws in rows of another length.")
        size = int(manifest["bytes"])
    except (ConfigError, KeyError, TypeError, ValueError, IndexError) as error:
        raise DataError(
            f"{error!s} The manifest is damaged; delete {path} and build again: that shard is made again."
        ) from error
    return manifest if size == there else None
