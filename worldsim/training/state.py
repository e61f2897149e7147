"""What changes during training: the weights, their moving averages, the optimisers and the counters."""

import copy
from dataclasses import dataclass, field

import torch
from torch import nn

from worldsim.training.optimizer import NormHistory, Optimizers
from worldsim.training.processes import is_sharded, local


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


@dataclass
class TrainingState:
    """What changes during training.

    averages:  the one that is exported comes first
    step:      batches seen
    seconds:   time they took
    skipped:   updates left out because loss or gradient was no number
    in_a_row:  of those, since the last good update
    lengths:   (first step, num_steps) of each part that was trained with another ``num_steps``
    """

    model: nn.Module
    averages: tuple[WeightAverage, ...]
    optimizers: Optimizers
    step: int = 0
    seconds: float = 0.0
    norms: NormHistory = field(default_factory=NormHistory)
    skipped: int = 0
    in_a_row: int = 0
    lengths: list[tuple[int, int]] = field(default_factory=list)

    @property
    def is_sharded(self) -> bool:
        """Whether processes share out the weights."""
        return is_sharded(self.model.parameters())

    @property
    def average(self) -> WeightAverage:
        """The averaged weights that are exported."""
        return self.averages[0]
