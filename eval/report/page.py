"""The HTML page: one file without any link to elsewhere."""

import base64
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import jinja2

from eval.report.figures import scenario_bars
from eval.report.table import HEADLINE, Estimate, Summary, metric_lines
from eval.scoring import SceneScore
from physics_data.core.atomic import write_text


def write_page(
    path: Path, summary: Summary, rows: Sequence[SceneScore], facts: dict[str, Any], gallery: Sequence[tuple[Path, str]]
) -> None:
    """Write the page of a score.

    facts are shown as they are (command, commit, reference, versions, hardware); gallery holds (PNG, caption).

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
    pictures = [(base64.b64encode(file.read_bytes()).decode(), caption) for file, caption in gallery]
    html = environment.get_template("page.html.j2").render(
        summary=summary,
        headline=HEADLINE,
        metrics=metric_lines(),
        figures=[scenario_bars(summary.systems, metric) for metric in HEADLINE],
        failures=[row for row in rows if row.status != "ok"],
        scenes=len({row.key for row in rows}),
        gallery=pictures,
        facts=facts,
    )
    write_text(path, html)


def show_estimate(estimate: Estimate) -> str:
    """Return "0.953 [0.921, 0.974]", with what is special about it."""
    if estimate.mean is None:
        return "–"
    if estimate.method == "none":
        return f"{estimate.mean:.3f} (one scene)"
    if estimate.method == "constant":
        return f"{estimate.mean:.3f} (all equal)"
    return f"{estimate.mean:.3f} [{estimate.low:.3f}, {estimate.high:.3f}]"
