"""Losses of single objects: each stays itself, is there where it should be, and keeps colour, shape and size."""

from typing import ClassVar

import torch
from jaxtyping import Float
from torch.nn import functional as F

from worldsim.losses.auxiliary.auxiliary_loss import AuxiliaryTerm, Prediction, excess, mean_where
from worldsim.losses.loss import Scalar
from worldsim.probes import Probes, frozen
from worldsim.probes.object_probes import (
    LEAST_SHARE,
    AttributeReader,
    ObjectEncoder,
    PresenceProbe,
    misread,
    object_share,
    objects_seen,
    things,
    told_apart,
)


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
        trust = prediction.trust(self.term.max_noise)[:, None] * asked
        return mean_where(wrong[:, :-1], trust[:, :-1])


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
        prediction = prediction.within(self.term.max_noise)
        known = prediction.known(self.needs)
        if not known.any():
            return prediction.nothing
        probe, labels = probes.of(PresenceProbe), prediction.labels
        share = object_share(labels)
        true_logit = frozen(probe, prediction.true).detach()
        logit = frozen(probe, prediction.clean)
        missing = excess(F.softplus(-logit), F.softplus(-true_logit))
        extra = excess(F.softplus(logit), F.softplus(true_logit))
        trust = prediction.trust(self.term.max_noise) * known[:, None]
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


class AttributeConsistency:
    """Is each object of the predicted clip still read as what it is?

    Heads that learn on true clips, with the labels of the scene, read colour, shape and size of each object in each
    latent frame. What counts is by how much they read the prediction worse than the true latents at the same place:
    the readable companion of ``identity``, which knows no names.
    """

    needs: ClassVar[tuple[str, ...]] = ("masks", "looks")
    probes: ClassVar[tuple[str, ...]] = ("attributes",)
    source: ClassVar[str] = "this project"
    settings: ClassVar[type[AuxiliaryTerm]] = AuxiliaryTerm

    def __init__(self, term: AuxiliaryTerm) -> None:
        self.term = term

    def __call__(self, prediction: Prediction, probes: Probes) -> Scalar:
        """Return the mean over objects and latent frames in which they are seen."""
        prediction = prediction.within(self.term.max_noise)
        if not prediction.known(self.needs).any():
            return prediction.nothing
        reader, labels = probes.of(AttributeReader), prediction.labels
        true, predicted = (frozen(reader, x, labels["seen_share"]) for x in (prediction.true, prediction.clean))
        wrong = excess(misread(predicted, labels), misread(true, labels))
        return mean_where(wrong, prediction.trust(self.term.max_noise)[:, None] * objects_seen(labels))
