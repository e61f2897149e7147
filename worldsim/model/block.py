"""One block of the transformer."""

import torch
from jaxtyping import Bool, Float
from torch import nn
from torch.nn import functional as F

from worldsim.model.attention import SelfAttention, TextAttention

Tokens = Float[torch.Tensor, "b t s d"]
"""Tokens of t latent frames with s places each."""

Modulation = Float[torch.Tensor, "b t 1 d"]
"""One value for all places of a latent frame."""

NUM_MODULATIONS = 6


class Block(nn.Module):
    """Attention, words, feed-forward; the first and last are scaled, shifted and gated by the condition of the frame.

    All blocks share the layer that makes the six modulations and add their own table to it. Gates start at 0, so the
    block starts as the identity.

    Source: Peebles and Xie (2023), Scalable diffusion models with transformers; Chen et al. (2024), PixArt-alpha (one
    shared modulation).
    """

    def __init__(self, width: int, num_heads: int, mlp_ratio: float, reads_text: bool) -> None:
        super().__init__()
        self.modulation = nn.Parameter(torch.zeros(NUM_MODULATIONS, width))
        self.attention = SelfAttention(width, num_heads)
        self.text = TextAttention(width, num_heads) if reads_text else None
        self.feed_forward = FeedForward(width, mlp_ratio)
        if self.text is not None:
            nn.init.zeros_(self.text.out.weight)

    def forward(
        self,
        x: Tokens,
        shared: Float[torch.Tensor, "b t 6 d"],
        turn: Float[torch.Tensor, "2 b n half"],
        words: Float[torch.Tensor, "b l d"],
        readable_words: Bool[torch.Tensor, "b _ l"],
        readable: Bool[torch.Tensor, "b 1 n n"] | None,
    ) -> Tokens:
        """Return the tokens after the block; ``readable`` says which of them each may read, None = all."""
        shift_1, scale_1, gate_1, shift_2, scale_2, gate_2 = (shared + self.modulation).split(1, dim=2)
        x = x + gate_1 * self._everywhere(self.attention, modulated_norm(x, shift_1, scale_1), turn, readable)
        if self.text is not None:
            x = x + self._everywhere(self.text, modulated_norm(x), words, readable_words)
        return x + gate_2 * self.feed_forward(modulated_norm(x, shift_2, scale_2))

    @staticmethod
    def _everywhere(attend: nn.Module, x: Tokens, *read: torch.Tensor | None) -> Tokens:
        return attend(x.flatten(1, 2), *read).view_as(x)


class FeedForward(nn.Module):
    """Two layers with a gate; the hidden width is 2/3 of the ungated one, so the cost is the same.

    Source: Shazeer (2020), GLU variants improve transformer.
    """

    def __init__(self, width: int, ratio: float) -> None:
        super().__init__()
        hidden = max(round(width * ratio * 2 / 3 / 32), 1) * 32
        self.enter = nn.Linear(width, 2 * hidden)
        self.leave = nn.Linear(hidden, width)
        nn.init.zeros_(self.enter.bias)
        nn.init.zeros_(self.leave.bias)

    def forward(self, x: Tokens) -> Tokens:
        """Return refined tokens."""
        value, gate = self.enter(x).chunk(2, dim=-1)
        return self.leave(value * F.silu(gate))


def modulated_norm(x: Tokens, shift: Modulation | None = None, scale: Modulation | None = None) -> Tokens:
    """Return tokens of mean 0 and variance 1, then scaled by 1 + scale and shifted."""
    x = F.layer_norm(x, x.shape[-1:], eps=1e-6)
    return x if shift is None or scale is None else torch.addcmul(shift, x, 1 + scale)
