"""Words that attend together with tokens."""

import torch
from jaxtyping import Bool, Float
from torch import nn
from torch.nn import functional as F

from worldsim.model.attention import WordHeads
from worldsim.model.experts import FeedForward
from worldsim.model.positions import without_time

Words = Float[torch.Tensor, "texts l d"]


class WordStream(nn.Module):
    """The words' side of a block in which words and tokens share one softmax, with weights of their own.

    Words stand at no time and in the middle of the picture, so what they say is the same in every second; in a causal
    transformer they read each other only, and are the same for every frame. They are not modulated: latent frames may
    each have their own noise level, so a sample has no single one. What leaves both of their layers starts at 0.

    Source: Esser et al. (2024), Scaling rectified flow transformers for high-resolution image synthesis (MM-DiT, whose
    words are modulated and, as here, end with what the last block reads).
    """

    def __init__(self, width: int, num_heads: int, mlp_ratio: float, is_last: bool) -> None:
        """Make the layers; after the last block with words nothing reads them, so there they only offer."""
        super().__init__()
        self.num_heads = num_heads
        self.kv = nn.Linear(width, 2 * width, bias=False)
        self.norm_k = nn.RMSNorm(width // num_heads, eps=1e-6)
        self.q = None if is_last else nn.Linear(width, width, bias=False)
        self.norm_q = None if is_last else nn.RMSNorm(width // num_heads, eps=1e-6)
        self.out = None if is_last else nn.Linear(width, width)
        self.feed_forward = None if is_last else FeedForward(width, mlp_ratio)
        if self.out is not None and self.feed_forward is not None:
            for layer in (self.out, self.feed_forward.leave):
                nn.init.zeros_(layer.weight)
                nn.init.zeros_(layer.bias)

    def heads(self, words: Words, readable: Bool[torch.Tensor, "texts _ l"]) -> WordHeads:
        """Return what words ask and offer."""
        x = _norm(words)
        k, v = self.kv(x).unflatten(-1, (2, self.num_heads, -1)).permute(2, 0, 3, 1, 4)
        q = None
        if self.q is not None and self.norm_q is not None:
            q = without_time(self.norm_q(self.q(x).unflatten(-1, (self.num_heads, -1)).transpose(1, 2)))
        return WordHeads(q, without_time(self.norm_k(k)), v, readable)

    def forward(self, words: Words, read: Words | None) -> Words:
        """Return the words after the block."""
        if read is None or self.out is None or self.feed_forward is None:
            return words
        words = words + self.out(read)
        return words + self.feed_forward(_norm(words))


def _norm(words: Words) -> Words:
    return F.layer_norm(words, words.shape[-1:], eps=1e-6)
