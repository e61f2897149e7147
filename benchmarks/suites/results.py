"""Result bundles: verification of their aggregates and videos, and the leaderboard over several."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from eval.inputs import videos_in
from eval.report.bundle import read_bundle
from eval.report.pages import write_pages
from physics_data.core.errors import DataError


@dataclass(frozen=True)
class Check:
    """One thing that was checked. passed None = it could not be, and detail says what is needed."""

    name: str
    passed: bool | None
    detail: str


def verify_bundle(bundle: Path, videos: Path | None = None, salt: str | None = None) -> list[Check]:
    """Return what holds: aggregates, completeness, sha256 of the videos (where given), the salt (where given)."""
    try:
        rows, record = read_bundle(bundle)
    except DataError as error:
        return [Check("aggregates are those of the rows", False, str(error))]
    systems = sorted({row.system for row in rows})
    checks = [Check("aggregates are those of the rows", True, f"{len(rows)} rows of {len(systems)} systems")]
    bare = [row for row in rows if row.status in ("ok", "short", "mismatched") and len(row.sha256) != 64]
    checks.append(Check("every scored video has a sha256", not bare, f"{len(bare)} rows without one"))
    if record["is_paired"]:
        seeds = {s: {(row.key, row.seed) for row in rows if row.system == s} for s in systems}
        uneven = [s for s, have in seeds.items() if len(have) != len({k for k, _ in have}) * len({n for _, n in have})]
        checks.append(Check("every scene has every seed", not uneven, ", ".join(uneven) or "no gap"))
    checks.append(_videos(rows, videos, record))
    if record.get("salt_sha256"):
        given = None if salt is None else hashlib.sha256(salt.encode()).hexdigest()
        passed = None if given is None else given == record["salt_sha256"]
        checks.append(
            Check("the salt is the published one", passed, "give --salt once it is published" if not salt else "")
        )
    return checks


def _videos(rows, videos: Path | None, record) -> Check:
    name = "videos are those that were scored"
    if videos is None:
        return Check(name, None, "give --videos to compare their sha256")
    if not Path(videos).is_dir():
        return Check(name, False, f"no folder {videos}")
    folders = [videos, *(path for path in Path(videos).rglob("*") if path.is_dir())]
    present = {hashlib.sha256(path.read_bytes()).hexdigest() for folder in folders for path in videos_in(Path(folder))}
    baselines = {system["name"] for system in record["systems"] if system["kind"] != "model"}
    wanted = [row for row in rows if row.sha256 and row.system not in baselines]
    lost = [f"{row.system}/{row.key}" for row in wanted if row.sha256 not in present]
    detail = f"{len(wanted) - len(lost)} of {len(wanted)} found" + (f"; not {', '.join(lost[:3])}" if lost else "")
    return Check(name, not lost, detail)


def write_leaderboard(results: Sequence[Path], out: Path) -> dict[str, Any]:
    """Check that the results belong together and write the page, JSON, CSV and Markdown; return the summary.

    Raises:
        DataError: other scenes or another scoring in one of them, one system twice, or changed aggregates.
    """
    marks = {}
    for folder in results:
        _, record = read_bundle(folder)
        marks[folder] = (record.get("fingerprint"), record.get("scoring"))
    first = results[0]
    for folder, mark in marks.items():
        if mark[0] != marks[first][0]:
            raise DataError(
                f"{folder} was scored on other scenes than {first} ({mark[0]}, {marks[first][0]}); "
                "only results of one suite, size and release share a table."
            )
        if mark[1] != marks[first][1]:
            raise DataError(
                f"{folder} and {first} were scored by different code, libraries or conditioning frames; run one again."
            )
    return write_pages(results, out)
