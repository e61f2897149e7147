"""What a public measure is given: a video beside its reference, and what was segmented in each."""

from dataclasses import dataclass
from typing import ClassVar, Literal, Protocol, runtime_checkable

import numpy as np
from jaxtyping import UInt8


@dataclass(frozen=True, eq=False)
class Comparison:
    """A video beside what it should show, on the same frames and of the same size. Compared by identity.

    Units:
        reference:      sRGB, the reference video
        resimulation:   sRGB, another recording of the same event; what differs between the two is chance
        video:          sRGB, what is scored
        reference_ids:  0 = background, i = object i of the reference
        video_ids:      0 = background, i = the same object i as found in the video, other numbers = strangers
        subject:        the object of the measures that follow one object only
    """

    reference: UInt8[np.ndarray, "t h w 3"]
    resimulation: UInt8[np.ndarray, "t h w 3"]
    video: UInt8[np.ndarray, "t h w 3"]
    reference_ids: UInt8[np.ndarray, "t h w"]
    video_ids: UInt8[np.ndarray, "t h w"]
    subject: int


@dataclass(frozen=True)
class PublicMeasureInfo:
    """What a reader of a public figure must know.

    defects:  what the definition does not see or rewards, known from its code or its users
    source:   paper, and the official code that the definition was read from
    """

    name: str
    unit: str
    direction: Literal["higher", "lower"]
    defects: str
    source: str


@runtime_checkable
class PublicMeasure(Protocol):
    """One published number for one video, as its authors define it, defects included."""

    info: ClassVar[PublicMeasureInfo]

    def measure(self, pair: Comparison) -> float:
        """Return the number; NaN where the official code gives NaN, which it then leaves out of its mean."""
        ...
