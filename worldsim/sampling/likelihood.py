"""How hard a clip is to denoise: a model's own opinion of how likely it is.

Source: Yuan et al. (2025), LikePhys: evaluating intuitive physics understanding in video diffusion models via
likelihood preference.
"""

from collections.abc import Callable, Sequence

import torch
from jaxtyping import Float

from worldsim.diffusion import interpolate, v_target
from worldsim.generator import Video, VideoGenerator
from worldsim.model.conditioning import Conditioning

VelocityNetwork = Callable[..., torch.Tensor]
"""A ``DiT``, or whatever takes x_t, t and conditioning and returns v."""

LEVELS = tuple((number + 0.5) / 10 for number in range(10))
"""Ten evenly spread noise levels."""


@torch.no_grad()
def denoising_loss(
    dit: VelocityNetwork,
    latents: Float[torch.Tensor, "1 c t h w"],
    conditioning: Conditioning,
    seed: int,
    levels: Sequence[float] = LEVELS,
) -> float:
    """Return the mean square error of v over fixed noise levels; the same seed gives clips of one shape the same noise.

    Args:
        dit: the transformer
        latents: normalised latents of one clip
        conditioning: of the clips
        seed: of the noise; clips that are compared share it, so what differs is the clip
        levels: values of t
    """
    generator = torch.Generator(latents.device).manual_seed(seed)
    errors = []
    for level in levels:
        noise = torch.randn(latents.shape, generator=generator, device=latents.device)
        t = torch.full((1, latents.shape[2]), level, device=latents.device)
        v_pred = dit(interpolate(latents, noise, t), t, conditioning)
        errors.append((v_pred - v_target(latents, noise)).square().mean())
    return float(torch.stack(errors).mean())


@torch.no_grad()
def generator_loss(
    generator: VideoGenerator, video: Video, conditioning: Conditioning, seed: int, levels: Sequence[float] = LEVELS
) -> float:
    """Return what ``denoising_loss`` does for any model: the error of its own target, over frames that are not given.

    Args:
        generator: the model
        video: one clip in [-1, 1]
        conditioning: of the clip
        seed: of the noise; clips that are compared share it
        levels: values of t
    """
    x0 = generator.encode(video)
    draws = torch.Generator(x0.device).manual_seed(seed)
    errors = []
    for level in levels:
        noise = torch.randn(x0.shape, generator=draws, device=x0.device)
        t = torch.full((len(x0),), level, device=x0.device)
        samples = generator.training_target(x0, noise, t, conditioning)
        error = (generator.denoise(samples.x_t, t, conditioning) - samples.target).square().mean((1, 3, 4))
        errors.append(error[samples.counts].mean())
    return float(torch.stack(errors).mean())
