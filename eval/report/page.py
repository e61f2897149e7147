"""The HTML page, one file without any link to elsewhere, and its figures as SVG."""

import base64
import io
import textwrap
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import jinja2
import matplotlib
import numpy as np
from matplotlib.figure import Figure
from typing_extensions import TypedDict

from eval.metrics import METRICS
from eval.report.table import Estimate, Summary, SystemSummary, metric_lines, verdict
from eval.scoring import SceneScore
from physics_data.core.atomic import write_text

_COLORS = ("#2f6f9f", "#d9822b", "#4c9a5b", "#9b5fa5", "#b04a4a", "#7a7a7a", "#c2a83e", "#3fa7a7")


class Curve(TypedDict):
    """A mean over scenes at each time, and its standard error."""

    seconds: list[float]
    mean: list[float]
    error: list[float]
    is_baseline: bool


def scenario_bars(systems: Sequence[SystemSummary], metric: str) -> str:
    """Return bars per scenario and system with 95 % intervals; a cross marks scenarios the metric says nothing of."""
    scenarios = list(systems[0].scenarios)
    width = 0.8 / len(systems)
    figure = Figure(figsize=(1.6 + 1.5 * len(scenarios), 2.7), layout="constrained")
    axes = figure.add_subplot()
    for place, system in enumerate(systems):
        for column, scenario in enumerate(scenarios):
            x = column + (place - (len(systems) - 1) / 2) * width
            _bar(axes, x, width, system.scenarios[scenario][metric], _COLORS[place % len(_COLORS)])
        axes.bar(0, np.nan, color=_COLORS[place % len(_COLORS)], label=system.name)
    axes.set(xticks=range(len(scenarios)), xticklabels=[s.replace("_", " ") for s in scenarios], ylim=(0, 1.05))
    axes.set_title(metric.replace("_", " "), loc="left", fontsize=10, fontweight="bold")
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(labelsize=8)
    axes.grid(axis="y", linewidth=0.4, alpha=0.6)
    axes.set_axisbelow(True)
    figure.legend(loc="outside right upper", fontsize=7, frameon=False)
    return _svg(figure)


def _svg(figure: Figure) -> str:
    text = io.StringIO()
    with matplotlib.rc_context({"svg.hashsalt": "worldsim", "svg.fonttype": "none"}):
        figure.savefig(text, format="svg", metadata={"Date": None})
    svg = text.getvalue()
    return svg[svg.index("<svg") :]


def time_curves(curves: Mapping[str, Curve], title: str, unit: str) -> str:
    """Return one line per system over the seconds of a scene, with a band of plus and minus a standard error."""
    figure = Figure(figsize=(6.4, 3.0), layout="constrained")
    axes = figure.add_subplot()
    for place, (name, curve) in enumerate(curves.items()):
        color, style = _COLORS[place % len(_COLORS)], "--" if curve.get("is_baseline", curve.get("is_pinned")) else "-"
        mean, error = np.array(curve["mean"], float), np.array(curve["error"], float)
        axes.plot(curve["seconds"], mean, style, color=color, label=name, linewidth=1.6)
        axes.fill_between(curve["seconds"], mean - error, mean + error, color=color, alpha=0.15, linewidth=0)
    axes.set(xlabel="seconds", ylabel=unit)
    axes.set_title(textwrap.fill(title, 48), loc="left", fontsize=10, fontweight="bold")
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(labelsize=8)
    axes.grid(axis="y", linewidth=0.4, alpha=0.6)
    figure.legend(loc="outside right upper", fontsize=7, frameon=False)
    return _svg(figure)


def _bar(axes, x: float, width: float, estimate: Estimate, color: str) -> None:
    if estimate.mean is None:
        axes.plot(x, 0.02, marker="x", color=color, markersize=4)
        return
    axes.bar(x, estimate.mean, width * 0.92, color=color)
    if estimate.low is not None and estimate.high is not None:
        axes.plot([x, x], [estimate.low, estimate.high], color="#222", linewidth=1)


_MAX_BARS = 8
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
    few = models[:_MAX_BARS] or summary.systems[:_MAX_BARS]
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
        zero=next((s.name for s in summary.systems if s.kind == "control" and s.skill is not None), None),
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
