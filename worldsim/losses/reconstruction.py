"""How far a reconstructed video is from the original."""

from typing import ClassVar

import torch
from jaxtyping import Float
from torch.nn import functional as F

from worldsim.losses.base import LossInfo, Scalar

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
