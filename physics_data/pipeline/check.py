"""A whole dataset held against its checksums, its formats, its laws and itself."""

import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence, Set
from dataclasses import dataclass, field
from pathlib import Path
from tarfile import BLOCKSIZE, TarError

import numpy as np

from physics_data.core.array_codec import unpack_array, unpack_flow, unpack_mask
from physics_data.core.config import fingerprint, read_json, validate_config
from physics_data.core.conventions import DATASET_FORMAT
from physics_data.core.dataset import RECORD_NAME, ShardDataset, read_manifest, read_record
from physics_data.core.errors import ConfigError, DataError, WorldsimError
from physics_data.core.provenance import sha256_of
from physics_data.core.shards import IndexRow, index_row, unpack_block
from physics_data.core.urls import require_local
from physics_data.pipeline.build_config import BuildConfig
from physics_data.pipeline.label_checks import check_labels
from physics_data.pipeline.shard_maker import plan


@dataclass(frozen=True)
class Finding:
    """Something wrong: in which clip or shard, found by which check."""

    where: str
    check: str
    message: str


@dataclass
class CheckReport:
    """What a check saw.

    passed:     clips or shards that passed, by check
    findings:   what is wrong; empty for a dataset that is whole
    clips:      clips by scenario (or source), engine and split
    residuals:  law residuals by scenario, engine and law
    """

    passed: Counter[str] = field(default_factory=Counter)
    findings: list[Finding] = field(default_factory=list)
    clips: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    residuals: dict[tuple[str, str, str], list[float]] = field(default_factory=dict)

    def note(self, where: str, check: str, problems: list[str]) -> None:
        """Record the outcome of one check of one clip or shard."""
        self.findings += [Finding(where, check, problem) for problem in problems]
        self.passed[check] += not problems


def check_dataset(dataset: ShardDataset, on_clip: Callable[[], None] = lambda: None) -> CheckReport:
    """Read every byte of a dataset and check it; nothing stops at the first thing that is wrong."""
    require_local(dataset.folder, "check")
    report = CheckReport()
    _check_shards(dataset, report)
    _check_annotations(dataset, report)
    for position, row in enumerate(dataset.rows):
        _check_clip(dataset, position, row, report)
        on_clip()
    _check_quadruplets(dataset, report)
    return report


def _check_shards(dataset: ShardDataset, report: CheckReport) -> None:
    """Hold index, manifests, files and, where the dataset was built from a config, its plan against each other."""
    by_shard: dict[str, list[IndexRow]] = {}
    for row in dataset.rows:
        by_shard.setdefault(row.shard, []).append(row)
    twice = [key for key, count in Counter(row.key for row in dataset.rows).items() if count > 1]
    report.note("index.parquet", "index", [f"key '{key}' occurs more than once" for key in twice])
    there = {f"shards/{path.name}" for path in (dataset.folder / "shards").glob("*.tar")}
    told = {f"shards/{path.stem}.tar" for path in (dataset.folder / "shards").glob("*.json")}
    planned = _planned(dataset, report)
    kept = _kept_of_footage(dataset, report)
    for name in sorted(by_shard.keys() | there | told | planned.keys()):
        rows, tar = by_shard.get(name, []), dataset.folder / name
        problems = _shard_problems(tar, rows, may_drop=kept is not None)
        if name in planned and (lost := sorted(planned[name] - {row.pair_id or row.key for row in rows})):
            problems.append(f"the index has no {', '.join(lost)}, which the config in {RECORD_NAME} makes")
        elif planned and name not in planned:
            problems.append(f"the config in {RECORD_NAME} makes no such shard")
        report.note(name, "shard", problems)


def _kept_of_footage(dataset: ShardDataset, report: CheckReport) -> int | None:
    """Return how many clips an ingest kept: its shards also hold near duplicates, which its index leaves out."""
    path = dataset.folder / "ingest.json"
    if not path.is_file():
        return None
    try:
        kept = sum(int(file["windows"]) for file in read_json(path))
    except (ConfigError, LookupError, TypeError, ValueError) as error:
        report.note(path.name, "index", [f"it is damaged ({error})"])
        return 0
    found = [] if kept == len(dataset.rows) else [f"it says that {kept} clips were kept, the index has {len(dataset)}"]
    report.note(path.name, "index", found)
    return kept


def _shard_problems(tar: Path, rows: Sequence[IndexRow], *, may_drop: bool) -> list[str]:
    if not tar.is_file():
        return ["the file is missing"]
    try:
        manifest = read_manifest(tar)
    except DataError as error:
        return [str(error)]
    if manifest is None:
        return ["its manifest is missing, or says another size"]
    problems: list[str] = []
    if "sha256" in manifest and sha256_of(tar) != manifest["sha256"]:
        problems.append("it differs from the checksum in its manifest")
    listed = {row["key"]: row for row in manifest["rows"]}
    indexed = {row.key: row.model_dump(mode="json", by_alias=True) for row in rows}
    for key in sorted(listed.keys() | indexed.keys()):
        if key not in indexed and may_drop:
            continue
        if key not in indexed:
            problems.append(f"clip '{key}' is in its manifest and not in the index")
        elif key not in listed:
            problems.append(f"clip '{key}' is in the index and not in its manifest")
        elif columns := [name for name, value in indexed[key].items() if listed[key].get(name) != value]:
            problems.append(f"index and manifest differ for clip '{key}' in {', '.join(columns)}")
    end = 0
    for offset, length in sorted((row["offset"], row["length"]) for row in manifest["rows"]):
        if offset != end:
            problems.append(f"bytes {end} to {offset} belong to no clip of its manifest")
        end = offset + length
    if tar.stat().st_size != end + 2 * BLOCKSIZE:
        problems.append(f"it has {tar.stat().st_size} bytes, its clips make {end + 2 * BLOCKSIZE}")
    return problems


