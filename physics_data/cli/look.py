"""Commands that look at a dataset: ``check``, ``biases`` and ``preview``."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import numpy as np
import typer
from rich.markup import escape

from physics_data.cli.options import DatasetArgument, JsonOption, SetOption, SplitOption
from physics_data.core.program import Table, messages, progress_bar

if TYPE_CHECKING:
    from physics_data.pipeline.check import CheckReport

_SHOWN_FINDINGS = 40


def check(dataset: DatasetArgument, as_json: JsonOption = False) -> None:
    """Read every clip and verify checksums, formats, laws, and that all labels agree; exit 1 when something is wrong.

    Example: `python -m physics_data check runs/demo/physics`
    """
    from physics_data.core.dataset import ShardDataset
    from physics_data.pipeline.check import check_dataset

    opened = ShardDataset(dataset)
    with progress_bar() as progress:
        bar = progress.add_task("checking", total=len(opened), note="")
        report = check_dataset(opened, lambda: progress.advance(bar))
    if as_json:
        typer.echo(
            json.dumps(
                {
                    "dataset": str(dataset),
                    "clips": len(opened),
                    "passed": dict(report.passed),
                    "findings": [asdict(finding) for finding in report.findings],
                },
                indent=1,
            )
        )
    else:
        _show(report, dataset, len(opened))
    if report.findings:
        raise typer.Exit(1)


def _show(report: "CheckReport", dataset: Path, total: int) -> None:
    counts = Table("scenario or source", "engine", "split", "clips", title=f"{escape(str(dataset))}: {total} clips")
    for names, count in sorted(report.clips.items()):
        counts.add_row(*names, str(count))
    messages.print(counts)
    if report.residuals:
        laws = Table("scenario", "engine", "law residual", "median", "largest")
        for names, values in sorted(report.residuals.items()):
            laws.add_row(*names, f"{np.median(values):.2e}", f"{max(values):.2e}")
        messages.print(laws)
    wrong = {finding.check for finding in report.findings}
    summary = Table("check", "passed", "wrong")
    for name in list(dict.fromkeys([*report.passed, *sorted(wrong)])):
        count = sum(finding.check == name for finding in report.findings)
        summary.add_row(name, str(report.passed[name]), f"[red]{count}[/red]" if count else "0")
    messages.print(summary)
    if not report.findings:
        messages.print(f"[green]{escape(str(dataset))} is whole[/green]: every check passed.")
        return
    findings = Table("where", "check", "what is wrong", title="[red]wrong[/red]")
    for finding in report.findings[:_SHOWN_FINDINGS]:
        findings.add_row(escape(finding.where), finding.check, escape(finding.message))
    messages.print(findings)
    if len(report.findings) > _SHOWN_FINDINGS:
        more = len(report.findings) - _SHOWN_FINDINGS
        messages.print(f"{more} more; 'python -m physics_data check {escape(str(dataset))} --json' lists all.")


def biases(
    dataset: Annotated[Path | None, typer.Argument(help="A dataset folder; or give --scenario.")] = None,
    scenario: Annotated[list[str] | None, typer.Option(help="Draw scenes of this scenario; may be repeated.")] = None,
    draws: Annotated[int, typer.Option(min=8, help="Scenes to draw of each --scenario.")] = 100,
    assignments: SetOption = None,
    as_json: JsonOption = False,
) -> None:
    """Print distributions and correlations of starts, speeds, contacts, sizes and cameras; flag |r| > 0.5.

    Example: `python -m physics_data biases runs/demo/physics`

    Before a build: `python -m physics_data biases --scenario collide --draws 100 --set num_frames=33`
    """
    from physics_data.core.config import apply_overrides, validate_config
    from physics_data.core.dataset import ShardDataset
    from physics_data.core.errors import ConfigError
    from physics_data.pipeline.statistics import QUANTITIES, BiasReport, dataset_clips, drawn_clips
    from physics_data.pipeline.statistics import biases as measure
    from physics_data.scenarios.shared.scenario import SceneSettings

    if (dataset is None) == (not scenario):
        raise ConfigError("biases needs a dataset folder or --scenario NAME, and not both; write one of the two.")
    reports: list[BiasReport] = []
    if dataset is not None:
        reports = measure(dataset_clips(ShardDataset(dataset)))
    for name in scenario or ():
        settings = validate_config(SceneSettings, apply_overrides({}, assignments or []), source="--set")
        reports += measure(drawn_clips(name, draws, settings))
    if as_json:
        rows = [
            {
                "scenario": report.scenario,
                "quantities": report.rows(),
                "correlations": {f"{a}, {b}": r for (a, b), r in report.correlations().items()},
                "flagged": [f"{a}, {b}" for a, b in report.links()],
                "constant": report.constants(),
            }
            for report in reports
        ]
        typer.echo(json.dumps(rows, indent=1))
        return
    for report in reports:
        table = Table("quantity", "clips", "mean", "sd", "5 %", "50 %", "95 %", title=report.scenario)
        for name, (count, *numbers) in report.rows().items():
            table.add_row(name, str(count), *(f"{number:.3g}" for number in numbers))
        messages.print(table)
        links = ", ".join(f"{a} ~ {b} {r:+.2f}" for (a, b), r in report.links().items())
        messages.print(f"[yellow]|r| > 0.5:[/yellow] {links}" if links else "no correlation above 0.5")
        if constants := report.constants():
            messages.print(f"[yellow]hardly varies:[/yellow] {', '.join(constants)}")
    messages.print("\n".join(f"{name}: {meaning}" for name, meaning in QUANTITIES.items()))


def preview(
    dataset: DatasetArgument,
    out: Annotated[Path, typer.Option(help="Page (.html) to write, or a contact sheet (.png).")] = Path("preview.html"),
    count: Annotated[int, typer.Option(min=1, help="Number of clips, spread over the dataset.")] = 24,
    split: SplitOption = None,
    labels: Annotated[bool, typer.Option("--labels", help="Contact sheets: ids and depth under each clip.")] = False,
    frames: Annotated[int, typer.Option(min=1, help="Contact sheets: frames of each clip.")] = 9,
    across: Annotated[int | None, typer.Option(min=1, help="Contact sheets: clips side by side.")] = None,
    names: Annotated[bool, typer.Option("--names", help="Contact sheets: scenarios in place of captions.")] = False,
) -> None:
    """Write a gallery of some clips as one page: videos, overlays, energies, twins, statistics; or a contact sheet.

    Example: `python -m physics_data preview runs/demo/physics --out preview.html`

    Contact sheet: `python -m physics_data preview runs/demo/physics --labels --count 8 --out preview.png`
    """
    from physics_data.core.dataset import ShardDataset
    from physics_data.core.errors import ConfigError, DataError
    from physics_data.pipeline.preview import SheetLayout, write_gallery, write_sheet

    opened = ShardDataset(dataset)
    positions = opened.select(split=split)
    if not positions:
        raise DataError(f"{dataset} has no clip of split '{split}'; it has {sorted({r.split for r in opened.rows})}.")
    if out.suffix == ".png":
        shown = write_sheet(opened, positions, out, count, SheetLayout(labels, frames, across, names))
    elif out.suffix == ".html":
        with progress_bar() as progress:
            bar = progress.add_task("drawing", total=min(count, len(positions)), note="")
            shown = write_gallery(opened, positions, out, count, lambda: progress.advance(bar))
    else:
        raise ConfigError(f"--out {out} has the suffix '{out.suffix}'; write a page (.html) or a contact sheet (.png).")
    messages.print(f"{shown} clips drawn in {escape(str(out))}")
