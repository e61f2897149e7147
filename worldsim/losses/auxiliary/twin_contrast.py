"""What can happen is easier to denoise than what cannot."""

from pathlib import Path
from typing import Annotated, Any, ClassVar

import torch
from pydantic import Field
from torch.nn import functional as F

from worldsim.diffusion import interpolate, sample_t, v_target
from worldsim.losses.auxiliary.base import Prediction
from worldsim.losses.auxiliary.config import AuxiliaryTerm
from worldsim.losses.auxiliary.mix import Twins
from worldsim.losses.base import Scalar
from worldsim.probes import Probes


class TwinContrastTerm(AuxiliaryTerm):
    """Settings of ``twin_contrast``.

    twins:           data set with impossible twins, made by ``python -m physics_data build`` with ``twins``
    pairs_per_step:  pairs of clips that a step looks at; each costs two more clips
    margin:          by which share of its own error the possible clip must be ahead where the two differ
    """

    twins: Path
    pairs_per_step: Annotated[int, Field(ge=1)] = 1
    margin: Annotated[float, Field(ge=0)] = 0.1


class TwinContrast:
    """Does the transformer find a possible clip more likely than its impossible twin?

    Both get the same noise, at the same level, and the same words. The errors of the predicted v are compared where the
    two clips differ, and a hinge asks that the impossible one's be larger by a margin. The error of the impossible clip
    enters as a share of that of the possible one, so that neither is made worse to widen a gap that is already there.
    """

    needs: ClassVar[tuple[str, ...]] = ()
    probes: ClassVar[tuple[str, ...]] = ()
    source: ClassVar[str] = (
        "Yuan et al. (2025), LikePhys, which ranks clips by the denoising loss; as a training loss, after Wallace et "
        "al. (2024), Diffusion model alignment using direct preference optimization: this project"
    )
    settings: ClassVar[type[AuxiliaryTerm]] = TwinContrastTerm

    def __init__(self, term: TwinContrastTerm) -> None:
        self.term = term

    def __call__(self, prediction: Prediction, probes: Probes) -> Scalar:
        """Return nothing: predictions are not what is compared."""
        return prediction.nothing

    def contrast(self, dit: Any, twins: Twins, generator: torch.Generator, settings: Any) -> Scalar:
        """Return the mean hinge over pairs; pairs that do not differ on the latent grid count 0."""
        count, _, frames = twins.possible.shape[:3]
        device = twins.possible.device
        t = sample_t(count, settings.time, generator, device)[:, None].expand(-1, frames)
        options: Any = {"generator": generator, "device": device, "dtype": twins.possible.dtype}
        noise = torch.randn(twins.possible.shape, **options)
        clips = torch.cat([twins.possible, twins.impossible])
        noises, levels = noise.repeat(2, 1, 1, 1, 1), t.repeat(2, 1)
        v_pred = dit(
            interpolate(clips, noises, levels), levels, *(x.repeat(2, *[1] * (x.ndim - 1)) for x in twins.conditions)
        )
        wrong = (v_pred - v_target(clips, noises)).square().mean(1)
        differs = ((twins.possible - twins.impossible).abs().amax(1) > 0).to(wrong.dtype)
        area = differs.sum((1, 2, 3))
        can, cannot = (wrong * differs.repeat(2, 1, 1, 1)).sum((1, 2, 3)).div(area.repeat(2).clamp_min(1)).chunk(2)
        behind = F.relu(self.term.margin + 1 - cannot / can.clamp_min(1e-6))
        return (behind * (area > 0)).mean()
