"""The straight path between data and noise, and what is predicted along it.

x_t = (1 - t) x0 + t noise, so t = 0 is data and t = 1 is noise; v = d x_t / d t = noise - x0. Every latent frame may be
at its own t.

Source: Lipman et al. (2023), Flow matching for generative modeling; Liu et al. (2023), Flow straight and fast.
"""

import torch
from jaxtyping import Float

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
