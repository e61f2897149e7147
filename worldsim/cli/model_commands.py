"""Commands of one model: ``train``, ``publish`` and ``likelihood``."""

from pathlib import Path
from typing import Annotated

import typer

from physics_data.core.program import messages, progress_bar


def train(
    config: Annotated[Path, typer.Option(help="YAML file, e.g. configs/vae_demo.yaml.")],
    out: Annotated[Path | None, typer.Option(help="Folder of the run; replaces `out` of the config.")] = None,
    overrides: Annotated[
        list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Change one value; may be repeated.")
    ] = None,
    hub: Annotated[
        bool, typer.Option("--hub", help="`base` is OWNER/NAME on the Hugging Face hub; fetched once, then cached.")
    ] = False,
    bundle: Annotated[
        Path | None,
        typer.Option(help="For task: plan. Folder of files of 16 MiB from which a plan resumes."),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Check config, data and model, then stop.")] = False,
) -> None:
    """Train a VAE, a diffusion transformer, or all stages of a plan; resumes an interrupted run.

    Example: `python -m worldsim train --config configs/vae_demo.yaml --set num_steps=600`
    """
    from worldsim.training.stages import load_train_config, task_of

    given = list(overrides or []) + ([f"out={out}"] if out is not None else [])
    if task_of(config, given) == "plan":
        _train_plan(config, given, bundle, dry_run)
        return
    if bundle is not None:
        raise typer.BadParameter("--bundle is for configs of task: plan; a single run resumes from its own folder.")
    if hub:
        from worldsim.generator import fetch_from_hub

        base = getattr(load_train_config(config, given), "base", None)
        if base is None:
            raise typer.BadParameter("--hub is for configs of task: family, whose `base` it fetches.")
        given.append(f"base={fetch_from_hub(str(base))}")
    resolved = load_train_config(config, given)
    if dry_run:
        from worldsim.training.stages import describe

        for line in describe(resolved):
            typer.echo(line)
        return
    from worldsim.training.loop import InterruptedTrainingError
    from worldsim.training.loop import train as run_training

    try:
        with progress_bar() as progress:
            summary = run_training(resolved, progress)
    except InterruptedTrainingError as stop:
        messages.print(f"[yellow]{stop}[/yellow]")
        raise typer.Exit(130) from None
    how = "" if summary.complete else " (report.max_minutes ended it; a larger value goes on)"
    typer.echo(f"{summary.run / 'model'}: {summary.step} steps in {summary.seconds:.0f} s{how}")
    typer.echo(", ".join(f"{name} {value:.4g}" for name, value in summary.metrics.items()))


def _train_plan(config: Path, overrides: list[str], bundle: Path | None, dry_run: bool) -> None:
    """Make the data and train the stages of a plan, as far as its minutes reach."""
    from physics_data.core.config import load_config
    from worldsim.training.loop import InterruptedTrainingError
    from worldsim.training.pieces import PlanConfig, run_plan

    plan = load_config(PlanConfig, config, overrides)
    if dry_run:
        for name in plan.data:
            typer.echo(f"data {name}: {plan.data[name]}")
        for name in plan.stages:
            stage = plan.stage(name)
            typer.echo(f"stage {name}: task {stage.task}, {stage.num_steps} steps of {stage.batch_size} clips")
        return
    try:
        with progress_bar() as progress:
            summary = run_plan(plan, progress, bundle)
    except InterruptedTrainingError as stop:
        messages.print(f"[yellow]{stop}[/yellow]")
        raise typer.Exit(130) from None
    if summary.unfinished:
        typer.echo(f"{plan.out}: not finished yet: {', '.join(summary.unfinished)}; the same command goes on.")
    else:
        typer.echo(f"{plan.out}: all stages are complete: {', '.join(summary.complete)}")
    if summary.metrics:
        typer.echo(", ".join(f"{name} {value:.4g}" for name, value in summary.metrics.items()))


def publish(
    model: Annotated[Path, typer.Argument(help="Run or model folder of a VAE or a transformer.")],
    out: Annotated[Path, typer.Option(help="Folder to write; must not exist yet.")],
) -> None:
    """Export a trained model in half precision; a transformer includes its VAE.

    Example: `python -m worldsim publish runs/dit --out my_model`
    """
    from worldsim import weights

    weights.publish(model, out)
    size = sum(path.stat().st_size for path in out.rglob("*") if path.is_file())
    messages.print(f"{out}: {size / 1e6:.1f} MB")


def likelihood(
    model: Annotated[Path, typer.Option(help="Run or model folder, or a diffusers folder.")],
    dataset: Annotated[
        Path, typer.Option(help="Dataset whose clips to score, e.g. one with possible/impossible pairs.")
    ],
    out: Annotated[Path, typer.Option(help="CSV file to write: key,score; smaller = more likely to the model.")],
    split: Annotated[str | None, typer.Option(help="Split of the dataset; default all.")] = None,
    every: Annotated[bool, typer.Option("--every", help="Also score clips that belong to no pair.")] = False,
    captions: Annotated[bool, typer.Option("--captions", help="Condition the model on each clip's caption.")] = False,
    hub: Annotated[
        bool, typer.Option("--hub", help="Load --model OWNER/NAME from the Hugging Face hub (cached).")
    ] = False,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the noise, shared by the clips of a set.")] = 0,
) -> None:
    """Measure the denoising error of each clip, to compare possible and impossible clips.

    Finished clips are kept in OUT.unfinished until all are done: the same command goes on from them.

    Example: `python -m worldsim likelihood --model runs/demo/dit --dataset runs/pairs --out losses.csv`, then
    `python -m eval pairs runs/pairs --scores losses.csv --loss --out runs/pair_scores`
    """
    import shutil

    from physics_data.core.atomic import folder_lock, write_text
    from physics_data.core.dataset import ShardDataset
    from physics_data.core.errors import DataError
    from physics_data.core.line_store import LineStore
    from physics_data.core.provenance import git_commit, package_versions
    from worldsim.generator import VideoGenerator, fetch_from_hub, find_family
    from worldsim.sampling.likelihood import clip_losses, default_device
    from worldsim.weights import load_generator, model_folder, weights_digest

    if hub:
        model = fetch_from_hub(str(model))
    if find_family(model) is not None:
        loaded = VideoGenerator.from_pretrained(model, device=default_device())
        told = "the first frame" if loaded.max_given == 1 else "no frame"
        messages.print(f"{loaded.family} is told {told} of each clip.", markup=False)
        weights = _files_of(model)
    else:
        loaded = load_generator(model_folder(model))
        weights = weights_digest(model_folder(model))
    clips = ShardDataset(dataset)
    positions = [n for n in clips.select(split=split) if every or clips.rows[n].pair_id is not None]
    if not positions:
        raise DataError(f"{dataset} has no pairs in split '{split or 'any'}'; build it with pairs, or give --every.")
    decides = [weights, clips.digest, seed, captions, git_commit(), package_versions(), str(default_device())]
    unfinished = out.with_name(f"{out.name}.unfinished")
    with folder_lock(unfinished), progress_bar() as progress:
        store = LineStore(unfinished / "losses.jsonl", repr(decides))
        found = (record for record in store.records() if isinstance(record.get("loss"), float))
        kept = {str(record.get("key")): record["loss"] for record in found}
        waiting = [n for n in positions if clips.rows[n].key not in kept]
        losses = clip_losses(loaded, (clips.load(n) for n in waiting), reads_captions=captions, seed=seed)
        for key, loss in progress.track(losses, total=len(waiting), description="denoising"):
            kept[key] = loss
            store.add({"key": key, "loss": loss})
        keys = [clips.rows[n].key for n in positions]
        write_text(out, "\n".join(["key,score", *(f"{key},{kept[key]!r}" for key in keys)]) + "\n")
        shutil.rmtree(unfinished)
    typer.echo(f"{out}: {len(positions)} clips")


def _files_of(folder: Path) -> str:
    """Return names, sizes and times of a public model's files: its weights may be too large to be hashed each time."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return repr([(path.name, path.stat().st_size, path.stat().st_mtime_ns) for path in files])
