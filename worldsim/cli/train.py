"""``python -m worldsim train``."""

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
        typer.Option(help="For task: plan. Folder of a few files of 16 MiB that a plan goes on from and writes."),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Check config, data and model, then stop.")] = False,
) -> None:
    """Train a VAE, a diffusion transformer, or all stages of a plan; the same command goes on with what was stopped.

    Example: `python -m worldsim train --config configs/vae_demo.yaml --set num_steps=600`
    """
    from worldsim.training.stages import load_train_config, task_of

    given = list(overrides or []) + ([f"out={out}"] if out is not None else [])
    if task_of(config, given) == "plan":
        _train_plan(config, given, bundle, dry_run)
        return
    if bundle is not None:
        raise typer.BadParameter("--bundle is for configs of task: plan; a single run goes on from its own folder.")
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
