"""The results of an ablation as Markdown, and as the rows that all benchmarks print."""

from collections.abc import Sequence

from benchmarks.ablation.answers import Answer
from benchmarks.ablation.columns import ARROWS, COLUMNS, SET_COLUMNS, Column
from benchmarks.ablation.comparison import Compared, Estimated
from benchmarks.ablation.config import AblationConfig
from physics_data.core.provenance import hardware

_ALL: dict[str, Column] = {**COLUMNS, **SET_COLUMNS}
_MET = {"yes": "yes", "mean": "mean only", "no": "no"}


def as_markdown(
    config: AblationConfig,
    estimated: Sequence[Estimated],
    compared: Sequence[Compared],
    targets: Sequence[Answer],
    guards: Sequence[Answer],
) -> str:
    """Return, for each held-out set, means of all columns and differences from the reference; then the answers."""
    parts = []
    for on, which in config.held_out.items():
        parts += [f"### {on.replace('_', ' ')} (split {which})", _means(config, estimated, compared, on)]
        parts += [f"#### against {config.reference}, {on.replace('_', ' ')}", _matrix(config, compared, on)]
        parts += [f"#### variant minus {config.reference}, {on.replace('_', ' ')}", _differences(compared, on)]
    parts += ["### what was asked", _answers(targets), "### what may not be paid", _answers(guards)]
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


def _answers(answers: Sequence[Answer]) -> str:
    lines = [_line("variant", "on", "column", "asked", "found", "met"), "|---" * 6 + "|"]
    for row in answers:
        found = "–" if row.value is None else _spread(row.value, row.low, row.high)
        lines.append(_line(row.variant, row.on.replace("_", " "), row.column, row.asked, found, _MET[row.met]))
    return "\n".join(lines) if answers else ""


def _line(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"


def _spread(mean: float, low: float | None, high: float | None, form: str = ".3g") -> str:
    return f"{mean:{form}}" + ("" if low is None or high is None else f" [{low:{form}}, {high:{form}}]")


def figure_rows(
    compared: Sequence[Compared], targets: Sequence[Answer], config: AblationConfig, command: str
) -> list[dict[str, object]]:
    """Return one row for each variant, held-out set and column, with the target's ratio where one is asked for."""
    asked = {(target.column, target.clips): target.at_most for target in config.targets}
    met = {(row.variant, row.on, row.column): row.met == "yes" for row in targets}
    return [
        {
            "name": f"{row.variant}: {_ALL[row.column].title}, {row.on.replace('_', ' ')}",
            "value": row.mean,
            "unit": _ALL[row.column].unit,
            "target": None if (factor := asked.get((row.column, row.on))) is None else factor * row.reference,
            "meets": met.get((row.variant, row.on, row.column)),
            "peer": config.reference,
            "peer_value": row.reference,
            "ratio": row.ratio,
            "spread": f"difference {_spread(row.difference, row.low, row.high, form='+.3g')}",
            "hardware": hardware(),
            "command": command,
        }
        for row in compared
    ]
