"""Weights that several processes share out, so that each holds a part of weights, averages and optimiser states.

A block's weights are gathered when it computes and given up afterwards; gradients arrive as the mean over processes.

Source: Rajbhandari et al. (2020), ZeRO: memory optimizations toward training trillion parameter models; Zhao et al.
(2023), PyTorch FSDP: experiences on scaling fully sharded data parallel.
"""

import copy
import warnings
from collections.abc import Iterable, Mapping

import torch
from accelerate import Accelerator
from torch import nn
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import fully_shard, register_fsdp_forward_method
from torch.distributed.tensor import DTensor, distribute_tensor

from worldsim.config import HardwareConfig
from worldsim.model import DiT
from worldsim.model.block import Block


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
