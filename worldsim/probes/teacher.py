"""What a transformer's tokens should know: maps made of the engine's states, and the head that reads tokens."""

from typing import ClassVar

import torch
from jaxtyping import Float
from torch import nn

from worldsim.data.latent_labels import LatentLabels
from worldsim.probes.probes import LatentSpace

TEACHER_CHANNELS = ("seen", "hidden", "velocity_x", "velocity_y", "velocity_z", "touching", "nearness")
"""Maps on the latent grid.

    seen:        share of the position that shows an object
    hidden:      share in which an object is that something covers: hidden is not gone
    velocity_*:  of the objects there, seen or hidden, axes of the camera, 1 = 2 m/s
    touching:    share of the objects there that touch something
    nearness:    1 / depth, 1 = 0.2 / m
"""


class TokenProjector(nn.Module):
    """Reads the maps of the teacher from tokens of a block.

    It has no loss of its own: ``losses.auxiliary.alignment`` trains it together with the transformer.

    Source: Yu et al. (2025), Representation alignment for generation (REPA), with an engine's states as the teacher.
    """

    needs: ClassVar[tuple[str, ...]] = ("masks", "amodal", "states", "depth")

    def __init__(self, space: LatentSpace, width: int) -> None:
        super().__init__()
        token_width, self.temporal_factor = space.token_width, space.temporal_factor
        self.layers = nn.Sequential(
            nn.LayerNorm(token_width),
            nn.Linear(token_width, 4 * width),
            nn.GELU(),
            nn.Linear(4 * width, len(TEACHER_CHANNELS)),
        )

    def forward(self, tokens: Float[torch.Tensor, "b t h w d"]) -> Float[torch.Tensor, "b m t h w"]:
        """Return one map for each channel of the teacher."""
        return self.layers(tokens).movedim(-1, 1)


def teacher_maps(labels: LatentLabels, size: int, temporal_factor: int) -> Float[torch.Tensor, "b m t h w"]:
    """Return the maps on a grid that is ``size`` times coarser than that of the latents."""
    seen, covered = labels["seen_share"], labels["covered_share"]
    rotation = labels["world_from_camera"][..., :3, :3]
    velocity = torch.einsum("bfij,bnfi->bnfj", rotation, labels["velocity"])[:, :, ::temporal_factor]
    there = covered.sum(1).clamp_min(1e-3)
    moving = torch.einsum("bnthw,bntj->bjthw", covered, velocity) / (2.0 * there[:, None])
    touching = torch.einsum("bnthw,bnt->bthw", covered, labels["touching"][:, :, ::temporal_factor].float()) / there
    hidden = (covered - seen).clamp_min(0).sum(1).clamp_max(1)
    nearness = labels["nearness"] / 0.2
    maps = torch.cat([seen.sum(1)[:, None], hidden[:, None], moving, touching[:, None], nearness[:, None]], 1)
    return maps.unflatten(4, (-1, size)).unflatten(3, (-1, size)).mean((4, 6))
