"""Figures of the page, as SVG text."""

import io
import textwrap
from collections.abc import Mapping, Sequence

import matplotlib
import numpy as np
from matplotlib.figure import Figure
from typing_extensions import TypedDict

from eval.report.table import Estimate, SystemSummary

_COLORS = ("#2f6f9f", "#d9822b", "#4c9a5b", "#9b5fa5", "#b04a4a", "#7a7a7a", "#c2a83e", "#3fa7a7")


class Curve(TypedDict):
    """A mean over scenes at each time, and its standard error."""

    seconds: list[float]
    mean: list[float]
    error: list[float]
    is_pinned: bool


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
        color, style = _COLORS[place % len(_COLORS)], "--" if curve["is_pinned"] else "-"
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
