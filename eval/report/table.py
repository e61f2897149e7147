"""The per-scene CSV, and the aggregates that are always recomputed from it."""

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from math import isfinite
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np

from eval.scoring import SceneScore, Status, metric_table
from eval.statistics import Interval, bootstrap_mean, skill
from eval.system_comparison import holm, paired_difference, rank_stability, run_table, variance_split
from physics_data.core.atomic import write_text
from physics_data.core.config import StrictModel
from physics_data.core.errors import DataError

HEADLINE = ("object_permanence", "motion_realism", "overall")
"""The columns of the score table; the last one, ``overall``, decides the order."""

_FACTS = ("system", "key", "seed", "scenario", "engine", "status", "reason", "sha256")

Kind = Literal["model", "control", "ceiling"]
"""A system under test, a control baseline, which must not score well, or one that is right."""


@dataclass(frozen=True)
class SeedScore(SceneScore):
    """One video: a system's, of one scene, from one generation seed."""

    seed: int = 0


_BROKEN: tuple[Status, ...] = ("missing", "unreadable", "short", "mismatched")


class Estimate(StrictModel):
    """A mean over scenes; coverage is the share of the scenes to which the metric applies. None: it applies to none."""

    mean: float | None
    low: float | None
    high: float | None
    scenes: int
    coverage: float
    method: str


class Scatter(StrictModel):
    """Variance of a single value of the last headline metric: between scenes, and between seeds of one scene."""

    between_scenes: float
    between_seeds: float | None


class SystemSummary(StrictModel):
    """One system: metric → estimate, scenario → metric → estimate, and how many videos were not whole.

    skill: of the last headline metric, 0 = the best control, 1 = perfect; None where there is no control
    """

    name: str
    kind: Kind = "model"
    scenes: int
    seeds: int = 1
    missing: int
    unreadable: int
    short: int
    mismatched: int = 0
    metrics: dict[str, Estimate]
    scenarios: dict[str, dict[str, Estimate]]
    scatter: Scatter | None = None
    skill: Estimate | None = None

    @property
    def broken(self) -> str:
        """Say how many videos were not whole, by kind; "" where all were."""
        counts = {name: getattr(self, name) for name in _BROKEN}
        return ", ".join(f"{count} {name}" for name, count in counts.items() if count)


class Comparison(StrictModel):
    """One system minus another, on the scenes of both; p values are adjusted (Holm) for their number."""

    metric: str
    first: str
    second: str
    mean: float
    low: float | None
    high: float | None
    scenes: int
    p_value: float
    p_adjusted: float


class Stability(StrictModel):
    """Kendall tau of the models' ranking under a bootstrap of the scenes, its 2.5 % quantile, the best's share."""

    kendall: float
    low: float
    best_stays: float


class Summary(StrictModel):
    """All aggregates; systems are ordered by the last headline metric, best first."""

    seed: int
    headline: tuple[str, ...] = HEADLINE
    systems: tuple[SystemSummary, ...]
    comparisons: tuple[Comparison, ...]
    stability: Stability | None = None


def write_rows(path: Path, rows: Sequence[SceneScore]) -> None:
    """Write one CSV line per video; an empty value means that the metric does not apply.

    Raises:
        DataError: no row, or rows of different metrics.
        StorageError: the disk refused.
    """
    if not rows:
        raise DataError("there is no score to write; give at least one video or one scene.")
    columns = list(rows[0].values)
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([*_FACTS, *columns])
    for row in sorted(rows, key=_place):
        if list(row.values) != columns:
            raise DataError(
                f"'{row.system}' has the metrics {list(row.values)}, others have {columns}; score it again."
            )
        values = ["" if (value := row.values[name]) is None else repr(value) for name in columns]
        writer.writerow([*(getattr(row, fact, 0) for fact in _FACTS), *values])
    write_text(path, text.getvalue())


def read_rows(path: Path) -> list[SeedScore]:
    """Read a CSV of ``write_rows``; its metrics are the columns it has.

    Raises:
        DataError: missing, or not such a CSV.
    """
    if not path.is_file():
        raise DataError(f"no score table {path}; give a folder that 'python -m eval score ... --out' wrote.")
    try:
        with open(path, newline="", encoding="utf-8") as file:
            return [_row_of(line) for line in csv.DictReader(file)]
    except (OSError, KeyError, ValueError, TypeError, csv.Error) as error:
        raise DataError(f"{path} is no score table of this version ({error!r}); score the videos again.") from error


def seed_of(row: SceneScore) -> int:
    """Return the generation seed of a row; 0 where none is told apart."""
    return int(getattr(row, "seed", 0))


