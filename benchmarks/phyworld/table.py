"""Rows of measured models beside the published cells, the targets and the baselines; the same as a Markdown table."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from benchmarks.phyworld.protocol import PUBLISHED, PUBLISHED_FLOORS, SceneError, Where
from benchmarks.phyworld.world import Kind
from eval.statistics import bootstrap_mean
from physics_data.core.provenance import hardware

TARGETS: dict[Kind, tuple[float, float]] = {
    "uniform": (0.022, 0.05),
    "collision": (0.027, 0.05),
    "parabola": (0.051, 0.06),
}
"""Largest error aimed at, in and out of range: at most the published DiT-S at 30K clips in, far below any out."""

READINGS = ("published", "unbiased")
PLACES: tuple[Where, ...] = ("in", "out")


@dataclass(frozen=True)
class Draw:
    """The errors of one way to draw a system: one trained run, one seed of the noise."""

    run: str
    seed: int
    errors: tuple[SceneError, ...]


@dataclass(frozen=True)
class Measured:
    """A system and all its draws. ``aims`` says whether the targets are for it."""

    name: str
    kind: Kind
    draws: tuple[Draw, ...]
    command: str
    aims: bool = False


def rows_of(system: Measured) -> list[dict[str, Any]]:
    """Return benchmark rows: published and unbiased error, in and out of range.

    The value is the mean over draws of the mean over scenes. The spread has the least and largest of these means and
    the 95 % interval over trained runs and scenes, of the means over the draws of a run.
    """
    rows = []
    for where in PLACES:
        for reading in READINGS:
            table = _errors(system, where, reading)
            if table.size:
                rows.append(_row(system, where, reading, table))
    return rows


def _errors(system: Measured, where: Where, reading: str) -> np.ndarray:
    """Return draws x scenes; a scene that the published reading leaves out of one draw is left out of all."""
    table = np.array(
        [
            [getattr(error, reading) for error in draw.errors if error.is_in_range == (where == "in")]
            for draw in system.draws
        ]
    )
    return table[:, np.isfinite(table).all(0)] if table.size else table


def _row(system: Measured, where: Where, reading: str, table: np.ndarray) -> dict[str, Any]:
    names = np.array([draw.run for draw in system.draws])
    by_run = np.stack([table[names == name].mean(0) for name in dict.fromkeys(names.tolist())])
    means, interval = table.mean(1), bootstrap_mean(by_run, np.random.default_rng(0))
    is_published, value = reading == "published", float(table.mean())
    target = TARGETS[system.kind][PLACES.index(where)] if system.aims and is_published else None
    peer = best_published(system.kind, where) if is_published else None
    over = f"{interval.scenes} scenes" if interval.runs == 1 else f"{interval.runs} runs and {interval.scenes} scenes"
    between = "" if interval.low is None else f", 95 % over {over} {interval.low:.4f} to {interval.high:.4f}"
    return {
        "name": f"{system.kind}, {where} of range, {system.name}, {reading}",
        "value": value,
        "unit": "length" if system.kind == "parabola" and is_published else "length / time",
        "target": target,
        "meets": None if target is None else value <= target,
        "peer": "best published DiT" if is_published else None,
        "peer_value": peer,
        "ratio": None if peer is None else value / peer,
        "spread": f"{means.min():.4f} to {means.max():.4f} over {len(means)} draws{between}",
        "hardware": hardware(),
        "command": system.command,
    }


def best_published(kind: Kind, where: Where) -> float:
    """Return the lowest published error of a law over models and sizes of data."""
    return min(min(cell[where == "out"]) for cell in PUBLISHED[kind].values())


def markdown(kind: Kind, rows: Sequence[dict[str, Any]]) -> str:
    """Return the table of one law: published cells first, then what was measured here."""
    unit = "error of position, lengths" if kind == "parabola" else "error of velocity, lengths / time"
    lines = [
        f"| {kind}: {unit} | in range | out of range | unbiased: in | out |",
        "|---|---|---|---|---|",
        f"| floor, published | {PUBLISHED_FLOORS[kind]:.4f} | | | |",
    ]
    for model, (inside, outside) in PUBLISHED[kind].items():
        pairs = zip(("30K", "300K", "3M"), inside, outside, strict=True)
        lines += [f"| {model}, {size} clips, published | {a:.4f} | {b:.3f} | | |" for size, a, b in pairs]
    lines.append(f"| aimed at | {TARGETS[kind][0]:.3f} | {TARGETS[kind][1]:.3f} | | |")
    values = {row["name"]: row for row in rows}
    for name in dict.fromkeys(row["name"].split(", ")[2] for row in rows if row["name"].startswith(f"{kind}, ")):
        cells = [
            _cell(values.get(f"{kind}, {where} of range, {name}, {reading}"))
            for reading in READINGS
            for where in PLACES
        ]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def _cell(row: dict[str, Any] | None) -> str:
    if row is None:
        return ""
    draws = row["spread"].split(" over ")
    several = not draws[1].startswith("1 ")
    return f"{row['value']:.4f}" + (f" ({draws[0]})" if several else "")
