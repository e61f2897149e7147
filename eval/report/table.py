"""The per-scene CSV, and the aggregates that are always recomputed from it."""

import csv
import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any, get_args

import numpy as np

from eval.metrics import METRICS
from eval.scoring import SceneScore, Status, metric_table
from eval.statistics import bootstrap_mean, holm, paired_difference
from physics_data.core.atomic import write_text
from physics_data.core.config import StrictModel
from physics_data.core.errors import DataError

HEADLINE = ("object_permanence", "motion_realism", "overall")
"""The columns of the score table; ``overall`` decides the order."""

_FACTS = ("system", "key", "scenario", "engine", "status", "reason", "sha256")


class Estimate(StrictModel):
    """A mean over scenes; coverage is the share of the scenes to which the metric applies. None: it applies to none."""

    mean: float | None
    low: float | None
    high: float | None
    scenes: int
    coverage: float
    method: str


class SystemSummary(StrictModel):
    """One system: metric → estimate, scenario → metric → estimate, and how many videos were not whole."""

    name: str
    scenes: int
    missing: int
    unreadable: int
    short: int
    metrics: dict[str, Estimate]
    scenarios: dict[str, dict[str, Estimate]]


class Comparison(StrictModel):
    """The best system minus another one, on the scenes of both; p values are adjusted (Holm) for their number."""

    metric: str
    first: str
    second: str
    mean: float
    low: float | None
    high: float | None
    scenes: int
    p_value: float
    p_adjusted: float


class Summary(StrictModel):
    """All aggregates; systems are ordered by ``overall``, best first."""

    seed: int
    systems: tuple[SystemSummary, ...]
    comparisons: tuple[Comparison, ...]


def write_rows(path: Path, rows: Sequence[SceneScore]) -> None:
    """Write one CSV line per system and scene; an empty value means that the metric does not apply."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([*_FACTS, *METRICS])
    for row in sorted(rows, key=lambda r: (r.system, r.key)):
        values = ["" if (value := row.values[name]) is None else repr(value) for name in METRICS]
        writer.writerow([*(getattr(row, fact) for fact in _FACTS), *values])
    write_text(path, text.getvalue())


def read_rows(path: Path) -> list[SceneScore]:
    """Read a CSV of ``write_rows``.

    Raises:
        DataError: missing, or not such a CSV.
    """
    if not path.is_file():
        raise DataError(f"no score table {path}; give a folder that 'python -m eval score ... --out' wrote.")
    try:
        with open(path, newline="", encoding="utf-8") as file:
            return [_row_of(line) for line in csv.DictReader(file)]
    except (KeyError, ValueError, TypeError) as error:
        raise DataError(f"{path} is no score table of this version ({error!r}); score the videos again.") from error


def _row_of(line: dict[str, str]) -> SceneScore:
    if line["status"] not in get_args(Status):
        raise ValueError(f"status '{line['status']}'")
    values = {name: float(line[name]) if line[name] else None for name in METRICS}
    facts: dict[str, Any] = {fact: line[fact] for fact in _FACTS}
    return SceneScore(**facts, values=values)


def summarise(rows: Sequence[SceneScore], seed: int) -> Summary:
    """Aggregate rows; equal rows and seed give equal aggregates, in whatever order the rows come.

    Raises:
        DataError: two rows of one system and scene, or systems scored on different scenes.
    """
    by_system: dict[str, dict[str, SceneScore]] = {}
    for row in sorted(rows, key=lambda r: (r.system, r.key)):
        if row.key in by_system.setdefault(row.system, {}):
            raise DataError(f"system '{row.system}' has two scores for '{row.key}'; give its name to one system only.")
        by_system[row.system][row.key] = row
    scenes = {name: tuple(table) for name, table in by_system.items()}
    if len(set(scenes.values())) > 1:
        counts = ", ".join(f"{name}: {len(keys)}" for name, keys in scenes.items())
        raise DataError(f"the systems were scored on different scenes ({counts}); score them against one reference.")
    systems = [_summarise_system(name, list(table.values()), seed) for name, table in by_system.items()]
    systems.sort(key=lambda system: (-(system.metrics["overall"].mean or 0.0), system.name))
    return Summary(seed=seed, systems=tuple(systems), comparisons=tuple(_compare(systems, by_system, seed)))


def _summarise_system(name: str, rows: list[SceneScore], seed: int) -> SystemSummary:
    count = {status: sum(row.status == status for row in rows) for status in ("missing", "unreadable", "short")}
    scenarios = sorted({row.scenario for row in rows})
    return SystemSummary(
        name=name,
        scenes=len(rows),
        metrics={metric: _estimate(rows, metric, seed) for metric in METRICS},
        scenarios={
            scenario: {m: _estimate([r for r in rows if r.scenario == scenario], m, seed) for m in HEADLINE}
            for scenario in scenarios
        },
        **count,
    )


def _estimate(rows: list[SceneScore], metric: str, seed: int) -> Estimate:
    values = np.array([value for row in rows if (value := row.values[metric]) is not None])
    coverage = len(values) / len(rows)
    if not len(values):
        return Estimate(mean=None, low=None, high=None, scenes=0, coverage=0.0, method="none")
    interval = bootstrap_mean(values, np.random.default_rng(seed))
    return Estimate(
        mean=interval.mean,
        low=interval.low,
        high=interval.high,
        scenes=interval.scenes,
        coverage=coverage,
        method=interval.method,
    )


def _compare(systems: list[SystemSummary], rows: dict[str, dict[str, SceneScore]], seed: int) -> list[Comparison]:
    if len(systems) < 2:
        return []
    found, best = [], systems[0].name
    for metric in HEADLINE:
        values = {
            name: np.array([v for row in table.values() if (v := row.values[metric]) is not None])
            for name, table in rows.items()
        }
        if not len(values[best]):
            continue
        differences = [
            paired_difference(values[best], values[other.name], np.random.default_rng(seed), (best, other.name))
            for other in systems[1:]
        ]
        adjusted = holm([difference.p_value for difference in differences])
        for difference, p_adjusted in zip(differences, adjusted, strict=True):
            interval = difference.interval
            found.append(
                Comparison(
                    metric=metric,
                    first=difference.first,
                    second=difference.second,
                    mean=interval.mean,
                    low=interval.low,
                    high=interval.high,
                    scenes=interval.scenes,
                    p_value=difference.p_value,
                    p_adjusted=p_adjusted,
                )
            )
    return found


def metric_lines() -> dict[str, str]:
    """Return metric → unit, direction and meaning, in one line."""
    infos = {name: metric.info for name, metric in metric_table().items()}
    return {
        name: f"{i.summary} ({i.direction} is better, {i.worst:g} worst to {i.best:g} best)"
        for name, i in infos.items()
    }
