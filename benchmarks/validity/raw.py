"""Raw scores on disk, a line for each scene: the tables are recomputed from them."""

import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from math import isnan
from pathlib import Path
from typing import Any, TypeVar

from benchmarks.validity.dose import Ladder
from benchmarks.validity.matrix import Trial

Row = TypeVar("Row", Trial, Ladder)


def keep(rows: Iterable[Row], path: Path | None) -> Iterator[Row]:
    """Pass rows on and write each to a file as it comes; an undefined score is null. None keeps nothing."""
    if path is None:
        yield from rows
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "w", encoding="utf-8") as file:
        for row in rows:
            file.write(json.dumps(_plain(asdict(row)), allow_nan=False) + "\n")
            file.flush()
            yield row


def read_trials(path: Path) -> list[Trial]:
    """Read what ``keep`` wrote."""
    return [Trial(**_with_nan(json.loads(line))) for line in path.read_text(encoding="utf-8").splitlines()]


def read_ladders(path: Path) -> list[Ladder]:
    """Read what ``keep`` wrote."""
    return [Ladder(**_with_nan(json.loads(line))) for line in path.read_text(encoding="utf-8").splitlines()]


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(member) for key, member in value.items()}
    if isinstance(value, list):
        return [_plain(member) for member in value]
    return None if isinstance(value, float) and isnan(value) else value


def _with_nan(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _with_nan(member) for key, member in value.items()}
    if isinstance(value, list):
        return [_with_nan(member) for member in value]
    return float("nan") if value is None else value