def _place(row: SceneScore) -> tuple[str, str, int]:
    return row.system, row.key, seed_of(row)


def _row_of(line: dict[str, str]) -> SeedScore:
    if line["status"] not in get_args(Status):
        raise ValueError(f"status '{line['status']}'")
    values = {name: float(text) if text else None for name, text in line.items() if name not in _FACTS}
    if not all(value is None or isfinite(value) for value in values.values()):
        raise ValueError("a value that is not finite")
    facts: dict[str, Any] = {fact: line[fact] for fact in _FACTS if fact != "seed"}
    return SeedScore(**facts, values=values, seed=int(line["seed"]))


def summarise(
    rows: Sequence[SceneScore],
    seed: int,
    headline: Sequence[str] = HEADLINE,
    kinds: Mapping[str, Kind] | None = None,
    is_paired: bool = True,
) -> Summary:
    """Aggregate rows; equal rows and seed give equal aggregates, in whatever order the rows come.

    Args:
        rows: one per video
        seed: of the bootstrap and the permutation tests
        headline: the metrics of the table; the last one decides the order
        kinds: which systems are baselines; without it the best system is compared with every other one, with it all
            models with one another and with the best control
        is_paired: systems have the same scenes and are compared

    Raises:
        DataError: two rows of one system, scene and seed, or systems scored on different scenes.
    """
    kinds = kinds or {}
    by_system: dict[str, dict[tuple[str, int], SceneScore]] = {}
    for row in sorted(rows, key=_place):
        place = (row.key, seed_of(row))
        if place in by_system.setdefault(row.system, {}):
            raise DataError(f"system '{row.system}' has two scores for '{row.key}'; give its name to one system only.")
        by_system[row.system][place] = row
    scenes = {name: sorted({key for key, _ in table}) for name, table in by_system.items()}
    if is_paired and len({tuple(keys) for keys in scenes.values()}) > 1:
        counts = ", ".join(f"{name}: {len(keys)}" for name, keys in scenes.items())
        raise DataError(f"the systems were scored on different scenes ({counts}); score them against one reference.")
    tables = {name: list(table.values()) for name, table in by_system.items()}
    systems = [_summarise_system(name, table, seed, headline, kinds) for name, table in tables.items()]
    order = headline[-1]
    systems.sort(key=lambda system: (-(system.metrics[order].mean or 0.0), system.name))
    if is_paired:
        systems = _with_skill(systems, tables, seed, order)
    compared = _compare(systems, tables, seed, headline, bool(kinds)) if is_paired else []
    stability = _stability(systems, tables, seed, order) if is_paired else None
    return Summary(
        seed=seed, headline=tuple(headline), systems=tuple(systems), comparisons=tuple(compared), stability=stability
    )


def _summarise_system(
    name: str, rows: list[SceneScore], seed: int, headline: Sequence[str], kinds: Mapping[str, Kind]
) -> SystemSummary:
    count = {status: sum(row.status == status for row in rows) for status in _BROKEN}
    scenarios = sorted({row.scenario for row in rows})
    kept = [row for row in rows if row.values[headline[-1]] is not None]
    scatter = None
    if len({row.key for row in kept}) > 1:
        split = variance_split([row.values[headline[-1]] or 0.0 for row in kept], [row.key for row in kept])
        scatter = Scatter(between_scenes=split.between_scenes, between_seeds=split.between_seeds)
    return SystemSummary(
        name=name,
        kind=kinds.get(name, "model"),
        scenes=len({row.key for row in rows}),
        seeds=len({seed_of(row) for row in rows}),
        metrics={metric: _estimate(rows, metric, seed) for metric in rows[0].values},
        scenarios={
            scenario: {m: _estimate([r for r in rows if r.scenario == scenario], m, seed) for m in headline}
            for scenario in scenarios
        },
        scatter=scatter,
        missing=count["missing"],
        unreadable=count["unreadable"],
        short=count["short"],
        mismatched=count["mismatched"],
    )


def _with_skill(
    systems: list[SystemSummary], rows: Mapping[str, Sequence[SceneScore]], seed: int, metric: str
) -> list[SystemSummary]:
    controls = [system.name for system in systems if system.kind == "control"]
    if not controls or not _table(rows[controls[0]], metric).size:
        return systems
    zero, found = _means(rows[controls[0]], metric), []
    for system in systems:
        interval = skill(_table(rows[system.name], metric), zero, np.random.default_rng(seed))
        estimate = None if interval is None else _as_estimate(interval, system.metrics[metric].coverage)
        found.append(system.model_copy(update={"skill": estimate}))
    return found


