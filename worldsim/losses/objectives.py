"""What training of the VAE minimises: its losses, put together."""

from typing import Annotated, Any

import torch
from jaxtyping import Bool, Float, UInt8
from pydantic import Field
from torch.nn import functional as F

from physics_data.core.config import StrictModel
from worldsim.losses.adversarial import PatchCritic, adversarial_terms
from worldsim.losses.kl import StandardNormalKL
from worldsim.losses.perceptual import OrientedContrast
from worldsim.losses.reconstruction import Charbonnier, GradientDifference
from worldsim.losses.weighting import pixel_weight

Weight = Annotated[float, Field(ge=0)]


class VAEObjective(StrictModel):
    """Weights of the losses of a VAE; a loss of weight 0 is not computed.

    perceptual:         of oriented filter responses, see ``perceptual``; pictures of at least 7 px
    equivariance:       of the half-size video decoded from half-size latents: latents then scale as pictures do, which
                        makes them easier to learn for a generator
    instance_gain:      how much more pixels of objects count than background, see ``weighting``
    adversarial:        of the scores of a critic that is trained along, see ``adversarial``
    adversarial_start:  updates before the critic begins; it then takes part at once
    critic_width:       channels of its first layer
    """

    charbonnier: Weight = 1.0
    gradient: Weight = 1.0
    perceptual: Weight = 0.0
    kl: Weight = 1e-6
    equivariance: Weight = 0.0
    instance_gain: Weight = 8.0
    adversarial: Weight = 0.0
    adversarial_start: Annotated[int, Field(ge=0)] = 0
    critic_width: Annotated[int, Field(ge=1)] = 32


def vae_objective(
    vae: Any,
    video: Float[torch.Tensor, "b 3 t h w"],
    instance_ids: UInt8[torch.Tensor, "b t h w"] | None,
    labelled: Bool[torch.Tensor, "b"],
    generator: torch.Generator,
    settings: VAEObjective,
    critic: PatchCritic | None = None,
) -> dict[str, Float[torch.Tensor, ""]]:
    """Encode, draw latents, decode, compare: ``vae`` has the ``encode`` and ``decode`` of ``VideoVAE``.

    "loss" is what to minimise, the others are its unweighted parts. A ``critic`` is asked once it had
    ``adversarial_start`` updates; "critic", what it minimises itself, then counts with weight 1.
    """
    posterior = vae.encode(video)
    again = vae.decode(posterior.sample(generator))
    weight = pixel_weight(video, instance_ids, labelled, settings.instance_gain)
    parts = {
        "charbonnier": Charbonnier()(again, video, weight),
        "gradient": GradientDifference()(again, video, weight),
        "kl": StandardNormalKL()(posterior.mean, posterior.log_variance),
    }
    if settings.perceptual:
        parts["perceptual"] = OrientedContrast()(again, video)
    if settings.equivariance:
        parts["equivariance"] = _half_size_difference(vae, video, posterior.mean)
    loss = torch.stack([getattr(settings, name) * value for name, value in parts.items()]).sum()
    if critic is not None and int(critic.num_updates) >= settings.adversarial_start:
        parts["adversarial"], parts["critic"] = adversarial_terms(critic, video, again)
        loss = loss + settings.adversarial * parts["adversarial"] + parts["critic"]
    return {"loss": loss, **parts}


def _half_size_difference(
    vae: Any, video: Float[torch.Tensor, "b 3 t h w"], mean: Float[torch.Tensor, "b c t2 h2 w2"]
) -> Float[torch.Tensor, ""]:
    """Return how far half-size latents are from those of the half-size video, seen in pixels.

    Source: Kouzelis et al. (2025), EQ-VAE: equivariance regularized latent space for improved generative image
    modeling.
    """
    half = (1, 2, 2)
    small, target = F.avg_pool3d(mean, half), F.avg_pool3d(video, half)
    factor = video.shape[-1] // mean.shape[-1]
    rows, columns = small.shape[-2] * factor, small.shape[-1] * factor
    target = target[..., :rows, :columns]
    return Charbonnier()(vae.decode(small), target, torch.ones_like(target[:, :1]))
