"""How far a predicted v is from the true one."""

from typing import ClassVar

import torch
from jaxtyping import Float

from worldsim.losses.base import LossInfo, Scalar


class FlowMatching:
    """Mean square error of v over the latent frames that are not given."""

    info: ClassVar[LossInfo] = LossInfo(
        needs=("v_pred", "v_target", "frame_weight"),
        source="Lipman et al. (2023), Flow matching for generative modeling",
    )

    def __call__(
        self,
        v_pred: Float[torch.Tensor, "b c t h w"],
        v_target: Float[torch.Tensor, "b c t h w"],
        frame_weight: Float[torch.Tensor, "b t"],
        position_weight: Float[torch.Tensor, "b t h w"] | None = None,
    ) -> Scalar:
        """Return the mean of error times weight over the latent frames whose weight is not 0.

        ``position_weight`` says how much each position counts in the mean of a latent frame; None = all the same.
        """
        error = (v_pred - v_target).square()
        if position_weight is not None:
            error = error * position_weight[:, None]
        by_frame = error.mean(dim=(1, 3, 4))
        return (by_frame * frame_weight).sum() / (frame_weight != 0).sum()
