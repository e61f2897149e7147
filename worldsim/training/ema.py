"""The moving average of the weights, which is what is sampled from."""

import copy

import torch
from torch import nn

from worldsim.training.sharding import local


class WeightAverage:
    """An exponential moving average of a model's weights.

    The decay after n updates is min(decay, (1 + n) / (10 + n)), so the random initial weights are soon forgotten.
    Integer buffers are copied.

    Source: Polyak and Juditsky (1992), Acceleration of stochastic approximation by averaging.
    """

    def __init__(self, model: nn.Module, decay: float) -> None:
        """Start from a copy of the model's weights."""
        self.model = copy.deepcopy(model).eval().requires_grad_(False)
        self.decay = decay

    @torch.no_grad()
    def update(self, model: nn.Module, num_updates: int) -> None:
        """Move the average towards the model's weights; ``num_updates`` counts the updates before this one."""
        decay = min(self.decay, (1 + num_updates) / (10 + num_updates))
        averaged, current = (
            {name: local(value) for name, value in one.state_dict().items()} for one in (self.model, model)
        )
        moving = [name for name, value in averaged.items() if value.is_floating_point()]
        torch._foreach_lerp_(  # pyright: ignore[reportPrivateImportUsage]
            [averaged[name] for name in moving], [current[name] for name in moving], 1 - decay
        )
        for name in averaged.keys() - moving:
            averaged[name].copy_(current[name])
