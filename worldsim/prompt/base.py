"""What turns prompts into numbers for the transformer."""

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

import torch
from jaxtyping import Bool, Float, Int64


@runtime_checkable
class TextEncoder(Protocol):
    """Texts to word ids, which the transformer learns to read, or to the features of a trained encoder."""

    @property
    def feature_width(self) -> int | None:
        """Channels of a feature; None where texts become word ids."""
        ...

    def encode(
        self, texts: Sequence[str]
    ) -> tuple[Int64[torch.Tensor, "b l"] | Float[torch.Tensor, "b l f"], Bool[torch.Tensor, "b l"]]:
        """Return ids or features of one length, and a mask, True where there is text; empty texts have no True.

        Raises:
            PromptError: a text is too long; nothing is cut off.
        """
        ...
