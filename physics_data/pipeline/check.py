"""A whole dataset held against its checksums, its formats, its laws and itself."""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np

from physics_data.core.dataset import ShardDataset
from physics_data.core.dataset_folder import read_manifest
from physics_data.core.errors import DataError
from physics_data.core.provenance import sha256_of
from physics_data.core.shards import IndexRow
from physics_data.pipeline.label_checks import check_labels


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
    report = CheckReport()
    _check_shards(dataset, report)
    for position, row in enumerate(dataset.rows):
        _check_clip(dataset, position, row, report)
        on_clip()
    _check_quadruplets(dataset, report)
    return report


def _check_shards(dataset: ShardDataset, report: CheckReport) -> None:
    by_shard: dict[str, list[IndexRow]] = {}
    for row in dataset.rows:
        by_shard.setdefault(row.shard, []).append(row)
    twice = [key for key, count in Counter(row.key for row in dataset.rows).items() if count > 1]
    report.note("index.parquet", "index", [f"key '{key}' occurs more than once" for key in twice])
    for name, rows in by_shard.items():
        tar = dataset.folder / name
        problems: list[str] = []
        if not tar.is_file():
            problems.append("the file is missing")
        elif (manifest := read_manifest(tar)) is None:
            problems.append("its manifest is missing, or says another size")
        else:
            if "sha256" in manifest and sha256_of(tar) != manifest["sha256"]:
                problems.append("it differs from the checksum in its manifest")
            listed = {row["key"]: row["sha256"] for row in manifest["rows"]}
            if any(listed.get(row.key) != row.sha256 for row in rows):
                problems.append("the index and its manifest name other clips")
        report.note(name, "shard", problems)


def _check_quadruplets(dataset: ShardDataset, report: CheckReport) -> None:
    """Check that the impossible two of each quadruplet show the very frames of the possible two, at the same times."""
    sets: dict[str, list[int]] = {}
    for position, row in enumerate(dataset.rows):
        if row.twin_id is not None:
            sets.setdefault(row.twin_id, []).append(position)
    for set_id, positions in sets.items():
        try:
            clips = [dataset.load(position) for position in positions]
        except DataError:
            continue  # told of the clip already
        by_role = {clip.meta.twin.role: clip.rgb for clip in clips if clip.meta.twin is not None}
        if not by_role.keys() & {"AA", "BB", "AB", "BA"}:
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
    told = (meta.key, meta.split, meta.caption, meta.engine)
    problems = [] if told == (row.key, row.split, row.caption, row.engine) else ["index and record do not agree"]
    report.note(row.key, "checksum and format", problems)
    for law, value in meta.residuals.items():
        report.residuals.setdefault((*source, law), []).append(value)
    if meta.source == "physics":
        for check, found in check_labels(clip).items():
            report.note(row.key, check, found)
