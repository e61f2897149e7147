"""How hard a clip is to denoise: a model's own opinion of how likely it is.

Source: Yuan et al. (2025), LikePhys: evaluating intuitive physics understanding in video diffusion models via
likelihood preference.
"""

from collections.abc import Callable, Sequence

import torch
from jaxtyping import Float

from worldsim.diffusion import interpolate, v_target

VelocityNetwork = Callable[..., torch.Tensor]
"""A ``DiT``, or whatever takes x_t, t and conditions and returns v."""

LEVELS = tuple((number + 0.5) / 10 for number in range(10))
"""Ten evenly spread noise levels."""


@torch.no_grad()
def denoising_loss(
    dit: VelocityNetwork,
    latents: Float[torch.Tensor, "1 c t h w"],
    told: tuple[torch.Tensor, ...],
    seed: int,
    levels: Sequence[float] = LEVELS,
) -> float:
    """Return the mean square error of v over fixed noise levels; the same seed gives clips of one shape the same noise.

    Args:
        dit: the transformer
        latents: normalised latents of one clip
        told: what ``DiT.forward`` takes after t
        seed: of the noise; clips that are compared share it, so what differs is the clip
        levels: values of t
    """
    generator = torch.Generator(latents.device).manual_seed(seed)
    errors = []
    for level in levels:
        noise = torch.randn(latents.shape, generator=generator, device=latents.device)
        t = torch.full((1, latents.shape[2]), level, device=latents.device)
        v_pred = dit(interpolate(latents, noise, t), t, *told)
        errors.append((v_pred - v_target(latents, noise)).square().mean())
    return float(torch.stack(errors).mean())
