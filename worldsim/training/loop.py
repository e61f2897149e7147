"""The training loop: the same for every stage."""

import json
import math
from contextlib import nullcontext
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch
from accelerate import Accelerator
from rich.progress import Progress
from torch import nn

from physics_data.core.atomic import folder_lock, remove_partials, require_writable, write_text
from physics_data.core.config import dump_yaml
from physics_data.core.conventions import step_seed
from physics_data.core.errors import CheckpointError, ConfigError, WorldsimError
from physics_data.core.program import messages
from physics_data.core.provenance import write_provenance
from worldsim.cards import CARD_NAME
from worldsim.config import TrainConfig
from worldsim.data.loading import Prefetch
from worldsim.losses.loss import WHOLE_BATCH, RankShard
from worldsim.model.experts import rebalance
from worldsim.training.checkpoint import resume, run_fingerprint, save_checkpoint
from worldsim.training.logger import Clock, Logger, LossWindow, SilentLogger
from worldsim.training.optimizer import (
    broken_parts,
    build_optimizers,
    gradient_norm,
    learning_rate_factor,
    scale_gradients,
    set_learning_rate,
)
from worldsim.training.processes import (
    SharesNetworks,
    WholeCopy,
    agreed,
    anywhere,
    average_gradients,
    average_values,
    build_accelerator,
    shard,
    shard_networks,
    shard_of,
    shares_weights,
    sum_over,
)
from worldsim.training.state import TrainingState, WeightAverage
from worldsim.training.tasks import TASKS
from worldsim.training.tasks.task import Task, Validates


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
        StorageError: another process trains into ``config.out``, or the disk refused.
        DivergedError: the loss stopped being a number; the last checkpoint is from before.
        InterruptedTrainingError: Ctrl-C; the last checkpoint is whole.
    """
    require_writable(config.out)
    accelerator = build_accelerator(config.hardware)
    torch.manual_seed(config.seed)
    task: Task = TASKS.get(config.task)(config, accelerator.device)
    shard = shard_of(accelerator, task)
    if shard.count > config.batch_size:
        raise ConfigError(
            f"batch_size {config.batch_size} leaves some of {shard.count} processes without a clip; write batch_size: "
            f"{shard.count} or more."
        )
    with folder_lock(config.out) if accelerator.is_main_process else nullcontext():
        return _train(config, accelerator, task, shard, progress)


def _train(
    config: TrainConfig, accelerator: Accelerator, task: Task, shard: RankShard, progress: Progress
) -> TrainingSummary:
    model = task.model.to(accelerator.device)
    averages = tuple(WeightAverage(model, decay) for decay in (config.ema_decay, *config.more_ema_decays))
    together = _share_out(accelerator, config, task, model, averages)
    state = TrainingState(model, averages, build_optimizers(model, config.optimizer))
    data = task.data_identity()
    card = resume(config.out, state, config, data)
    said = _how_it_goes_on(config, state, card, accelerator)
    accelerator.wait_for_everyone()
    if (done := _finished_before(config, data)) is not None:
        return done
    writes = accelerator.is_main_process
    if writes:
        for line in (*said, *task.describe()):
            messages.print(line, markup=False, highlight=False)
        for folder in (config.out, config.out / "pictures", config.out / "latents"):
            remove_partials(folder)
        write_text(config.out / "config.yaml", dump_yaml(config))
        write_provenance(config.out / "provenance.yaml", None, fingerprint=run_fingerprint(config, data), data=data)
    logger = Logger(config.out, state.step) if writes else SilentLogger(config.out)
    if config.hardware.compile:
        model.compile()
    run = _Run(config, accelerator, task, shard, state, data, logger, together)
    try:
        with accelerator.main_process_first():
            task.prepare(progress)
        metrics = run.train(progress)
        finished = state.step == config.num_steps
        averaged = run.whole(state.average)
        if writes:
            metrics |= task.finish(averaged, progress)
            task.export(averaged, config.out / "model", _facts(config, task, state, data, metrics))
        accelerator.wait_for_everyone()
    except KeyboardInterrupt as error:
        raise InterruptedTrainingError(_how_to_go_on(config, state)) from error
    finally:
        logger.close()
    return TrainingSummary(config.out, state.step, state.seconds, finished, metrics)


@dataclass
class _Run:
    """One run from its state on.

    together:  where sharded averages are put together; None where nothing is sharded
    """

    config: TrainConfig
    accelerator: Accelerator
    task: Task
    shard: RankShard
    state: TrainingState
    data: dict[str, str]
    logger: Logger | SilentLogger
    together: WholeCopy | None = None

    def train(self, progress: Progress) -> dict[str, float]:
        """Do the steps that are left; returns the means of the last log interval."""
        config, state, report = self.config, self.state, self.config.report
        bar = progress.add_task(f"train {config.task}", total=config.num_steps, completed=state.step, note="")
        window, metrics, clock = LossWindow(), self.logger.last(), Clock(state.seconds)
        ended = state.step == config.num_steps or self._time_is_up(clock)
        with Prefetch(self.task.batch, state.step, config.num_steps, 0 if ended else config.hardware.prefetch) as ahead:
            while not ended:
                state.model.train()
                values = self._update(ahead.take(state.step))
                state.step += 1
                state.seconds = clock.seconds
                window.add(values)
                ended = state.step == config.num_steps or self._time_is_up(clock)
                if state.step % report.log_every == 0 or ended:
                    metrics = average_values(self.accelerator, window.means())
                    rate = window.steps * config.batch_size / max(clock.lap(), 1e-9)
                    window = LossWindow()
                    with clock.paused():
                        measured = self._validated(progress, ended)
                    metrics |= measured | {"skipped": float(state.skipped)}
                    self.logger.scalars(state.step, metrics | self._costs(rate))
                    progress.update(bar, note=f"loss {metrics.get('loss', math.nan):.4f}, {rate:.0f} clips/s")
                if state.step % report.checkpoint_every == 0 or ended:
                    save_checkpoint(config.out, state, config, self.data, report.keep_checkpoints, self.accelerator)
                if state.step % report.picture_every == 0 or ended:
                    with clock.paused():
                        self._draw(progress)
                progress.update(bar, completed=state.step)
        return metrics

    def whole(self, average: WeightAverage) -> Any:
        """Return an averaged model in one piece; where it is sharded, in the first process only.

        All processes call this together, and use what they got before they call it again.
        """
        return average.model if self.together is None else self.together.of(average.model)

    def _measured(self, average: WeightAverage) -> tuple[Any, bool]:
        """Return what is measured and drawn with, and whether this process does so."""
        if self.together is not None and isinstance(self.task, SharesNetworks):
            return average.model, True
        return self.whole(average), self.accelerator.is_main_process

    def _draw(self, progress: Progress) -> None:
        model, takes_part = self._measured(self.state.average)
        if takes_part:
            for name, picture in self.task.pictures(model, progress).items():
                self.logger.picture(self.state.step, name, picture)

    def _update(self, batch: Any) -> dict[str, torch.Tensor]:
        """Do one update of the weights and of their averages; returns the losses and the norm of the gradient.

        Where the loss or the gradient is no number, the update is left out and nothing is returned.
        """
        config, state, accelerator = self.config, self.state, self.accelerator
        factor = learning_rate_factor(state.step, config.num_steps, config.optimizer)
        set_learning_rate(state.optimizers, factor)
        generator = torch.Generator(accelerator.device).manual_seed(step_seed(config.seed, "noise", state.step))
        told = () if self.shard == WHOLE_BATCH else (self.shard,)
        with accelerator.autocast():
            losses = self.task.loss(state.model, batch, generator, *told)
        accelerator.backward(losses["loss"])
        average_gradients(accelerator, state.model)
        norm = float(gradient_norm(state.model))
        values = {name: value.detach() for name, value in losses.items()}
        is_bad = not math.isfinite(norm) or not math.isfinite(float(values["loss"]))
        if anywhere(accelerator, is_bad):
            self._skip(values)
            return {}
        state.in_a_row = 0
        limit = config.optimizer.max_gradient_norm
        if config.optimizer.clipping == "adaptive":
            limit = state.norms.limit(limit)
        scale_gradients(state.model, norm, limit)
        state.norms.add(min(norm, limit))
        for optimizer in state.optimizers:
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
        for average in state.averages:
            average.update(state.model, state.step - state.skipped)
        told_by_routers = rebalance(state.model, partial(sum_over, accelerator))
        numbers = {"gradient_norm": torch.tensor(norm), "learning_rate_factor": torch.tensor(factor)}
        return {**values, **told_by_routers, **numbers}

    def _skip(self, values: dict[str, torch.Tensor]) -> None:
        """Count an update that is left out.

        Raises:
            DivergedError: too many in a row.
        """
        state = self.state
        broken = broken_parts(state.model)
        for optimizer in state.optimizers:
            optimizer.zero_grad(set_to_none=True)
        state.skipped += 1
        state.in_a_row += 1
        if state.in_a_row > self.config.report.max_skipped:
            wrong = [name for name, value in values.items() if not bool(value.isfinite())] or ["the gradient"]
            where = f" (first in the gradient of {', '.join(broken)})" if broken else ""
            raise DivergedError(
                f"{', '.join(wrong)} is no finite number at step {state.step + 1}{where}, and {state.in_a_row} updates "
                f"in a row were skipped. The last checkpoint in {self.config.out} is from before; lower "
                "optimizer.learning_rate or optimizer.max_gradient_norm and train into another --out."
            )

    def _validated(self, progress: Progress, ended: bool) -> dict[str, float]:
        """Return what held-out clips say of each average, if it is time."""
        every, state = self.config.report.validate_every, self.state
        if every is None or not isinstance(self.task, Validates) or (state.step % every and not ended):
            return {}
        found: dict[str, float] = {}
        for average in state.averages:
            model, takes_part = self._measured(average)
            if not takes_part:
                continue
            measured = self.task.validate(model, progress)
            if average is state.average:
                found |= {f"validation/{name}": value for name, value in measured.items()}
            else:
                found[f"validation/loss_ema_{average.decay:g}"] = measured["loss"]
        return found

    def _costs(self, rate: float) -> dict[str, float]:
        costs = {"seconds": self.state.seconds, "samples_per_second": rate}
        if self.accelerator.device.type == "cuda":
            costs["peak_memory_gb"] = torch.cuda.max_memory_allocated() / 1e9
        return costs

    def _time_is_up(self, clock: Clock) -> bool:
        return agreed(self.accelerator, clock.reached(self.config.report.max_minutes))


def _share_out(
    accelerator: Accelerator, config: TrainConfig, task: Task, model: nn.Module, averages: tuple[WeightAverage, ...]
) -> WholeCopy | None:
    """Leave each process its part of the model and of its averages, if the config asks for that."""
    if not shares_weights(accelerator, config.hardware):
        return None
    together = WholeCopy(model, accelerator)
    if isinstance(task, SharesNetworks):
        shard_networks(task.networks.values(), accelerator)
        task.shared_out([average.model for average in averages])
        return together
    for one in (model, *(average.model for average in averages)):
        shard(one, accelerator)
    return together


def _facts(
    config: TrainConfig, task: Task, state: TrainingState, data: dict[str, str], metrics: dict[str, float]
) -> dict[str, Any]:
    return {
        "step": state.step,
        "num_steps": config.num_steps,
        "lengths": state.lengths,
        "seconds": round(state.seconds, 1),
        "fingerprint": run_fingerprint(config, data),
        "data": data,
        "shares": task.shares(state.step),
        "metrics": metrics,
    }


def _finished_before(config: TrainConfig, data: dict[str, str]) -> TrainingSummary | None:
    """Return the summary of a run that this very command has finished before."""
    card_path = config.out / "model" / CARD_NAME
    card = json.loads(card_path.read_text(encoding="utf-8")) if card_path.is_file() else {}
    if card.get("fingerprint") != run_fingerprint(config, data) or card["step"] != config.num_steps:
        return None
    return TrainingSummary(config.out, card["step"], card["seconds"], True, card["metrics"])


def _how_it_goes_on(
    config: TrainConfig, state: TrainingState, card: dict[str, Any] | None, accelerator: Accelerator
) -> list[str]:
    """Note the length of this part in the state; return in sentences what differs from before.

    Raises:
        CheckpointError: more steps are done than the config asks for.
    """
    if card is None:
        state.lengths = [(0, config.num_steps)]
        return []
    said, before = [], state.lengths[-1][1]
    if state.step > config.num_steps:
        raise CheckpointError(
            f"{config.out} has {state.step} steps already, num_steps is {config.num_steps}; write at least "
            f"{state.step}, or train into another --out."
        )
    if before != config.num_steps:
        state.lengths.append((state.step, config.num_steps))
        old, new = (learning_rate_factor(state.step, n, config.optimizer) for n in (before, config.num_steps))
        said.append(
            f"{config.out} goes on from step {state.step} with num_steps {config.num_steps} in place of {before}. The "
            f"learning rate follows num_steps: from here it is {new:.2g} of its peak, with {before} steps it was "
            f"{old:.2g}, so the weights are not those of one run of {config.num_steps} steps."
        )
    here = {"device": accelerator.device.type, "processes": accelerator.num_processes}
    if card["made_on"] != here:
        there = card["made_on"]
        said.append(
            f"The run was on {there['processes']} x {there['device']} and goes on on {here['processes']} x "
            f"{here['device']}: rounding differs"
            + (", and so does the noise that is drawn." if there["device"] != here["device"] else ".")
        )
    return said


def _how_to_go_on(config: TrainConfig, state: TrainingState) -> str:
    every = config.report.checkpoint_every
    saved = state.step if state.step == config.num_steps else state.step // every * every
    return (
        f"Stopped at step {state.step} of {config.num_steps}. The same command goes on from the checkpoint of step "
        f"{saved} in {config.out}."
    )
