"""The score bundle: a folder from which anybody can check the numbers."""

import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from eval.inputs import check_conditioning_frames
from eval.report.table import HEADLINE, Kind, SeedScore, read_rows, summarise, write_rows
from eval.scoring import SceneScore
from physics_data.core.atomic import write_text
from physics_data.core.errors import DataError
from physics_data.core.provenance import git_commit, hardware, package_versions

FORMAT = "worldsim.score/3"
ROWS_NAME, SUMMARY_NAME, PAGE_NAME, GALLERY_NAME = "scenes.csv", "summary.json", "report.html", "gallery"


def write_bundle(
    folder: Path,
    rows: Sequence[SceneScore],
    seed: int,
    facts: Mapping[str, Any],
    headline: Sequence[str] = HEADLINE,
    kinds: Mapping[str, Kind] | None = None,
    is_paired: bool = True,
    program: str = "eval",
    *,
    num_conditioning_frames: int,
) -> dict[str, Any]:
    """Write ``scenes.csv`` and, recomputed from what was written, ``summary.json``; return the latter.

    headline, kinds and is_paired are those of ``summarise``; program is what the command starts with;
    num_conditioning_frames is how many first frames were given to all systems and are not scored.

    Raises:
        DataError: rows that do not belong together.
        StorageError: the disk refused.
    """
    write_rows(folder / ROWS_NAME, rows)
    summary = summarise(read_rows(folder / ROWS_NAME), seed, headline, kinds, is_paired)
    record = {
        "format": FORMAT,
        "num_conditioning_frames": num_conditioning_frames,
        **summary.model_dump(mode="json"),
        "is_paired": is_paired,
        "has_baselines": bool(kinds),
        **facts,
        "command": " ".join([f"python -m {program}", *sys.argv[1:]]),
        "commit": git_commit(),
        "versions": package_versions(),
        "hardware": hardware(),
    }
    write_text(folder / SUMMARY_NAME, json.dumps(record, indent=1) + "\n")
    return record


def read_bundle(folder: Path) -> tuple[list[SeedScore], dict[str, Any]]:
    """Read a bundle; its stored aggregates must be those of its rows.

    Raises:
        DataError: missing, of another format, or the aggregates were changed by hand.
    """
    rows = read_rows(folder / ROWS_NAME)
    try:
        record: dict[str, Any] = json.loads((folder / SUMMARY_NAME).read_text(encoding="utf-8"))
        version, seed = record["format"], int(record["seed"])
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise DataError(f"{folder / SUMMARY_NAME} cannot be read ({error!r}); score the videos again.") from error
    if version != FORMAT:
        raise DataError(f"{folder} has format '{version}', this version reads '{FORMAT}'; score the videos again.")
    check_conditioning_frames(record.get("num_conditioning_frames"), str(folder / SUMMARY_NAME))
    try:
        record = _with_present_names(record)
        named = {str(system["name"]): system["kind"] for system in record["systems"]}
        kinds = named if record["has_baselines"] else None
        again = summarise(rows, seed, record["headline"], kinds, record["is_paired"]).model_dump(mode="json")
    except (KeyError, IndexError, TypeError, ValueError, AttributeError) as error:
        raise DataError(f"{folder / SUMMARY_NAME} is damaged ({error!r}); score the videos again.") from error
    changed = [name for name in again if name not in record or not _equal(again[name], record[name])]
    if changed:
        raise DataError(
            f"{folder / SUMMARY_NAME} is not what its {ROWS_NAME} gives ({', '.join(changed)} differ); "
            "one of the two was changed. Score the videos again."
        )
    return rows, record


def _with_present_names(record: dict[str, Any]) -> dict[str, Any]:
    """Return a record with the present names of its keys and kinds: a control was called a dummy."""
    systems = [{**one, "kind": "control" if one["kind"] == "dummy" else one["kind"]} for one in record["systems"]]
    has_baselines = record.get("has_baselines", record.get("has_pins"))
    return {**record, "systems": systems, "has_baselines": has_baselines}


def shared_conditioning_frames(records: Mapping[Path, Mapping[str, Any]]) -> int:
    """Return the number of conditioning frames of bundles that are to share a table.

    Raises:
        DataError: it is not the same in all.
    """
    numbers = {folder: int(record["num_conditioning_frames"]) for folder, record in records.items()}
    if len(set(numbers.values())) > 1:
        raise DataError(
            f"the results leave out different numbers of conditioning frames "
            f"({', '.join(f'{folder}: {n}' for folder, n in numbers.items())}); score them with one number."
        )
    return next(iter(numbers.values()))


def _equal(first: Any, second: Any) -> bool:
    """Compare JSON values; numbers may differ by rounding between versions of the numerical libraries."""
    if isinstance(first, dict) and isinstance(second, dict):
        return first.keys() == second.keys() and all(_equal(first[key], second[key]) for key in first)
    if isinstance(first, list) and isinstance(second, list):
        return len(first) == len(second) and all(_equal(a, b) for a, b in zip(first, second, strict=True))
    if isinstance(first, float) and isinstance(second, float | int):
        return abs(first - second) <= 1e-6 * max(1.0, abs(first))
    return bool(first == second)
