"""Devices and processes of a run: precision, batch shards and sharded weights.

A block's weights are gathered when it computes and freed afterwards; gradients arrive as the mean over processes.

Source: Rajbhandari et al. (2020), ZeRO: memory optimizations toward training trillion parameter models; Zhao et al.
(2023), PyTorch FSDP: experiences on scaling fully sharded data parallel.
"""

import copy
import warnings
from collections.abc import Iterable, Mapping
from typing import Protocol, TypeVar, runtime_checkable

import torch
from accelerate import Accelerator
from accelerate.state import AcceleratorState
from accelerate.utils import broadcast_object_list
from torch import nn
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import FSDPModule, fully_shard, register_fsdp_forward_method
from torch.distributed.tensor import DTensor, distribute_tensor

from physics_data.core.errors import ConfigError
from worldsim.config import HardwareConfig
from worldsim.losses.loss import WHOLE_BATCH, RankShard
from worldsim.model import DiT
from worldsim.model.block import Block

T = TypeVar("T")


@runtime_checkable
class SharesNetworks(Protocol):
    """A task whose weights are parts of networks that it calls itself; ``shared_out`` tells it once they are sharded.

    All processes then measure and draw together, with sharded averages.
    """

    networks: Mapping[str, nn.Module]

    def shared_out(self, averages: Iterable[nn.Module]) -> None:
        """Take the sharded weights in place of the whole ones, and share out the averages alike."""
        ...


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


def shares_weights(accelerator: Accelerator, hardware: HardwareConfig) -> bool:
    """Return whether processes share out the weights; one process has nobody to share with."""
    return hardware.sharding and accelerator.num_processes > 1


def shard(model: nn.Module, accelerator: Accelerator) -> None:
    """Leave each process its part of the weights of a transformer, or of a whole model that has none.

    All processes must have made equal weights. Each block is gathered for itself; probes beside a transformer are small
    and stay whole. Before this call every process holds the whole model for a moment.
    """
    # It warns of outputs that are views, which must not be changed in place; nothing here does.
    warnings.filterwarnings("ignore", message=".*returned a view tensor")
    mesh = init_device_mesh(accelerator.device.type, (accelerator.num_processes,))
    transformers = [module for module in model.modules() if isinstance(module, DiT)]
    for module in (module for module in model.modules() if isinstance(module, Block)):
        fully_shard(module, mesh=mesh)
    for module in transformers or [model]:
        # Experts that only some processes called must not leave the others waiting: unused weights have gradient 0.
        fully_shard(module, mesh=mesh).set_reduce_scatter_unused_params(True)
        if isinstance(module, DiT):
            register_fsdp_forward_method(module, "forward_packed")


def shard_networks(networks: Iterable[nn.Module], accelerator: Accelerator) -> None:
    """Leave each process its part of the weights of public networks, frozen ones too; blocks are gathered one by one.

    Blocks are those that the network's own library does not split (``_no_split_modules``).
    """
    warnings.filterwarnings("ignore", message=".*returned a view tensor")
    mesh = init_device_mesh(accelerator.device.type, (accelerator.num_processes,))
    for network in networks:
        blocks = set(getattr(network, "_no_split_modules", None) or ())
        for module in network.modules():
            if type(module).__name__ in blocks:
                fully_shard(module, mesh=mesh)
        fully_shard(network, mesh=mesh).set_reduce_scatter_unused_params(True)


def reshard(networks: Iterable[nn.Module]) -> None:
    """Free what was gathered of sharded networks: after a call without gradients they keep what lies outside of blocks.

    Needed wherever sharded weights are changed in place, so that the next call gathers the new ones.
    """
    for network in networks:
        for module in network.modules():
            if isinstance(module, FSDPModule):
                module.reshard()


class WholeCopy:
    """Where the first process puts sharded weights together to measure, draw and export them."""

    def __init__(self, model: nn.Module, accelerator: Accelerator) -> None:
        """Take the layout of a model that is not sharded yet."""
        self._copy = copy.deepcopy(model).eval().requires_grad_(False) if accelerator.is_main_process else None

    def of(self, sharded: nn.Module) -> nn.Module | None:
        """Return a model that holds all weights until the next call, in the first process, and None in the others.

        All processes must call this together.
        """
        with torch.no_grad():
            own = {} if self._copy is None else self._copy.state_dict()
            for name, value in sharded.state_dict().items():
                full = whole(value)
                if own:
                    own[name].copy_(full)
        return self._copy


def whole(tensor: torch.Tensor) -> torch.Tensor:
    """Return a tensor in one piece; all processes must call this together."""
    return tensor.full_tensor() if isinstance(tensor, DTensor) else tensor


def local(tensor: torch.Tensor) -> torch.Tensor:
    """Return the part of a tensor that this process holds; what is done to it is done to the tensor."""
    return tensor.to_local() if isinstance(tensor, DTensor) else tensor


def placed_like(values: torch.Tensor, other: torch.Tensor) -> torch.Tensor:
    """Return values that every process has in full, shared out as another tensor is."""
    if not isinstance(other, DTensor):
        return values
    return distribute_tensor(values, other.device_mesh, other.placements, src_data_rank=None)


def is_sharded(tensors: Iterable[torch.Tensor] | Mapping[str, torch.Tensor]) -> bool:
    """Return whether any of these tensors is shared out."""
    values = tensors.values() if isinstance(tensors, Mapping) else tensors
    return any(isinstance(value, DTensor) for value in values)
