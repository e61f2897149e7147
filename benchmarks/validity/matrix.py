"""The selectivity matrix: which measure tells lawful from violated videos, for which violation."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from scipy.stats import rankdata

from benchmarks.validity.cases import make_case, violations
from benchmarks.validity.scores import Scorer
from physics_data.scenarios.base import SceneSettings

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


def auroc(lawful: Float[np.ndarray, "n"], violated: Float[np.ndarray, "m"]) -> float:
    """Return the probability that a lawful video scores above a violated one, ties counting one half.

    A violated video without a value counts as no worse than any lawful one: its program would leave it out.
    """
    shown = np.where(np.isnan(violated), np.inf, violated)
    known = np.where(np.isnan(lawful), -np.inf, lawful)
    ranks = rankdata(np.concatenate([known, shown]))
    count = len(known)
    return float((ranks[:count].sum() - count * (count + 1) / 2) / (count * len(shown)))


def cell(
    lawful: Float[np.ndarray, "n k"], violated: Float[np.ndarray, "n"], generator: np.random.Generator, draws: int = 400
) -> Cell:
    """Return the AUROC over n scenes with k lawful videos and one violated video each, and its interval."""
    count = len(violated)
    value = auroc(lawful.ravel(), violated)
    picks = generator.integers(0, count, (draws, count))
    spread = [auroc(lawful[pick].ravel(), violated[pick]) for pick in picks]
    low, high = np.quantile(spread, [0.025, 0.975])
    return Cell(value, float(low), float(high), count, float(np.isnan(violated).mean()))


def selectivity(
    settings: SceneSettings,
    scenes: int,
    dose: float = 1.0,
    names: Sequence[str] | None = None,
    progress: Progress | None = None,
) -> Matrix:
    """Measure the matrix: ``scenes`` scenes per violation, each with a lawful second take and a violated video."""
    cells: dict[str, dict[str, Cell]] = {}
    measures: dict[str, None] = {}
    for name in names or violations():
        if progress is not None:
            progress(name)
        lawful: dict[str, list[list[float]]] = {}
        violated: dict[str, list[float]] = {}
        for number in range(scenes):
            case = make_case(name, number, settings, dose)
            if case is None:
                continue
            scorer = Scorer(case.reference, case.take)
            good, bad = scorer.all(case.lawful), scorer.all(case.violated)
            for measure in good:
                lawful.setdefault(measure, []).append([good[measure]])
                violated.setdefault(measure, []).append(bad[measure])
        generator = np.random.default_rng(0)
        cells[name] = {m: cell(np.array(lawful[m]), np.array(violated[m]), generator) for m in lawful}
        measures |= dict.fromkeys(lawful)
    return Matrix(cells, tuple(measures))
