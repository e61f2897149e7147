"""Two losses as a reader of docs/extending.md writes them: one class each, and one line in a table."""

from typing import ClassVar

import torch

from worldsim.losses.auxiliary import AuxiliaryTerm, Prediction
from worldsim.losses.loss import LossInfo, Scalar
from worldsim.probes import Probes


class Brightness:
    """Difference of the mean brightness of a video and its reconstruction."""

    info: ClassVar[LossInfo] = LossInfo(needs=("video", "target"), source="a test")

    def __call__(self, video: torch.Tensor, target: torch.Tensor) -> Scalar:
        return (video.mean() - target.mean()).abs()


class MeanLatent:
    """Difference of the means of predicted and true latents."""

    needs: ClassVar[tuple[str, ...]] = ("masks",)
    probes: ClassVar[tuple[str, ...]] = ()
    source: ClassVar[str] = "a test"
    settings: ClassVar[type[AuxiliaryTerm]] = AuxiliaryTerm

    def __init__(self, term: AuxiliaryTerm) -> None:
        self.term = term

    def __call__(self, prediction: Prediction, probes: Probes) -> Scalar:
        return (prediction.clean.mean() - prediction.true.mean()).abs()
