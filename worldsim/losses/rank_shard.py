"""The shard of a batch that one process computes."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

import torch

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
