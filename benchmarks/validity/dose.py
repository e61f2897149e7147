"""Dose and response: does a larger violation score lower?"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.stats import rankdata

from benchmarks.validity.cases import make_case, violations
from benchmarks.validity.scores import Scorer
from physics_data.scenarios.base import SceneSettings

DOSES = (0.1, 0.2, 0.35, 0.5, 0.65, 0.8, 1.0)


@dataclass(frozen=True)
class Response:
    """Mean score of each metric at each dose, over the scenes that every dose has; higher is better throughout.

    scenes: how many there are
    """

    doses: tuple[float, ...]
    scores: dict[str, tuple[float, ...]]
    scenes: int

    def correlation(self, metric: str) -> float:
        """Return Spearman's rank correlation of dose and loss of score; 0 where the score does not move at all."""
        scores = np.array(self.scores[metric])
        if np.ptp(scores) < 1e-9:
            return 0.0
        return float(np.corrcoef(rankdata(self.doses), rankdata(-scores))[0, 1])


def responses(
    settings: SceneSettings,
    scenes: int,
    names: Sequence[str] | None = None,
    progress: Callable[[str], None] | None = None,
) -> dict[str, Response]:
    """Measure how our metrics respond to every violation at seven doses and at none (a lawful second take)."""
    found: dict[str, Response] = {}
    for name in names or violations():
        if progress is not None:
            progress(name)
        rows: list[list[dict[str, float]]] = []
        for number in range(scenes):
            row = _ladder(name, number, settings)
            if row is not None:
                rows.append(row)
        if rows:
            found[name] = _response(rows)
    return found


def _ladder(name: str, number: int, settings: SceneSettings) -> list[dict[str, float]] | None:
    """Scores of one scene at dose 0 and at every dose; None where one of them has no room in the scene."""
    row: list[dict[str, float]] = []
    for dose in DOSES:
        case = make_case(name, number, settings, dose)
        if case is None:
            return None
        scorer = Scorer(case.reference, case.take)
        if not row:
            row.append(scorer.ours(case.lawful))
        row.append(scorer.ours(case.violated))
    return row


def _response(rows: list[list[dict[str, float]]]) -> Response:
    metrics = [m for m in rows[0][0] if all(m in scores for row in rows for scores in row)]
    means = {m: tuple(float(np.mean([row[k][m] for row in rows])) for k in range(len(DOSES) + 1)) for m in metrics}
    return Response((0.0, *DOSES), means, len(rows))
