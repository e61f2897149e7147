"""Objects are where the engine says, move as fast, and touch when it says."""

from typing import ClassVar

from worldsim.losses.auxiliary.base import Prediction, excess, mean_where
from worldsim.losses.auxiliary.config import AuxiliaryTerm
from worldsim.losses.base import Scalar
from worldsim.probes import Probes, frozen
from worldsim.probes.states import StateProbe, by_video_frame, misread, readable


class StateAgreement:
    """Do the states that a probe reads from the predicted clip agree with the engine's?

    The probe learns on true clips to read place, distance, velocity and contact of each object in each video frame.
    What counts is by how much the reading of the prediction is farther from the engine's state than the reading of the
    true latents is: what the probe cannot read well weighs nothing.
    """

    needs: ClassVar[tuple[str, ...]] = ("masks", "states")
    probes: ClassVar[tuple[str, ...]] = ("states",)
    source: ClassVar[str] = "this project; reading states with small heads: Alain and Bengio (2017)"
    settings: ClassVar[type[AuxiliaryTerm]] = AuxiliaryTerm

    def __init__(self, term: AuxiliaryTerm) -> None:
        self.term = term

    def __call__(self, prediction: Prediction, probes: Probes) -> Scalar:
        """Return the mean over objects and the video frames in which they are seen, in units of ``STATE_UNITS``."""
        prediction = prediction.within(self.term.most_noise)
        known = prediction.known(self.needs)
        if not known.any():
            return prediction.nothing
        probe, labels = probes.of(StateProbe), prediction.labels
        shares = labels["seen_share"]
        true, read = (frozen(probe, x, prediction.true, shares) for x in (prediction.true, prediction.clean))
        wrong = excess(misread(read, labels), misread(true, labels))
        trust = by_video_frame(prediction.trust(self.term.most_noise), probe.temporal_factor)
        return mean_where(wrong, (trust * known[:, None])[:, None] * readable(labels))
