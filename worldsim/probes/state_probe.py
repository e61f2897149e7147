"""Where objects are in latents, how they move, and whether they are there at all."""

import math
from dataclasses import dataclass
from typing import ClassVar

import torch
from jaxtyping import Bool, Float, Shaped
from torch import nn
from torch.nn import functional as F

from worldsim.data.latent_labels import LatentLabels
from worldsim.probes.object_probes import pooled
from worldsim.probes.probes import Latents, LatentSpace, Scalar, Shares

STATE_UNITS = (0.05, 0.05, 0.1, 1.0, 1.0, 1.0)
"""What counts as an error of 1: place across and down (shares of the picture), log of the distance, velocity (m/s)."""

LEAST_IN_SIGHT = 0.2
"""An object's state is read where this share of it is in sight."""

_WAVES = (1.0, 2.0, 4.0)


@dataclass(frozen=True)
class Readings:
    """What a ``StateProbe`` reads. Axes: n objects, f video frames.

    states:          place across and down (shares of the picture), log of the distance (m), velocity (m/s, axes of the
                     camera)
    touching_logit:  of having touched anything since the frame before
    """

    states: Float[torch.Tensor, "b n f 6"]
    touching_logit: Float[torch.Tensor, "b n f"]


class StateProbe(nn.Module):
    """Finds each object by what it looks like in the true clip, and reads its state where it is found.

    An object is asked for by its mean look in the true latents and by where it is first seen, so look-alikes can be
    told apart at the start. For each video frame it attends over the positions of the latent frame, and the mean of
    the places so weighted, and a correction, is where it is.

    Source: reading states from features with small heads follows Alain and Bengio (2017), Understanding intermediate
    layers using linear classifier probes; attention as a place follows Levine et al. (2016), End-to-end training of
    deep visuomotor policies (spatial soft-argmax).
    """

    needs: ClassVar[tuple[str, ...]] = ("masks", "states")

    def __init__(self, space: LatentSpace, width: int) -> None:
        super().__init__()
        channels, temporal_factor = space.channels, space.temporal_factor
        self.temporal_factor = temporal_factor
        self.proj_in = nn.Conv3d(channels + 2, width, 1)
        self.mix = nn.ModuleList(_Mix(width) for _ in range(2))
        self.look = nn.Sequential(nn.Conv3d(channels, width, 1), nn.GELU(), nn.Conv3d(width, width, 1))
        self.ask = nn.Linear(width + 4 * len(_WAVES), width)
        self.moment = nn.Parameter(0.1 * torch.randn(temporal_factor, width))
        self.key, self.value = nn.Conv3d(width, width, 1), nn.Conv3d(width, width, 1)
        self.sharpness = nn.Parameter(torch.tensor(2.0))
        self.read = nn.Sequential(nn.Linear(2 * width + 2, 2 * width), nn.GELU(), nn.Linear(2 * width, 7))

    def forward(self, latents: Latents, true_latents: Latents, shares: Shares) -> Readings:
        """Read latents.

        Args:
            latents: what is read
            true_latents: the latents of the true clip, which show what each object looks like
            shares: shares of their positions that show each object
        """
        places = _places(latents).movedim(-1, 0)[None, :, None]
        x = self.proj_in(torch.cat([latents, places.expand(len(latents), -1, *latents.shape[2:])], 1))
        for mix in self.mix:
            x = mix(x)
        asked = self._asked(true_latents, shares)
        keys, values = (layer(x).flatten(3) for layer in (self.key, self.value))
        scores = torch.einsum("bnkd,bdts->bntks", F.normalize(asked, dim=-1), F.normalize(keys, dim=1))
        scores = scores * self.sharpness.exp()
        attention = scores.softmax(-1)
        found_at = attention @ _places(latents).flatten(0, 1)
        found = torch.einsum("bntks,bdts->bntkd", attention, values)
        about = asked[:, :, None].expand_as(found)
        out = self.read(torch.cat([found, about, found_at], -1))
        place = found_at + 0.1 * out[..., :2]
        return Readings(
            states=self._by_frame(torch.cat([place, out[..., 2:6]], -1)),
            touching_logit=self._by_frame(out[..., 6]),
        )

    def loss(self, latents: Latents, labels: LatentLabels) -> Scalar:
        """Return how far readings of true latents are from the engine's states, in units of ``STATE_UNITS``."""
        wrong, asked = misread(self(latents, latents, labels["seen_share"]), labels), readable(labels)
        return wrong[asked].mean() if asked.any() else 0.0 * latents.sum()

    def _asked(self, true_latents: Latents, shares: Shares) -> Float[torch.Tensor, "b n k d"]:
        """Return what each object is asked for with, for each video frame of a latent frame."""
        area = shares.sum((3, 4))
        looks = torch.einsum("bntd,bnt->bnd", pooled(self.look(true_latents), shares), area)
        looks = looks / area.sum(-1, keepdim=True).clamp_min(1e-6)
        first = (area > 0).float().argmax(-1)
        share = shares[torch.arange(len(shares))[:, None], torch.arange(shares.shape[1])[None], first]
        area = share.sum((2, 3))[..., None].clamp_min(1e-6)
        place = torch.einsum("bnhw,hwc->bnc", share, _places(true_latents)) / area
        turns = torch.cat([math.pi * frequency * place for frequency in _WAVES], -1)
        return self.ask(torch.cat([looks, turns.sin(), turns.cos()], -1))[:, :, None] + self.moment

    def _by_frame(self, values: Float[torch.Tensor, "b n t k *rest"]) -> Float[torch.Tensor, "b n f *rest"]:
        """Return values of video frames; the first latent frame holds one, its last."""
        return values.flatten(2, 3)[:, :, self.temporal_factor - 1 :]


