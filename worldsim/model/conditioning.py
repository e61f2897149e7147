"""What the transformer is told: noise level, domain, and the prompt."""

import math

import torch
from jaxtyping import Bool, Float, Int64
from torch import nn
from torch.nn import functional as F

from worldsim.model.positions import word_waves

NUM_DOMAINS = 3
"""0 = not told, 1 = physics, 2 = real."""


class Prompt(nn.Module):
    """Word ids to vectors. A first vector that is always kept stands for "no words", so a prompt may be empty."""

    def __init__(self, num_buckets: int, width: int) -> None:
        super().__init__()
        self.words = nn.Embedding(num_buckets, width)
        self.nothing = nn.Parameter(torch.randn(width) * 0.02)
        self.mix = nn.Linear(3 * width, width)
        nn.init.normal_(self.words.weight, std=0.5)
        nn.init.zeros_(self.mix.bias)

    def forward(
        self, ids: Int64[torch.Tensor, "b l"], mask: Bool[torch.Tensor, "b l"]
    ) -> tuple[Float[torch.Tensor, "b l1 d"], Bool[torch.Tensor, "b l1"]]:
        """Return one vector for each word, which also sees its two neighbours, and the mask, with one more in front."""
        kept = mask[..., None].to(self.words.weight.dtype)
        x = self.words(ids) * kept
        before, after = F.pad(x, (0, 0, 1, -1)), F.pad(x, (0, 0, -1, 1))
        x = x + word_waves(ids.shape[1], x.shape[-1], x.device) + F.silu(self.mix(torch.cat([before, x, after], -1)))
        front = self.nothing.expand(len(ids), 1, -1)
        return torch.cat([front, x * kept], dim=1), F.pad(mask, (1, 0), value=True)


class FrameCondition(nn.Module):
    """Noise level of each latent frame, domain and mean word as one vector for each latent frame."""

    WAVES = 64

    def __init__(self, width: int) -> None:
        super().__init__()
        self.time_in = nn.Linear(self.WAVES, width)
        self.time_out = nn.Linear(width, width)
        self.domain = nn.Embedding(NUM_DOMAINS, width)
        self.text = nn.Linear(width, width, bias=False)
        nn.init.normal_(self.domain.weight, std=0.02)

    def forward(
        self,
        t: Float[torch.Tensor, "b t"],
        domain: Int64[torch.Tensor, "b"],
        words: Float[torch.Tensor, "b l d"],
        mask: Bool[torch.Tensor, "b l"],
    ) -> Float[torch.Tensor, "b t d"]:
        """Return the vectors that modulate the blocks."""
        kept = mask[..., None].to(words.dtype)
        mean = (words * kept).sum(dim=1) / kept.sum(dim=1)
        level = self.time_out(F.silu(self.time_in(time_waves(t, self.WAVES))))
        return F.silu(level + (self.domain(domain) + self.text(mean))[:, None])


def time_waves(t: Float[torch.Tensor, "*s"], count: int) -> Float[torch.Tensor, "*s count"]:
    """Return sines and cosines of t, from half a cycle over [0, 1] to 64 cycles."""
    frequency = math.pi * torch.exp(math.log(128.0) * torch.linspace(0, 1, count // 2, device=t.device))
    angles = t[..., None] * frequency
    return torch.cat([angles.sin(), angles.cos()], dim=-1)
