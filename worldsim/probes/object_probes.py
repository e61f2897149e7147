"""Probes of single objects: which one it is, what it looks like, and whether any is there."""

from dataclasses import dataclass
from typing import ClassVar

import torch
from jaxtyping import Bool, Float
from torch import nn
from torch.nn import functional as F

from worldsim.data.latent_labels import LatentLabels
from worldsim.data.object_states import COLOR_CLASSES, SHAPE_CLASSES
from worldsim.probes.probes import Latents, LatentSpace, Scalar, Shares

TEMPERATURE = 0.1
"""Cosines differ by this where one object is e times as likely as another."""

LEAST_SHARE = 0.3
"""An object is looked at in latent frames where it fills this share of a latent position, summed over all."""

Looks = Float[torch.Tensor, "b m t d"]


class ObjectEncoder(nn.Module):
    """Unit vectors at each latent position; those of one object should agree, those of two differ.

    It sees a latent position and its neighbours in one latent frame, and is not told where or when that is: an object
    can be recognised by its looks alone.

    Source: van den Oord et al. (2018), Representation learning with contrastive predictive coding (InfoNCE), with
    same object at another time as the positive.
    """

    needs: ClassVar[tuple[str, ...]] = ("masks",)

    def __init__(self, space: LatentSpace, width: int) -> None:
        super().__init__()
        self.proj_in = nn.Conv3d(space.channels, 2 * width, (1, 3, 3), padding=(0, 1, 1))
        self.proj_out = nn.Conv3d(2 * width, width, 1)

    def forward(self, latents: Latents, shares: Shares) -> Float[torch.Tensor, "b n t d"]:
        """Return one unit vector for each object in each latent frame, pooled by the shares of positions."""
        return F.normalize(pooled(self.proj_out(F.gelu(self.proj_in(latents))), shares), dim=-1, eps=1e-6)

    def loss(self, latents: Latents, labels: LatentLabels) -> Scalar:
        """Return how badly objects are told apart in true latents."""
        shares, seen = things(labels)
        looks = self(latents, shares)
        return told_apart(looks, looks, seen)[0][seen].mean() if seen.any() else looks.sum() * 0.0


def pooled(features: Float[torch.Tensor, "b d t h w"], shares: Shares) -> Float[torch.Tensor, "b n t d"]:
    """Return means of features over latent positions, weighted by the shares of each object; 0 where it has none."""
    total = shares.sum((3, 4))[..., None]
    return torch.einsum("bdthw,bnthw->bntd", features, shares) / total.clamp_min(1e-6)


def things(labels: LatentLabels) -> tuple[Float[torch.Tensor, "b m t h w"], Bool[torch.Tensor, "b m t"]]:
    """Return shares of the objects of each clip and, last, of what is no object; and in which frames each is seen.

    The background is something to be told from: where an object vanishes, it is what is left.
    """
    objects = labels["seen_share"]
    rest = (1 - objects.sum(1, keepdim=True)).clamp(0, 1)
    shares = torch.cat([objects, rest], 1)
    return shares, (shares.sum((3, 4)) >= LEAST_SHARE) & labels.known(("masks",))[:, None, None]


def told_apart(
    looks: Looks, true_looks: Looks, seen: Bool[torch.Tensor, "b m t"]
) -> tuple[Float[torch.Tensor, "b m t"], Float[torch.Tensor, "b m t"]]:
    """Compare the looks of each thing in each frame with what things look like at other times of the true clips.

    Each thing of the batch stands for what it looks like on average in its true clip; for the thing itself the frame
    that is asked about is left out, so that what hides and comes back must look as before.

    Returns:
        -log of the probability of taking it for itself; and its distance from itself, 1 - cosine. Both are 0 where it
        is not seen, or seen at no other time.
    """
    count = seen.sum(-1)
    total = torch.einsum("bmtd,bmt->bmd", true_looks, seen.to(looks.dtype))
    others = F.normalize(total[:, :, None] - true_looks * seen[..., None], dim=-1, eps=1e-6)
    cosine = torch.einsum("bmtd,bmtd->bmt", looks, others)
    flat = F.normalize(total.flatten(0, 1), dim=-1, eps=1e-6)
    against = torch.einsum("bmtd,kd->bmtk", looks, flat) / TEMPERATURE
    number = torch.arange(len(flat), device=looks.device).view(count.shape)
    usable = (count.flatten() > 0) & (number[..., None] != number.flatten())[:, :, None]
    own = cosine / TEMPERATURE
    logits = torch.cat([own[..., None], against.masked_fill(~usable, -torch.inf)], -1)
    asked = seen & (count > 1)[..., None]
    return torch.where(asked, logits.logsumexp(-1) - own, 0.0), torch.where(asked, 1 - cosine, 0.0)


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
        self.proj_in = nn.Conv3d(space.channels, 2 * width, (1, 3, 3), padding=(0, 1, 1))
        self.proj_out = nn.Conv3d(2 * width, width, 1)
        self.read = nn.Linear(width, len(COLOR_CLASSES) + len(SHAPE_CLASSES) + 1)

    def forward(self, latents: Latents, shares: Shares) -> Attributes:
        """Read each object; ``shares`` says which positions show it."""
        features = F.gelu(self.proj_out(F.gelu(self.proj_in(latents))))
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
        self.proj_in = nn.Conv3d(space.channels, 2 * width, (1, 3, 3), padding=(0, 1, 1))
        self.proj_out = nn.Conv3d(2 * width, 1, 1)

    def forward(self, latents: Latents) -> Float[torch.Tensor, "b t h w"]:
        """Return the logit of the share of each position that shows an object."""
        return self.proj_out(F.gelu(self.proj_in(latents)))[:, 0]

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
