"""The weights of a model that training changes, apart from those that stay frozen."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from torch import nn

from worldsim.probes.probes import Probes


class TrainedWeights(nn.Module):
    """The weights that training changes, shared with the networks that hold them.

    The loop averages, stores and exports these alone; the frozen base is neither copied nor stored.
    """

    def __init__(self, networks: Mapping[str, nn.Module], probes: Probes | None = None) -> None:
        """Take all weights of the networks that have gradients, and the probes that losses read with."""
        super().__init__()
        self.probes = probes
        for name, network in networks.items():
            for key, weight in network.named_parameters():
                if weight.requires_grad:
                    self.register_parameter(f"{name}/{key}".replace(".", "/"), weight)

    @contextmanager
    def holding(self, other: "TrainedWeights") -> Iterator[None]:
        """Let the networks have other weights (the averaged ones) meanwhile."""
        own = dict(self.named_parameters())
        kept = {} if other is self else {name: weight.data.clone() for name, weight in own.items()}
        try:
            if kept:
                for name, weight in other.named_parameters():
                    own[name].data.copy_(weight.data)
            yield
        finally:
            for name, value in kept.items():
                own[name].data.copy_(value)
