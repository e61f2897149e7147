"""The layers of the video VAE. Channels are last: "b t h w c"; that is how CPUs and tensor cores like it.

No layer but ``CausalTemporalConv`` mixes frames and none takes statistics over frames or places, so a long video can be
coded in pieces, and a large one in tiles, with the same result.
"""

import math
from itertools import product

import torch
from jaxtyping import Float
from torch import nn
from torch.nn import functional as F

from worldsim.vae.vae_config import Stride

Features = Float[torch.Tensor, "b t h w c"]


class Memory:
    """What a stream keeps between its pieces: the last frames that went into each temporal layer."""

    def __init__(self) -> None:
        self.started = False
        """Whether a piece went through; the first frame of a video has a latent frame to itself."""
        self._past: dict[nn.Module, Features] = {}

    def past(self, layer: nn.Module) -> Features | None:
        """Return the last frames that went into a layer; None before the first piece."""
        return self._past.get(layer)

    def keep(self, layer: nn.Module, frames: Features) -> None:
        """Store a copy, so that the rest of the piece can be freed."""
        self._past[layer] = frames.clone()

    @property
    def num_bytes(self) -> int:
        """Memory that the stored frames take."""
        return sum(frames.numel() * frames.element_size() for frames in self._past.values())


class SpatialConv(nn.Module):
    """A 3 × 3 convolution of every frame; a frame's result does not depend on how many there are.

    On CPUs that takes a word: torch computes small batches with another routine, whose sums are rounded differently.
    """

    def __init__(self, width_in: int, width_out: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(width_in, width_out, kernel_size=3, padding=1)
        with torch.no_grad():
            self.conv.weight.data = self.conv.weight.contiguous(memory_format=torch.channels_last)
            assert self.conv.bias is not None
            self.conv.bias.zero_()

    def forward(self, x: Features) -> Float[torch.Tensor, "b t h w d"]:
        """Return features of the same frames."""
        batch, frames = x.shape[:2]
        pictures = x.flatten(0, 1).permute(0, 3, 1, 2)
        if pictures.device.type == "cpu" and torch.backends.mkldnn.is_available():
            weight, bias = self.conv.weight.to(x.dtype), self.conv.bias
            bias = None if bias is None else bias.to(x.dtype)
            y = torch.ops.aten.mkldnn_convolution(pictures, weight, bias, [1, 1], [1, 1], [1, 1], 1)
        else:
            y = self.conv(pictures)
        return y.permute(0, 2, 3, 1).unflatten(0, (batch, frames))


class CausalTemporalConv(nn.Module):
    """A convolution over three frames: this one and the two before it; the first frame stands in for those before."""

    REACH = 2

    def __init__(self, width_in: int, width_out: int) -> None:
        super().__init__()
        self.mix = nn.Linear((self.REACH + 1) * width_in, width_out)
        nn.init.zeros_(self.mix.bias)

    def forward(self, x: Features, memory: Memory | None = None) -> Float[torch.Tensor, "b t h w d"]:
        """Return features of the same frames; with a memory they follow on those of the piece before."""
        frames = x.shape[1]
        past = None if memory is None else memory.past(self)
        if past is None:
            past = x[:, :1].expand(-1, self.REACH, -1, -1, -1)
        padded = torch.cat([past, x], dim=1)
        if memory is not None:
            memory.keep(self, padded[:, -self.REACH :])
        return self.mix(torch.cat([padded[:, i : i + frames] for i in range(self.REACH + 1)], dim=-1))


class ResidualBlock(nn.Module):
    """Norm, convolution in space, norm, convolution in time, added to the input; starts as the identity."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm_space = nn.RMSNorm(width, eps=1e-6)
        self.space = SpatialConv(width, width)
        self.norm_time = nn.RMSNorm(width, eps=1e-6)
        self.time = CausalTemporalConv(width, width)
        nn.init.zeros_(self.time.mix.weight)

    def forward(self, x: Features, memory: Memory | None = None) -> Features:
        """Return refined features."""
        y = self.space(F.silu(self.norm_space(x)))
        return x + self.time(F.silu(self.norm_time(y)), memory)


class Blocks(nn.Sequential):
    """Residual blocks in a row."""

    def __init__(self, width: int, count: int) -> None:
        super().__init__(*(ResidualBlock(width) for _ in range(count)))

    def forward(self, x: Features, memory: Memory | None = None) -> Features:  # pyright: ignore[reportIncompatibleMethodOverride]
        """Return refined features."""
        for block in self:
            x = block(x, memory)
        return x


def fold(
    x: Float[torch.Tensor, "b t h w c"], stride: Stride, *, at_start: bool = True
) -> Float[torch.Tensor, "b ts hs ws cs"]:
    """Put each block of ``stride`` positions into the channels of one.

    At the start of a video the first frame is repeated ``frames - 1`` times in front, so the first result sees only
    the first frame, and result j sees frames up to ``j * frames``: 1 + k * frames frames become 1 + k. Later pieces
    have k * frames frames and become k.
    """
    if at_start and stride.frames > 1:
        x = torch.cat([x[:, :1].expand(-1, stride.frames - 1, -1, -1, -1), x], dim=1)
    batch, frames, height, width, channels = x.shape
    x = x.reshape(
        batch,
        frames // stride.frames,
        stride.frames,
        height // stride.size,
        stride.size,
        width // stride.size,
        stride.size,
        channels,
    )
    return x.permute(0, 1, 3, 5, 2, 4, 6, 7).flatten(4)


def unfold(
    x: Float[torch.Tensor, "b ts hs ws cs"], stride: Stride, *, at_start: bool = True
) -> Float[torch.Tensor, "b t h w c"]:
    """Undo ``fold``: at the start of a video the frames that were put in front are dropped."""
    frames, size = stride.frames, stride.size
    x = x.unflatten(4, (frames, size, size, -1)).permute(0, 1, 4, 2, 5, 3, 6, 7)
    x = x.flatten(1, 2).flatten(2, 3).flatten(3, 4)
    return x[:, frames - 1 :] if at_start else x


_COLOURS = torch.tensor([[1.0, 1.0, 1.0], [1.0, 0.0, -1.0], [-1.0, 2.0, -1.0]])
"""Brightness, red against blue, and green against both, as in opponent colour vision."""

_COLOUR_COST = 1.0
"""Brightness of one frequency more comes before colour of one frequency less."""

_CONTRAST = 4.0
"""Gain of everything but the mean, which in pictures has by far the largest variance."""


def cosines(length: int) -> Float[torch.Tensor, "frequency length"]:
    """Return the orthonormal cosine basis, lowest frequency first.

    Source: Ahmed, Natarajan and Rao (1974), Discrete cosine transform.
    """
    frequency = torch.arange(length, dtype=torch.float64)[:, None]
    place = torch.arange(length, dtype=torch.float64)[None] + 0.5
    basis = torch.cos(math.pi * place * frequency / length) * math.sqrt(2 / length)
    basis[0] /= math.sqrt(2)
    return basis.float()


def low_frequencies(block: Stride, count: int) -> Float[torch.Tensor, "count block_values"]:
    """Return orthonormal rows that take a folded block of pixels to its ``count`` lowest frequencies."""
    colours = _COLOURS / _COLOURS.norm(dim=1, keepdim=True)
    in_time, in_space = cosines(block.frames), cosines(block.size)
    choices = product(range(block.frames), range(block.size), range(block.size), range(3))
    ranked = sorted(choices, key=_rank)[:count]
    rows = [torch.einsum("t,h,w,c->thwc", in_time[k], in_space[i], in_space[j], colours[c]) for k, i, j, c in ranked]
    return torch.stack([row.flatten() for row in rows])


def spectral_code(
    block: Stride, count: int
) -> tuple[Float[torch.Tensor, "count block_values"], Float[torch.Tensor, "block_values count"]]:
    """Return analysis and synthesis matrices; the code of pixels in [-1, 1] has channels of similar size.

    Synthesis after analysis is the projection on the lowest frequencies.
    """
    rows = low_frequencies(block, count)
    gain = torch.full((count, 1), _CONTRAST / math.sqrt(rows.shape[1] / 3))
    gain[:3] /= _CONTRAST
    gain *= 4.0
    return rows * gain, (rows / gain).T.contiguous()


def _rank(choice: tuple[int, int, int, int]) -> tuple[float | int, ...]:
    in_time, down, across, colour = choice
    frequency = in_time + down + across
    if frequency == 0:
        return (-1.0, 0, 0, 0, colour)
    return (frequency + _COLOUR_COST * (colour > 0), colour, in_time, down, across)
