"""Commands that inspect: ``check``, ``biases``, ``preview``, ``list``, ``laws`` and ``schema``."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
import typer
from rich.markup import escape

from physics_data.cli.options import DatasetArgument, JsonOption, SetOption, SplitOption
from physics_data.core.program import Table, messages, print_listing, progress_bar, wide_console

if TYPE_CHECKING:
    from physics_data.pipeline.check import CheckReport


_SHOWN_FINDINGS = 40


def check(dataset: DatasetArgument, as_json: JsonOption = False) -> None:
    """Verify checksums, formats, laws and label consistency of every clip; exit with code 1 on any error.

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
        messages.print(f"[green]{escape(str(dataset))} is complete[/green]: every check passed.")
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
    """Write a gallery page of sample clips (videos, overlays, energies, pairs, statistics) or a contact sheet.

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


def schema() -> None:
    """Print the JSON Schema of a scene on stdout.

    Example: `python -m physics_data schema > scene.schema.json`
    """
    from physics_data.core.scene import SceneSpec

    typer.echo(json.dumps(SceneSpec.model_json_schema(), indent=2))


def list_members(
    family: Annotated[str | None, typer.Argument(help="scenarios, editors, engines or renderers; default all.")] = None,
    as_json: JsonOption = False,
) -> None:
    """List scenarios, editors, engines and renderers, one line each, or one family in detail.

    Example: `python -m physics_data list scenarios --json`
    """
    from physics_data.core.errors import UnknownNameError, suggest
    from physics_data.editors import EDITORS
    from physics_data.engines import ENGINES
    from physics_data.renderers import RENDERERS
    from physics_data.scenarios import SCENARIOS

    families = {f"{registry.family}s": registry for registry in (SCENARIOS, EDITORS, ENGINES, RENDERERS)}
    if family is None:
        print_listing({name: registry.summaries() for name, registry in families.items()}, as_json)
    elif family not in families:
        raise UnknownNameError(f"unknown family '{family}': {suggest(family, families)}")
    elif family == "scenarios":
        _list_scenarios(as_json)
    else:
        print_listing({family: families[family].summaries()}, as_json)


def _list_scenarios(as_json: bool) -> None:
    from physics_data.scenarios import SCENARIOS

    members: list[dict[str, Any]] = []
    for name in SCENARIOS:
        scenario = SCENARIOS.get(name)
        members.append(
            {
                **scenario.info.model_dump(),
                "engines": list(scenario.engines),
                "tolerances": scenario.tolerances,
                "ranges": {key: asdict(value) for key, value in scenario.ranges.items()},
            }
        )
    if as_json:
        typer.echo(json.dumps(members, indent=2, ensure_ascii=False))
        return
    table = Table("scenario", "what happens", "law", "engines", "held-out ranges", show_lines=True)
    for member in members:
        ranges = [
            f"{name}: {' or '.join(f'{low:g} to {high:g}' for low, high in value['held_out'])} {value['unit']}"
            for name, value in member["ranges"].items()
            if value["held_out"]
        ]
        table.add_row(
            member["name"], member["summary"], member["law"], ", ".join(member["engines"]), "\n".join(ranges) or "–"
        )
    wide_console().print(table)


def laws(
    draws: Annotated[int, typer.Option(min=1, help="Number of draws per scenario and engine.")] = 16,
    scenario: Annotated[list[str] | None, typer.Option(help="Only this scenario; may be repeated.")] = None,
    held_out: Annotated[bool, typer.Option("--held-out", help="Draw from the held-out ranges.")] = False,
    overrides: SetOption = None,
    as_json: JsonOption = False,
    markdown: Annotated[bool, typer.Option("--markdown", help="Markdown tables on stdout, for the docs.")] = False,
) -> None:
    """Measure each scenario's residuals from its law on each engine, and the reasons for rejected draws.

    Example: `python -m physics_data laws --draws 32 --markdown > laws.md`
    """
    from physics_data.core.config import apply_overrides, validate_config
    from physics_data.pipeline.laws import as_json as plain
    from physics_data.pipeline.laws import as_markdown, law_table
    from physics_data.scenarios import SCENARIOS
    from physics_data.scenarios.shared.scenario import SceneSettings

    raw = apply_overrides({"settings": {"ranges": "held_out" if held_out else "train"}}, overrides or ())
    settings = validate_config(SceneSettings, raw["settings"], source="--set")
    names = tuple(SCENARIOS.check(name) for name in scenario or ())
    total = sum(len(SCENARIOS.get(name).engines) for name in names or SCENARIOS)
    with progress_bar() as progress:
        bar = progress.add_task("laws", total=total, note="")
        rows = law_table(settings, draws, scenarios=names, on_row=lambda: progress.advance(bar))
    if as_json:
        typer.echo(json.dumps(plain(rows), indent=1, ensure_ascii=False))
    elif markdown:
        typer.echo(as_markdown(rows), nl=False)
    else:
        table = Table("scenario", "engine", "law residual", "tolerance", "median", "largest", "rejected")
        for row in rows:
            for law, tolerance in row.tolerances.items():
                figures = row.residuals[law]
                shown = [f"{value:.1e}" for value in figures] if figures else ["no draw kept", "–"]
                rejected = f"{sum(row.rejections.values())} of {row.draws}"
                table.add_row(row.scenario, row.engine, law, f"{tolerance:.2g}", *shown, rejected)
        wide_console().print(table)
