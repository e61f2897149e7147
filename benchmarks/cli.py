"""The commands of ``python -m benchmarks``. Heavy parts are imported by the command that needs them."""

import json
from pathlib import Path
from typing import Annotated

import typer

from benchmarks.phyworld.commands import app as phyworld_app
from physics_data.core.program import make_app, messages, print_listing, progress_bar

app = make_app("Run the whole chain, make the pinned baselines, measure speed against named peers.")

app.add_typer(phyworld_app, name="phyworld")

SuiteName = Annotated[str, typer.Argument(help="permanence, motion, twins or folder; see 'list'.")]
SizeOption = Annotated[str, typer.Option(help="quick (minutes on two cores) or full.")]
ShapeOption = Annotated[str, typer.Option(help="Of the picture: square, wide (16 to 9) or tall (9 to 16).")]
CacheOption = Annotated[Path, typer.Option(help="Where reference scenes are built once and kept.")]
SaltOption = Annotated[
    str | None, typer.Option(help="Secret of a release with hidden scenes; its sha256 stands in every result.")
]
CommitmentOption = Annotated[str | None, typer.Option(help="Published sha256 that the salt must have.")]
WorkersOption = Annotated[int, typer.Option(min=1, help="Processes.")]


@app.command()
def export(
    suite: SuiteName,
    out: Annotated[Path, typer.Option(help="New folder: first frames, given videos, prompts, manifest, README.")],
    size: SizeOption = "quick",
    shape: ShapeOption = "square",
    cache: CacheOption = Path("runs/suites"),
    salt: SaltOption = None,
    commitment: CommitmentOption = None,
    workers: WorkersOption = 1,
) -> None:
    """Write what a model is given, as a folder that any model can take; its README says what to put back.

    Example: `python -m benchmarks export permanence --out runs/permanence`
    """
    from benchmarks.suites.export import export_tasks
    from benchmarks.suites.program import open_suite

    with progress_bar() as progress:
        found, prepared, _ = open_suite(suite, size, shape, cache, salt, commitment, workers, progress)
    options = f" --size {size}" + (f" --shape {shape}" if shape != "square" else "") + (" --salt SALT" if salt else "")
    count = export_tasks(found.info, prepared, found.tasks(prepared), out, options)
    messages.print(f"{count} scenes in [bold]{out}[/bold]; {out / 'README.md'} says what to put back")


