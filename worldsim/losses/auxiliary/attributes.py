"""Each object keeps its colour, its shape and its size."""

from typing import ClassVar

from worldsim.losses.auxiliary.base import Prediction, excess, mean_where
from worldsim.losses.auxiliary.config import AuxiliaryTerm
from worldsim.losses.base import Scalar
from worldsim.probes import Probes, frozen
from worldsim.probes.attributes import AttributeReader, misread, objects_seen


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
        prediction = prediction.within(self.term.most_noise)
        if not prediction.known(self.needs).any():
            return prediction.nothing
        reader, labels = probes.of(AttributeReader), prediction.labels
        true, predicted = (frozen(reader, x, labels["seen_share"]) for x in (prediction.true, prediction.clean))
        wrong = excess(misread(predicted, labels), misread(true, labels))
        return mean_where(wrong, prediction.trust(self.term.most_noise)[:, None] * objects_seen(labels))
