"""Report of an ablation: results per target and guard, Markdown tables, rows, scenes.csv, summary.json."""

import json
from collections.abc import Sequence
from typing import Any

import numpy as np

from benchmarks.ablation.ablation_config import ARROWS, COLUMNS, SET_COLUMNS, AblationConfig, Column
from benchmarks.ablation.ablation_pictures import write_curves, write_effects, write_strips
from benchmarks.ablation.clip_measures import clip_features
from benchmarks.ablation.comparison import Compared, Estimated, compare, estimate, read_runs
from benchmarks.ablation.grid import RECORD_NAME, ROWS_NAME, Grid, Run, held_out_positions
from benchmarks.ablation.jobs import is_finished
from benchmarks.rows import Row
from physics_data.core.atomic import write_text
from physics_data.core.config import StrictModel
from physics_data.core.dataset import ShardDataset
from physics_data.core.errors import DataError
from physics_data.core.provenance import git_commit, hardware, package_versions


class Result(StrictModel):
    """Whether a variant does what was asked: ``yes`` with its whole interval, ``mean`` in the mean alone, or ``no``."""

    variant: str
    on: str
    column: str
    asked: str
    value: float | None
    low: float | None
    high: float | None
    met: str


def find_results(compared: Sequence[Compared], config: AblationConfig) -> tuple[list[Result], list[Result]]:
    """Return what each variant says to each target, and to each guard on each held-out set."""
    table = {(row.variant, row.on, row.column): row for row in compared}
    variants = list(dict.fromkeys(row.variant for row in compared))
    targets, guards = [], []
    for variant in variants:
        for target in config.targets:
            row = table.get((variant, target.clips, target.column))
            if row is not None:
                asked = f"at most {target.at_most:g} of the reference's"
                met = _met(row.ratio, row.ratio_high, target.at_most)
                targets.append(_result(row, asked, row.ratio, row.ratio_low, row.ratio_high, met))
        for guard in config.guards:
            for on in config.held_out:
                row = table.get((variant, on, guard.column))
                if row is None:
                    continue
                column = {**COLUMNS, **SET_COLUMNS}[guard.column]
                worst = row.high if column.direction == "lower" else _negative(row.low)
                worse = row.difference if column.direction == "lower" else -row.difference
                asked = f"worse by at most {guard.margin:g}" + (f" {column.unit}" if column.unit != "1" else "")
                guards.append(_result(row, asked, row.difference, row.low, row.high, _met(worse, worst, guard.margin)))
    return targets, guards


def _negative(value: float | None) -> float | None:
    return None if value is None else -value


def _met(value: float | None, worst: float | None, limit: float) -> str:
    if value is None or value > limit:
        return "no"
    return "yes" if worst is not None and worst <= limit else "mean"


def _result(row: Compared, asked: str, value: float | None, low: float | None, high: float | None, met: str) -> Result:
    facts = {"variant": row.variant, "on": row.on, "column": row.column}
    return Result(**facts, asked=asked, value=value, low=low, high=high, met=met)


_ALL: dict[str, Column] = {**COLUMNS, **SET_COLUMNS}
_MET = {"yes": "yes", "mean": "mean only", "no": "no"}


def as_markdown(
    config: AblationConfig,
    estimated: Sequence[Estimated],
    compared: Sequence[Compared],
    targets: Sequence[Result],
    guards: Sequence[Result],
) -> str:
    """Return, for each held-out set, means of all columns and differences from the reference; then the results."""
    parts = []
    for on, which in config.held_out.items():
        parts += [f"### {on.replace('_', ' ')} (split {which})", _means(config, estimated, compared, on)]
        parts += [f"#### against {config.reference}, {on.replace('_', ' ')}", _matrix(config, compared, on)]
        parts += [f"#### variant minus {config.reference}, {on.replace('_', ' ')}", _differences(compared, on)]
    parts += ["### what was asked", _results_table(targets), "### what may not be paid", _results_table(guards)]
    return "\n\n".join(part for part in parts if part) + "\n"


