"""Latents as tokens and back."""

import torch
from einops import rearrange
from jaxtyping import Float

from physics_data.core.errors import DataError


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


def from_patches(
    tokens: Float[torch.Tensor, "b n p"], grid: tuple[int, int, int], size: int
) -> Float[torch.Tensor, "b c t h w"]:
    """Undo ``to_patches``; ``grid`` is tokens in time, down and across."""
    frames, down, across = grid
    return rearrange(tokens, "b (t h w) (p q c) -> b c t (h p) (w q)", t=frames, h=down, w=across, p=size, q=size)
