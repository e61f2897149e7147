"""The commands of ``python -m benchmarks``. Heavy parts are imported by the command that needs them."""

import json
from pathlib import Path
from typing import Annotated

import typer

from benchmarks.measure_commands import (
    WorkersOption,
    ablation,
    appearance,
    generator,
    gpu,
    losses_app,
    rewards,
    scale,
    speed,
    studio,
    vae,
    validity,
    words,
)
from benchmarks.phyworld.commands import app as phyworld_app
from physics_data.core.program import make_app, messages, print_listing, progress_bar

app = make_app(
    "Score models on benchmark suites, run the demo, write control baselines, measure speed against other software.",
    renamed={"looks": "appearance", "--costs": "speed appearance"},
)
for command in (speed, gpu, scale, studio, generator, rewards, appearance, vae, validity, words, ablation):
    app.command()(command)
app.add_typer(losses_app, name="losses")
app.add_typer(phyworld_app, name="phyworld")

SuiteName = Annotated[str, typer.Argument(help="permanence, motion, pairs or folder; see 'list'.")]
SizeOption = Annotated[str, typer.Option(help="quick (minutes on two cores) or full.")]
ShapeOption = Annotated[str, typer.Option(help="Aspect ratio: square, wide (16:9) or tall (9:16).")]
CacheOption = Annotated[Path, typer.Option(help="Cache folder for reference scenes.")]
SaltOption = Annotated[
    str | None, typer.Option(help="Secret of a release with hidden scenes; every result records its sha256.")
]
CommitmentOption = Annotated[str | None, typer.Option(help="Published sha256 that the salt must have.")]


@app.command()
def export(
    suite: SuiteName,
    out: Annotated[
        Path, typer.Option(help="New folder: first frames, conditioning videos, prompts, manifest, README.")
    ],
    size: SizeOption = "quick",
    shape: ShapeOption = "square",
    cache: CacheOption = Path("runs/suites"),
    salt: SaltOption = None,
    commitment: CommitmentOption = None,
    workers: WorkersOption = 1,
) -> None:
    """Export a suite as a folder of model inputs; its README describes the videos to return.

    Example: `python -m benchmarks export permanence --out runs/permanence`
    """
    from benchmarks.suites.export import export_tasks
    from benchmarks.suites.scoring import open_suite

    with progress_bar() as progress:
        found, prepared, _ = open_suite(suite, size, shape, cache, salt, commitment, workers, progress)
    options = f" --size {size}" + (f" --shape {shape}" if shape != "square" else "") + (" --salt SALT" if salt else "")
    count = export_tasks(found.info, prepared, found.tasks(prepared), out, options)
    messages.print(f"{count} scenes in [bold]{out}[/bold]; {out / 'README.md'} describes the videos to return")


@app.command("run")
def run_command(
    suite: SuiteName,
    videos: Annotated[Path, typer.Option(help="Folder of one system's videos, or a folder of such folders.")],
    out: Annotated[Path, typer.Option(help="Folder for report.html, report.md, scenes.csv, summary.json, gallery/.")],
    size: SizeOption = "quick",
    shape: ShapeOption = "square",
    cache: CacheOption = Path("runs/suites"),
    name: Annotated[str | None, typer.Option(help="Name of a single system; default: its folder's name.")] = None,
    salt: SaltOption = None,
    commitment: CommitmentOption = None,
    workers: WorkersOption = 1,
    num_conditioning_frames: Annotated[
        int | None,
        typer.Option(min=0, help="For 'folder': first frames that were given and are not judged. Others say it."),
    ] = None,
    seed: Annotated[int, typer.Option(help="Seed of the bootstrap and the permutation tests.")] = 0,
    gallery: Annotated[int, typer.Option(min=0, help="Worst clips drawn for each system.")] = 10,
    as_json: Annotated[bool, typer.Option("--json", help="Print summary.json on stdout.")] = False,
) -> None:
    """Score videos on a suite, next to the control baselines. A second run scores only new videos.

    Example: `python -m benchmarks run permanence --videos my_model --out runs/my_model --workers 2`
    """
    from benchmarks.suites.scoring import open_suite, run_suite
    from eval.cli import summary_table, warn_of_broken
    from eval.report.table import Summary, read_rows

    with progress_bar() as progress:
        found, prepared, report = open_suite(suite, size, shape, cache, salt, commitment, workers, progress)
        submissions = found.find(prepared, videos, name)
        record = run_suite(
            found,
            prepared,
            submissions,
            out,
            workers=workers,
            seed=seed,
            gallery=gallery,
            num_conditioning_frames=num_conditioning_frames,
            progress=report,
        )
    summary = Summary(**{field: record[field] for field in Summary.model_fields})
    for submission in submissions:
        if submission.unmatched:
            some = ", ".join(submission.unmatched[:3])
            messages.print(
                f"[yellow]{submission.system}[/yellow]: {len(submission.unmatched)} files match no scene and were "
                f"not scored ({some}); the key of a scene is its name in manifest.json"
            )
    if as_json:
        typer.echo(json.dumps(record, indent=1))
    messages.print(summary_table(summary))
    messages.print(f"Open [bold]{out / 'report.html'}[/bold]; one row per video in {out / 'scenes.csv'}")
    if warn_of_broken(summary, read_rows(out / "scenes.csv")):
        raise typer.Exit(1)