def engine_states(labels: LatentLabels) -> Float[torch.Tensor, "b n f 6"]:
    """Return what ``Readings.states`` should be."""
    rotation = labels["world_from_camera"][..., :3, :3]
    velocity = torch.einsum("bfij,bnfi->bnfj", rotation, labels["velocity"])
    distance = labels["distance"].clamp_min(1e-2).log()
    return torch.cat([labels["place"], distance[..., None], velocity], -1)


def readable(labels: LatentLabels) -> Bool[torch.Tensor, "b n f"]:
    """Return in which video frames an object with known states can be seen."""
    there = labels["exists"] & (labels["in_sight"] >= LEAST_IN_SIGHT) & (labels["distance"] > 0)
    return there & labels["counted"][..., None] & labels.known(("masks", "states"))[:, None, None]


def misread(read: Readings, labels: LatentLabels) -> Float[torch.Tensor, "b n f"]:
    """Return the mean Huber distance of the states in units of ``STATE_UNITS``, plus the cross entropy of contact."""
    units = torch.tensor(STATE_UNITS, device=read.states.device)
    far = F.smooth_l1_loss(read.states / units, engine_states(labels) / units, reduction="none").mean(-1)
    touching = labels["touching"].to(read.states.dtype)
    return far + F.binary_cross_entropy_with_logits(read.touching_logit, touching, reduction="none")


def by_video_frame(values: Shaped[torch.Tensor, "*s t"], temporal_factor: int) -> Shaped[torch.Tensor, "*s f"]:
    """Return values of latent frames for each of their video frames; the first latent frame holds one."""
    return values.repeat_interleave(temporal_factor, -1)[..., temporal_factor - 1 :]


class _Mix(nn.Module):
    """A residual block: each channel over space and time, then all channels at each position."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.spread = nn.Conv3d(width, width, 3, padding=1, groups=width)
        self.widen, self.narrow = nn.Conv3d(width, 2 * width, 1), nn.Conv3d(2 * width, width, 1)

    def forward(self, x: Float[torch.Tensor, "b d t h w"]) -> Float[torch.Tensor, "b d t h w"]:
        y = self.spread(x)
        y = y * (y.square().mean(1, keepdim=True) + 1e-6).rsqrt()
        return x + self.narrow(F.gelu(self.widen(y)))


def _places(latents: Latents) -> Float[torch.Tensor, "h w 2"]:
    """Return the middle of each latent position, (x, y) in shares of the picture."""
    height, width = latents.shape[3:]
    rows = (torch.arange(height, device=latents.device, dtype=latents.dtype) + 0.5) / height
    columns = (torch.arange(width, device=latents.device, dtype=latents.dtype) + 0.5) / width
    return torch.stack(torch.meshgrid(columns, rows, indexing="xy"), -1)
