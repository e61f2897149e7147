"""Severity and response: does a larger violation score lower?"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.stats import rankdata

from benchmarks.validity.cases import Scorer, make_case, violations
from physics_data.scenarios.shared.scenario import SceneSettings

SEVERITIES = (0.1, 0.2, 0.35, 0.5, 0.65, 0.8, 1.0)


@dataclass(frozen=True)
class Response:
    """Mean score of each metric at each severity, over the scenes that every severity has; higher is better throughout.

    scenes: how many there are
    """

    severities: tuple[float, ...]
    scores: dict[str, tuple[float, ...]]
    scenes: int

    def correlation(self, metric: str) -> float:
        """Return Spearman's rank correlation of severity and loss of score; 0 where the score does not move at all."""
        scores = np.array(self.scores[metric])
        if np.ptp(scores) < 1e-9:
            return 0.0
        return float(np.corrcoef(rankdata(self.severities), rankdata(-scores))[0, 1])


@dataclass(frozen=True)
class Ladder:
    """One scene of a violation: the scores of its lawful video, then of the violated one at each of ``SEVERITIES``."""

    violation: str
    number: int
    steps: list[dict[str, float]]


def ladders(
    settings: SceneSettings,
    scenes: int,
    names: Sequence[str] | None = None,
    progress: Callable[[str], None] | None = None,
) -> Iterator[Ladder]:
    """Yield scene by scene, each of all violations; scenes in which a severity has no room are left out."""
    for number in range(scenes):
        for name in names or violations():
            if progress is not None:
                progress(f"severities of {name}, scene {number + 1} of {scenes}")
            steps = _steps(name, number, settings)
            if steps is not None:
                yield Ladder(name, number, steps)


def responses(measured: Iterable[Ladder]) -> dict[str, Response]:
    """Return the mean response to every violation, in the order in which they first come."""
    rows: dict[str, list[list[dict[str, float]]]] = {}
    for ladder in measured:
        rows.setdefault(ladder.violation, []).append(ladder.steps)
    return {name: _response(row) for name, row in rows.items()}


def _steps(name: str, number: int, settings: SceneSettings) -> list[dict[str, float]] | None:
    steps: list[dict[str, float]] = []
    for severity in SEVERITIES:
        case = make_case(name, number, settings, severity)
        if case is None:
            return None
        scorer = Scorer(case.reference, case.resimulation)
        if not steps:
            steps.append(scorer.ours(case.lawful))
        steps.append(scorer.ours(case.violated))
    return steps


def _response(rows: list[list[dict[str, float]]]) -> Response:
    metrics = [m for m in rows[0][0] if all(m in scores for row in rows for scores in row)]
    means = {m: tuple(float(np.mean([row[k][m] for row in rows])) for k in range(len(SEVERITIES) + 1)) for m in metrics}
    return Response((0.0, *SEVERITIES), means, len(rows))
