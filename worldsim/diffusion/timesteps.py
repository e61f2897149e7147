"""Flow matching: the straight path between data and noise, its targets, and the distribution of timesteps.

x_t = (1 - t) x0 + t noise, so t = 0 is data and t = 1 is noise; v = d x_t / d t = noise - x0. Every latent frame may be
at its own t.
"""

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


Latents = Float[torch.Tensor, "b c t h w"]
FrameTimes = Float[torch.Tensor, "b t"]


def over_latents(t: FrameTimes) -> Float[torch.Tensor, "b 1 t 1 1"]:
    """Return one value for each latent frame in the shape that multiplies latents."""
    return t[:, None, :, None, None]


def interpolate(x0: Latents, noise: Latents, t: FrameTimes) -> Latents:
    """Return x_t."""
    share = over_latents(t)
    return (1 - share) * x0 + share * noise


def v_target(x0: Latents, noise: Latents) -> Latents:
    """Return the v that a network should predict everywhere on the path."""
    return noise - x0


def x0_from_v(x_t: Latents, v: Latents, t: FrameTimes) -> Latents:
    """Return the data that a v at x_t points to."""
    return x_t - over_latents(t) * v


def v_from_x0(x_t: Latents, x0: Latents, t: FrameTimes, *, min_t: float) -> Latents:
    """Return the v that leads from x_t to x0; ``min_t`` keeps the division away from 0.

    Source: Salimans and Ho (2022), Progressive distillation, for the equivalence of the predictions.
    """
    return (x_t - x0) / over_latents(t).clamp_min(min_t)


def v_from_balanced(x_t: Latents, output: Latents, t: FrameTimes, *, spread: float = 1.0) -> Latents:
    """Return the v of a network whose output should have variance 1 at every t, if the data has deviation ``spread``.

    The best linear guess of x0 is c x_t with c = (1 - t) d² / s² and s² = (1 - t)² d² + t², d the spread; the output
    says what is missing, in units of its deviation: x0 = c x_t + (t d / s) output. So v = (x_t - x0) / t =
    (t - (1 - t) d²) / s² x_t - d / s output, which is finite at t = 0, and an output of 0 is already the best linear
    prediction.

    Source: Karras et al. (2022), Elucidating the design space of diffusion-based generative models, section 5, for
    x_t = x0 + sigma noise; here on the straight path.
    """
    t = over_latents(t)
    variance = spread**2
    power = (1 - t).square() * variance + t.square()
    return (t - (1 - t) * variance) / power * x_t - output * (spread * power.rsqrt())
