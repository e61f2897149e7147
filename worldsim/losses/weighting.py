"""Which pixels count more: a ball is a few per cent of a picture and most of what happens in it."""

import torch
from jaxtyping import Bool, Float, UInt8
from torch.nn import functional as F

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
