"""How much the error at each noise level counts. A weight multiplies the square error of v."""

import math
from typing import Literal

import torch
from jaxtyping import Float

Weighting = Literal["uniform", "min_snr", "cosmap"]


def loss_weight(
    t: Float[torch.Tensor, "*s"], weighting: Weighting, *, snr_gamma: float = 5.0
) -> Float[torch.Tensor, "*s"]:
    """Return the weight of the square error of v at each t.

    The signal-to-noise ratio is ((1 - t) / t)², and an error e of v is an error t e of x0.

    weighting:  ``uniform`` is 1. ``min_snr`` is min(SNR, snr_gamma) for the error of x0, so t² times that for v: little
                noise counts less. ``cosmap`` is 2 / (pi (1 - 2 t + 2 t²)), high in the middle

    Source: Hang et al. (2023), Efficient diffusion training via min-SNR weighting strategy; Esser et al. (2024),
    Scaling rectified flow transformers, section 3.1 (CosMap).
    """
    if weighting == "uniform":
        return torch.ones_like(t)
    if weighting == "min_snr":
        return torch.minimum((1 - t).square(), snr_gamma * t.square())
    return 2 / (math.pi * (1 - 2 * t + 2 * t.square()))
