"""Exact, causal exchange of resolution for channels: the only way the VAE changes the size of anything."""

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
