"""Commands of ``python -m benchmarks`` that measure. Heavy parts are imported by the command that needs them."""

from pathlib import Path
from typing import Annotated

import typer

from physics_data.core.program import make_app, messages, progress_bar

WorkersOption = Annotated[int, typer.Option(min=1, help="Processes.")]


def speed(
    what: Annotated[str | None, typer.Argument(help="One of 'list', e.g. render or data; default all.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON list of rows on stdout.")] = False,
    repeats: Annotated[int, typer.Option(min=1, help="Interleaved repetitions; the median is reported.")] = 5,
) -> None:
    """Measure rendering, data generation, loading, training and sampling against other software, in one run.

    Example: `python -m benchmarks speed data --json > data.json`
    """
    from benchmarks.rows import Row, print_rows
    from benchmarks.speed import SPEED_BENCHMARKS

    rows: list[Row] = []
    with progress_bar() as progress:
        names = [SPEED_BENCHMARKS.check(what)] if what else list(SPEED_BENCHMARKS)
        for name in progress.track(names, description="measuring"):
            rows += SPEED_BENCHMARKS.get(name)(repeats)
    print_rows(rows, as_json)


def gpu(
    out: Annotated[Path, typer.Option(help="Folder for gpu.json and at most 7 files of 16 MiB to resume from.")] = Path(
        "runs/gpu"
    ),
    minutes: Annotated[
        float, typer.Option(min=0.1, help="Time limit of this call; run the same command again to continue.")
    ] = 9.0,
    only: Annotated[list[str] | None, typer.Option(help="Run only this part; may be repeated.")] = None,
    device: Annotated[str, typer.Option(help="cuda, or cpu for a trial run with --small.")] = "cuda",
    small: Annotated[bool, typer.Option("--small", help="Tiny shapes, as a smoke test without measurements.")] = False,
    scratch: Annotated[Path, typer.Option(help="Folder for data and runs, which may be deleted.")] = Path(
        "runs/gpu_scratch"
    ),
    as_json: Annotated[bool, typer.Option("--json", help="One JSON list of rows on stdout.")] = False,
) -> None:
    """Measure on a GPU: renderer, training steps, sampling, adapters; then train the generator in the remaining time.

    Each part runs in its own process with a time limit. Running the command again skips complete parts.

    Example: `python -m benchmarks gpu --minutes 9 --out runs/gpu`
    """
    from benchmarks.gpu import GpuContext
    from benchmarks.gpu.pieces import RESULTS_NAME, require_device, run_pieces
    from benchmarks.rows import print_rows

    require_device(device, small)
    context = GpuContext(device, small, out, scratch, 60 * minutes)
    results = run_pieces(context, only or (), lambda line: messages.print(line, markup=False))
    print_rows(results.rows, as_json)
    messages.print(f"{out / RESULTS_NAME}")
    if any(piece.state == "failed" for piece in results.pieces.values()):
        raise typer.Exit(1)


def studio(
    seconds: Annotated[float, typer.Option(min=5, help="Duration of the load by 20 voters and 3 players.")] = 300.0,
    drift: Annotated[bool, typer.Option(help="Also measure the drift of the generator after 60 s.")] = True,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON list of rows on stdout.")] = False,
) -> None:
    """Measure the studio: frame rate and latency of play, response times under load, drift of the generator.

    Starts a temporary studio on this machine.

    Example: `python -m benchmarks studio --json > studio.json`
    """
    from benchmarks.rows import print_rows
    from benchmarks.studio_benchmark import measure_studio

    print_rows(measure_studio(seconds, has_drift=drift), as_json)


def scale(
    index_rows: Annotated[
        int, typer.Option(min=0, help="Rows of an index to write and open; 10000000 takes minutes; 0 skips it.")
    ] = 1_000_000,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON list of rows on stdout.")] = False,
) -> None:
    """Print estimates for 10^6 to 10^9 clips and 8 to 10,000 GPUs, next to simulations with failures.

    Example: `python -m benchmarks scale --index-rows 10000000 --json`
    """
    import tempfile

    from benchmarks.rows import print_rows
    from benchmarks.scale import measure_scale

    with tempfile.TemporaryDirectory() as folder:
        print_rows(measure_scale(Path(folder), index_rows), as_json)


