"""Embeddings of time, place and conditioning scalars.

A token's place is seconds since the first frame and position in the picture; no table, so any length and size works.
"""

import math
from collections.abc import Mapping, Sequence

import torch
from einops import rearrange
from jaxtyping import Bool, Float, Int64
from torch import nn
from torch.nn import functional as F

from physics_data.core.errors import DataError, suggest
from worldsim.model.conditioning import Scalars
from worldsim.model.model_config import ScalarConfig

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


Positions = Float[torch.Tensor, "b n 3"]

Grid = tuple[int, int, int]
"""Tokens of a sample in time, down and across."""

_SLOWEST = (0.0625, 0.25, 0.25)
"""Lowest frequency on each axis: cycles per second, cycles per side of a square picture of the same area (twice)."""

_FASTEST = (8.0, 16.0, 16.0)
"""Highest frequency on each axis, in the same units."""


def token_positions(
    grid: Grid, temporal_factor: int, frame_rate: Float[torch.Tensor, "b"], *, first_frame: int = 0
) -> Positions:
    """Return seconds, down and across of each token.

    Units:
        first_frame: latent frames that came before
        frame_rate:  video frames per second; latent frame j is at the last video frame it covers, j * temporal_factor
        result:      s; down and across are measured from the middle of the picture and are 1 for the square root of
                     its area, so a wider picture reaches further
    """
    frames, rows, columns = grid
    device = frame_rate.device
    side = math.sqrt(rows * columns)
    down = (torch.arange(rows, device=device) + 0.5 - rows / 2) / side
    across = (torch.arange(columns, device=device) + 0.5 - columns / 2) / side
    seconds = (
        torch.arange(first_frame, first_frame + frames, device=device)[None] * temporal_factor / frame_rate[:, None]
    )
    place = torch.stack(torch.meshgrid(down, across, indexing="ij"), dim=-1).reshape(1, 1, rows * columns, 2)
    place = place.expand(len(frame_rate), frames, -1, -1)
    when = seconds[:, :, None, None].expand(-1, -1, rows * columns, 1)
    return torch.cat([when, place], dim=-1).flatten(1, 2)


def axis_split(pairs: int) -> tuple[int, int, int]:
    """Share ``pairs`` rotations among time, down and across: about a quarter, and equal rests."""
    in_space = (pairs - max(pairs // 4, 1)) // 2
    return pairs - 2 * in_space, in_space, in_space


def rotation_angles(positions: Positions, pairs: int) -> Float[torch.Tensor, "b n pairs"]:
    """Return the angle of each rotation, in radians: frequencies of each axis are in geometric steps.

    Source: Su et al. (2021), RoFormer; several axes as in Heo et al. (2024), Rotary position embedding for vision
    transformer.
    """
    parts = []
    for axis, count in enumerate(axis_split(pairs)):
        exponent = torch.linspace(0, 1, count, device=positions.device) if count > 1 else torch.zeros(1)
        ratio = _FASTEST[axis] / _SLOWEST[axis]
        frequency = 2 * math.pi * _SLOWEST[axis] * ratio ** exponent.to(positions)
        parts.append(positions[..., axis, None] * frequency)
    return torch.cat(parts, dim=-1)


def rotary_embedding(angles: Float[torch.Tensor, "b n half"]) -> Float[torch.Tensor, "2 b n half"]:
    """Return cosines and sines of the angles, once for all layers."""
    return torch.stack([angles.cos(), angles.sin()])


def apply_rotary(
    x: Float[torch.Tensor, "b heads n d"], rotary: Float[torch.Tensor, "2 b n half"]
) -> Float[torch.Tensor, "b heads n d"]:
    """Turn channel i together with channel i + d / 2 by angle i, so dot products see differences of positions only."""
    cos, sin = rotary[:, :, None]
    first, second = x.chunk(2, dim=-1)
    return torch.cat([first * cos - second * sin, first * sin + second * cos], dim=-1)


def without_time(x: Float[torch.Tensor, "*n d"]) -> Float[torch.Tensor, "*n d"]:
    """Return x with 0 in the channels that ``apply_rotary`` turns with time: its products are equal at all times."""
    half = x.shape[-1] // 2
    in_time = torch.arange(x.shape[-1], device=x.device) % half < axis_split(half)[0]
    return x.masked_fill(in_time, 0.0)


def sinusoidal_embedding(positions: Positions, count: int) -> Float[torch.Tensor, "b n count"]:
    """Return sines and cosines of the same angles as values: where a token is, not only how far from another."""
    angles = rotation_angles(positions, count // 2)
    return torch.cat([angles.sin(), angles.cos()], dim=-1)


def sinusoidal_word_embedding(length: int, width: int, device: torch.device) -> Float[torch.Tensor, "length width"]:
    """Return sines and cosines of the place of a word in its text.

    Source: Vaswani et al. (2017), Attention is all you need, section 3.5, with wavelengths up to 100 words.
    """
    place = torch.arange(length, device=device)
    frequency = torch.exp(-math.log(100.0) * torch.linspace(0, 1, width // 2, device=device))
    angles = place[:, None] * frequency
    return torch.cat([angles.sin(), angles.cos()], dim=-1)


def to_patches(latents: Float[torch.Tensor, "b c t h w"], size: int) -> Float[torch.Tensor, "b n p"]:
    """Cut each latent frame into squares; tokens run over frames, then rows, then columns.

    Raises:
        DataError: height or width is not a multiple of ``size``.
    """
    for name, length in zip(("height", "width"), latents.shape[3:], strict=True):
        if length % size:
            raise DataError(
                f"latents of {name} {length} do not divide into patches of {size}; the nearest that do are "
                f"{length // size * size} and {(length // size + 1) * size}."
            )
    return rearrange(latents, "b c t (h p) (w q) -> b (t h w) (p q c)", p=size, q=size)


def from_patches(tokens: Float[torch.Tensor, "b n p"], grid: Grid, size: int) -> Float[torch.Tensor, "b c t h w"]:
    """Undo ``to_patches``; ``grid`` is tokens in time, down and across."""
    frames, down, across = grid
    return rearrange(tokens, "b (t h w) (p q c) -> b c t (h p) (w q)", t=frames, h=down, w=across, p=size, q=size)
