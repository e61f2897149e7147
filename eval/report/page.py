"""The HTML page: one file without any link to elsewhere."""

import base64
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import jinja2

from eval.metrics import METRICS
from eval.report.figures import Curve, scenario_bars, time_curves
from eval.report.table import Estimate, Summary, SystemSummary, metric_lines, verdict
from eval.scoring import SceneScore
from physics_data.core.atomic import write_text

_MOST_BARS = 8
"""Systems in the bar charts; the heat map and the tables show all."""


def write_page(
    path: Path,
    summary: Summary,
    rows: Sequence[SceneScore],
    facts: dict[str, Any],
    gallery: Sequence[tuple[Path, str]],
    curves: Mapping[str, Mapping[str, Curve]] | None = None,
    columns: Mapping[str, str] | None = None,
) -> None:
    """Write the page of a score.

    facts are shown as they are (command, commit, reference, versions, hardware); gallery holds (PNG, caption); curves
    maps a title to a line per system; columns says what each metric means (default: those of the table of metrics).

    Raises:
        StorageError: the disk refused.
    """
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    environment.filters["estimate"] = show_estimate
    models = [system for system in summary.systems if system.kind == "model"]
    few = models[:_MOST_BARS] or summary.systems[:_MOST_BARS]
    pictures = [(base64.b64encode(file.read_bytes()).decode(), caption) for file, caption in gallery]
    html = environment.get_template("page.html.j2").render(
        summary=summary,
        headline=summary.headline,
        others=[m for m, e in summary.systems[0].metrics.items() if m not in summary.headline and e.coverage > 0]
        if summary.systems
        else [],
        goodness=goodness,
        arrow=arrow,
        verdict=verdict(summary),
        ceiling=next((s for s in summary.systems if s.kind == "ceiling"), None),
        above=[s.name for s in summary.systems if s.kind == "model" and _is_above(s, summary)],
        zero=next((s.name for s in summary.systems if s.kind == "dummy" and s.skill is not None), None),
        metrics=columns or metric_lines(),
        figures=[scenario_bars(few, metric) for metric in summary.headline],
        curves=[time_curves(lines, title, "") for title, lines in (curves or {}).items() if lines],
        failures=[row for row in rows if row.status != "ok"],
        scenes=len({row.key for row in rows}),
        gallery=pictures,
        facts=facts,
    )
    write_text(path, html)


def goodness(metric: str, mean: float) -> float | None:
    """Return where a mean lies between the metric's worst (0) and best (1) value; None for a metric of no table."""
    if metric not in METRICS:
        return None
    info = METRICS.get(metric)().info
    return min(max((mean - info.worst) / (info.best - info.worst), 0.0), 1.0)


def arrow(metric: str) -> str:
    """Return ↑ or ↓ for a metric of which more or less is better; "" for one of no table."""
    if metric not in METRICS:
        return ""
    return " ↑" if METRICS.get(metric)().info.direction == "higher" else " ↓"


def _is_above(system: SystemSummary, summary: Summary) -> bool:
    ceilings = [s.metrics[summary.headline[-1]].mean for s in summary.systems if s.kind == "ceiling"]
    mean = system.metrics[summary.headline[-1]].mean
    return mean is not None and any(ceiling is not None and mean > ceiling for ceiling in ceilings)


def show_estimate(estimate: Estimate) -> str:
    """Return "0.953 [0.921, 0.974]", with what is special about it."""
    if estimate.mean is None:
        return "–"
    if estimate.method == "none":
        return f"{estimate.mean:.3f} (one scene)"
    if estimate.method == "constant":
        return f"{estimate.mean:.3f} (all equal)"
    return f"{estimate.mean:.3f} [{estimate.low:.3f}, {estimate.high:.3f}]"