def generator(
    model: Annotated[Path, typer.Option(help="Model folder, run folder or builtin:NAME.")] = Path("builtin:world"),
    cache: Annotated[Path, typer.Option(help="Cache folder for reference scenes.")] = Path("runs/suites"),
    clips: Annotated[int, typer.Option(min=4, help="Number of held-out clips to continue.")] = 48,
    seeds: Annotated[int, typer.Option(min=1, help="Number of generation seeds per clip, scene and prompt.")] = 4,
    prompts: Annotated[int, typer.Option(min=1, max=60, help="Number of prompts whose balls are counted.")] = 60,
    suites: Annotated[bool, typer.Option(help="Also measure the quick suites.")] = True,
    workers: WorkersOption = 1,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON list of rows on stdout.")] = False,
) -> None:
    """Measure the built-in generator: continuations, suites, prompts, speed.

    Example: `python -m benchmarks generator --json > generator.json`
    """
    from benchmarks.generator import measure_generator
    from benchmarks.rows import print_rows

    print_rows(measure_generator(model, cache, clips, seeds, prompts, suites, workers), as_json)


def rewards(
    out: Annotated[Path, typer.Option(help="Folder for data, runs and scores; complete parts are reused.")] = Path(
        "runs/rewards"
    ),
    base: Annotated[Path, typer.Option(help="Model folder, run folder or builtin:NAME.")] = Path("builtin:world"),
    seeds: Annotated[int, typer.Option(min=1, help="Number of training seeds per method.")] = 3,
    rounds: Annotated[int, typer.Option(min=1, help="Rounds of 36 videos per run.")] = 10,
    scenes: Annotated[int, typer.Option(min=2, help="Number of training scenes per scenario.")] = 24,
    clips: Annotated[int, typer.Option(min=1, help="Number of test clips per scenario.")] = 4,
    samples: Annotated[int, typer.Option(min=2, help="Number of videos per test clip.")] = 2,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON list of rows on stdout.")] = False,
) -> None:
    """Compare reward training methods at equal compute, and known gameable rewards, on held-out scenes.

    Example: `python -m benchmarks rewards --json > rewards.json`
    """
    from benchmarks.rewards import RewardsPlan, measure_rewards
    from benchmarks.rows import print_rows

    plan = RewardsPlan(out, base, seeds, rounds, scenes, clips, samples)
    print_rows(measure_rewards(plan, lambda line: messages.print(line, markup=False)), as_json)


def appearance(
    out: Annotated[Path, typer.Option(help="Folder for the pictures of docs/appearance.md.")] = Path("docs/images"),
) -> None:
    """Draw the contact sheets of every appearance, next to MuJoCo's and PyBullet's renderers.

    Example: `python -m benchmarks appearance --out docs/images`
    """
    from benchmarks.appearance.appearance_pictures import write_pictures

    for file in write_pictures(out, messages.print):
        messages.print(f"{file}")


def vae(
    footage: Annotated[Path | None, typer.Option(help="Folder with videos, for the real clips.", exists=True)] = None,
    weights: Annotated[
        Path | None, typer.Option("--vae", help="Run or model folder of another trained VAE to measure.")
    ] = None,
    peers: Annotated[bool, typer.Option(help="Train this VAE and diffusers' from scratch, and compare.")] = True,
    seconds: Annotated[float, typer.Option(min=1, help="CPU seconds of training for each model.")] = 40.0,
    size: Annotated[int, typer.Option(min=32, help="Side of the clips, a multiple of 8, px.")] = 64,
    clips: Annotated[int, typer.Option(min=1, help="Held-out clips of each kind.")] = 12,
    train_clips: Annotated[int, typer.Option(min=1, help="Physics clips that the compared models train on.")] = 48,
    repeats: Annotated[int, typer.Option(min=1, help="Interleaved repetitions of the timing.")] = 3,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON list of rows on stdout.")] = False,
) -> None:
    """Measure reconstruction of the video VAE, and compare it with diffusers' causal video VAEs at equal time.

    Example: `python -m benchmarks vae --footage ~/Videos --seconds 300 --json > vae.json`
    """
    from benchmarks.rows import print_rows
    from benchmarks.vae.vae_benchmark import VAEBenchmark, measure_vae

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
    print_rows(rows, as_json)


