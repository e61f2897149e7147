"""How different two videos look, judged by oriented filters as in early vision; nothing is learned or downloaded."""

import functools
import math
from typing import ClassVar

import torch
from jaxtyping import Float
from torch.nn import functional as F

from worldsim.losses.base import LossInfo, Scalar
from worldsim.losses.reconstruction import Video, smooth_abs

_SIDE = 7
_SIGMA = 1.5
_CYCLES_PER_PIXEL = 0.2
_CONTRAST = 0.05
"""Contrast (of a range of 2) below which errors are as visible as on an even ground."""

_OPPONENT = ((1.0, 1.0, 1.0), (1.0, 0.0, -1.0), (-1.0, 2.0, -1.0))
"""Brightness, red against blue, and green against both."""


class OrientedContrast:
    """Differences of oriented filter responses, relative to the contrast around them, at full, half and quarter size.

    An error on an even ground counts more than the same error in strong texture, which hides it. Beside the responses
    their energies are compared, so that texture in slightly the wrong place is better than no texture.

    Source: Teo and Heeger (1994), Perceptual image distortion.
    """

    SCALES = 3
    ORIENTATIONS = 4
    info: ClassVar[LossInfo] = LossInfo(
        needs=("video", "target"), source="Teo and Heeger (1994), Perceptual image distortion"
    )

    def __call__(self, video: Video, target: Video) -> Scalar:
        """Return the mean over scales, filters, colours and places; scales smaller than a filter are left out.

        Raises:
            ValueError: the picture is smaller than one filter, 7 px.
        """
        if min(video.shape[-2:]) < _SIDE:
            raise ValueError(f"the picture is {video.shape[-1]}x{video.shape[-2]}, filters need at least {_SIDE} px.")
        ours, theirs = (_opponent(x) for x in (video, target))
        parts = []
        for _ in range(self.SCALES):
            if min(ours.shape[-2:]) < _SIDE:
                break
            a, b = _responses(ours, self.ORIENTATIONS), _responses(theirs, self.ORIENTATIONS)
            energy_a, energy_b = _energy(a), _energy(b)
            visible = 1 / (
                _CONTRAST + F.avg_pool2d(energy_b.mean(dim=1, keepdim=True), 3, 1, 1, count_include_pad=False).detach()
            )
            parts.append((smooth_abs(a - b).mean(dim=(1, 2))[:, None] * visible).mean())
            parts.append((smooth_abs(energy_a - energy_b).mean(dim=1, keepdim=True) * visible).mean())
            ours, theirs = F.avg_pool2d(ours, 2), F.avg_pool2d(theirs, 2)
        return _CONTRAST * torch.stack(parts).mean()


def _opponent(video: Video) -> Float[torch.Tensor, "n 1 h w"]:
    colours = torch.tensor(_OPPONENT, device=video.device, dtype=video.dtype)
    mixed = torch.einsum("dc,bcthw->bdthw", colours / colours.norm(dim=1, keepdim=True), video)
    return mixed.flatten(0, 2)[:, None]


def _responses(pictures: Float[torch.Tensor, "n 1 h w"], orientations: int) -> Float[torch.Tensor, "n o 2 h2 w2"]:
    filters = _filters(orientations).to(pictures)
    return F.conv2d(pictures, filters).unflatten(1, (orientations, 2))


def _energy(responses: Float[torch.Tensor, "n o 2 h w"]) -> Float[torch.Tensor, "n o h w"]:
    return torch.sqrt(responses.square().sum(dim=2) + 1e-6) - 1e-3


@functools.lru_cache
def _filters(orientations: int) -> Float[torch.Tensor, "o2 1 side side"]:
    """Return Gabor pairs (even, odd) of each orientation, of sum 0 and unit size.

    Source: Daugman (1985), Uncertainty relation for resolution in space, spatial frequency and orientation.
    """
    places = torch.arange(_SIDE) - _SIDE // 2
    down, across = torch.meshgrid(places, places, indexing="ij")
    window = torch.exp(-(down.square() + across.square()) / (2 * _SIGMA**2))
    made = []
    for number in range(orientations):
        angle = math.pi * number / orientations
        phase = 2 * math.pi * _CYCLES_PER_PIXEL * (across * math.cos(angle) + down * math.sin(angle))
        for wave in (torch.cos(phase), torch.sin(phase)):
            kernel = window * wave
            kernel = kernel - window * kernel.sum() / window.sum()
            made.append(kernel / kernel.abs().sum())
    return torch.stack(made)[:, None]