@app.command("run")
def run_command(
    suite: SuiteName,
    videos: Annotated[Path, typer.Option(help="Folder of one system's videos, or of such folders.")],
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
    """Score videos on a suite, beside the pinned dummies. A second run scores only what is new.

    Example: `python -m benchmarks run permanence --videos my_model --out runs/my_model --workers 2`
    """
    from benchmarks.suites.program import open_suite
    from benchmarks.suites.run import run_suite
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
        if submission.strangers:
            some = ", ".join(submission.strangers[:3])
            messages.print(
                f"[yellow]{submission.system}[/yellow]: {len(submission.strangers)} files match no scene and were "
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
    """Recompute the aggregates of a result from its rows and check its hashes; exit code 1 where one fails.

    Example: `python -m benchmarks verify runs/my_model --videos my_model`
    """
    from dataclasses import asdict

    from benchmarks.suites.verify import verify_bundle

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
    from benchmarks.suites.leaderboard import write_leaderboard
    from eval.cli import summary_table
    from eval.report.table import Summary

    record = write_leaderboard(results, out)
    messages.print(summary_table(Summary(**{field: record[field] for field in Summary.model_fields})))
    messages.print(f"Open [bold]{out / 'report.html'}[/bold]")


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
    only: Annotated[list[str] | None, typer.Option(help="A baseline to write; may be repeated; default all.")] = None,
    num_conditioning_frames: Annotated[
        int, typer.Option(min=0, help="First frames of every video that are the reference's own, and are not scored.")
    ] = 5,
) -> None:
    """Write the videos of the pinned dummies and of the simulator itself.

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


@app.command()
def vae(
    footage: Annotated[Path | None, typer.Option(help="Folder with videos, for the real clips.", exists=True)] = None,
    weights: Annotated[
        Path | None, typer.Option("--vae", help="Run or model folder of a trained VAE to measure, too.")
    ] = None,
    peers: Annotated[bool, typer.Option(help="Train ours and diffusers' from scratch, and compare.")] = True,
    seconds: Annotated[float, typer.Option(min=1, help="Processor time that each of them trains.")] = 40.0,
    size: Annotated[int, typer.Option(min=32, help="Side of the clips, a multiple of 8, px.")] = 64,
    clips: Annotated[int, typer.Option(min=1, help="Held-out clips of each kind.")] = 12,
    train_clips: Annotated[int, typer.Option(min=1, help="Physics clips that the contestants train on.")] = 48,
    repeats: Annotated[int, typer.Option(min=1, help="Interleaved repetitions of the timing.")] = 3,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON list of rows on stdout.")] = False,
) -> None:
    """Measure what the video VAE keeps, and race it against causal video VAEs of diffusers: same clips, same time.

    Example: `python -m benchmarks vae --footage ~/Videos --seconds 300 --json > vae.json`
    """
    from benchmarks.speed import as_table
    from benchmarks.vae.run import VAEBenchmark, measure_vae

    plan = VAEBenchmark(
        seconds=seconds,
        size=size,
        num_train=train_clips,
        num_physics=clips,
        num_real=clips,
        repeats=repeats,
        footage=footage,
        weights=weights,
        with_peers=peers,
    )
    rows = measure_vae(plan, messages.print)
    typer.echo(json.dumps(rows, indent=1)) if as_json else messages.print(as_table(rows))


@app.command()
def validity(
    parts: Annotated[
        list[str] | None,
        typer.Option("--part", help="dose, matrix, nuisances, footage or cost; may be repeated; default all."),
    ] = None,
    scenes: Annotated[int, typer.Option(min=2, help="Scenes for each violation of the matrix.")] = 6,
    footage: Annotated[Path | None, typer.Option(help="Folder with real videos, to be edited.", exists=True)] = None,
    out: Annotated[Path | None, typer.Option(help="Folder for matrix.png, matrix.md and rows.json.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON list of rows on stdout.")] = False,
) -> None:
    """Prove what the scores notice and what they do not: violations, their doses, nuisances, edited real clips.

    Example: `python -m benchmarks validity --part matrix --scenes 4 --out runs/validity`
    """
    from benchmarks.speed import as_table
    from benchmarks.validity import PARTS, validity

    for part in parts or ():
        if part not in PARTS:
            raise typer.BadParameter(f"--part {part} is none of {', '.join(PARTS)}.")
    rows = validity(parts or PARTS, scenes=scenes, footage=footage, out=out, progress=messages.print)
    typer.echo(json.dumps(rows, indent=1)) if as_json else messages.print(as_table(rows))


@app.command()
def ablation(
    config: Annotated[Path, typer.Option(help="YAML file, e.g. configs/ablation_cpu.yaml.")],
    out: Annotated[Path, typer.Option(help="Folder for datasets, runs and the report.")] = Path("runs/ablation"),
    overrides: Annotated[
        list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Change one value; may be repeated.")
    ] = None,
    only: Annotated[list[str] | None, typer.Option(help="A variant to run; may be repeated; default all.")] = None,
    workers: WorkersOption = 1,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="List the runs with their minutes here, and stop.")
    ] = False,
    report: Annotated[
        bool, typer.Option("--report", help="Run nothing: report on the runs that are finished.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON list of rows on stdout.")] = False,
) -> None:
    """Train variants of one config from one base, continue held-out clips, and compare them scene by scene.

    The same command goes on after an interruption; finished runs are not repeated. OUT/table.md holds the comparison,
    OUT/scenes.csv every number, OUT/strips_*.png what it looks like.

    Example: `python -m benchmarks ablation --config configs/ablation_cpu.yaml --out runs/ablation --workers 2`
    """
    from benchmarks.ablation.ablation_config import AblationConfig
    from benchmarks.ablation.grid import make_grid
    from physics_data.core.config import load_config

    grid = make_grid(load_config(AblationConfig, config, overrides or []), out)
    runs = grid.of(tuple(only or ()))
    if dry_run:
        from benchmarks.ablation.training_time import dry_lines

        for line in dry_lines(grid, runs):
            typer.echo(line)
        return
    from benchmarks.ablation.ablation_report import write_report
    from benchmarks.ablation.jobs import run_grid
    from benchmarks.speed import as_table

    failed: dict[str, str] = {}
    if not report:
        with progress_bar() as progress:
            failed = run_grid(grid, runs, workers, progress)
    rows = write_report(grid, f"python -m benchmarks ablation --config {config} --out {out}")
    typer.echo(json.dumps(rows, indent=1)) if as_json else messages.print(as_table(rows))
    messages.print(f"Open [bold]{out / 'table.md'}[/bold]; what it looks like is in {out}/strips_*.png")
    if failed:
        messages.print(f"[red]{len(failed)} runs failed[/red]: {', '.join(failed)}; the same command tries them again.")
        raise typer.Exit(1)


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
