"""Attention among tokens, and from tokens to words."""

import torch
from jaxtyping import Bool, Float
from torch import nn
from torch.nn import functional as F

from worldsim.model.positions import rotate

Tokens = Float[torch.Tensor, "b n d"]


class SelfAttention(nn.Module):
    """Every token reads every token, or those that a mask lets it.

    Queries and keys are normalised per head and turned by their positions.

    Source: Dehghani et al. (2023), Scaling vision transformers to 22 billion parameters (norm of queries and keys).
    """

    def __init__(self, width: int, num_heads: int) -> None:
        super().__init__()
        self.num_heads = num_heads
        self.qkv = nn.Linear(width, 3 * width, bias=False)
        self.norm_q = nn.RMSNorm(width // num_heads, eps=1e-6)
        self.norm_k = nn.RMSNorm(width // num_heads, eps=1e-6)
        self.out = nn.Linear(width, width)
        nn.init.zeros_(self.out.bias)

    def forward(
        self,
        x: Tokens,
        turn: Float[torch.Tensor, "2 b n half"],
        readable: Bool[torch.Tensor, "b 1 n n"] | None = None,
    ) -> Tokens:
        """Return what each token read; each may read at least one."""
        q, k, v = self.qkv(x).unflatten(-1, (3, self.num_heads, -1)).permute(2, 0, 3, 1, 4)
        q, k = rotate(self.norm_q(q), turn), rotate(self.norm_k(k), turn)
        return self.out(F.scaled_dot_product_attention(q, k, v, attn_mask=readable).transpose(1, 2).flatten(2))


class TextAttention(nn.Module):
    """Every token reads the words of its prompt."""

    def __init__(self, width: int, num_heads: int) -> None:
        super().__init__()
        self.num_heads = num_heads
        self.q = nn.Linear(width, width, bias=False)
        self.kv = nn.Linear(width, 2 * width, bias=False)
        self.norm_q = nn.RMSNorm(width // num_heads, eps=1e-6)
        self.norm_k = nn.RMSNorm(width // num_heads, eps=1e-6)
        self.out = nn.Linear(width, width)
        nn.init.zeros_(self.out.bias)

    def forward(self, x: Tokens, words: Float[torch.Tensor, "b l d"], readable: Bool[torch.Tensor, "b _ l"]) -> Tokens:
        """Return what each token read. ``readable`` has a row for all tokens or for each, with at least one word."""
        q = self.norm_q(self.q(x).unflatten(-1, (self.num_heads, -1)).transpose(1, 2))
        k, v = self.kv(words).unflatten(-1, (2, self.num_heads, -1)).permute(2, 0, 3, 1, 4)
        read = F.scaled_dot_product_attention(q, self.norm_k(k), v, attn_mask=readable[:, None])
        return self.out(read.transpose(1, 2).flatten(2))
