"""Loss of the VAE: weighted reconstruction terms, KL divergence and a patch discriminator."""

import itertools
from collections.abc import Mapping
from typing import Annotated, Any, ClassVar

import torch
from jaxtyping import Bool, Float, UInt8
from pydantic import Field
from torch import nn
from torch.func import functional_call
from torch.nn import functional as F

from physics_data.core.config import StrictModel
from physics_data.core.errors import ConfigError
from worldsim.losses import LOSSES
from worldsim.losses.loss import LossInfo, Scalar
from worldsim.losses.reconstruction import Charbonnier, Video, pixel_weight

Weight = Annotated[float, Field(ge=0)]

_OWN = ("charbonnier", "gradient", "kl", "perceptual")
"""Losses with a key of their own, in the order in which they are added."""


class LossTerm(StrictModel):
    """One further loss of the table ``LOSSES``.

    weight:  factor in the sum of losses
    """

    weight: Annotated[float, Field(gt=0)] = 1.0


class VAEObjective(StrictModel):
    """Weights of the losses of a VAE; a loss of weight 0 is not computed.

    charbonnier:          weight of the Charbonnier term
    gradient:             weight of the error of spatial gradients
    kl:                   weight of the KL divergence
    perceptual:           of oriented filter responses, see ``OrientedContrast``; frames of at least 7 px
    equivariance:         of the half-size video decoded from half-size latents: latents then scale as frames do, which
                          makes them easier to learn for a generator
    foreground_weight:    by how much more pixels of objects count than background, see ``pixel_weight``
    adversarial:          of the scores of a discriminator that is trained along, see ``adversarial``
    adversarial_start:    updates before the discriminator begins; it then takes part at once
    discriminator_width:  channels of its first layer
    auxiliary:            further losses of the table ``worldsim.losses.LOSSES``, name → ``{weight: 0.1}``
    """

    renamed_keys: ClassVar[Mapping[str, str]] = {
        "instance_gain": "foreground_weight",
        "critic_width": "discriminator_width",
    }

    charbonnier: Weight = 1.0
    gradient: Weight = 1.0
    perceptual: Weight = 0.0
    kl: Weight = 1e-6
    equivariance: Weight = 0.0
    foreground_weight: Weight = 8.0
    adversarial: Weight = 0.0
    adversarial_start: Annotated[int, Field(ge=0)] = 0
    discriminator_width: Annotated[int, Field(ge=1)] = 32
    auxiliary: dict[str, LossTerm] = {}

    @property
    def weights(self) -> dict[str, float]:
        """Name of a loss of the table → its weight, of those that are computed.

        Raises:
            ConfigError: an auxiliary loss has a key of its own.
            UnknownNameError: there is no such loss.
        """
        for name in self.auxiliary:
            if LOSSES.check(name) in _OWN:
                raise ConfigError(f"loss.auxiliary.{name}: this loss has a key of its own; write loss.{name}: WEIGHT.")
        own = {name: getattr(self, name) for name in _OWN if getattr(self, name) or name != "perceptual"}
        return {**own, **{name: term.weight for name, term in self.auxiliary.items()}}


class PatchDiscriminator(nn.Module):
    """Scores of overlapping patches, each of a few frames; it counts its updates so that it can start late.

    Source: Isola et al. (2017), Image-to-image translation with conditional adversarial networks, here in 3-D.
    """

    def __init__(self, width: int, num_layers: int = 3) -> None:
        super().__init__()
        widths = [3, *(width * 2**i for i in range(num_layers))]
        layers: list[nn.Module] = []
        for width_in, width_out in itertools.pairwise(widths):
            layers += [
                nn.Conv3d(width_in, width_out, (3, 4, 4), stride=(1, 2, 2), padding=(1, 1, 1)),
                nn.GroupNorm(min(8, width_out), width_out) if width_in != 3 else nn.Identity(),
                nn.LeakyReLU(0.2),
            ]
        self.layers = nn.Sequential(*layers, nn.Conv3d(widths[-1], 1, (3, 3, 3), padding=1))
        self.register_buffer("num_updates", torch.zeros((), dtype=torch.int64))
        self.num_updates: torch.Tensor

    def forward(self, video: Video) -> Float[torch.Tensor, "b 1 t h2 w2"]:
        """Return high scores for what looks real."""
        return self.layers(video)


def vae_objective(
    vae: Any,
    video: Float[torch.Tensor, "b 3 t h w"],
    instance_ids: UInt8[torch.Tensor, "b t h w"] | None,
    labelled: Bool[torch.Tensor, "b"],
    generator: torch.Generator,
    settings: VAEObjective,
    discriminator: PatchDiscriminator | None = None,
) -> dict[str, Float[torch.Tensor, ""]]:
    """Encode, draw latents, decode, compare: ``vae`` has the ``encode`` and ``decode`` of ``VideoVAE``.

    "loss" is what to minimise, the others are its unweighted parts. A ``discriminator`` is asked once it had
    ``adversarial_start`` updates; "discriminator", what it minimises itself, then counts with weight 1.

    Raises:
        ConfigError: an auxiliary loss needs what the training of a VAE does not have.
    """
    posterior = vae.encode(video)
    reconstruction = vae.decode(posterior.sample(generator))
    known = {
        "video": reconstruction,
        "target": video,
        "weight": pixel_weight(video, instance_ids, labelled, settings.foreground_weight),
        "mean": posterior.mean,
        "log_variance": posterior.log_variance,
    }
    weights = settings.weights
    parts = {name: _computed(name, known) for name in weights}
    if settings.equivariance:
        weights["equivariance"] = settings.equivariance
        parts["equivariance"] = _half_size_difference(vae, video, posterior.mean)
    loss = torch.stack([weights[name] * value for name, value in parts.items()]).sum()
    if discriminator is not None and int(discriminator.num_updates) >= settings.adversarial_start:
        parts["adversarial"], parts["discriminator"] = adversarial_terms(discriminator, video, reconstruction)
        loss = loss + settings.adversarial * parts["adversarial"] + parts["discriminator"]
    return {"loss": loss, **parts}


def _computed(name: str, known: Mapping[str, torch.Tensor]) -> Float[torch.Tensor, ""]:
    """Return a loss of the table."""
    kind = LOSSES.get(name)
    if lacking := [need for need in kind.info.needs if need not in known]:
        raise ConfigError(
            f"loss.auxiliary.{name} needs {', '.join(lacking)}; training of a VAE knows {', '.join(known)}."
        )
    return kind()(*(known[need] for need in kind.info.needs))


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


Scores = Float[torch.Tensor, "*s"]


class DiscriminatorHinge:
    """What the discriminator minimises: real patches should score above 1, reconstructed ones below -1."""

    info: ClassVar[LossInfo] = LossInfo(
        needs=("real_scores", "made_scores"), source="Lim and Ye (2017), Geometric GAN (hinge loss)"
    )

    def __call__(self, real_scores: Scores, made_scores: Scores) -> Scalar:
        """Return the mean over patches."""
        return 0.5 * (F.relu(1 - real_scores).mean() + F.relu(1 + made_scores).mean())


def adversarial_terms(discriminator: PatchDiscriminator, video: Video, reconstruction: Video) -> tuple[Scalar, Scalar]:
    """Return what the VAE and what the discriminator minimise; each has gradients for its own side alone.

    So both can be added and trained by one backward pass.
    """
    frozen = {name: weight.detach() for name, weight in discriminator.named_parameters()}
    fooled = -functional_call(discriminator, frozen, (reconstruction,)).mean()
    return fooled, DiscriminatorHinge()(discriminator(video), discriminator(reconstruction.detach()))
