"""Transformer block: self-attention, text cross-attention and feed-forward network."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int64
from torch import nn
from torch.nn import functional as F

from worldsim.model.cache import LayerCache
from worldsim.model.embeddings import apply_rotary, without_time
from worldsim.model.experts import ExpertsConfig, FeedForward, NoiseExperts, TokenExperts

FlatTokens = Float[torch.Tensor, "b n d"]
Queries = Float[torch.Tensor, "b h n e"]
Keys = Float[torch.Tensor, "b h m e"]


@dataclass(frozen=True)
class AttentionContext:
    """Which tokens each token attends to.

    segments:  lengths of variable-length segments of tokens that lie in one row (b = 1) and attend only within their
               own segment; None = each row is one segment
    frame:     latent frame of each token, for frame-causal attention: no token attends to a later frame. None = all
    """

    segments: Sequence[int] | None = None
    frame: Int64[torch.Tensor, "n"] | None = None

    def attend(self, q: Queries, k: Keys, v: Keys) -> Queries:
        """Return the attention output.

        There may be more keys than queries: those in front (registers, cached frames) are attended to by every token.
        """
        front = k.shape[2] - q.shape[2]
        if self.segments is None:
            return F.scaled_dot_product_attention(q, k, v, attn_mask=self._causal_mask(slice(None), front))
        # One call for each segment: no work is spent on pairs that do not attend to each other, and no mask is made.
        outputs, start = [], 0
        for length in self.segments:
            own = slice(start, start + length)
            key, value = (torch.cat([x[:, :, :front], x[:, :, front:][:, :, own]], dim=2) for x in (k, v))
            mask = self._causal_mask(own, front)
            outputs.append(F.scaled_dot_product_attention(q[:, :, own], key, value, attn_mask=mask))
            start += length
        return torch.cat(outputs, dim=2)

    def _causal_mask(self, tokens: slice, front: int) -> Bool[torch.Tensor, "1 1 n m"] | None:
        """Return the mask of some tokens; True = attends. The keys in front are open to all."""
        if self.frame is None:
            return None
        frame = self.frame[tokens]
        return F.pad(frame[:, None] >= frame[None], (front, 0), value=True)[None, None]


class SelfAttention(nn.Module):
    """Multi-head self-attention with rotary positions, normalised queries and keys, and registers.

    Registers are learned keys and values that every token attends to: somewhere to look when there is nothing to see.
    They are the same at all times.

    Source: Dehghani et al. (2023), Scaling vision transformers to 22 billion parameters (norm of queries and keys);
    Darcet et al. (2023), Vision transformers need registers.
    """

    def __init__(self, width: int, num_heads: int, num_registers: int = 0) -> None:
        super().__init__()
        self.num_heads = num_heads
        self.qkv = nn.Linear(width, 3 * width, bias=False)
        self.norm_q = nn.RMSNorm(width // num_heads, eps=1e-6)
        self.norm_k = nn.RMSNorm(width // num_heads, eps=1e-6)
        self.out = nn.Linear(width, width)
        self.registers = (
            nn.Parameter(torch.randn(2, num_heads, num_registers, width // num_heads) * 0.02) if num_registers else None
        )
        nn.init.zeros_(self.out.bias)

    def forward(
        self,
        x: FlatTokens,
        rotary: Float[torch.Tensor, "2 b n half"],
        context: AttentionContext,
        cache: LayerCache | None = None,
    ) -> FlatTokens:
        """Return the attention output; with a cache, the tokens in it are attended to as well."""
        q, k, v = self.qkv(x).unflatten(-1, (3, self.num_heads, -1)).permute(2, 0, 3, 1, 4)  # each [b h n e]
        q, k = apply_rotary(self.norm_q(q), rotary), apply_rotary(self.norm_k(k), rotary)
        if cache is not None:
            k, v = cache.extend(k, v)  # [b h m e], m = cached + n
        if self.registers is not None:
            key, value = self.registers.to(k.dtype)  # each [h r e]
            key = without_time(self.norm_k(key)).expand(len(x), -1, -1, -1)
            k, v = torch.cat([key, k], dim=2), torch.cat([value.expand(len(x), -1, -1, -1), v], dim=2)
        return self.out(context.attend(q, k, v).transpose(1, 2).flatten(2))  # [b h n e] -> [b n d]


class TextAttention(nn.Module):
    """Cross-attention of tokens to the words of their prompt."""

    def __init__(self, width: int, num_heads: int) -> None:
        super().__init__()
        self.num_heads = num_heads
        self.q = nn.Linear(width, width, bias=False)
        self.kv = nn.Linear(width, 2 * width, bias=False)
        self.norm_q = nn.RMSNorm(width // num_heads, eps=1e-6)
        self.norm_k = nn.RMSNorm(width // num_heads, eps=1e-6)
        self.out = nn.Linear(width, width)
        nn.init.zeros_(self.out.bias)

    def forward(
        self,
        x: FlatTokens,
        words: Float[torch.Tensor, "texts l d"],
        mask: Bool[torch.Tensor, "texts l"],
        segments: Sequence[int] | None = None,
    ) -> FlatTokens:
        """Return the attention output.

        Args:
            x: tokens, [b n d]
            words: of each row of x; with ``segments``, of each segment
            mask: True = attend to this word; at least one of each text
            segments: lengths of the segments of tokens in x (b = 1)
        """
        q = self.norm_q(self.q(x).unflatten(-1, (self.num_heads, -1)).transpose(1, 2))  # [b h n e]
        k, v = self.kv(words).unflatten(-1, (2, self.num_heads, -1)).permute(2, 0, 3, 1, 4)  # each [texts h l e]
        k, attends = self.norm_k(k), mask[:, None, None]  # [texts 1 1 l]
        if segments is None:
            read = F.scaled_dot_product_attention(q, k, v, attn_mask=attends)
        else:
            texts = zip(q.split(list(segments), dim=2), k.split(1), v.split(1), attends.split(1), strict=True)
            read = torch.cat([F.scaled_dot_product_attention(a, b, c, attn_mask=m) for a, b, c, m in texts], dim=2)
        return self.out(read.transpose(1, 2).flatten(2))


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