@app.command()
def verify(
    bundle: Annotated[Path, typer.Argument(help="Folder that 'run' wrote.")],
    videos: Annotated[Path | None, typer.Option(help="The scored videos, to compare their sha256.")] = None,
    salt: SaltOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON list on stdout.")] = False,
) -> None:
    """Recompute the aggregates of a result from its rows and check its hashes; exit with code 1 on a mismatch.

    Example: `python -m benchmarks verify runs/my_model --videos my_model`
    """
    from dataclasses import asdict

    from benchmarks.suites.results import verify_bundle

    checks = verify_bundle(bundle, videos, salt)
    if as_json:
        typer.echo(json.dumps([asdict(check) for check in checks], indent=1))
    words = {True: "[green]pass[/green]", False: "[red]FAIL[/red]", None: "not checked"}
    for check in checks:
        messages.print(f"{words[check.passed]}  {check.name}  [dim]{check.detail}[/dim]")
    if any(check.passed is False for check in checks):
        raise typer.Exit(1)


@app.command()
def leaderboard(
    results: Annotated[list[Path], typer.Argument(help="Folders that 'run' wrote, of one suite, size and release.")],
    out: Annotated[Path, typer.Option(help="Folder for the page, JSON, CSV and Markdown.")] = Path("leaderboard"),
) -> None:
    """Join results into one page; all aggregates are recomputed from the per-scene rows.

    Example: `python -m benchmarks leaderboard runs/a runs/b --out runs/leaderboard`
    """
    from benchmarks.suites.results import write_leaderboard
    from eval.cli import summary_table
    from eval.report.table import Summary

    record = write_leaderboard(results, out)
    messages.print(summary_table(Summary(**{field: record[field] for field in Summary.model_fields})))
    messages.print(f"Open [bold]{out / 'report.html'}[/bold]")


@app.command()
def demo(
    out: Annotated[Path, typer.Option(help="Output folder.")] = Path("runs/demo"),
    footage: Annotated[
        Path | None, typer.Option(help="Folder with video files to mix into the training data.", exists=True)
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print the commands and stop.")] = False,
) -> None:
    """Run data, training, generation and scoring on two CPU cores, and write one HTML page.

    Example: `python -m benchmarks demo --footage ~/Videos --out runs/demo_footage`
    """
    from benchmarks.demo.page import write_page
    from benchmarks.demo.runner import run_steps
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
    only: Annotated[list[str] | None, typer.Option(help="A baseline to write; may be repeated; default all.")] = None,
    num_conditioning_frames: Annotated[
        int, typer.Option(min=0, help="Number of conditioning frames, copied from the reference and not scored.")
    ] = 5,
) -> None:
    """Write the videos of the control baselines and of the simulator.

    Example: `python -m benchmarks baselines runs/demo/physics --out runs/demo/systems`
    """
    from benchmarks.baselines import write_baselines
    from physics_data.core.dataset import ShardDataset

    written = write_baselines(
        ShardDataset(dataset),
        out,
        split=split,
        limit=limit,
        names=only,
        num_conditioning_frames=num_conditioning_frames,
    )
    messages.print(f"{written} videos in {out}")


@app.command()
def house(
    as_json: Annotated[bool, typer.Option("--json", help="One JSON list of rows on stdout.")] = False,
) -> None:
    """Count modules and lines per package against their limits, and list the modules that break a house rule.

    Example: `python -m benchmarks house --json`
    """
    from benchmarks.house import size_rows
    from benchmarks.rows import print_rows

    print_rows(size_rows(), as_json)


@app.command("list")
def list_members(
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")] = False,
) -> None:
    """List suites, baselines and speed benchmarks with one line each.

    Example: `python -m benchmarks list`
    """
    from benchmarks.baselines import BASELINES
    from benchmarks.speed import SPEED_BENCHMARKS
    from benchmarks.suites import SUITES

    families = {"suites": SUITES, "baselines": BASELINES, "speed": SPEED_BENCHMARKS}
    print_listing({family: table.summaries() for family, table in families.items()}, as_json)
