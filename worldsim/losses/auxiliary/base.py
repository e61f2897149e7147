"""What an auxiliary loss is: a judgement of predicted clean latents by the labels of their clips."""

from dataclasses import dataclass
from typing import Any, ClassVar, Protocol

import torch
from jaxtyping import Bool, Float
from torch.nn import functional as F

from worldsim.data.latent_labels import LatentLabels
from worldsim.losses.auxiliary.config import AuxiliaryTerm
from worldsim.losses.base import Scalar
from worldsim.probes import Probes


@dataclass(frozen=True)
class Prediction:
    """What the transformer makes of noisy clips.

    clean:   predicted clean latents, normalised, with gradients: x_t - t v_pred
    true:    the clean latents
    level:   t of each latent frame; 0 = it was given, so ``clean`` is ``true`` there and has no gradient
    labels:  of these clips, which may have none
    """

    clean: Float[torch.Tensor, "b c t h w"]
    true: Float[torch.Tensor, "b c t h w"]
    level: Float[torch.Tensor, "b t"]
    labels: LatentLabels

    def trust(self, most_noise: float) -> Float[torch.Tensor, "b t"]:
        """Return how much a latent frame counts: falls from 1 for little noise to 0 from ``most_noise`` on.

        Given frames count 0: nothing is predicted there. Losses that look at several frames at once multiply or take
        the least of ``reliability``.
        """
        return self.reliability(most_noise) * (self.level > 0)

    def reliability(self, most_noise: float) -> Float[torch.Tensor, "b t"]:
        """Return the same, where given frames count 1: they are known best of all."""
        return (1 - self.level / most_noise).clamp_min(0)

    def within(self, most_noise: float) -> "Prediction":
        """Return the clips that have a frame which counts; the others need not be read."""
        counts = self.trust(most_noise).any(1)
        if counts.all():
            return self
        kept = counts.nonzero()[:, 0]
        return Prediction(self.clean[kept], self.true[kept], self.level[kept], self.labels.at(kept))

    def known(self, groups: tuple[str, ...]) -> Bool[torch.Tensor, "b"]:
        """Return which clips have all these groups of labels."""
        if not self.labels.has(groups):
            return torch.zeros(len(self.clean), dtype=torch.bool, device=self.clean.device)
        return self.labels.known(groups)

    @property
    def nothing(self) -> Scalar:
        """An exact 0 that gives every predicted value a gradient of 0."""
        return 0.0 * self.clean.clamp(0, 0).sum()


class AuxiliaryLoss(Protocol):
    """A number that is 0 (or at its floor) for a true clip, and grows with what is wrong in a predicted one.

    needs:     groups of labels (``latent_labels.GROUPS``); clips without them do not count
    probes:    names of the probes (``probes.PROBES``) that it reads with
    source:    publication
    settings:  what its term in a config holds
    """

    needs: ClassVar[tuple[str, ...]]
    probes: ClassVar[tuple[str, ...]]
    source: ClassVar[str]
    settings: ClassVar[type[AuxiliaryTerm]]

    def __init__(self, term: Any) -> None:
        """Take the settings."""
        ...

    def __call__(self, prediction: Prediction, probes: Probes) -> Scalar:
        """Return the mean over what counts; exactly 0, with a gradient of 0, where nothing does."""
        ...


def mean_where(values: Float[torch.Tensor, "*s"], weight: Float[torch.Tensor, "*s"]) -> Scalar:
    """Return the sum of values times weights / how many weights are not 0; 0 where all are.

    Weights scale what they weigh, so a batch that is nearly all noise counts less than a clean one. Values of weight 0
    may be anything, infinite too.
    """
    counts = weight != 0
    return (torch.where(counts, values, 0.0) * weight).sum() / counts.sum().clamp_min(1)


def excess(predicted: Float[torch.Tensor, "*s"], true: Float[torch.Tensor, "*s"]) -> Float[torch.Tensor, "*s"]:
    """Return by how much a reading of the prediction is worse than the same reading of the truth; 0 where it is not.

    So what a probe cannot read in a true clip is not held against a predicted one, and the truth itself costs nothing.
    """
    return F.relu(predicted - true.detach())  # its gradient is 0 at 0, that of a clamp is not
