"""The training loop: the same for every stage."""

import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from accelerate import Accelerator
from rich.progress import Progress

from physics_data.core.atomic import remove_partials, write_text
from physics_data.core.config import dump_yaml
from physics_data.core.errors import WorldsimError
from physics_data.core.provenance import write_provenance
from physics_data.core.seeding import step_seed
from worldsim.cards import CARD_NAME
from worldsim.config import TrainConfig
from worldsim.data.prefetch import Prefetch
from worldsim.training.checkpoint import TrainingState, resume, run_fingerprint, save_checkpoint
from worldsim.training.ema import WeightAverage
from worldsim.training.hardware import build_accelerator
from worldsim.training.journal import Journal
from worldsim.training.meters import Clock, LossWindow
from worldsim.training.optimizer import build_optimizers, learning_rate_factor, set_learning_rate
from worldsim.training.tasks import TASKS
from worldsim.training.tasks.base import Task


class DivergedError(WorldsimError):
    """The loss or the gradient is no number any more."""


class InterruptedTrainingError(KeyboardInterrupt):
    """Ctrl-C during training; the message says how to go on."""


@dataclass(frozen=True)
class TrainingSummary:
    """How a run ended. ``complete`` is False if ``report.max_minutes`` ended it early."""

    run: Path
    step: int
    seconds: float
    complete: bool
    metrics: dict[str, float]


def train(config: TrainConfig, progress: Progress) -> TrainingSummary:
    """Train one stage into ``config.out``, going on from the newest checkpoint there.

    Raises:
        CheckpointError: ``config.out`` holds a run of another config, or a damaged checkpoint.
        DataError: the data does not fit the config.
        DivergedError: the loss stopped being a number; the last checkpoint is from before.
        InterruptedTrainingError: Ctrl-C; the last checkpoint is whole.
    """
    accelerator = build_accelerator(config.hardware)
    torch.manual_seed(config.seed)
    task: Task = TASKS.get(config.task)(config, accelerator.device)
    model = task.model.to(accelerator.device)
    state = TrainingState(model, WeightAverage(model, config.ema_decay), build_optimizers(model, config.optimizer))
    data = task.data_identity()
    resume(config.out, state, config, data)
    remove_partials(config.out)
    if (done := _finished_before(config, data)) is not None:
        return done
    write_text(config.out / "config.yaml", dump_yaml(config))
    write_provenance(config.out / "provenance.yaml", None, fingerprint=run_fingerprint(config, data), data=data)
    journal = Journal(config.out, state.step)
    try:
        task.prepare(progress)
        metrics = _run(config, accelerator, task, state, data, journal, progress)
        finished = state.step == config.num_steps
        metrics |= task.finish(state.average.model, progress)
        task.export(state.average.model, config.out / "model", _facts(config, task, state, data, metrics))
    except KeyboardInterrupt as error:
        raise InterruptedTrainingError(_how_to_go_on(config, state)) from error
    finally:
        journal.close()
    return TrainingSummary(config.out, state.step, state.seconds, finished, metrics)


def _run(
    config: TrainConfig,
    accelerator: Accelerator,
    task: Task,
    state: TrainingState,
    data: dict[str, str],
    journal: Journal,
    progress: Progress,
) -> dict[str, float]:
    """Do the steps that are left; returns the means of the last log interval."""
    bar = progress.add_task(f"train {config.task}", total=config.num_steps, completed=state.step, note="")
    report, window, metrics, clock = config.report, LossWindow(), journal.last(), Clock(state.seconds)
    ended = state.step == config.num_steps or clock.reached(report.max_minutes)
    ahead = 0 if ended else config.hardware.prefetch
    with Prefetch(task.batch, state.step, config.num_steps, ahead) as batches:
        while not ended:
            state.model.train()
            values = _update(config, accelerator, task, state, batches.take(state.step))
            state.step += 1
            state.seconds = clock.seconds
            window.add(values)
            ended = state.step == config.num_steps or clock.reached(report.max_minutes)
            if state.step % report.log_every == 0 or ended:
                metrics = window.means()
                rate = window.count * config.batch_size / max(clock.lap(), 1e-9)
                journal.scalars(state.step, {**metrics, "seconds": state.seconds, "samples_per_second": rate})
                _require_numbers(metrics, state.step, config.out)
                window = LossWindow()
                progress.update(bar, note=f"loss {metrics['loss']:.4f}, {rate:.0f} clips/s")
            if state.step % report.checkpoint_every == 0 or ended:
                save_checkpoint(config.out, state, config, data, report.keep_checkpoints)
            if state.step % report.picture_every == 0 or ended:
                with clock.paused():
                    for name, picture in task.pictures(state.average.model, progress).items():
                        journal.picture(state.step, name, picture)
            progress.update(bar, completed=state.step)
    return metrics


def _update(
    config: TrainConfig, accelerator: Accelerator, task: Task, state: TrainingState, batch: Any
) -> dict[str, torch.Tensor]:
    """Do one update of the weights and of their average; returns the losses and the norm of the gradient."""
    factor = learning_rate_factor(state.step, config.num_steps, config.optimizer)
    set_learning_rate(state.optimizers, factor)
    generator = torch.Generator(accelerator.device).manual_seed(step_seed(config.seed, "noise", state.step))
    with accelerator.autocast():
        losses = task.loss(state.model, batch, generator)
    accelerator.backward(losses["loss"])
    norm = torch.nn.utils.clip_grad_norm_(state.model.parameters(), config.optimizer.max_gradient_norm)
    for optimizer in state.optimizers:
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
    state.average.update(state.model, state.step)
    values = {name: value.detach() for name, value in losses.items()}
    return {**values, "gradient_norm": norm, "learning_rate_factor": torch.tensor(factor)}


def _facts(
    config: TrainConfig, task: Task, state: TrainingState, data: dict[str, str], metrics: dict[str, float]
) -> dict[str, Any]:
    return {
        "step": state.step,
        "num_steps": config.num_steps,
        "seconds": round(state.seconds, 1),
        "fingerprint": run_fingerprint(config, data),
        "data": data,
        "shares": task.shares(state.step),
        "metrics": metrics,
    }


def _require_numbers(metrics: dict[str, float], step: int, run: Path) -> None:
    wrong = [name for name, value in metrics.items() if not math.isfinite(value)]
    if wrong:
        raise DivergedError(
            f"{', '.join(wrong)} is no finite number any more at step {step}. The last checkpoint in {run} is from "
            "before; lower optimizer.learning_rate or optimizer.max_gradient_norm and train into another --out."
        )


def _finished_before(config: TrainConfig, data: dict[str, str]) -> TrainingSummary | None:
    """Return the summary of a run that this very command has finished before."""
    card_path = config.out / "model" / CARD_NAME
    card = json.loads(card_path.read_text(encoding="utf-8")) if card_path.is_file() else {}
    if card.get("fingerprint") != run_fingerprint(config, data) or card["step"] != config.num_steps:
        return None
    return TrainingSummary(config.out, card["step"], card["seconds"], True, card["metrics"])


def _how_to_go_on(config: TrainConfig, state: TrainingState) -> str:
    every = config.report.checkpoint_every
    saved = state.step if state.step == config.num_steps else state.step // every * every
    return (
        f"Stopped at step {state.step} of {config.num_steps}. The same command goes on from the checkpoint of step "
        f"{saved} in {config.out}."
    )
