"""The transformer's tokens know what the engine knows."""

from typing import Annotated, ClassVar

from pydantic import Field
from torch.nn import functional as F

from worldsim.losses.auxiliary.base import Prediction, mean_where
from worldsim.losses.auxiliary.config import AuxiliaryTerm
from worldsim.losses.base import Scalar
from worldsim.probes import Probes
from worldsim.probes.teacher import TokenProjector, teacher_maps


class AlignmentTerm(AuxiliaryTerm):
    """Settings of ``alignment``. At every noise level: ``most_noise`` is not used.

    block:  number of the block whose tokens are read, 0 = the first
    """

    block: Annotated[int, Field(ge=0)] = 1


class RepresentationAlignment:
    """Can the engine's state be read from the tokens of an early block?

    A small head, trained together with the transformer, reads maps of the engine from the tokens: where objects are,
    seen and hidden, how fast they move, what touches, how near it all is. Tokens of noisy clips that carry this have
    found out what is there, also behind a screen. No network serves as teacher, so nothing is downloaded.
    """

    needs: ClassVar[tuple[str, ...]] = TokenProjector.needs
    probes: ClassVar[tuple[str, ...]] = ("tokens",)
    source: ClassVar[str] = (
        "Yu et al. (2025), Representation alignment for generation (REPA), with an engine's states as the teacher"
    )
    settings: ClassVar[type[AuxiliaryTerm]] = AlignmentTerm

    def __init__(self, term: AlignmentTerm) -> None:
        self.term = term

    def __call__(self, prediction: Prediction, probes: Probes) -> Scalar:
        """Return the mean Huber distance of the maps over tokens; those of given frames count, too."""
        known = prediction.known(self.needs)
        if not known.any():
            return prediction.nothing
        tokens = prediction.tokens[self.term.block]
        size = prediction.true.shape[3] // tokens.shape[2]
        maps = teacher_maps(prediction.labels, size, probes.of(TokenProjector).temporal_factor)
        wrong = F.smooth_l1_loss(probes.of(TokenProjector)(tokens), maps, reduction="none").mean(1)
        return mean_where(wrong, known[:, None, None, None].expand_as(wrong).to(wrong.dtype))
