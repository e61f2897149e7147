"""How long a gradient may be."""

import math
from dataclasses import dataclass

import torch
from torch import nn

from worldsim.training.sharding import is_sharded, local, whole

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