def _means(config: AblationConfig, estimated: Sequence[Estimated], compared: Sequence[Compared], on: str) -> str:
    rows = [row for row in estimated if row.on == on]
    table = {(row.column, row.variant): row for row in rows}
    variants = [name for name in config.variants if any(row.variant == name for row in rows)]
    seeds = {name: max(row.seeds for row in rows if row.variant == name) for name in variants}
    lines = [_line("column (unit)", "better", *(f"{name} ({seeds[name]} seeds)" for name in variants))]
    lines.append("|---" * (len(variants) + 2) + "|")
    for name in dict.fromkeys(row.column for row in rows):
        column = _ALL[name]
        cells = [_spread(row.mean, row.low, row.high) if (row := table.get((name, v))) else "–" for v in variants]
        lines.append(_line(f"{column.title} ({column.unit})", ARROWS[column.direction], *cells))
    sets = {row.variant: row for row in compared if row.on == on and row.column == "frechet"}
    if sets:
        reference = next(iter(sets.values())).reference
        cells = [f"{sets[v].mean:.3g}" if v in sets else f"{reference:.3g}" for v in variants]
        lines.append(_line(f"{_ALL['frechet'].title} ({_ALL['frechet'].unit})", "↓", *cells))
    return "\n".join(lines)


def _matrix(config: AblationConfig, compared: Sequence[Compared], on: str) -> str:
    """Return columns against variants: ratios of means for errors, differences for the rest, seeds that are better."""
    rows = {(row.column, row.variant): row for row in compared if row.on == on}
    variants = [name for name in config.variants if any(name == variant for _, variant in rows)]
    lines = [_line("column", config.reference, *variants), "|---" * (len(variants) + 2) + "|"]
    for name in dict.fromkeys(row.column for row in rows.values()):
        first = next(row for (column, _), row in rows.items() if column == name)
        kind = "ratio" if _ALL[name].best == 0.0 and _ALL[name].direction == "lower" else "difference"
        cells = [_against(row, kind) if (row := rows.get((name, variant))) else "–" for variant in variants]
        lines.append(_line(f"{name}, {kind}", f"{first.reference:.3g}", *cells))
    return "\n".join(lines) if rows else ""


def _against(row: Compared, kind: str) -> str:
    if kind == "difference":
        return f"{_spread(row.difference, row.low, row.high, form='+.2g')} ({row.better_seeds}/{row.seeds})"
    ratio = "–" if row.ratio is None else _spread(row.ratio, row.ratio_low, row.ratio_high, form=".2f")
    return f"{ratio} ({row.better_seeds}/{row.seeds})"


def _differences(compared: Sequence[Compared], on: str) -> str:
    rows = [row for row in compared if row.on == on]
    lines = [_line("column", "variant", "difference", "ratio of means", "p (Holm)", "seeds better"), "|---" * 6 + "|"]
    for row in rows:
        ratio = "–" if row.ratio is None else _spread(row.ratio, row.ratio_low, row.ratio_high)
        chance = "–" if row.p_adjusted is None else f"{row.p_adjusted:.3g}"
        spread = _spread(row.difference, row.low, row.high, form="+.3g")
        lines.append(_line(row.column, row.variant, spread, ratio, chance, f"{row.better_seeds} of {row.seeds}"))
    return "\n".join(lines) if rows else ""


def _results_table(results: Sequence[Result]) -> str:
    lines = [_line("variant", "on", "column", "asked", "found", "met"), "|---" * 6 + "|"]
    for row in results:
        found = "–" if row.value is None else _spread(row.value, row.low, row.high)
        lines.append(_line(row.variant, row.on.replace("_", " "), row.column, row.asked, found, _MET[row.met]))
    return "\n".join(lines) if results else ""


