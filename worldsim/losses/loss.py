"""Interface of a loss, and the shard of a batch that one process computes."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Protocol, TypeVar

import torch
from jaxtyping import Float

Scalar = Float[torch.Tensor, ""]


@dataclass(frozen=True)
class LossInfo:
    """What a loss needs and where it comes from.

    needs:   names of the arguments it is called with
    source:  publication
    """

    needs: tuple[str, ...]
    source: str


class Loss(Protocol):
    """A number that is 0 where prediction and target agree, and whose gradient leads there."""

    info: ClassVar[LossInfo]

    def __call__(self, *inputs: torch.Tensor) -> Scalar:
        """Return the mean loss; the inputs are those of ``info.needs``, in that order."""
        ...


T = TypeVar("T")


@dataclass(frozen=True)
class RankShard:
    """Every ``count``-th sample or row, from number ``rank`` on."""

    rank: int
    count: int

    def rows(self, values: torch.Tensor) -> torch.Tensor:
        """Return this shard of the first axis."""
        return values if self.count == 1 else values[self.rank :: self.count]

    def items(self, values: Sequence[T]) -> list[T]:
        """Return this shard of a list."""
        return list(values[self.rank :: self.count])


WHOLE_BATCH = RankShard(0, 1)
