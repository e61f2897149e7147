"""``Annotator``: pixels of a clip to the arrays of labels."""

from collections.abc import Mapping
from typing import ClassVar, Protocol, runtime_checkable

import numpy as np
from jaxtyping import UInt8


@runtime_checkable
class Annotator(Protocol):
    """One way to get labels from pixels alone; equal pixels give equal labels.

    labels:  what it tells, names of ``worldsim.data.labels.LABELS``
    """

    labels: ClassVar[tuple[str, ...]]

    def __init__(self, weights: str | None = None) -> None:
        """Get ready.

        Args:
            weights: folder, file or name of weights; None takes the usual ones. Classical annotators have none.

        Raises:
            ConfigError: a package or weights are not there, or weights are given where there are none.
        """
        ...

    @property
    def identity(self) -> Mapping[str, str]:
        """What the labels depend on beside the pixels: method, settings, version of the library, weights."""
        ...

    def annotate(self, rgb: UInt8[np.ndarray, "t h w 3"], frame_rate: float) -> dict[str, np.ndarray]:
        """Return array name → array for all of ``labels``; none of a label that a clip cannot have (one frame).

        Units:
            frame_rate:  Hz
        """
        ...
