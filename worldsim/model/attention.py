"""Self-attention among tokens, and cross-attention from tokens to the prompt."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int64
from torch import nn
from torch.nn import functional as F

from worldsim.model.cache import LayerCache
from worldsim.model.positions import apply_rotary, without_time

Tokens = Float[torch.Tensor, "b n d"]
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
        x: Tokens,
        rotary: Float[torch.Tensor, "2 b n half"],
        context: AttentionContext,
        cache: LayerCache | None = None,
    ) -> Tokens:
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
        x: Tokens,
        words: Float[torch.Tensor, "texts l d"],
        mask: Bool[torch.Tensor, "texts l"],
        segments: Sequence[int] | None = None,
    ) -> Tokens:
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
