"""Checkpoints of sharded weights: each process writes its part, any number of processes reads them.

Tensors are stored by name (``weights/NAME``, ``average/NAME``, ``optimizer/NAME/KEY``) in the format of
torch.distributed.checkpoint, which cuts them anew for whoever reads.
"""

import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.distributed import is_initialized
from torch.distributed.checkpoint.api import CheckpointException
from torch.distributed.checkpoint.filesystem import FileSystemReader, FileSystemWriter
from torch.distributed.checkpoint.metadata import TensorStorageMetadata
from torch.distributed.checkpoint.state_dict_loader import load
from torch.distributed.checkpoint.state_dict_saver import save

from physics_data.core.errors import CheckpointError
from worldsim.cards import present_weight
from worldsim.training.optimizer import Optimizers, weights_in_order
from worldsim.training.processes import local, placed_like
from worldsim.training.state import TrainingState

SHARDS = "shards"
"""Folder in a checkpoint; it is there exactly if the weights were sharded."""

_OPTIMIZER = "optimizer"


def write_shards(folder: Path, state: TrainingState) -> None:
    """Write the tensors of a state; all processes call this together.

    Raises:
        OSError: the disk of one of the processes refused; all of them say so.
    """
    tensors = {**_models(state), **dict(_optimizer_tensors(state))}
    try:
        save(tensors, storage_writer=FileSystemWriter(folder / SHARDS))
    except CheckpointException as error:
        causes = [cause for cause, _ in error.failures.values()]
        raise next((cause for cause in causes if isinstance(cause, OSError)), error) from error


def read_shards(folder: Path, state: TrainingState) -> None:
    """Read what ``write_shards`` wrote into a state, sharded in any way or not at all.

    Raises:
        CheckpointError: it holds other weights.
    """
    reader = FileSystemReader(folder / SHARDS)
    metadata = reader.read_metadata().state_dict_metadata
    former = {_present_key(key): key for key in metadata}
    stored = {key: metadata[former[key]] for key in former}
    weights = dict(state.model.named_parameters())
    tensors = _models(state)
    of_optimizer: dict[str, torch.Tensor] = {}
    for key, facts in stored.items():
        name = key.removeprefix(f"{_OPTIMIZER}/").rpartition("/")[0]
        if key.startswith(f"{_OPTIMIZER}/") and name in weights and isinstance(facts, TensorStorageMetadata):
            alike = facts.size == weights[name].shape
            empty = torch.empty(facts.size, dtype=facts.properties.dtype, device=local(weights[name]).device)
            of_optimizer[key] = torch.empty_like(weights[name]).detach() if alike else empty
    differing = stored.keys() ^ {*tensors, *of_optimizer}
    if differing:
        raise CheckpointError(f"{folder} holds other weights than this model: {', '.join(sorted(differing)[:5])}.")
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="torch.distributed is disabled")  # one process is enough to read
        wanted = {former[key]: tensor for key, tensor in {**tensors, **of_optimizer}.items()}
        load(wanted, storage_reader=reader, no_dist=not is_initialized())
    owners = {id(weight): one for one in state.optimizers for group in one.param_groups for weight in group["params"]}
    for key, value in of_optimizer.items():
        name, _, what = key.removeprefix(f"{_OPTIMIZER}/").rpartition("/")
        owners[id(weights[name])].state[weights[name]][what] = value


def _present_key(key: str) -> str:
    """Return the present name of what is stored as ``weights/NAME`` or ``optimizer/NAME/KEY``."""
    kind, _, name = key.partition("/")
    name, slash, what = name.partition("/")
    return f"{kind}/{present_weight(name)}{slash}{what}"


def load_whole(model: nn.Module, tensors: dict[str, torch.Tensor]) -> None:
    """Load weights that were stored whole into a model, sharded or not.

    Raises:
        CheckpointError: other names or shapes are stored.
    """
    own = model.state_dict()
    differing = own.keys() ^ tensors.keys() or {name for name in own if own[name].shape != tensors[name].shape}
    if differing:
        raise CheckpointError(f"other weights are stored than this model has: {', '.join(sorted(differing)[:5])}.")
    with torch.no_grad():
        for name, value in tensors.items():
            local(own[name]).copy_(local(placed_like(value.to(local(own[name]).device), own[name])))


def load_whole_optimizers(model: nn.Module, optimizers: Optimizers, stored: list[dict[str, Any]]) -> None:
    """Load the states that optimisers of whole weights stored into optimisers of sharded ones."""
    for optimizer, values in zip(optimizers, stored, strict=True):
        weights = [weight for _, weight in weights_in_order(model, optimizer)]
        for number, kept in values["state"].items():
            weight = weights[number]
            optimizer.state[weight] = {
                what: placed_like(value.to(local(weight).device), weight) if value.shape == weight.shape else value
                for what, value in kept.items()
            }


def _models(state: TrainingState) -> dict[str, torch.Tensor]:
    found = {f"weights/{name}": value for name, value in state.model.state_dict().items()}
    for average in state.averages:
        prefix = "average" if average is state.average else f"average-{average.decay:g}"
        found |= {f"{prefix}/{name}": value for name, value in average.model.state_dict().items()}
    return found


def _optimizer_tensors(state: TrainingState) -> Iterator[tuple[str, torch.Tensor]]:
    names = {id(weight): name for name, weight in state.model.named_parameters()}
    for optimizer in state.optimizers:
        for weight, values in optimizer.state.items():
            for what, value in values.items():
                yield f"{_OPTIMIZER}/{names[id(weight)]}/{what}", value
