"""The commands of ``python -m benchmarks``. Heavy parts are imported by the command that needs them."""

import json
from pathlib import Path
from typing import Annotated

import typer

from physics_data.core.program import make_app, messages, print_listing, progress_bar

app = make_app("Run the whole chain, make the pinned baselines, measure speed against named peers.")


@app.command()
def demo(
    out: Annotated[Path, typer.Option(help="Folder for everything the demo makes.")] = Path("runs/demo"),
    footage: Annotated[
        Path | None, typer.Option(help="Folder with ordinary video files, mixed into training.", exists=True)
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print the commands and stop.")] = False,
) -> None:
    """Run data, training, generation and scoring on two CPU cores, and write one HTML page.

    Example: `python -m benchmarks demo --footage ~/Videos --out runs/demo_footage`
    """
    from benchmarks.demo.page import write_page
    from benchmarks.demo.run import run_steps
    from benchmarks.demo.steps import DemoFolders, demo_steps

    folders = DemoFolders(out)
    steps = demo_steps(folders, footage)
    if dry_run:
        for step in steps:
            typer.echo(step.command)
        return
    if footage is None:
        messages.print("No --footage folder is given: training sees physics clips alone. (make demo FOOTAGE=folder)")
    records = run_steps(steps, folders.record)
    page = write_page(folders, records, footage)
    total = sum(record.seconds for record in records)
    memory = max(record.peak_memory for record in records)
    messages.rule("[bold green]done[/bold green]", align="left")
    messages.print(f"{total / 60:.1f} minutes, largest process {memory / 1e9:.1f} GB. Open [bold]{page}[/bold]")


@app.command()
def baselines(
    dataset: Annotated[Path, typer.Argument(help="Physics dataset whose clips are the reference.")],
    out: Annotated[Path, typer.Option(help="Folder; one folder of videos per baseline is written in it.")],
    split: Annotated[str, typer.Option(help="train or test.")] = "test",
    limit: Annotated[int | None, typer.Option(min=1, help="At most this many clips.")] = None,
) -> None:
    """Write the videos of the pinned dummies and of the simulator itself.

    Example: `python -m benchmarks baselines runs/demo/physics --out runs/demo/systems`
    """
    from benchmarks.baselines import write_baselines
    from physics_data.core.dataset import ShardDataset

    written = write_baselines(ShardDataset(dataset), out, split=split, limit=limit)
    messages.print(f"{written} videos in {out}")


@app.command()
def speed(
    what: Annotated[str | None, typer.Argument(help="One of 'list', e.g. render or data; default all.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON list of rows on stdout.")] = False,
    repeats: Annotated[int, typer.Option(min=1, help="Interleaved repetitions; the median counts.")] = 5,
) -> None:
    """Measure rendering, data generation and loading against named peers, in one run on this machine.

    Example: `python -m benchmarks speed data --json > data.json`
    """
    from benchmarks.speed import SPEED_BENCHMARKS, as_table

    rows: list[dict[str, object]] = []
    with progress_bar() as progress:
        names = [SPEED_BENCHMARKS.check(what)] if what else list(SPEED_BENCHMARKS)
        for name in progress.track(names, description="measuring"):
            rows += SPEED_BENCHMARKS.get(name)(repeats)
    typer.echo(json.dumps(rows, indent=1)) if as_json else messages.print(as_table(rows))


@app.command()
def looks(
    out: Annotated[Path, typer.Option(help="Folder for the pictures of docs/looks.md.")] = Path("docs/images"),
    costs: Annotated[bool, typer.Option("--costs", help="Measure what each look costs, and draw nothing.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="The costs as one JSON list of rows on stdout.")] = False,
    repeats: Annotated[int, typer.Option(min=1, help="Interleaved repetitions of the costs; the median counts.")] = 5,
) -> None:
    """Draw the contact sheets of every look, next to MuJoCo's and PyBullet's renderers, or measure their costs.

    Example: `python -m benchmarks looks --out docs/images`
    """
    if costs:
        from benchmarks.looks.costs import measure_costs
        from benchmarks.speed import as_table

        rows = measure_costs(repeats)
        typer.echo(json.dumps(rows, indent=1)) if as_json else messages.print(as_table(rows))
        return
    from benchmarks.looks.pictures import write_pictures

    for file in write_pictures(out, messages.print):
        messages.print(f"{file}")


@app.command("list")
def list_members(
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")] = False,
) -> None:
    """List baselines and speed benchmarks with one line each.

    Example: `python -m benchmarks list`
    """
    from benchmarks.baselines import BASELINES
    from benchmarks.speed import SPEED_BENCHMARKS

    print_listing({"baselines": BASELINES.summaries(), "speed": SPEED_BENCHMARKS.summaries()}, as_json)
