"""Space-to-depth packing of video blocks, and the DCT that initialises the VAE."""

import math
from itertools import product

import torch
from jaxtyping import Float

from worldsim.vae.config import Stride


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
