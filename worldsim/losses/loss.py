"""What a loss is."""

from dataclasses import dataclass
from typing import ClassVar, Protocol

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
