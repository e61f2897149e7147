"""Each object keeps looking like itself, at all times of a clip, and unlike the others."""

from typing import ClassVar

from worldsim.losses.auxiliary.base import Prediction, excess, mean_where
from worldsim.losses.auxiliary.config import AuxiliaryTerm
from worldsim.losses.base import Scalar
from worldsim.probes import Probes, frozen
from worldsim.probes.objects import ObjectEncoder, things, told_apart


class IdentityConsistency:
    """Would each object of the predicted clip be taken for itself?

    An encoder that learns on true clips describes each object in each latent frame, from where the true clip shows it.
    The description must be nearer to what the same object looks like at the other times of the true clip, before and
    after it was hidden, than to any other object of the clip and of the batch, and to the background. What counts is
    by how much the prediction does worse than the true latents at the same place.
    """

    needs: ClassVar[tuple[str, ...]] = ("masks",)
    probes: ClassVar[tuple[str, ...]] = ("objects",)
    source: ClassVar[str] = (
        "van den Oord et al. (2018), Representation learning with contrastive predictive coding (InfoNCE); "
        "as a loss of a video generator: this project"
    )
    settings: ClassVar[type[AuxiliaryTerm]] = AuxiliaryTerm

    def __init__(self, term: AuxiliaryTerm) -> None:
        self.term = term

    def __call__(self, prediction: Prediction, probes: Probes) -> Scalar:
        """Return the mean over objects and latent frames in which they are seen, and at another time too."""
        if not prediction.known(self.needs).any():
            return prediction.nothing
        encoder = probes.of(ObjectEncoder)
        shares, seen = things(prediction.labels)
        true_looks = frozen(encoder, prediction.true, shares).detach()
        looks = frozen(encoder, prediction.clean, shares)
        taken, apart = told_apart(looks, true_looks, seen)
        taken_true, apart_true = told_apart(true_looks, true_looks, seen)
        wrong = excess(taken, taken_true) + excess(apart, apart_true)
        asked = seen & (seen.sum(-1) > 1)[..., None]
        trust = prediction.trust(self.term.most_noise)[:, None] * asked
        return mean_where(wrong[:, :-1], trust[:, :-1])
