"""What validity's figures look like: rows of JSON, a heat map, Markdown tables."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from benchmarks.rows import Row
from benchmarks.validity.expectations import expectation, should_not_notice, should_notice
from benchmarks.validity.robustness import Shift
from benchmarks.validity.selectivity import Cell, Matrix
from benchmarks.validity.severity import Response
from eval.metrics import METRICS
from eval.public import PUBLIC_MEASURES
from physics_data.core.atomic import atomic_path

COMMAND = "python -m benchmarks validity --json"

MIN_CORRELATION = 0.95
MIN_AUROC = 0.95
CHANCE = (0.2, 0.8)
"""Where a cell that should stay near one half may lie: six scenes leave a wide interval around it."""


_ORDER = (
    "object_permanence",
    "survival",
    "reappearance",
    "count",
    "identity",
    "attributes",
    "motion_realism",
    "free_motion",
    "position_skill",
    "velocity_skill",
    "acceleration_skill",
    "contact_time",
    "restitution",
    "momentum",
    "energy",
    "rest",
    "drift",
)
"""Columns of the picture from left to right; metrics that are not named follow."""


def row(
    name: str, value: float | None, unit: str, target: float | None, meets: bool | None, spread: str | None = None
) -> Row:
    """Return one row of this benchmark."""
    return Row(name=name, value=value, unit=unit, target=target, meets=meets, spread=spread, command=COMMAND)


def own_measures(matrix: Matrix) -> list[str]:
    """Return our metrics that the matrix has: permanence and its parts, motion and its parts, the others."""
    rest = [name for name in METRICS if name not in _ORDER]
    return [name for name in (*_ORDER, *rest) if name in matrix.measures]


def matrix_rows(matrix: Matrix) -> list[Row]:
    """Return, for each violation, whether its headline metric notices it and whether a component says what was broken.

    Then what it should leave alone, and every public measure.
    """
    rows: list[Row] = []
    own = own_measures(matrix)
    for violation, cells in matrix.cells.items():
        expected = expectation(violation)
        rows.append(_noticed(f"{violation}: noticed by {expected.headline}", cells.get(expected.headline)))
        named = [name for name in sorted(expected.components) if name in cells]
        best = max(named, key=lambda name: cells[name].auroc, default=None)
        among = f" (best of {len(named)})" if len(named) > 1 else ""
        rows.append(
            _noticed(f"{violation}: named by {best or 'no component'}{among}", None if best is None else cells[best])
        )
        for silent in should_not_notice(violation, own):
            if silent in cells:
                value = cells[silent].auroc
                name = f"{violation}: left alone by {silent}"
                rows.append(row(name, value, "AUROC", 0.5, CHANCE[0] <= value <= CHANCE[1], _spread(cells[silent])))
        for public in PUBLIC_MEASURES:
            if public in cells:
                spread = f"{_spread(cells[public])}, undefined for {cells[public].undefined:.0%}"
                rows.append(row(f"{violation}: {public}", cells[public].auroc, "AUROC", None, None, spread))
    return rows


def _noticed(name: str, found: Cell | None) -> Row:
    if found is None:
        return row(name, None, "AUROC", MIN_AUROC, False, "applies to no scene")
    return row(name, found.auroc, "AUROC", MIN_AUROC, found.auroc >= MIN_AUROC, _spread(found))


def _spread(found: Cell) -> str:
    return f"{found.low:.2f} to {found.high:.2f}, {found.scenes} scenes"


def severity_rows(responses: Mapping[str, Response]) -> list[Row]:
    """Return each violation's rank correlation of severity and loss, in its headline and in its best component."""
    rows: list[Row] = []
    for violation, response in responses.items():
        expected = expectation(violation)
        spread = f"{len(response.severities)} severities, {response.scenes} scenes"
        named = [name for name in sorted(expected.components) if name in response.scores]
        best = max(named, key=response.correlation, default=None)
        for metric in (expected.headline, best):
            if metric is None or metric not in response.scores:
                missing = metric or "its components"
                text = f"severity of {violation}: {missing} does not apply"
                rows.append(row(text, None, "Spearman", MIN_CORRELATION, False, spread))
                continue
            value = response.correlation(metric)
            name = f"severity of {violation} in {metric}"
            rows.append(row(name, value, "Spearman", MIN_CORRELATION, value >= MIN_CORRELATION, spread))
    return rows


