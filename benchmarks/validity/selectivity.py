"""Selectivity matrix: which measure separates lawful from violated videos, for which violation; raw scores on disk."""

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from math import isnan
from pathlib import Path
from typing import Any, TypeVar, cast

import numpy as np
from jaxtyping import Float

from benchmarks.validity.cases import Scorer, make_case, violations
from benchmarks.validity.severity import Ladder
from eval.statistics import auroc
from physics_data.scenarios.shared.scenario import SceneSettings

Progress = Callable[[str], None]


@dataclass(frozen=True)
class Cell:
    """AUROC of lawful over violated videos: 1 always tells them apart, 1/2 never does, 0 prefers the violated ones.

    low, high:  95 % interval, scenes resampled; scenes: how many there are
    undefined:  share of the violated videos for which the measure is undefined, so that its program forgets them
    """

    auroc: float
    low: float
    high: float
    scenes: int
    undefined: float


@dataclass(frozen=True)
class Matrix:
    """cells[violation][measure]; a measure that applies to no scene of a violation is absent from its row."""

    cells: dict[str, dict[str, Cell]]
    measures: tuple[str, ...]


def lawful_auroc(lawful: Float[np.ndarray, "n"], violated: Float[np.ndarray, "m"]) -> float:
    """Return the probability that a lawful video scores above a violated one, ties counting one half.

    A violated video without a value counts as no worse than any lawful one: its program would leave it out.
    """
    shown = np.where(np.isnan(violated), np.inf, violated)
    known = np.where(np.isnan(lawful), -np.inf, lawful)
    return auroc(known, shown)


def cell(
    lawful: Float[np.ndarray, "n k"], violated: Float[np.ndarray, "n"], generator: np.random.Generator, draws: int = 400
) -> Cell:
    """Return the AUROC over n scenes with k lawful videos and one violated video each, and its interval."""
    count = len(violated)
    wins = np.array([[lawful_auroc(good, violated[k : k + 1]) for k in range(count)] for good in lawful])
    picks = generator.integers(0, count, (draws, count))
    spread = wins[picks[:, :, None], picks[:, None, :]].mean((1, 2))
    low, high = np.quantile(spread, [0.025, 0.975])
    return Cell(float(wins.mean()), float(low), float(high), count, float(np.isnan(violated).mean()))


@dataclass(frozen=True)
class Trial:
    """One scene of a violation: what every measure gives its lawful and its violated video; higher is better."""

    violation: str
    scenario: str
    number: int
    lawful: dict[str, float]
    violated: dict[str, float]


def trials(
    settings: SceneSettings,
    scenes: int,
    names: Sequence[str] | None = None,
    progress: Progress | None = None,
) -> Iterator[Trial]:
    """Yield the first scene of every violation at full severity, then the second ones, and so on."""
    for number in range(scenes):
        for name in names or violations():
            if progress is not None:
                progress(f"{name}, scene {number + 1} of {scenes}")
            case = make_case(name, number, settings)
            if case is not None:
                scorer = Scorer(case.reference, case.resimulation)
                yield Trial(name, case.scenario, number, scorer.all(case.lawful), scorer.all(case.violated))


def matrix_of(measured: Iterable[Trial]) -> Matrix:
    """Sum up trials, a row for each violation in the order in which they first come."""
    rows: dict[str, list[Trial]] = {}
    measures: dict[str, None] = {}
    for trial in measured:
        rows.setdefault(trial.violation, []).append(trial)
        measures |= dict.fromkeys(trial.lawful)
    return Matrix({name: _row(row) for name, row in rows.items()}, tuple(measures))


def _row(row: Sequence[Trial]) -> dict[str, Cell]:
    generator, cells = np.random.default_rng(0), {}
    for measure in dict.fromkeys(name for trial in row for name in trial.lawful):
        pairs = [(t.lawful[measure], t.violated[measure]) for t in row if measure in t.lawful]
        lawful, violated = (np.array(side) for side in zip(*pairs, strict=True))
        cells[measure] = cell(lawful[:, None], violated, generator)
    return cells


Kept = TypeVar("Kept")


def keep(rows: Iterable[Kept], path: Path | None) -> Iterator[Kept]:
    """Pass dataclasses on and write each to a file as it comes; an undefined score is null. None keeps nothing."""
    if path is None:
        yield from rows
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "w", encoding="utf-8") as file:
        for row in rows:
            file.write(json.dumps(_plain(asdict(cast(Any, row))), allow_nan=False) + "\n")
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
