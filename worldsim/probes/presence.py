"""Whether there is an object at a latent position, read from that position and its neighbours alone."""

from typing import ClassVar

import torch
from jaxtyping import Float
from torch import nn
from torch.nn import functional as F

from worldsim.data.latent_labels import LatentLabels
from worldsim.probes.base import Latents, LatentSpace, Scalar


class PresenceProbe(nn.Module):
    """Reads how much of each latent position shows an object.

    It sees one latent frame: what was there before does not help it, so it cannot take a thing for granted.
    """

    needs: ClassVar[tuple[str, ...]] = ("masks",)

    def __init__(self, space: LatentSpace, width: int) -> None:
        super().__init__()
        self.enter = nn.Conv3d(space.channels, 2 * width, (1, 3, 3), padding=(0, 1, 1))
        self.leave = nn.Conv3d(2 * width, 1, 1)

    def forward(self, latents: Latents) -> Float[torch.Tensor, "b t h w"]:
        """Return the logit of the share of each position that shows an object."""
        return self.leave(F.gelu(self.enter(latents)))[:, 0]

    def loss(self, latents: Latents, labels: LatentLabels) -> Scalar:
        """Return the cross entropy of the shares; positions with and without objects count the same."""
        share = object_share(labels)
        wrong = F.binary_cross_entropy_with_logits(self(latents), share, reduction="none")
        known = labels.known(("masks",))[:, None, None, None]
        here, elsewhere = share * known, (1 - share) * known
        halves = [(wrong * part).sum() / part.sum().clamp_min(1.0) for part in (here, elsewhere)]
        return 0.5 * (halves[0] + halves[1])


def object_share(labels: LatentLabels) -> Float[torch.Tensor, "b t h w"]:
    """Return how much of each latent position shows any object."""
    return labels["seen_share"].sum(1).clamp(0, 1)
