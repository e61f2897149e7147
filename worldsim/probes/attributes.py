"""What colour, shape and size an object has, read from its latents: a check of identity that a person can read."""

from dataclasses import dataclass
from typing import ClassVar

import torch
from jaxtyping import Bool, Float
from torch import nn
from torch.nn import functional as F

from worldsim.data.latent_labels import LatentLabels
from worldsim.data.object_states import COLOR_CLASSES, SHAPE_CLASSES
from worldsim.probes.objects import pooled, things
from worldsim.probes.probes import Latents, LatentSpace, Scalar, Shares

SIZE_UNIT = 0.2
"""Difference of the logarithm of sizes that counts as an error of 1."""


@dataclass(frozen=True)
class Attributes:
    """What is read of each object in each latent frame; ``size`` is the log of the radius (m) of a ball around it."""

    color_logits: Float[torch.Tensor, "b n t c"]
    shape_logits: Float[torch.Tensor, "b n t s"]
    size: Float[torch.Tensor, "b n t"]


class AttributeReader(nn.Module):
    """Reads colour, shape and size of each object in each latent frame from the positions that show it."""

    needs: ClassVar[tuple[str, ...]] = ("masks", "looks")

    def __init__(self, space: LatentSpace, width: int) -> None:
        super().__init__()
        self.enter = nn.Conv3d(space.channels, 2 * width, (1, 3, 3), padding=(0, 1, 1))
        self.leave = nn.Conv3d(2 * width, width, 1)
        self.read = nn.Linear(width, len(COLOR_CLASSES) + len(SHAPE_CLASSES) + 1)

    def forward(self, latents: Latents, shares: Shares) -> Attributes:
        """Read each object; ``shares`` says which positions show it."""
        features = F.gelu(self.leave(F.gelu(self.enter(latents))))
        color, shape, size = self.read(pooled(features, shares)).split([len(COLOR_CLASSES), len(SHAPE_CLASSES), 1], -1)
        return Attributes(color, shape, size[..., 0])

    def loss(self, latents: Latents, labels: LatentLabels) -> Scalar:
        """Return the mean error of the three readings in true latents."""
        seen = objects_seen(labels)
        wrong = misread(self(latents, labels["seen_share"]), labels)
        return wrong[seen].mean() if seen.any() else wrong.sum() * 0.0


def objects_seen(labels: LatentLabels) -> Bool[torch.Tensor, "b n t"]:
    """Return in which latent frames enough of an object with known looks is seen."""
    return things(labels)[1][:, :-1] & labels.known(("masks", "looks"))[:, None, None]


def misread(read: Attributes, labels: LatentLabels) -> Float[torch.Tensor, "b n t"]:
    """Return cross entropies of colour and shape plus the error of the size, averaged."""
    frames = read.size.shape[2]

    def cross_entropy(logits: torch.Tensor, name: str) -> torch.Tensor:
        return F.cross_entropy(logits.movedim(-1, 1), labels[name][..., None].expand(-1, -1, frames), reduction="none")

    size = F.smooth_l1_loss(
        read.size / SIZE_UNIT, (labels["size"][..., None] / SIZE_UNIT).expand_as(read.size), reduction="none"
    )
    return (cross_entropy(read.color_logits, "color") + cross_entropy(read.shape_logits, "shape") + size) / 3


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
