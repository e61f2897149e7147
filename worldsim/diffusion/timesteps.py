"""Noise levels: how they are drawn in training, how much each counts, and where a sampler evaluates."""

import math
from typing import Annotated, Literal

import torch
from jaxtyping import Float
from pydantic import Field

from physics_data.core.config import StrictModel
from physics_data.core.errors import ConfigError


class TimeSampling(StrictModel):
    """The distribution of t in training.

    distribution:  ``logit_normal`` is the logistic function of a normal value, ``uniform`` is between 0 and 1, ``mode``
                   is uniform but denser (``mode_scale`` above 0) or thinner (below 0) in the middle
    mean, std:     of the normal value; a higher mean is more noise
    mode_scale:    -1 to 2 / (pi - 2) = 1.75; 0 is uniform
    shift:         moves t towards noise, see ``shift_t``; 1 leaves it
    base_tokens:   if given, a sample of n tokens is shifted by a further sqrt(n / base_tokens), see ``token_shift``
    """

    distribution: Literal["logit_normal", "uniform", "mode"] = "logit_normal"
    mean: float = 0.0
    std: Annotated[float, Field(gt=0)] = 1.0
    mode_scale: Annotated[float, Field(ge=-1, le=2 / (math.pi - 2))] = 1.29
    shift: Annotated[float, Field(gt=0)] = 1.0
    base_tokens: Annotated[int, Field(ge=1)] | None = None

    def shift_for(self, num_tokens: int) -> float:
        """Return the shift for a sample of ``num_tokens`` tokens."""
        return self.shift * (1.0 if self.base_tokens is None else token_shift(num_tokens, self.base_tokens))


def sample_t(
    count: int,
    settings: TimeSampling,
    generator: torch.Generator,
    device: torch.device | str = "cpu",
    *,
    num_tokens: int = 0,
) -> Float[torch.Tensor, "b"]:
    """Draw one t for each of ``count`` samples, stratified, so that one batch covers the whole distribution.

    ``num_tokens`` is the size of a sample; it counts only if ``settings.base_tokens`` is given.

    Source: Esser et al. (2024), Scaling rectified flow transformers, section 3.1 (logit-normal, mode); Kingma et al.
    (2021), Variational diffusion models (stratified draws).
    """
    jitter = torch.rand(count, generator=generator, device=device)
    order = torch.randperm(count, generator=generator, device=device)
    quantile = ((order + jitter) / count).clamp(1e-6, 1 - 1e-6)
    if settings.distribution == "uniform":
        t = quantile
    elif settings.distribution == "mode":
        t = 1 - quantile - settings.mode_scale * ((math.pi / 2 * quantile).cos().square() - 1 + quantile)
    else:
        normal = math.sqrt(2) * torch.erfinv(2 * quantile - 1)
        t = torch.sigmoid(settings.mean + settings.std * normal)
    return shift_t(t, settings.shift_for(num_tokens) if settings.base_tokens is not None else settings.shift)


def shift_t(t: Float[torch.Tensor, "..."], shift: float) -> Float[torch.Tensor, "..."]:
    """Return shift t / (1 + (shift - 1) t): 0 and 1 stay, the rest moves to more noise where shift is above 1.

    Source: Esser et al. (2024), Scaling rectified flow transformers, equation 23.
    """
    if shift <= 0:
        raise ConfigError(f"shift is {shift}; it must be above 0, and 1 changes nothing.")
    return shift * t / (1 + (shift - 1) * t)


def token_shift(num_tokens: int, base_tokens: int) -> float:
    """Return sqrt(num_tokens / base_tokens): more values of one content need more noise to hide it as well.

    Source: Esser et al. (2024), Scaling rectified flow transformers, section 5.3.2.
    """
    if num_tokens < 1 or base_tokens < 1:
        raise ConfigError(f"token_shift needs counts of at least 1, given are {num_tokens} and {base_tokens} tokens.")
    return math.sqrt(num_tokens / base_tokens)


def timestep_grid(num_steps: int, shift: float = 1.0) -> Float[torch.Tensor, "num_steps_and_1"]:
    """Return the t of a sampler from 1 (noise) down to 0 (data)."""
    if num_steps < 1:
        raise ConfigError(f"num_steps is {num_steps}; sampling needs at least 1.")
    return shift_t(torch.linspace(1.0, 0.0, num_steps + 1), shift)


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
