"""The figures of a model on twins as tables."""

from eval.twins.evaluate import TwinEstimate, TwinFigures, TwinSummary

_HEADER = "| {0} | sets | ordered rightly | AUROC | preference error |\n|---|---|---|---|---|"


def as_markdown(summary: TwinSummary) -> str:
    """Return one table for all sets, one for each grouping, and when a model was surprised."""
    missing = f", {summary.missing} without a number count as wrong" if summary.missing else ""
    lines = [f"{summary.system}: {summary.clips} clips{missing}; 0.5 is chance.", ""]
    lines += [_HEADER.format("sets"), _row("all", summary.overall)]
    for grouping, values in summary.by.items():
        lines += ["", _HEADER.format(grouping), *(_row(value, figures) for value, figures in values.items())]
    if summary.surprise is not None:
        surprise = summary.surprise
        lines += [
            "",
            f"Most surprised in time in {surprise.in_time:.2f} of {surprise.clips} clips; a frame chosen blindly would "
            f"be in {surprise.chance:.2f}.",
        ]
    return "\n".join(lines) + "\n"


def _row(name: str, figures: TwinFigures) -> str:
    cells = (_shown(figures.pairwise), _shown(figures.auroc), f"{figures.preference_error:.3f}")
    return f"| {name} | {figures.pairwise.sets} | {' | '.join(cells)} |"


def _shown(estimate: TwinEstimate) -> str:
    if estimate.low is None or estimate.high is None:
        return f"{estimate.mean:.3f}" + (" (all equal)" if estimate.method == "constant" else "")
    return f"{estimate.mean:.3f} [{estimate.low:.3f}, {estimate.high:.3f}]"
