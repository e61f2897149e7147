"""The devices and processes of a run: precision, and the shard of each batch that a process computes."""

from typing import Protocol, TypeVar, runtime_checkable

import torch
from accelerate import Accelerator
from accelerate.state import AcceleratorState
from accelerate.utils import broadcast_object_list
from torch import nn

from physics_data.core.errors import ConfigError
from worldsim.config import HardwareConfig
from worldsim.losses.rank_shard import WHOLE_BATCH, RankShard
from worldsim.training.sharding import is_sharded

T = TypeVar("T")


@runtime_checkable
class SharesBatches(Protocol):
    """A task that can compute a part of a batch; its loss takes the ``RankShard`` as last argument."""

    shares_batches: bool


def shard_of(accelerator: Accelerator, task: object) -> RankShard:
    """Return the part of every batch that this process computes.

    Raises:
        ConfigError: several processes were started for a task that one trains.
    """
    if accelerator.num_processes == 1:
        return WHOLE_BATCH
    if not isinstance(task, SharesBatches):
        name = getattr(task, "name", type(task).__name__)
        raise ConfigError(
            f"task {name} trains with one process, started were {accelerator.num_processes}; start it without torchrun."
        )
    return RankShard(accelerator.process_index, accelerator.num_processes)


def average_gradients(accelerator: Accelerator, model: nn.Module) -> None:
    """Give every process the mean of all gradients; a weight that no process used keeps having none.

    Gradients of sharded weights are means already.
    """
    if accelerator.num_processes == 1:
        return
    weights = [weight for weight in model.parameters() if weight.requires_grad and not is_sharded([weight])]
    used = torch.tensor([float(weight.grad is not None) for weight in weights], device=accelerator.device)
    used = _reduced(accelerator, used, "sum")
    weights = [weight for weight, count in zip(weights, used.tolist(), strict=True) if count]
    if not weights:
        return
    flat = torch.cat([(torch.zeros_like(w) if w.grad is None else w.grad).flatten() for w in weights])
    flat = _reduced(accelerator, flat, "mean")
    for weight, piece in zip(weights, flat.split([weight.numel() for weight in weights]), strict=True):
        weight.grad = piece.view_as(weight).clone()


def average_values(accelerator: Accelerator, values: dict[str, float]) -> dict[str, float]:
    """Return the mean of each value over all processes."""
    if accelerator.num_processes == 1 or not values:
        return values
    stacked = torch.tensor(list(values.values()), dtype=torch.float64, device=accelerator.device)
    return dict(zip(values, _reduced(accelerator, stacked, "mean").tolist(), strict=True))


def sum_over(accelerator: Accelerator, values: torch.Tensor) -> torch.Tensor:
    """Return the sum of a tensor over all processes."""
    return values if accelerator.num_processes == 1 else _reduced(accelerator, values, "sum")


def anywhere(accelerator: Accelerator, found: bool) -> bool:
    """Return whether any process found it, so that all do the same about it."""
    return bool(sum_over(accelerator, torch.tensor([float(found)], device=accelerator.device)).item() > 0)


def agreed(accelerator: Accelerator, decision: bool) -> bool:
    """Return what the first process decided, so that clocks that differ do not part the processes."""
    return anywhere(accelerator, decision and accelerator.is_main_process)


def told_by_first(accelerator: Accelerator, value: T) -> T:
    """Return the value that the first process has."""
    if accelerator.num_processes == 1:
        return value
    return broadcast_object_list([value])[0]


def _reduced(accelerator: Accelerator, values: torch.Tensor, how: str) -> torch.Tensor:
    reduced = accelerator.reduce(values, how)
    assert isinstance(reduced, torch.Tensor)
    return reduced


def build_accelerator(hardware: HardwareConfig) -> Accelerator:
    """Return the device and precision of a run.

    Raises:
        ConfigError: the device is not there.
    """
    if hardware.device == "cuda" and not torch.cuda.is_available():
        raise ConfigError("hardware.device is 'cuda' and torch finds no CUDA device; write --set hardware.device=auto.")
    if hardware.threads:
        torch.set_num_threads(hardware.threads)
    AcceleratorState._reset_state(reset_partial_state=True)  # a process may train several stages in a row
    mixed = "no" if hardware.precision == "fp32" else hardware.precision
    return Accelerator(cpu=hardware.device == "cpu", mixed_precision=mixed)
