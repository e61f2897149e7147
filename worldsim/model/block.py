"""One block of the transformer."""

import torch
from jaxtyping import Bool, Float
from torch import nn
from torch.nn import functional as F

from worldsim.model.attention import AttentionContext, SelfAttention, TextAttention
from worldsim.model.cache import LayerCache
from worldsim.model.experts import ExpertsConfig, FeedForward, NoiseExperts, TokenExperts

Tokens = Float[torch.Tensor, "b t s d"]
"""Tokens of t latent frames with s places each."""


Modulation = Float[torch.Tensor, "b t 1 d"]
"""One value for all places of a latent frame."""

NUM_MODULATIONS = 6


class Block(nn.Module):
    """Self-attention, cross-attention, feed-forward; the first and last are modulated by the condition of the frame.

    All blocks share the layer that makes the six modulations and add their own table to it. Gates start at 0, so the
    block starts as the identity.

    Source: Peebles and Xie (2023), Scalable diffusion models with transformers; Chen et al. (2024), PixArt-alpha (one
    shared modulation).
    """

    def __init__(
        self,
        width: int,
        num_heads: int,
        mlp_ratio: float,
        reads_text: bool,
        num_registers: int = 0,
        experts: ExpertsConfig | None = None,
    ) -> None:
        super().__init__()
        self.modulation = nn.Parameter(torch.zeros(NUM_MODULATIONS, width))
        self.attention = SelfAttention(width, num_heads, num_registers)
        self.text = TextAttention(width, num_heads) if reads_text else None
        if experts is None:
            self.feed_forward = FeedForward(width, mlp_ratio)
        else:
            self.feed_forward = (NoiseExperts if experts.kind == "noise" else TokenExperts)(width, mlp_ratio, experts)
        if self.text is not None:
            nn.init.zeros_(self.text.out.weight)

    def forward(
        self,
        x: Tokens,
        shared: Float[torch.Tensor, "b t 6 d"],
        rotary: Float[torch.Tensor, "2 b n half"],
        words: Float[torch.Tensor, "texts l d"],
        text_mask: Bool[torch.Tensor, "texts l"],
        context: AttentionContext,
        level: Float[torch.Tensor, "b t"],
        cache: LayerCache | None = None,
    ) -> Tokens:
        """Return the tokens after the block.

        ``context`` says which tokens each attends to, ``level`` is the t of the noisiest frame of a token's sample.
        """
        shift_1, scale_1, gate_1, shift_2, scale_2, gate_2 = (shared + self.modulation).split(1, dim=2)
        seen = modulated_norm(x, shift_1, scale_1).flatten(1, 2)  # [b t s d] -> [b n d]
        x = x + gate_1 * self.attention(seen, rotary, context, cache).view_as(x)
        if self.text is not None:
            x = x + self.text(modulated_norm(x).flatten(1, 2), words, text_mask, context.segments).view_as(x)
        seen = modulated_norm(x, shift_2, scale_2)
        return x + gate_2 * (
            self.feed_forward(seen) if isinstance(self.feed_forward, FeedForward) else self.feed_forward(seen, level)
        )


def modulated_norm(x: Tokens, shift: Modulation | None = None, scale: Modulation | None = None) -> Tokens:
    """Return tokens of mean 0 and variance 1, then scaled by 1 + scale and shifted."""
    x = F.layer_norm(x, x.shape[-1:], eps=1e-6)
    return x if shift is None or scale is None else torch.addcmul(shift, x, 1 + scale)
