"""How noisy training samples are, and at which t a sampler stops."""

import math
from typing import Annotated, Literal

import torch
from jaxtyping import Float
from pydantic import Field

from physics_data.core.config import StrictModel
from physics_data.core.errors import ConfigError


class TimeSampling(StrictModel):
    """The distribution of t in training.

    distribution:  ``logit_normal`` is the logistic function of a normal value, ``uniform`` is between 0 and 1
    mean, std:     of that normal value; a higher mean is more noise
    shift:         moves t towards noise, see ``shift_t``; 1 leaves it
    """

    distribution: Literal["logit_normal", "uniform"] = "logit_normal"
    mean: float = 0.0
    std: Annotated[float, Field(gt=0)] = 1.0
    shift: Annotated[float, Field(gt=0)] = 1.0


def sample_t(
    count: int, settings: TimeSampling, generator: torch.Generator, device: torch.device | str = "cpu"
) -> Float[torch.Tensor, "b"]:
    """Draw one t for each of ``count`` samples, stratified, so that one batch covers the whole distribution.

    Source: Esser et al. (2024), Scaling rectified flow transformers (logit-normal); Kingma et al. (2021), Variational
    diffusion models (stratified draws).
    """
    jitter = torch.rand(count, generator=generator, device=device)
    order = torch.randperm(count, generator=generator, device=device)
    quantile = ((order + jitter) / count).clamp(1e-6, 1 - 1e-6)
    if settings.distribution == "uniform":
        t = quantile
    else:
        normal = math.sqrt(2) * torch.erfinv(2 * quantile - 1)
        t = torch.sigmoid(settings.mean + settings.std * normal)
    return shift_t(t, settings.shift)


def shift_t(t: Float[torch.Tensor, "..."], shift: float) -> Float[torch.Tensor, "..."]:
    """Return shift t / (1 + (shift - 1) t): 0 and 1 stay, the rest moves to more noise where shift is above 1.

    Source: Esser et al. (2024), Scaling rectified flow transformers, equation 23.
    """
    if shift <= 0:
        raise ConfigError(f"shift is {shift}; it must be above 0, and 1 changes nothing.")
    return shift * t / (1 + (shift - 1) * t)


def timestep_grid(num_steps: int, shift: float = 1.0) -> Float[torch.Tensor, "num_steps_and_1"]:
    """Return the t of a sampler from 1 (noise) down to 0 (data)."""
    if num_steps < 1:
        raise ConfigError(f"num_steps is {num_steps}; sampling needs at least 1.")
    return shift_t(torch.linspace(1.0, 0.0, num_steps + 1), shift)
