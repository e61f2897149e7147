"""Writing a dataset folder so that an interrupted run can be finished: who may write, and which shards are whole."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from physics_data.core.atomic import LOCK_NAME, is_partial, remove_partials, write_text
from physics_data.core.config import read_json, validate_config
from physics_data.core.conventions import DATASET_FORMAT
from physics_data.core.dataset import RECORD_NAME, read_record
from physics_data.core.differences import differences
from physics_data.core.errors import ConfigError, DataError
from physics_data.core.provenance import write_provenance
from physics_data.core.shards import IndexRow


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
    if record_path.is_file():
        record = read_record(folder)
        differing = differences({"format": record.get("format")}, {"format": DATASET_FORMAT})
        differing += differences(record.get("identity", {}), dict(identity or {}))
        differing += differences(record.get("config"), config.model_dump(mode="json"))
        if differing:
            raise DataError(
                f"{folder} holds a dataset made another way (there → now):\n"
                + "\n".join(f"  {line}" for line in differing)
                + f"\nWrite to another --out, or {advice}."
            )
        remove_partials(folder)
        remove_partials(folder / "shards")
        return
    if folder.is_dir() and any(path.name != LOCK_NAME and not is_partial(path) for path in folder.iterdir()):
        raise DataError(f"{folder} is not empty and holds no dataset; choose an empty or new folder with --out.")
    facts = {} if identity is None else {"identity": dict(identity)}
    write_provenance(record_path, config, format=DATASET_FORMAT, **facts)


def shard_path(folder: Path, name: str) -> Path:
    """Return where a shard of a dataset lies; its manifest lies beside it with the suffix .json."""
    return folder / "shards" / f"{name}.tar"


def write_manifest(tar: Path, rows: Sequence[IndexRow], **facts: Any) -> dict[str, Any]:
    """Write the manifest of a shard and return it. Called after the shard: a manifest means that its shard is whole."""
    stored = [row.model_dump(mode="json") for row in rows]
    manifest = {"bytes": tar.stat().st_size, **facts, "rows": stored}
    write_text(tar.with_suffix(".json"), json.dumps(manifest, indent=1, ensure_ascii=False))
    return manifest


def read_manifest(tar: Path) -> dict[str, Any] | None:
    """Return the manifest of a finished shard; None where the shard must be made (again).

    Raises:
        DataError: the manifest is damaged.
    """
    path = tar.with_suffix(".json")
    if not path.is_file() or not tar.is_file():
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
    return manifest if size == tar.stat().st_size else None
