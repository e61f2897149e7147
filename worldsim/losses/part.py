"""Which part of a batch a process computes."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

import torch

T = TypeVar("T")


@dataclass(frozen=True)
class Part:
    """Every ``count``-th sample or row, from number ``rank`` on."""

    rank: int
    count: int

    def rows(self, values: torch.Tensor) -> torch.Tensor:
        """Return this part of the first axis."""
        return values if self.count == 1 else values[self.rank :: self.count]

    def items(self, values: Sequence[T]) -> list[T]:
        """Return this part of a list."""
        return list(values[self.rank :: self.count])


WHOLE = Part(0, 1)
