"""A discriminator of patches of videos and reconstructions, and what both sides of it minimise."""

import itertools
from typing import ClassVar

import torch
from jaxtyping import Float
from torch import nn
from torch.func import functional_call
from torch.nn import functional as F

from worldsim.losses.loss import LossInfo, Scalar
from worldsim.losses.reconstruction import Video

Scores = Float[torch.Tensor, "*s"]


class DiscriminatorHinge:
    """What the discriminator minimises: real patches should score above 1, reconstructed ones below -1."""

    info: ClassVar[LossInfo] = LossInfo(
        needs=("real_scores", "made_scores"), source="Lim and Ye (2017), Geometric GAN (hinge loss)"
    )

    def __call__(self, real_scores: Scores, made_scores: Scores) -> Scalar:
        """Return the mean over patches."""
        return 0.5 * (F.relu(1 - real_scores).mean() + F.relu(1 + made_scores).mean())


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


def adversarial_terms(discriminator: PatchDiscriminator, video: Video, reconstruction: Video) -> tuple[Scalar, Scalar]:
    """Return what the VAE and what the discriminator minimise; each has gradients for its own side alone.

    So both can be added and trained by one backward pass.
    """
    frozen = {name: weight.detach() for name, weight in discriminator.named_parameters()}
    fooled = -functional_call(discriminator, frozen, (reconstruction,)).mean()
    return fooled, DiscriminatorHinge()(discriminator(video), discriminator(reconstruction.detach()))
