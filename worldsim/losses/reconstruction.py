"""Losses between a video and its reconstruction, and of the latents in between."""

import functools
import math
from typing import ClassVar

import torch
from jaxtyping import Bool, Float, UInt8
from torch.nn import functional as F

from worldsim.losses.loss import LossInfo, Scalar

Video = Float[torch.Tensor, "b 3 t h w"]
PixelWeight = Float[torch.Tensor, "b 1 t h w"]

_SMOOTH = 1e-3
"""Differences below this (of a range of 2) are squared, larger ones are absolute."""


class Charbonnier:
    """A smooth absolute difference of pixels; ``weight`` says how much each pixel counts."""

    info: ClassVar[LossInfo] = LossInfo(
        needs=("video", "target", "weight"),
        source="Charbonnier et al. (1994), Two deterministic half-quadratic regularization algorithms",
    )

    def __call__(self, video: Video, target: Video, weight: PixelWeight) -> Scalar:
        """Return the weighted mean over pixels and colours."""
        return _weighted_mean(smooth_abs(video - target), weight)


class GradientDifference:
    """The same of the differences of neighbouring pixels, at full, half and quarter size: it keeps edges sharp.

    Source: Mathieu, Couprie and LeCun (2016).
    """

    SCALES = 3
    info: ClassVar[LossInfo] = LossInfo(
        needs=("video", "target", "weight"),
        source="Mathieu, Couprie and LeCun (2016), Deep multi-scale video prediction beyond mean square error",
    )

    def __call__(self, video: Video, target: Video, weight: PixelWeight) -> Scalar:
        """Return the mean over scales, directions, pixels and colours; a size without two pixels is left out.

        A constant difference of brightness costs nothing here; ``Charbonnier`` sees it.
        """
        difference = (video - target).transpose(1, 2).flatten(0, 1)
        weight = weight.transpose(1, 2).flatten(0, 1)
        parts = []
        for _ in range(self.SCALES):
            if min(difference.shape[-2:]) < 2:
                break
            down = difference[..., 1:, :] - difference[..., :-1, :]
            across = difference[..., 1:] - difference[..., :-1]
            parts.append(_weighted_mean(smooth_abs(down), torch.maximum(weight[..., 1:, :], weight[..., :-1, :])))
            parts.append(_weighted_mean(smooth_abs(across), torch.maximum(weight[..., 1:], weight[..., :-1])))
            difference, weight = F.avg_pool2d(difference, 2), F.avg_pool2d(weight, 2)
        return torch.stack(parts).mean()


def smooth_abs(difference: torch.Tensor) -> torch.Tensor:
    """Return the absolute difference, rounded off around 0 (Charbonnier)."""
    return torch.sqrt(difference.square() + _SMOOTH**2) - _SMOOTH


def _weighted_mean(values: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
    return (values * weight).sum() / (weight.sum() * values.shape[1])


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


_MOVING = 0.1
"""Smallest change of any colour (of a range of 2) that counts as motion."""


def pixel_weight(
    video: Float[torch.Tensor, "b 3 t h w"],
    instance_ids: UInt8[torch.Tensor, "b t h w"] | None,
    labelled: Bool[torch.Tensor, "b"],
    gain: float,
) -> Float[torch.Tensor, "b 1 t h w"]:
    """Return 1 + gain where something is, with its edge of one pixel, and 1 elsewhere.

    Something is where a pixel is not as it mostly is in the video (objects in motion and their shadows), and, in
    videos with labels, where an instance is. No labels are needed, and ids of unlabelled videos are not read.
    """
    still = video.median(dim=2, keepdim=True).values
    there = ((video - still).abs().amax(dim=1) > _MOVING).float()
    if instance_ids is not None:
        there = torch.maximum(there, ((instance_ids > 0) & labelled[:, None, None, None]).float())
    return 1 + gain * F.max_pool2d(there, kernel_size=3, stride=1, padding=1)[:, None]


class StandardNormalKL:
    """Kullback-Leibler divergence of independent normal distributions from the standard one, nats per value."""

    info: ClassVar[LossInfo] = LossInfo(
        needs=("mean", "log_variance"), source="Kingma and Welling (2014), Auto-encoding variational Bayes, appendix B"
    )

    def __call__(self, mean: Float[torch.Tensor, "*s"], log_variance: Float[torch.Tensor, "*s"]) -> Scalar:
        """Return the mean over all values."""
        return 0.5 * (mean.square() + log_variance.exp() - 1 - log_variance).mean()
