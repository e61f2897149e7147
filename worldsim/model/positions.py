"""Where a token is: seconds since the first frame, and place in the picture. No table, so any length and size works."""

import math

import torch
from einops import rearrange
from jaxtyping import Float

from physics_data.core.errors import DataError

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
