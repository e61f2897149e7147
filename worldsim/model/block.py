"""One block of the transformer."""

import torch
from jaxtyping import Bool, Float
from torch import nn
from torch.nn import functional as F

from worldsim.model.attention import Reading, SelfAttention, TextAttention, WordHeads
from worldsim.model.cache import LayerCache
from worldsim.model.experts import ExpertsConfig, FeedForward, NoiseExperts, TokenExperts
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


Tokens = Float[torch.Tensor, "b t s d"]
"""Tokens of t latent frames with s places each."""


Modulation = Float[torch.Tensor, "b t 1 d"]
"""One value for all places of a latent frame."""

NUM_MODULATIONS = 6


class Block(nn.Module):
    """Attention, words, feed-forward; the first and last are scaled, shifted and gated by the condition of the frame.

    All blocks share the layer that makes the six modulations and add their own table to it. Gates start at 0, so the
    block starts as the identity. Words are read in a layer of its own (``text``), or together with the tokens
    (``words``), or not at all.

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
        words: WordStream | None = None,
    ) -> None:
        super().__init__()
        self.modulation = nn.Parameter(torch.zeros(NUM_MODULATIONS, width))
        self.attention = SelfAttention(width, num_heads, num_registers)
        self.text = TextAttention(width, num_heads) if reads_text else None
        self.words = words
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
        turn: Float[torch.Tensor, "2 b n half"],
        words: Words,
        readable_words: Bool[torch.Tensor, "texts _ l"],
        reading: Reading,
        level: Float[torch.Tensor, "b t"],
        cache: LayerCache | None = None,
    ) -> tuple[Tokens, Words]:
        """Return the tokens and the words after the block.

        ``reading`` says which tokens each may read, ``level`` is the t of the noisiest frame of a token's sample.
        """
        shift_1, scale_1, gate_1, shift_2, scale_2, gate_2 = (shared + self.modulation).split(1, dim=2)
        seen = modulated_norm(x, shift_1, scale_1).flatten(1, 2)
        heads = None if self.words is None else self.words.heads(words, readable_words)
        read, by_words = self.attention(seen, turn, reading, cache, heads)
        x = x + gate_1 * read.view_as(x)
        if self.text is not None:
            x = x + self.text(modulated_norm(x).flatten(1, 2), words, readable_words, reading.runs).view_as(x)
        seen = modulated_norm(x, shift_2, scale_2)
        x = x + gate_2 * (
            self.feed_forward(seen) if isinstance(self.feed_forward, FeedForward) else self.feed_forward(seen, level)
        )
        return x, words if self.words is None else self.words(words, by_words)


def modulated_norm(x: Tokens, shift: Modulation | None = None, scale: Modulation | None = None) -> Tokens:
    """Return tokens of mean 0 and variance 1, then scaled by 1 + scale and shifted."""
    x = F.layer_norm(x, x.shape[-1:], eps=1e-6)
    return x if shift is None or scale is None else torch.addcmul(shift, x, 1 + scale)
