"""Embeddings of what the transformer is conditioned on: noise level, domain, text and scalars."""

import math
from collections.abc import Mapping, Sequence

import torch
from jaxtyping import Bool, Float, Int64
from torch import nn
from torch.nn import functional as F

from physics_data.core.errors import DataError, suggest
from worldsim.model.conditioning import Scalars
from worldsim.model.config import ScalarConfig
from worldsim.model.positions import sinusoidal_word_embedding

NUM_DOMAINS = 3
"""0 = unknown, 1 = physics, 2 = real."""


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
        x = (
            x
            + sinusoidal_word_embedding(ids.shape[1], x.shape[-1], x.device)
            + F.silu(self.mix(torch.cat([before, x, after], -1)))
        )
        return _in_front(self.nothing, x * kept, mask)


class TextFeatures(nn.Module):
    """The features of another text encoder in the width of the transformer, behind a vector for "no words"."""

    def __init__(self, text_width: int, width: int) -> None:
        super().__init__()
        self.proj_in = nn.Linear(text_width, width)
        self.nothing = nn.Parameter(torch.randn(width) * 0.02)
        nn.init.zeros_(self.proj_in.bias)

    def forward(
        self, features: Float[torch.Tensor, "b l f"], mask: Bool[torch.Tensor, "b l"]
    ) -> tuple[Float[torch.Tensor, "b l1 d"], Bool[torch.Tensor, "b l1"]]:
        """Return one vector for each piece of text and the mask, with one more in front."""
        x = self.proj_in(F.rms_norm(features, features.shape[-1:]))
        return _in_front(self.nothing, x * mask[..., None].to(x.dtype), mask)


def _in_front(
    first: Float[torch.Tensor, "d"], x: Float[torch.Tensor, "b l d"], mask: Bool[torch.Tensor, "b l"]
) -> tuple[Float[torch.Tensor, "b l1 d"], Bool[torch.Tensor, "b l1"]]:
    return torch.cat([first.to(x.dtype).expand(len(x), 1, -1), x], dim=1), F.pad(mask, (1, 0), value=True)


class ScalarEmbedding(nn.Module):
    """Camera paths, gravity, forces, actions as vectors for each latent frame; what is unknown has its own vector.

    All start at 0, so a trained transformer that gets new scalars begins as it was.
    """

    def __init__(self, config: Sequence[ScalarConfig], width: int) -> None:
        super().__init__()
        self.sizes = {one.name: one.size for one in config}
        self.proj_in = nn.ModuleDict({one.name: nn.Linear(one.size, width) for one in config})
        self.proj_out = nn.ModuleDict({one.name: nn.Linear(width, width) for one in config})
        self.unknown = nn.ParameterDict({one.name: nn.Parameter(torch.zeros(width)) for one in config})
        for layer in self.proj_out.values():
            assert isinstance(layer, nn.Linear)
            nn.init.zeros_(layer.weight)
            nn.init.zeros_(layer.bias)

    def forward(self, scalars: Mapping[str, Scalars]) -> Float[torch.Tensor, "*b_t d"] | float:
        """Return the sum over all scalars; names that are not given count as unknown.

        Raises:
            DataError: a name that the transformer was not made for, or another count of values.
        """
        total: torch.Tensor | float = 0.0
        for name, one in scalars.items():
            if name not in self.sizes:
                raise DataError(f"the transformer takes no scalars '{name}': {suggest(name, self.sizes)}")
            if one.values.shape[-1] != self.sizes[name]:
                raise DataError(
                    f"'{name}' has {one.values.shape[-1]} values, the transformer takes {self.sizes[name]}."
                )
        for name in self.sizes:
            unknown = self.unknown[name]
            if name not in scalars:
                total = total + unknown
                continue
            present = scalars[name].present[..., None]
            values = torch.where(present, scalars[name].values, 0.0).to(unknown)
            vector = self.proj_out[name](F.silu(self.proj_in[name](values)))
            total = total + torch.where(present, vector, unknown)
        return total


class FrameCondition(nn.Module):
    """Noise level of each latent frame, domain, mean word and scalars as one vector for each latent frame."""

    WAVES = 64

    def __init__(self, width: int, scalar_configs: Sequence[ScalarConfig] = ()) -> None:
        super().__init__()
        self.time_in = nn.Linear(self.WAVES, width)
        self.time_out = nn.Linear(width, width)
        self.domain = nn.Embedding(NUM_DOMAINS, width)
        self.text = nn.Linear(width, width, bias=False)
        nn.init.normal_(self.domain.weight, std=0.02)
        self.scalars = ScalarEmbedding(scalar_configs, width)

    def forward(
        self,
        t: Float[torch.Tensor, "b t"],
        domain: Int64[torch.Tensor, "b"],
        words: Float[torch.Tensor, "b l d"],
        mask: Bool[torch.Tensor, "b l"],
        scalars: Mapping[str, Scalars],
    ) -> Float[torch.Tensor, "b t d"]:
        """Return the vectors that modulate the blocks."""
        kept = mask[..., None].to(words.dtype)
        mean = (words * kept).sum(dim=1) / kept.sum(dim=1)
        level = self.time_out(F.silu(self.time_in(time_waves(t, self.WAVES))))
        return F.silu(level + (self.domain(domain) + self.text(mean))[:, None] + self.scalars(scalars))


def time_waves(t: Float[torch.Tensor, "*s"], count: int) -> Float[torch.Tensor, "*s count"]:
    """Return sines and cosines of t, from half a cycle over [0, 1] to 64 cycles."""
    frequency = math.pi * torch.exp(math.log(128.0) * torch.linspace(0, 1, count // 2, device=t.device))
    angles = t[..., None] * frequency
    return torch.cat([angles.sin(), angles.cos()], dim=-1)
