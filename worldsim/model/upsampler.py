"""Upsampler: twice the size of a video, with 2 × 2 means that are the small picture."""

from collections.abc import Iterable, Iterator

import torch
from jaxtyping import Float
from torch import nn
from torch.nn import functional as F

from physics_data.core.config import StrictModel
from physics_data.core.errors import DataError
from worldsim.model.model_config import Count

FACTOR = 2
"""Pixels along each side that one becomes."""

_NEIGHBOURS = 3
"""Frames that are seen for each: the one before, itself, and the one after."""


class UpsamplerConfig(StrictModel):
    """The shape of an upsampler.

    width:  channels
    depth:  residual blocks of two 3 × 3 convolutions, at the small size
    """

    width: Count = 32
    depth: Count = 4


class ResidualConv(nn.Module):
    """Two convolutions, added to the input; starts as the identity."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(width, width, 3, padding=1)
        self.second = nn.Conv2d(width, width, 3, padding=1)
        nn.init.zeros_(self.second.weight)
        nn.init.zeros_(self.second.bias) if self.second.bias is not None else None

    def forward(self, x: Float[torch.Tensor, "b d h w"]) -> Float[torch.Tensor, "b d h w"]:
        """Return refined features."""
        return x + self.second(F.silu(self.first(x)))


class Upsampler(nn.Module):
    """Bicubic interpolation plus a learned residual from three frames; then 2 × 2 means are set to the small picture.

    So colours and places are those of the small video: at its size nothing can move, appear or get lost. Frames see
    their two neighbours alone, so a long video can be enlarged in pieces.

    Source: Shi et al. (2016), Real-time single image and video super-resolution using an efficient sub-pixel
    convolutional neural network; the projection onto the small picture is the null-space decomposition of Wang et al.
    (2023), Zero-shot image restoration using denoising diffusion null-space model.
    """

    def __init__(self, config: UpsamplerConfig) -> None:
        super().__init__()
        self.config = config
        self.proj_in = nn.Conv2d(3 * _NEIGHBOURS, config.width, 3, padding=1)
        self.blocks = nn.Sequential(*(ResidualConv(config.width) for _ in range(config.depth)))
        self.proj_out = nn.Conv2d(config.width, 3 * FACTOR**2, 3, padding=1)
        nn.init.zeros_(self.proj_out.weight)
        assert self.proj_out.bias is not None
        nn.init.zeros_(self.proj_out.bias)

    def forward(self, video: Float[torch.Tensor, "b 3 t h w"]) -> Float[torch.Tensor, "b 3 t h2 w2"]:
        """Return the video at twice its size, in [-1, 1] as far as the small one is."""
        before = torch.cat([video[:, :, :1], video[:, :, :-1]], dim=2)
        after = torch.cat([video[:, :, 1:], video[:, :, -1:]], dim=2)
        seen = torch.cat([before, video, after], dim=1).transpose(1, 2).flatten(0, 1)  # [b t, 9, h, w]
        frames = video.transpose(1, 2).flatten(0, 1)  # [b t, 3, h, w]
        residual = F.pixel_shuffle(self.proj_out(F.silu(self.blocks(self.proj_in(seen)))), FACTOR)
        large = with_means(interpolated(frames) + residual, frames)
        return large.unflatten(0, (len(video), -1)).transpose(1, 2)

    @torch.no_grad()
    def stream(
        self, pieces: Iterator[Float[torch.Tensor, "3 _t h w"]], chunk: int = 8
    ) -> Iterator[Float[torch.Tensor, "3 _s h2 w2"]]:
        """Yield a video at twice its size a few frames at a time; memory does not grow with its length.

        Args:
            pieces: of the small video, of any lengths
            chunk: small frames that are enlarged together
        """
        held: torch.Tensor | None = None  # frames that wait for their successor, and the one before them
        first = True
        for piece in pieces:
            held = piece if held is None else torch.cat([held, piece], dim=1)
            while held.shape[1] >= chunk + 2:
                part = held[:, : chunk + 1 if first else chunk + 2]
                yield self(part[None])[0][:, 0 if first else 1 : -1]
                held = held[:, part.shape[1] - 2 :]
                first = False
        if held is not None:
            yield self(held[None])[0][:, 0 if first else 1 :]


def interpolated(frames: Float[torch.Tensor, "n 3 h w"]) -> Float[torch.Tensor, "n 3 h2 w2"]:
    """Return pictures at twice their size by bicubic interpolation; pixels cover the same area as before."""
    return F.interpolate(frames, scale_factor=FACTOR, mode="bicubic", align_corners=False)


def with_means(
    large: Float[torch.Tensor, "n 3 h2 w2"], small: Float[torch.Tensor, "n 3 h w"]
) -> Float[torch.Tensor, "n 3 h2 w2"]:
    """Return large pictures whose 2 × 2 means are the small ones: the nearest to those that are given."""
    wrong = small - F.avg_pool2d(large, FACTOR)
    return large + F.interpolate(wrong, scale_factor=FACTOR, mode="nearest")


def doublings(size: tuple[int, int], own: tuple[int, int]) -> int:
    """Return how often a size (width, height) of a model is doubled to reach another.

    Raises:
        DataError: no number of doublings does; names the sizes that can be reached.
    """
    for times in range(7):
        if size == (own[0] * FACTOR**times, own[1] * FACTOR**times):
            return times
    near = [(own[0] * FACTOR**times, own[1] * FACTOR**times) for times in range(4)]
    listed = ", ".join(f"{width}x{height}" for width, height in near)
    raise DataError(
        f"--size {size[0]}x{size[1]} is no power of two times the {own[0]}x{own[1]} of the model; write one of "
        f"{listed}, ..., or choose another --width and --height of the model."
    )


def enlarge(
    upsampler: Upsampler, pieces: Iterable[Float[torch.Tensor, "3 _t h w"]], times: int, chunk: int = 4
) -> Iterator[torch.Tensor]:
    """Yield a video in [-1, 1] at ``2 ** times`` its size; colours beyond that are set to the nearest.

    Args:
        upsampler: the network
        pieces: of the small video, in order, of any lengths
        times: doublings; 0 changes nothing
        chunk: frames that are enlarged together
    """
    enlarged: Iterator[torch.Tensor] = iter(pieces)
    for _ in range(times):
        enlarged = upsampler.stream(enlarged, chunk)
    for piece in enlarged:
        yield piece.clamp(-1, 1)
