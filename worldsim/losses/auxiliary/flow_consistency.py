"""What moves looks the same where it has moved to."""

from typing import ClassVar

import torch
from jaxtyping import Float
from torch.nn import functional as F

from worldsim.losses.auxiliary.base import Prediction, excess, mean_where
from worldsim.losses.auxiliary.config import AuxiliaryTerm
from worldsim.losses.base import Scalar
from worldsim.probes import Probes

_MOVES = 0.1
"""What moves by this many latent positions from one latent frame to the next counts as moving."""

Latents = Float[torch.Tensor, "b c t h w"]


class FlowConsistency:
    """Does each predicted latent frame follow from the one before along the engine's motion field?

    Every latent position whose surface is seen in both frames, and moves as one, is looked up in the next frame where
    the motion carries it. The two must differ by no more than they do in the true latents: a latent frame holds several
    video frames and changes even where a thing just moves.
    """

    needs: ClassVar[tuple[str, ...]] = ("motion",)
    probes: ClassVar[tuple[str, ...]] = ()
    source: ClassVar[str] = (
        "Lai et al. (2018), Learning blind video temporal consistency (warping error); here against the truth's own "
        "error and along a motion field that is known exactly"
    )
    settings: ClassVar[type[AuxiliaryTerm]] = AuxiliaryTerm

    def __init__(self, term: AuxiliaryTerm) -> None:
        self.term = term

    def __call__(self, prediction: Prediction, probes: Probes) -> Scalar:
        """Return half the mean over what moves plus half the mean over what stands, of what is seen twice.

        A pair of frames counts as its noisier one does.
        """
        known = prediction.known(self.needs)
        if not known.any():
            return prediction.nothing
        motion, seen = prediction.labels["motion"], prediction.labels["motion_seen"]
        wrong = excess(carried_error(prediction.clean, motion), carried_error(prediction.true, motion))
        reliable, predicted = prediction.reliability(self.term.most_noise), prediction.level > 0
        weight = torch.minimum(reliable[:, 1:], reliable[:, :-1]) * (predicted[:, 1:] | predicted[:, :-1])
        weight = (weight * known[:, None])[..., None, None] * seen
        moves = motion.square().sum(-1) >= _MOVES**2
        return 0.5 * (mean_where(wrong, weight * moves) + mean_where(wrong, weight * ~moves))


def carried_error(latents: Latents, motion: Float[torch.Tensor, "b q h w 2"]) -> Float[torch.Tensor, "b q h w"]:
    """Return the mean square over channels of next frame, where the motion leads, minus this frame.

    Between latent positions values are interpolated linearly; beyond the border they are those of the border.

    Args:
        latents: q + 1 frames
        motion: in latent positions, (x, y)
    """
    batch, _, _, height, width = latents.shape
    rows, columns = (torch.arange(size, device=latents.device, dtype=latents.dtype) for size in (height, width))
    here = torch.stack(torch.meshgrid(columns, rows, indexing="xy"), -1)
    size = torch.tensor([width, height], device=latents.device, dtype=latents.dtype)
    grid = (2 * (here + motion.to(latents.dtype)) + 1) / size - 1
    following = latents[:, :, 1:].movedim(2, 1).flatten(0, 1)
    moved = F.grid_sample(following, grid.flatten(0, 1), padding_mode="border", align_corners=False)
    return (moved.unflatten(0, (batch, -1)) - latents[:, :, :-1].movedim(2, 1)).square().mean(2)
