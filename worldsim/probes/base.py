"""What a probe is."""

from dataclasses import dataclass
from typing import ClassVar, Protocol, runtime_checkable

import torch
from jaxtyping import Float

from worldsim.data.latent_labels import LatentLabels

Latents = Float[torch.Tensor, "b c t h w"]
Shares = Float[torch.Tensor, "b n t h w"]
Scalar = Float[torch.Tensor, ""]


@dataclass(frozen=True)
class LatentSpace:
    """What probes read.

    channels:         of latents
    temporal_factor:  video frames in a latent frame, apart from the first
    token_width:      channels of the transformer's tokens
    patch_size:       latent positions along a side of a token
    """

    channels: int
    temporal_factor: int
    token_width: int
    patch_size: int


@runtime_checkable
class Learns(Protocol):
    """A probe that is trained on true latents. (One without ``loss`` is trained by the loss that reads with it.)

    needs:  groups of labels (``latent_labels.GROUPS``)
    """

    needs: ClassVar[tuple[str, ...]]

    def loss(self, latents: Latents, labels: LatentLabels) -> Scalar:
        """Return how badly it reads true latents; called where at least one clip has the labels."""
        ...
