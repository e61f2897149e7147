"""Whether variants do what the config asks of them, and do not pay for it with what it guards."""

from collections.abc import Sequence

from benchmarks.ablation.columns import COLUMNS, SET_COLUMNS
from benchmarks.ablation.comparison import Compared
from benchmarks.ablation.config import AblationConfig
from physics_data.core.config import StrictModel


class Answer(StrictModel):
    """Whether a variant does what was asked: ``yes`` with its whole interval, ``mean`` in the mean alone, or ``no``."""

    variant: str
    on: str
    column: str
    asked: str
    value: float | None
    low: float | None
    high: float | None
    met: str


def answer(compared: Sequence[Compared], config: AblationConfig) -> tuple[list[Answer], list[Answer]]:
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
                targets.append(_answer(row, asked, row.ratio, row.ratio_low, row.ratio_high, met))
        for guard in config.guards:
            for on in config.held_out:
                row = table.get((variant, on, guard.column))
                if row is None:
                    continue
                column = {**COLUMNS, **SET_COLUMNS}[guard.column]
                worst = row.high if column.direction == "lower" else _negative(row.low)
                worse = row.difference if column.direction == "lower" else -row.difference
                asked = f"worse by at most {guard.margin:g}" + (f" {column.unit}" if column.unit != "1" else "")
                guards.append(_answer(row, asked, row.difference, row.low, row.high, _met(worse, worst, guard.margin)))
    return targets, guards


def _negative(value: float | None) -> float | None:
    return None if value is None else -value


def _met(value: float | None, worst: float | None, limit: float) -> str:
    if value is None or value > limit:
        return "no"
    return "yes" if worst is not None and worst <= limit else "mean"


def _answer(row: Compared, asked: str, value: float | None, low: float | None, high: float | None, met: str) -> Answer:
    facts = {"variant": row.variant, "on": row.on, "column": row.column}
    return Answer(**facts, asked=asked, value=value, low=low, high=high, met=met)