def validity(
    parts: Annotated[
        list[str] | None,
        typer.Option(
            "--part", help="severity, matrix, nuisances, footage, renderings or cost; may be repeated; default all."
        ),
    ] = None,
    scenes: Annotated[int, typer.Option(min=2, help="Scenes for each violation of the matrix.")] = 6,
    footage: Annotated[Path | None, typer.Option(help="Folder with real videos, to be edited.", exists=True)] = None,
    generated: Annotated[
        Path | None,
        typer.Option(help="Folder with the labelled generated videos, see generated_labels.yaml.", exists=True),
    ] = None,
    half: Annotated[
        str | None, typer.Option(help="development or held_out, of real and generated videos; default both.")
    ] = None,
    side: Annotated[int | None, typer.Option(min=64, help="Longer side at which videos are analysed, px.")] = None,
    out: Annotated[
        Path | None, typer.Option(help="Folder for matrix.png, matrix.md, rows.json and raw scores.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON list of rows on stdout.")] = False,
) -> None:
    """Measure the sensitivity of the scores: violations by severity, nuisances, edited real clips.

    Example: `python -m benchmarks validity --part matrix --scenes 4 --out runs/validity`
    """
    from benchmarks.rows import print_rows
    from benchmarks.validity import PARTS, validity
    from eval.audit.footage import SIDE

    if half not in (None, "development", "held_out"):
        raise typer.BadParameter(f"--half {half} is none of development, held_out.")
    for part in parts or ():
        if part == "dose":
            raise typer.BadParameter("--part dose was renamed; write --part severity.")
        if part not in PARTS:
            raise typer.BadParameter(f"--part {part} is none of {', '.join(PARTS)}.")
    rows = validity(
        parts or PARTS,
        scenes=scenes,
        footage=footage,
        generated=generated,
        half=half,
        side=side or SIDE,
        out=out,
        progress=lambda line: messages.print(line, markup=False),
    )
    print_rows(rows, as_json)


def words(
    half: Annotated[str | None, typer.Option(help="development or held_out; default both.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON list of rows on stdout.")] = False,
) -> None:
    """Make scenes from 200 English and Korean prompts, and count those that show everything stated.

    Example: `python -m benchmarks words --json`
    """
    from benchmarks.rows import print_rows
    from benchmarks.words.prompt_sets import HALVES, measure

    if half is not None and half not in HALVES:
        raise typer.BadParameter(f"--half {half} is none of {', '.join(HALVES)}.")
    rows = measure((half,) if half else HALVES, lambda line: messages.print(line, markup=False))
    print_rows(rows, as_json)


def ablation(
    config: Annotated[Path, typer.Option(help="YAML file, e.g. configs/ablation_cpu.yaml.")],
    out: Annotated[Path, typer.Option(help="Folder for datasets, runs and the report.")] = Path("runs/ablation"),
    overrides: Annotated[
        list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Change one value; may be repeated.")
    ] = None,
    only: Annotated[list[str] | None, typer.Option(help="A variant to run; may be repeated; default all.")] = None,
    workers: WorkersOption = 1,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="List the runs with their estimated minutes, and stop.")
    ] = False,
    report: Annotated[bool, typer.Option("--report", help="Only report on the finished runs.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON list of rows on stdout.")] = False,
) -> None:
    """Train variants of one config from one base, continue held-out clips, and compare them per scene.

    Run the same command again to resume; finished runs are kept. OUT/table.md holds the comparison,
    OUT/scenes.csv all values, OUT/strips_*.png sample frames.

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
    from benchmarks.rows import print_rows

    failed: dict[str, str] = {}
    if not report:
        with progress_bar() as progress:
            failed = run_grid(grid, runs, workers, progress)
    rows = write_report(grid, f"python -m benchmarks ablation --config {config} --out {out}")
    print_rows(rows, as_json)
    messages.print(f"Open [bold]{out / 'table.md'}[/bold]; what it looks like is in {out}/strips_*.png")
    if failed:
        messages.print(f"[red]{len(failed)} runs failed[/red]: {', '.join(failed)}; the same command tries them again.")
        raise typer.Exit(1)


losses_app = make_app("Auxiliary losses: what each one penalises, and its cost.")


@losses_app.command()
def pictures(
    out: Annotated[Path, typer.Option(help="Folder for the pictures of docs/losses.md.")] = Path("docs/images"),
    names: Annotated[list[str] | None, typer.Option("--loss", help="Only this loss; may be repeated.")] = None,
) -> None:
    """Draw for each loss a true clip, a wrong prediction and the gradient; takes about a minute.

    Example: `python -m benchmarks losses pictures --loss permanence`
    """
    from benchmarks.losses import SHOWN, write_pictures

    for file in write_pictures(out, tuple(names or SHOWN)):
        messages.print(str(file))


@losses_app.command()
def cost(
    config: Annotated[Path, typer.Option(help="Training of a transformer, whose step is timed.")] = Path(
        "configs/dit_tiny.yaml"
    ),
    out: Annotated[Path, typer.Option(help="Folder for latents and labels.")] = Path("runs/loss_cost"),
    overrides: Annotated[list[str] | None, typer.Option("--set", help="Override a value of the config.")] = None,
    repeats: Annotated[int, typer.Option(min=1, help="Steps of each kind.")] = 12,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON list of rows on stdout.")] = False,
) -> None:
    """Time training steps with each loss alone, and without any.

    Example: `OMP_NUM_THREADS=1 python -m benchmarks losses cost --json`
    """
    from benchmarks.losses import measure_cost
    from benchmarks.rows import print_rows

    print_rows(measure_cost(config, out, list(overrides or []), repeats), as_json)