def _line(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"


def _spread(mean: float, low: float | None, high: float | None, form: str = ".3g") -> str:
    return f"{mean:{form}}" + ("" if low is None or high is None else f" [{low:{form}}, {high:{form}}]")


def figure_rows(
    compared: Sequence[Compared], targets: Sequence[Result], config: AblationConfig, command: str
) -> list[Row]:
    """Return one row for each variant, held-out set and column, with the target's ratio where one is asked for."""
    asked = {(target.column, target.clips): target.at_most for target in config.targets}
    met = {(row.variant, row.on, row.column): row.met == "yes" for row in targets}
    return [
        Row(
            name=f"{row.variant}: {_ALL[row.column].title}, {row.on.replace('_', ' ')}",
            value=row.mean,
            unit=_ALL[row.column].unit,
            target=None if (factor := asked.get((row.column, row.on))) is None else factor * row.reference,
            meets=met.get((row.variant, row.on, row.column)),
            peer=config.reference,
            peer_value=row.reference,
            ratio=row.ratio,
            spread=f"difference {_spread(row.difference, row.low, row.high, form='+.3g')}",
            command=command,
        )
        for row in compared
    ]


FORMAT = "worldsim.ablation/1"


def write_report(grid: Grid, command: str) -> list[Row]:
    """Compare all finished runs of an ablation and write its report into its folder; returns the figures' rows.

    Runs that are missing are left out of the means and said in the summary; a comparison takes the seeds that both
    sides have.

    Raises:
        DataError: no run is finished, or none of the reference.
    """
    runs = [run for run in grid.runs if is_finished(run)]
    if not runs:
        raise DataError(f"no run in {grid.out} is finished; nothing can be reported.")
    config, out = grid.config, grid.out
    measured = read_runs(runs, config.columns)
    compared = compare(measured, _truth(grid), config)
    estimated = estimate(measured, config)
    targets, guards = find_results(compared, config)
    write_text(out / "scenes.csv", _all_rows(runs))
    record: dict[str, Any] = {
        "format": FORMAT,
        "config": config.model_dump(mode="json"),
        "finished": [run.label for run in runs],
        "missing": [run.label for run in grid.runs if run not in runs],
        "estimates": [row.model_dump(mode="json") for row in estimated],
        "comparisons": [row.model_dump(mode="json") for row in compared],
        "targets": [row.model_dump(mode="json") for row in targets],
        "guards": [row.model_dump(mode="json") for row in guards],
        "train_seconds": {run.label: _train_seconds(run) for run in runs},
        "command": command,
        "commit": git_commit(),
        "versions": package_versions(),
        "hardware": hardware(),
    }
    write_text(out / "summary.json", json.dumps(record, indent=1) + "\n")
    write_text(out / "table.md", as_markdown(config, estimated, compared, targets, guards))
    write_strips(grid, runs, out)
    write_curves(runs, out / "curves.png")
    if compared:
        write_effects(compared, config, out / "effects.png")
    return figure_rows(compared, targets, config, command)


def _all_rows(runs: Sequence[Run]) -> str:
    """Return the rows of all runs under one header."""
    lines = [(run.folder / ROWS_NAME).read_text(encoding="utf-8").splitlines(keepends=True) for run in runs]
    return "".join([lines[0][0], *(line for part in lines for line in part[1:])])


def _truth(grid: Grid) -> dict[str, np.ndarray]:
    dataset, given = ShardDataset(grid.data), grid.config.continuation.num_conditioning_frames
    found = {}
    for name, which in grid.config.held_out.items():
        clips = (dataset.load(position).rgb[given:] for position in held_out_positions(dataset, which))
        found[name] = np.stack([clip_features(rgb) for rgb in clips])
    return found


def _train_seconds(run: Run) -> float:
    return float(json.loads((run.folder / RECORD_NAME).read_text(encoding="utf-8"))["train_seconds"])