def _planned(dataset: ShardDataset, report: CheckReport) -> dict[str, set[str]]:
    """Return the keys of the clips and of the sets that a built dataset's config makes, by shard; none for footage."""
    record = read_record(dataset.folder)
    config = record.get("config")
    if not isinstance(config, dict) or "scenarios" not in config:
        return {}
    try:
        resolved = validate_config(BuildConfig, config, source=f"the config in {RECORD_NAME}", stored=True)
        shards = plan(resolved)
    except ConfigError as error:
        if record.get("format") == DATASET_FORMAT:  # an earlier version's config may not fit any more
            report.note(RECORD_NAME, "record", [str(error)])
        return {}
    identity = record.get("identity")
    if isinstance(identity, dict) and identity.get("config") not in (fingerprint(config), fingerprint(resolved)):
        report.note(RECORD_NAME, "record", ["its config is not the one whose fingerprint it holds"])
    return {f"shards/{name}.tar": {task.key for task in tasks} for name, tasks in shards.items()}


def _check_annotations(dataset: ShardDataset, report: CheckReport) -> None:
    """Hold pseudo-labels that lie beside the shards against their manifests, and read every array of them."""
    keys = {row.key for row in dataset.rows}
    folder = dataset.folder / "annotations"
    for path in sorted({path.with_suffix(".tar") for path in folder.glob("*/*") if path.suffix in (".tar", ".json")}):
        name = path.relative_to(dataset.folder).as_posix()
        try:
            report.note(name, "annotations", _annotation_problems(path, keys))
        except (WorldsimError, OSError, LookupError, TypeError, ValueError, AttributeError, TarError) as error:
            report.note(name, "annotations", [f"it is damaged ({error}); delete it and its .json, and annotate again"])


def _annotation_problems(path: Path, keys: Set[str]) -> list[str]:
    if not path.is_file() or not path.with_suffix(".json").is_file():
        return ["the file or its manifest is missing"]
    manifest = read_json(path.with_suffix(".json"))
    problems: list[str] = []
    if path.stat().st_size != manifest["bytes"]:
        return [f"it has {path.stat().st_size} bytes, its manifest says {manifest['bytes']}"]
    if "sha256" in manifest and sha256_of(path) != manifest["sha256"]:
        problems.append("it differs from the checksum in its manifest")
    with open(path, "rb") as file:
        for row in manifest["rows"]:
            if row["key"] not in keys:
                problems.append(f"clip '{row['key']}' is not in the index")
            file.seek(row["offset"])
            members = unpack_block(file.read(row["length"]))
            for name, record in json.loads(members["json"]).items():
                unpack = unpack_flow if "step" in record else unpack_array if "dtype" in record else unpack_mask
                unpack(members[f"{name}.zst"], record)
    return problems


def _check_quadruplets(dataset: ShardDataset, report: CheckReport) -> None:
    """Check that the impossible two of each quadruplet show the very frames of the possible two, at the same times."""
    sets: dict[str, list[int]] = {}
    for position, row in enumerate(dataset.rows):
        if row.pair_id is not None:
            sets.setdefault(row.pair_id, []).append(position)
    for set_id, positions in sets.items():
        try:
            clips = [dataset.load(position) for position in positions]
        except DataError:
            continue  # told of the clip already
        by_role = {clip.meta.pair.role: clip.rgb for clip in clips if clip.meta.pair is not None}
        if not by_role.keys() & {"AA", "BB", "AB", "BA"}:
            lost = {"possible", "impossible", "control"} - by_role.keys()
            report.note(set_id, "triple", [f"it has no {' and no '.join(sorted(lost))} clip"] if lost else [])
            continue
        problems: list[str] = []
        if by_role.keys() != {"AA", "BB", "AB", "BA"}:
            problems.append(f"it has {', '.join(sorted(by_role))}, a quadruplet has AA, AB, BA and BB")
        else:
            times = range(len(by_role["AA"]))
            differ = [t for t in times if _frames(by_role, t, "AA", "BB") != _frames(by_role, t, "AB", "BA")]
            if differ:
                problems.append(f"AB and BA show other frames than AA and BB, from frame {differ[0]} on")
        report.note(set_id, "quadruplet", problems)


def _frames(by_role: Mapping[str, np.ndarray], time: int, *roles: str) -> list[bytes]:
    return sorted(by_role[role][time].tobytes() for role in roles)


def _check_clip(dataset: ShardDataset, position: int, row: IndexRow, report: CheckReport) -> None:
    source = (row.scenario or row.source, row.engine or "-")
    report.clips[(*source, row.split)] += 1
    try:
        clip = dataset.load(position)
    except DataError as error:
        report.note(row.key, "checksum and format", [str(error)])
        return
    meta = clip.meta
    recorded = index_row(meta, row.shard, row.offset, row.length, row.sha256)
    columns = [name for name in IndexRow.model_fields if getattr(recorded, name) != getattr(row, name)]
    problems = [f"index and record differ in {', '.join(columns)}"] if columns else []
    report.note(row.key, "checksum and format", problems)
    for law, value in meta.residuals.items():
        report.residuals.setdefault((*source, law), []).append(value)
    if meta.source == "physics":
        for check, found in check_labels(clip).items():
            report.note(row.key, check, found)
