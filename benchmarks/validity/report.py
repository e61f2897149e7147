"""What validity's figures look like: rows of JSON, a heat map, Markdown tables."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from benchmarks.validity.dose import Response
from benchmarks.validity.expectations import SUMMARIES, should_not_notice, should_notice
from benchmarks.validity.matrix import Matrix
from benchmarks.validity.robustness import Shift
from eval.public import PUBLIC_MEASURES
from physics_data.core.atomic import atomic_path
from physics_data.core.provenance import hardware
from physics_data.editors import EDITORS

COMMAND = "python -m benchmarks validity --json"

LEAST_CORRELATION = 0.95
LEAST_AUROC = 0.95
CHANCE = (0.2, 0.8)
"""Where a cell that should stay near one half may lie: six scenes leave a wide interval around it."""


def row(
    name: str,
    value: float | None,
    unit: str,
    target: float | None,
    meets: bool | None,
    spread: str | None = None,
    peer: str | None = None,
    peer_value: float | None = None,
) -> dict[str, object]:
    """Return one row in the form that all benchmarks print."""
    return {
        "name": name,
        "value": value,
        "unit": unit,
        "target": target,
        "meets": meets,
        "peer": peer,
        "peer_value": peer_value,
        "ratio": value / peer_value if value is not None and peer_value else None,
        "spread": spread,
        "hardware": hardware(),
        "command": COMMAND,
    }


def own_measures(matrix: Matrix) -> list[str]:
    """Return our metrics that the matrix has, components first."""
    own = [name for name in matrix.measures if name not in PUBLIC_MEASURES]
    return sorted(own, key=lambda name: (name in SUMMARIES, name))


def matrix_rows(matrix: Matrix) -> list[dict[str, object]]:
    """Return a row for what must notice each violation (its best metric), what must not, and each public measure."""
    rows: list[dict[str, object]] = []
    own = own_measures(matrix)
    for violation, cells in matrix.cells.items():
        category = EDITORS.get(violation).info.category
        noticing = [name for name in should_notice(category, own) if name in cells]
        if not noticing:
            rows.append(row(f"{violation}: no metric applies", None, "AUROC", LEAST_AUROC, False))
            continue
        best = max(noticing, key=lambda name: cells[name].auroc)
        spread = f"{cells[best].low:.2f} to {cells[best].high:.2f}, {cells[best].scenes} scenes"
        name = f"{violation}: noticed by {best}"
        rows.append(row(name, cells[best].auroc, "AUROC", LEAST_AUROC, cells[best].auroc >= LEAST_AUROC, spread))
        for silent in should_not_notice(category, own):
            if silent in cells:
                value = cells[silent].auroc
                name = f"{violation}: left alone by {silent}"
                rows.append(row(name, value, "AUROC", 0.5, CHANCE[0] <= value <= CHANCE[1]))
        for public in PUBLIC_MEASURES:
            if public in cells:
                found = cells[public]
                spread = f"{found.low:.2f} to {found.high:.2f}, undefined for {found.undefined:.0%}"
                rows.append(row(f"{violation}: {public}", found.auroc, "AUROC", None, None, spread))
    return rows


def dose_rows(responses: Mapping[str, Response]) -> list[dict[str, object]]:
    """Return a row per violation: the best rank correlation among the metrics that should notice it."""
    rows: list[dict[str, object]] = []
    for violation, response in responses.items():
        category = EDITORS.get(violation).info.category
        noticing = should_notice(category, list(response.scores))
        if not noticing:
            rows.append(row(f"{violation}: no metric applies", None, "Spearman", LEAST_CORRELATION, False))
            continue
        best = max(noticing, key=response.correlation)
        value = response.correlation(best)
        spread = f"{len(response.doses)} doses, {response.scenes} scenes"
        name = f"dose of {violation} in {best}"
        rows.append(row(name, value, "Spearman", LEAST_CORRELATION, value >= LEAST_CORRELATION, spread))
    return rows


def shift_rows(shifts: Mapping[str, Mapping[str, Shift]]) -> list[dict[str, object]]:
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
    """Return the matrix as a Markdown table: the mean AUROC of each category's violations, by measure."""
    measures = own_measures(matrix) + [name for name in PUBLIC_MEASURES if name in matrix.measures]
    lines = ["| violation | " + " | ".join(f"`{m}`" for m in measures) + " |", "|" + "---|" * (len(measures) + 1)]
    for violation, cells in matrix.cells.items():
        category = EDITORS.get(violation).info.category
        expected = should_notice(category, measures)
        texts = []
        for measure in measures:
            text = f"{cells[measure].auroc:.2f}" if measure in cells else ""
            texts.append(f"**{text}**" if measure in expected and text else text)
        lines.append(f"| {violation} | " + " | ".join(texts) + " |")
    return "\n".join(lines) + "\n"


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
    figure, axes = pyplot.subplots(figsize=(1.6 + 0.52 * len(measures), 1.4 + 0.27 * len(violations)), dpi=110)
    colours = pyplot.get_cmap("RdYlGn").with_extremes(bad="#eeeeee")
    image = axes.imshow(values, cmap=colours, vmin=0.0, vmax=1.0, aspect="auto")
    axes.set_xticks(range(len(measures)), [name.replace("_", " ") for name in measures], rotation=55, ha="right")
    axes.set_yticks(range(len(violations)), [name.replace("_", " ") for name in violations])
    axes.tick_params(labelsize=8, length=0)
    for down, violation in enumerate(violations):
        expected = should_notice(EDITORS.get(violation).info.category, own)
        for across, measure in enumerate(measures):
            if np.isfinite(values[down, across]):
                _label(axes, across, down, float(values[down, across]))
            if measure in expected:
                box = Rectangle((across - 0.5, down - 0.5), 1, 1, fill=False, edgecolor="#222222", linewidth=1.1)
                axes.add_patch(box)
    axes.axvline(len(own) - 0.5, color="white", linewidth=5)
    _captions(axes, own, public)
    axes.set_xlabel("framed: one of these should notice; grey: does not apply", fontsize=8)
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
