"""The optimiser and its learning rate, a pure function of the step."""

import math
from typing import Any

import torch
from torch import nn

from physics_data.core.errors import ConfigError, suggest
from worldsim.config import OptimizerConfig
from worldsim.training.muon import Muon
from worldsim.training.sharding import is_sharded

Optimizers = list[torch.optim.Optimizer]


def learning_rate_factor(step: int, num_steps: int, config: OptimizerConfig) -> float:
    """Return the learning rate of a step as a fraction of its peak: linear warm-up, then half a cosine."""
    if step < config.warmup_steps:
        return (step + 1) / config.warmup_steps
    progress = (step - config.warmup_steps) / max(num_steps - config.warmup_steps, 1)
    return config.final_fraction + (1 - config.final_fraction) * 0.5 * (1 + math.cos(math.pi * progress))


def build_optimizers(model: nn.Module, config: OptimizerConfig) -> Optimizers:
    """Return the optimisers that together update every weight.

    ``adamw`` is one AdamW; vectors (biases, gains) are not decayed. ``muon`` gives matrices and convolutions to Muon
    and the rest (vectors, embeddings, and what ``config.adamw_for`` names) to AdamW.

    Raises:
        ConfigError: a prefix in ``config.adamw_for`` fits no weight.

    Source: Loshchilov and Hutter (2019), Decoupled weight decay regularization; Jordan et al. (2024), Muon.
    """
    named = model.named_parameters()  # a transformer beside probes keeps its names
    trained = {name.removeprefix("dit."): weight for name, weight in named if weight.requires_grad}
    for prefix in config.adamw_for:
        if not any(name.startswith(prefix) for name in trained):
            parts = (name.partition(".")[0] for name in trained)
            raise ConfigError(f"optimizer.adamw_for: no weight starts with '{prefix}': {suggest(prefix, set(parts))}")
    embeddings = {id(module.weight) for module in model.modules() if isinstance(module, nn.Embedding)}
    by_muon = {
        name
        for name, weight in trained.items()
        if config.name == "muon"
        and weight.ndim >= 2
        and id(weight) not in embeddings
        and not name.startswith(config.adamw_for)
    }
    rest = [weight for name, weight in trained.items() if name not in by_muon]
    groups: list[dict[str, Any]] = [
        {"params": [weight for weight in rest if weight.ndim >= 2], "weight_decay": config.weight_decay},
        {"params": [weight for weight in rest if weight.ndim < 2], "weight_decay": 0.0},
    ]
    groups = [part for group in groups for part in _apart(group)]
    optimizers: Optimizers = []
    if groups:
        betas = (config.beta1, config.beta2)
        optimizers.append(torch.optim.AdamW(groups, lr=config.learning_rate, betas=betas, fused=True))
    if by_muon:
        matrices = [trained[name] for name in trained if name in by_muon]
        optimizers.append(Muon(matrices, config.muon_learning_rate, weight_decay=config.weight_decay))
    for optimizer in optimizers:
        for group in optimizer.param_groups:
            group["peak"] = group["lr"]
    return optimizers


def weights_in_order(model: nn.Module, optimizer: torch.optim.Optimizer) -> list[tuple[str, nn.Parameter]]:
    """Return an optimiser's weights with their names, in the order in which it holds them where none is sharded."""
    own = {id(weight) for group in optimizer.param_groups for weight in group["params"]}
    named = [(name, weight) for name, weight in model.named_parameters() if id(weight) in own]
    return sorted(named, key=lambda one: one[1].ndim < 2)


def _apart(group: dict[str, Any]) -> list[dict[str, Any]]:
    """Return a group as one of sharded and one of whole weights, which one kernel does not update together."""
    parts = ([weight for weight in group["params"] if is_sharded([weight]) == sharded] for sharded in (True, False))
    return [{**group, "params": part} for part in parts if part]


def set_learning_rate(optimizers: Optimizers, factor: float) -> None:
    """Set every group to ``factor`` times its peak."""
    for optimizer in optimizers:
        for group in optimizer.param_groups:
            group["lr"] = group["peak"] * factor
