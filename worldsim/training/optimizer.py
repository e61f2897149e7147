"""Optimisers, the learning rate as a function of the step, and gradient clipping."""

import math
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float
from torch import nn

from physics_data.core.errors import ConfigError, suggest
from worldsim.config import OptimizerConfig
from worldsim.training.processes import is_sharded, local, placed_like, whole

Optimizers = list[torch.optim.Optimizer]


def learning_rate_factor(step: int, num_steps: int, config: OptimizerConfig) -> float:
    """Return the learning rate of a step as a fraction of its peak: linear warm-up, then half a cosine."""
    if step < config.warmup_steps:
        return (step + 1) / config.warmup_steps
    progress = (step - config.warmup_steps) / max(num_steps - config.warmup_steps, 1)
    return config.final_fraction + (1 - config.final_fraction) * 0.5 * (1 + math.cos(math.pi * progress))


def build_optimizers(model: nn.Module, config: OptimizerConfig) -> Optimizers:
    """Return the optimisers that together update every weight.

    ``adamw`` is one AdamW; vectors (biases, gains) are not decayed. The ``8bit`` ones are bitsandbytes' AdamW: moments
    of weights of 4096 or more values have 8 bits, in blocks of 256 with one scale. ``muon`` gives matrices and
    convolutions to Muon and the rest (vectors, embeddings, and what ``config.adamw_for`` names) to AdamW.

    Raises:
        ConfigError: a prefix in ``config.adamw_for`` fits no weight, bitsandbytes is not installed, or paging is asked
            for without a GPU.

    Source: Loshchilov and Hutter (2019), Decoupled weight decay regularization; Jordan et al. (2024), Muon; Dettmers
    et al. (2022), 8-bit optimizers via block-wise quantization.
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
        options: dict[str, Any] = {"lr": config.learning_rate, "betas": (config.beta1, config.beta2)}
        if config.has_8bit_moments:
            optimizers.append(_eight_bit(config.name, rest[0].device)(groups, **options))
        else:
            optimizers.append(torch.optim.AdamW(groups, fused=True, **options))
    if by_muon:
        matrices = [trained[name] for name in trained if name in by_muon]
        optimizers.append(Muon(matrices, config.muon_learning_rate, weight_decay=config.weight_decay))
    for optimizer in optimizers:
        for group in optimizer.param_groups:
            group["peak"] = group["lr"]
    return optimizers


def _eight_bit(name: str, device: torch.device) -> Any:
    """Return the class of an optimiser with 8-bit moments."""
    paged = name.startswith("paged")
    if paged and device.type != "cuda":
        raise ConfigError(
            f"optimizer.name {name} pages between a GPU and the CPU, and the weights are on '{device.type}'; write "
            "adamw_8bit."
        )
    try:
        from bitsandbytes import optim  # pyright: ignore[reportMissingImports]
    except ImportError as error:
        raise ConfigError(
            f"optimizer.name {name} needs bitsandbytes ({error}); install it: pip install -c constraints.txt "
            "'worldsim[eight_bit]', or write adamw."
        ) from error
    return optim.PagedAdamW8bit if paged else optim.AdamW8bit


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


_KEPT = 0.99
_SETTLED = 20


@dataclass
class NormHistory:
    """Running mean and spread of the norms of past gradients, of which the last hundred or so count.

    A gradient longer than mean + 3 standard deviations is scaled down to that, so that the limit follows the model
    instead of being guessed, and one odd batch cannot throw the weights far. The first gradients are limited by
    ``largest`` alone.

    Source: PKU-YuanGroup (2025), Open-Sora Plan v1.5 report, section on adaptive gradient clipping.
    """

    mean: float = 0.0
    square: float = 0.0
    count: int = 0

    def limit(self, largest: float) -> float:
        """Return the longest norm that the next gradient may have."""
        if self.count < _SETTLED:
            return largest
        share = 1 - _KEPT**self.count
        mean = self.mean / share
        spread = math.sqrt(max(self.square / share - mean**2, 0.0))
        return min(largest, mean + 3 * spread)

    def add(self, norm: float) -> None:
        """Count the norm that a gradient had after scaling."""
        self.mean = _KEPT * self.mean + (1 - _KEPT) * norm
        self.square = _KEPT * self.square + (1 - _KEPT) * norm**2
        self.count += 1


def gradient_norm(model: nn.Module) -> torch.Tensor:
    """Return the norm of all gradients together, those that other processes hold among them."""
    gradients = [weight.grad for weight in model.parameters() if weight.grad is not None]
    if not is_sharded(gradients):
        return torch.nn.utils.get_total_norm(gradients)
    kinds = ([one for one in gradients if is_sharded([one]) == sharded] for sharded in (True, False))
    norms = [whole(torch.nn.utils.get_total_norm(kind)) for kind in kinds if kind]
    return torch.stack(norms).norm()


def scale_gradients(model: nn.Module, norm: float, limit: float) -> None:
    """Scale all gradients, of that norm together, down to the limit if they are longer."""
    if norm > limit:
        gradients = [local(weight.grad) for weight in model.parameters() if weight.grad is not None]
        torch._foreach_mul_(gradients, limit / norm)  # pyright: ignore[reportPrivateImportUsage]


def broken_parts(model: nn.Module) -> list[str]:
    """Return the first weights whose gradient holds a value that is no finite number."""
    return [
        name
        for name, weight in model.named_parameters()
        if weight.grad is not None and not bool(whole(weight.grad).isfinite().all())
    ][:5]


_COEFFICIENTS = (3.4445, -4.7750, 2.0315)
_ADAM_SIZE = 0.2


def orthogonalise(matrices: Float[torch.Tensor, "n rows columns"], num_iterations: int) -> Float[torch.Tensor, "..."]:
    """Move all singular values of each matrix towards one and keep its singular vectors.

    Every iteration multiplies x by a polynomial of x x^T. These polynomials commute and are small for long matrices, so
    they are multiplied up first and meet x once: 2.5 times fewer operations for 192 x 1728.

    Source: Jordan et al. (2024), Muon: an optimizer for hidden layers in neural networks (quintic Newton-Schulz).
    """
    a, b, c = _COEFFICIENTS
    tall = matrices.shape[-2] > matrices.shape[-1]
    x = matrices.mT if tall else matrices
    x = x / (x.norm(dim=(-2, -1), keepdim=True) + 1e-7)
    gram = x @ x.mT
    identity = torch.eye(gram.shape[-1], dtype=gram.dtype, device=gram.device)
    product = identity
    for iteration in range(num_iterations):
        polynomial = a * identity + b * gram + c * gram @ gram
        product = polynomial @ product
        if iteration < num_iterations - 1:
            gram = polynomial @ gram @ polynomial
    x = product @ x
    return x.mT if tall else x


class Muon(torch.optim.Optimizer):
    """Muon in the precision of the weights, with equal shapes done together; kernels are matrices of out x the rest.

    Of sharded weights each process gathers the directions of all matrices of one shape and keeps its part of updates.

    Against ``torch.optim.Muon`` it takes convolutions, and it does not round to bfloat16, which most CPUs emulate. The
    update has the root mean square of AdamW's (0.2), so learning rates and decay carry over.

    Source: Jordan et al. (2024), Muon; Liu et al. (2025), Muon is scalable for LLM training (size of the update).
    """

    def __init__(
        self, weights: Iterable[nn.Parameter], lr: float, *, weight_decay: float = 0.0, momentum: float = 0.95
    ) -> None:
        """Take weights of two or more dimensions."""
        super().__init__(weights, {"lr": lr, "weight_decay": weight_decay, "momentum": momentum, "iterations": 5})

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # type: ignore[override]
        """Update the weights."""
        for group in self.param_groups:
            alike: dict[torch.Size, list[nn.Parameter]] = defaultdict(list)
            for weight in group["params"]:
                if weight.grad is not None:
                    alike[weight.flatten(1).shape].append(weight)
            for weights in alike.values():
                self._update(weights, group)

    def _update(self, weights: list[nn.Parameter], group: dict[str, Any]) -> None:
        directions = []
        for weight in weights:
            assert weight.grad is not None
            buffer = self.state[weight].setdefault("momentum", torch.zeros_like(weight))
            buffer.lerp_(weight.grad, 1 - group["momentum"])
            directions.append(whole(weight.grad.lerp(buffer, group["momentum"])).flatten(1))
        updates = orthogonalise(torch.stack(directions), group["iterations"])
        size = _ADAM_SIZE * max(updates.shape[-2:]) ** 0.5
        for weight, update in zip(weights, updates, strict=True):
            weight.mul_(1 - group["lr"] * group["weight_decay"])
            weight.add_(placed_like(update.view(weight.shape), weight), alpha=-group["lr"] * size)
