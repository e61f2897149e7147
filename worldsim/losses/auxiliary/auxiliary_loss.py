"""The interface of auxiliary losses: settings, predicted clips, and what they share."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Protocol

import torch
from jaxtyping import Bool, Float
from pydantic import BeforeValidator, Field, SerializeAsAny
from torch.nn import functional as F

from physics_data.core.config import StrictModel
from worldsim.data.latent_labels import LatentLabels
from worldsim.losses.loss import Scalar
from worldsim.probes import Probes


class AuxiliaryTerm(StrictModel):
    """One auxiliary loss of a run. Losses with settings of their own extend it.

    weight:       factor; with ``by_gradient`` the length of the loss's gradient / that of the denoising loss's, both
                  with respect to the predicted v
    start:        first step at which it counts
    ramp:         steps over which the weight then grows linearly from 0; 0 = at once
    max_noise:   t from which on a predicted clean latent means nothing; a latent frame counts 1 - t / max_noise
    by_gradient:  balance by the length of gradients
    """

    renamed_keys: ClassVar[Mapping[str, str]] = {"most_noise": "max_noise"}

    weight: Annotated[float, Field(gt=0)] = 0.1
    start: Annotated[int, Field(ge=0)] = 0
    ramp: Annotated[int, Field(ge=0)] = 100
    max_noise: Annotated[float, Field(gt=0, le=1)] = 0.6
    by_gradient: bool = False

    def share(self, step: int) -> float:
        """Return the share of the weight that counts at a step, 0 to 1."""
        if step < self.start:
            return 0.0
        return min((step - self.start + 1) / self.ramp, 1.0) if self.ramp else 1.0


def _by_name(raw: Any) -> Any:
    """Read each term with the settings of its loss; imports the losses that are named and no others."""
    if not isinstance(raw, Mapping):
        return raw
    from worldsim.losses.auxiliary import AUXILIARY  # the table needs the class above

    return {name: AUXILIARY.get(name).settings.model_validate(value or {}) for name, value in raw.items()}


AuxiliaryTerms = Annotated[dict[str, SerializeAsAny[AuxiliaryTerm]], BeforeValidator(_by_name)]
"""Name of an auxiliary loss → its settings. Names are those of ``AUXILIARY``."""


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

    def trust(self, max_noise: float) -> Float[torch.Tensor, "b t"]:
        """Return how much a latent frame counts: falls from 1 for little noise to 0 from ``max_noise`` on.

        Given frames count 0: nothing is predicted there. Losses that look at several frames at once multiply or take
        the least of ``reliability``.
        """
        return self.reliability(max_noise) * (self.level > 0)

    def reliability(self, max_noise: float) -> Float[torch.Tensor, "b t"]:
        """Return the same, where given frames count 1: they are known best of all."""
        return (1 - self.level / max_noise).clamp_min(0)

    def within(self, max_noise: float) -> "Prediction":
        """Return the clips that have a frame which counts; the others need not be read."""
        counts = self.trust(max_noise).any(1)
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