def shift_rows(shifts: Mapping[str, Mapping[str, Shift]]) -> list[Row]:
    """Return a row per nuisance and metric: the shift of the mean, and whether the mean's interval holds it."""
    return [
        row(
            f"{nuisance}: shift of {metric}",
            shift.shift,
            "score",
            shift.half_width,
            shift.is_small,
            f"{shift.videos} videos",
        )
        for nuisance, metrics in shifts.items()
        for metric, shift in metrics.items()
    ]


def markdown(matrix: Matrix) -> str:
    """Return the matrix as a Markdown table: what ours should notice it by, and every public measure."""
    public = [name for name in PUBLIC_MEASURES if name in matrix.measures]
    heads = ["violation", "headline", "component that names it", *(f"`{name}`" for name in public)]
    lines = ["| " + " | ".join(heads) + " |", "|" + "---|" * len(heads)]
    for violation, cells in matrix.cells.items():
        expected = expectation(violation)
        named = [name for name in sorted(expected.components) if name in cells]
        best = max(named, key=lambda name: cells[name].auroc, default=None)
        texts = [
            _short(cells.get(expected.headline)),
            "–" if best is None else f"`{best}` {_short(cells[best])}",
            *(_short(cells.get(name)) for name in public),
        ]
        lines.append(f"| `{violation}` | " + " | ".join(texts) + " |")
    return "\n".join(lines) + "\n"


def _short(found: Cell | None) -> str:
    return "–" if found is None else f"{found.auroc:.2f}"


def draw_matrix(matrix: Matrix, path: Path) -> None:
    """Draw the matrix: violations down, measures across, ours on the left; a frame marks who should notice."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot
    from matplotlib.patches import Rectangle

    own = own_measures(matrix)
    public = [name for name in PUBLIC_MEASURES if name in matrix.measures]
    measures, violations = own + public, list(matrix.cells)
    values = np.array([[_value(matrix, v, m) for m in measures] for v in violations])
    figure, axes = pyplot.subplots(figsize=(1.8 + 0.43 * len(measures), 1.8 + 0.27 * len(violations)), dpi=110)
    colours = pyplot.get_cmap("RdYlGn").with_extremes(bad="#eeeeee")
    image = axes.imshow(values, cmap=colours, vmin=0.0, vmax=1.0, aspect="auto")
    axes.set_xticks(range(len(measures)), [name.replace("_", " ") for name in measures], rotation=55, ha="right")
    axes.set_yticks(range(len(violations)), [name.replace("_", " ") for name in violations])
    axes.tick_params(labelsize=8, length=0)
    for down, violation in enumerate(violations):
        expected = should_notice(violation, own)
        for across, measure in enumerate(measures):
            if np.isfinite(values[down, across]):
                _label(axes, across, down, float(values[down, across]))
            if measure in expected:
                box = Rectangle((across - 0.5, down - 0.5), 1, 1, fill=False, edgecolor="#222222", linewidth=1.1)
                axes.add_patch(box)
    axes.axvline(len(own) - 0.5, color="white", linewidth=5)
    _captions(axes, own, public)
    axes.set_xlabel("framed: should notice; grey: does not apply", fontsize=8)
    figure.colorbar(image, ax=axes, fraction=0.02, pad=0.01, label="AUROC, lawful over violated")
    figure.tight_layout()
    with atomic_path(path) as partial:
        figure.savefig(partial, format="png")
    pyplot.close(figure)


def _value(matrix: Matrix, violation: str, measure: str) -> float:
    found = matrix.cells[violation].get(measure)
    return float("nan") if found is None else found.auroc


def _label(axes, across: int, down: int, value: float) -> None:
    text = f"{value:.2f}".lstrip("0") if value < 1 else "1"
    colour = "white" if not 0.12 < value < 0.88 else "#111111"
    axes.text(across, down, text, ha="center", va="center", fontsize=6.5, color=colour)


def _captions(axes, own: Sequence[str], public: Sequence[str]) -> None:
    for first, count, text in ((0, len(own), "ours"), (len(own), len(public), "public, same videos and tracks")):
        axes.text(first + count / 2 - 0.5, -0.8, text, ha="center", va="bottom", fontsize=9, fontweight="bold")
