"""Objects are there where the true clip shows them, and nowhere else."""

from typing import ClassVar

import torch
from jaxtyping import Float
from torch.nn import functional as F

from worldsim.losses.auxiliary.base import Prediction, excess, mean_where
from worldsim.losses.auxiliary.config import AuxiliaryTerm
from worldsim.losses.base import Scalar
from worldsim.probes import Probes, frozen
from worldsim.probes.attributes import PresenceProbe, object_share
from worldsim.probes.objects import LEAST_SHARE

_SMALL = 0.1
"""Births that sum up to less than this over a latent frame fade away."""


class ObjectPermanence:
    """No object vanishes, none is born, and what comes out of hiding is the whole thing.

    A probe that learns on true clips reads from each latent position how much of it shows an object. Two halves count
    the same. Deaths: each object, however small, in each latent frame in which the true clip shows any of it, is asked
    for where it is. Births: what shows no object in the true clip must show none. What counts is by how much the
    prediction does worse than the true latents at the same place.
    """

    needs: ClassVar[tuple[str, ...]] = ("masks",)
    probes: ClassVar[tuple[str, ...]] = ("presence",)
    source: ClassVar[str] = (
        "Piloto et al. (2022), Intuitive physics learning in a deep-learning model inspired by developmental "
        "psychology, which tests what this asks for; as a loss of a video generator: this project"
    )
    settings: ClassVar[type[AuxiliaryTerm]] = AuxiliaryTerm

    def __init__(self, term: AuxiliaryTerm) -> None:
        self.term = term

    def __call__(self, prediction: Prediction, probes: Probes) -> Scalar:
        """Return half the mean over objects and their latent frames plus half the mean over the empty rest."""
        prediction = prediction.within(self.term.most_noise)
        known = prediction.known(self.needs)
        if not known.any():
            return prediction.nothing
        probe, labels = probes.of(PresenceProbe), prediction.labels
        share = object_share(labels)
        true_logit = frozen(probe, prediction.true).detach()
        logit = frozen(probe, prediction.clean)
        missing = excess(F.softplus(-logit), F.softplus(-true_logit))
        extra = excess(F.softplus(logit), F.softplus(true_logit))
        trust = prediction.trust(self.term.most_noise) * known[:, None]
        area = labels["seen_share"].sum((3, 4))
        deaths = _where(missing[:, None].expand_as(labels["seen_share"]), labels["seen_share"])
        births = _peak(extra, 1 - share)
        return 0.5 * (mean_where(deaths, trust[:, None] * (area >= LEAST_SHARE)) + mean_where(births, trust))


def _where(wrong: Float[torch.Tensor, "*s h w"], share: Float[torch.Tensor, "*s h w"]) -> Float[torch.Tensor, "*s"]:
    """Return means over latent positions, weighted by shares."""
    return (wrong * share).sum((-2, -1)) / share.sum((-2, -1)).clamp_min(1e-6)


def _peak(wrong: Float[torch.Tensor, "*s h w"], share: Float[torch.Tensor, "*s h w"]) -> Float[torch.Tensor, "*s"]:
    """Return means over latent positions, weighted by shares and by the values themselves.

    A thing that is born somewhere in a large empty picture then counts as in a small one.
    """
    return (wrong.square() * share).sum((-2, -1)) / ((wrong * share).sum((-2, -1)) + _SMALL)
