"""What an ablation leaves behind: ``scenes.csv``, ``summary.json``, ``table.md`` and pictures of its finished runs."""

import json
from collections.abc import Sequence
from typing import Any

import numpy as np

from benchmarks.ablation.answers import answer
from benchmarks.ablation.comparison import compare, estimate, read_runs
from benchmarks.ablation.frechet import clip_features
from benchmarks.ablation.held_out import held_out_positions
from benchmarks.ablation.pictures import write_curves, write_effects, write_strips
from benchmarks.ablation.plan import RECORD_NAME, ROWS_NAME, Plan, Run
from benchmarks.ablation.tables import as_markdown, figure_rows
from benchmarks.ablation.work import is_finished
from physics_data.core.atomic import write_text
from physics_data.core.dataset import ShardDataset
from physics_data.core.errors import DataError
from physics_data.core.provenance import git_commit, hardware, package_versions

FORMAT = "worldsim.ablation/1"


def write_report(plan: Plan, command: str) -> list[dict[str, object]]:
    """Compare all finished runs of an ablation and write its report into its folder; returns the figures' rows.

    Runs that are missing are left out of the means and said in the summary; a comparison takes the seeds that both
    sides have.

    Raises:
        DataError: no run is finished, or none of the reference.
    """
    runs = [run for run in plan.runs if is_finished(run)]
    if not runs:
        raise DataError(f"no run in {plan.out} is finished; nothing can be reported.")
    config, out = plan.config, plan.out
    measured = read_runs(runs, config.columns)
    compared = compare(measured, _truth(plan), config)
    estimated = estimate(measured, config)
    targets, guards = answer(compared, config)
    write_text(out / "scenes.csv", _all_rows(runs))
    record: dict[str, Any] = {
        "format": FORMAT,
        "config": config.model_dump(mode="json"),
        "finished": [run.label for run in runs],
        "missing": [run.label for run in plan.runs if run not in runs],
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
    write_strips(plan, runs, out)
    write_curves(runs, out / "curves.png")
    if compared:
        write_effects(compared, config, out / "effects.png")
    return figure_rows(compared, targets, config, command)


def _all_rows(runs: Sequence[Run]) -> str:
    """Return the rows of all runs under one header."""
    lines = [(run.folder / ROWS_NAME).read_text(encoding="utf-8").splitlines(keepends=True) for run in runs]
    return "".join([lines[0][0], *(line for part in lines for line in part[1:])])


def _truth(plan: Plan) -> dict[str, np.ndarray]:
    dataset, given = ShardDataset(plan.data), plan.config.continuation.num_given
    found = {}
    for name, which in plan.config.held_out.items():
        clips = (dataset.load(position).rgb[given:] for position in held_out_positions(dataset, which))
        found[name] = np.stack([clip_features(rgb) for rgb in clips])
    return found


def _train_seconds(run: Run) -> float:
    return float(json.loads((run.folder / RECORD_NAME).read_text(encoding="utf-8"))["train_seconds"])