def _table(rows: Sequence[SceneScore], metric: str) -> np.ndarray:
    """Return seeds x scenes to which the metric applies; NaN where it applies to other seeds of the scene only."""
    kept = [(value, seed_of(row), row.key) for row in rows if (value := row.values[metric]) is not None]
    return run_table([value for value, _, _ in kept], [seed for _, seed, _ in kept], [key for _, _, key in kept])


def _means(rows: Sequence[SceneScore], metric: str) -> np.ndarray:
    """Return one value per scene to which the metric applies: the mean over its seeds."""
    table = _table(rows, metric)
    return np.nanmean(table, axis=0) if table.size else np.zeros(0)


def _estimate(rows: list[SceneScore], metric: str, seed: int) -> Estimate:
    values = _table(rows, metric)
    coverage = values.shape[1] / len({row.key for row in rows})
    if not values.size:
        return Estimate(mean=None, low=None, high=None, scenes=0, coverage=0.0, method="none")
    return _as_estimate(bootstrap_mean(values, np.random.default_rng(seed)), coverage)


def _as_estimate(interval: Interval, coverage: float) -> Estimate:
    return Estimate(
        mean=interval.mean,
        low=interval.low,
        high=interval.high,
        scenes=interval.scenes,
        coverage=coverage,
        method=interval.method,
    )


def _pairs(systems: list[SystemSummary], has_baselines: bool) -> list[tuple[str, str]]:
    if not has_baselines:
        return [(systems[0].name, other.name) for other in systems[1:]]
    models = [system.name for system in systems if system.kind == "model"]
    controls = [system.name for system in systems if system.kind == "control"]
    return [*combinations(models, 2), *((model, controls[0]) for model in models if controls)]


def _compare(
    systems: list[SystemSummary],
    rows: Mapping[str, Sequence[SceneScore]],
    seed: int,
    headline: Sequence[str],
    has_baselines: bool,
) -> list[Comparison]:
    found: list[Comparison] = []
    for metric in headline:
        values = {name: _table(table, metric) for name, table in rows.items()}
        differences = [
            paired_difference(values[first], values[second], np.random.default_rng(seed), (first, second))
            for first, second in _pairs(systems, has_baselines)
            if values[first].size
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


def _stability(
    systems: list[SystemSummary], rows: Mapping[str, Sequence[SceneScore]], seed: int, metric: str
) -> Stability | None:
    values = [_means(rows[system.name], metric) for system in systems if system.kind == "model"]
    if len(values) < 2 or len(values[0]) < 2:
        return None
    found = rank_stability(np.stack(values), np.random.default_rng(seed))
    return Stability(kendall=found.kendall, low=found.low, best_stays=found.best_stays)


def verdict(summary: Summary) -> str:
    """Say in words who is better in the metric that decides the order, by how much, and in what; "" for one system.

    What differs most is the component, put on the scale from worst to best, in which the means are furthest apart.
    """
    metric = summary.headline[-1]
    found = next((c for c in summary.comparisons if c.metric == metric), None)
    if found is None:
        return ""
    systems = {system.name: system for system in summary.systems}
    better, worse = (found.first, found.second) if found.mean >= 0 else (found.second, found.first)
    name = metric.replace("_", " ")
    count = sum(c.metric == metric for c in summary.comparisons)
    chance = f"p = {found.p_adjusted:.4f}" + (f", adjusted for {count} comparisons" if count > 1 else "")
    if found.p_adjusted >= 0.05:
        return f"In {name}, {found.scenes} scenes do not tell {better} from {worse} ({abs(found.mean):.3f}; {chance})."
    text = f"{better} is better than {worse} in {name} by {abs(found.mean):.3f} ({chance})."
    infos = {name: one.info for name, one in metric_table().items() if name not in summary.headline}
    apart = {}
    for part, info in infos.items():
        means = [systems[one].metrics[part].mean if part in systems[one].metrics else None for one in (better, worse)]
        if means[0] is not None and means[1] is not None:
            apart[part] = ((means[0] - means[1]) / (info.best - info.worst), means)
    if apart:
        part = max(apart, key=lambda one: apart[one][0])
        gap, (first, second) = apart[part]
        if gap > 0:
            text += f" They are furthest apart in {part.replace('_', ' ')}: {first:.2f} against {second:.2f}."
    return text


def metric_lines() -> dict[str, str]:
    """Return metric → unit, direction and meaning, in one line."""
    infos = {name: metric.info for name, metric in metric_table().items()}
    return {
        name: f"{i.summary} ({i.direction} is better, {i.worst:g} worst to {i.best:g} best)"
        for name, i in infos.items()
    }
