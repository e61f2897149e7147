"""The one dimension of VBench that needs no network: temporal flickering.

Known defects: it is best where nothing moves; real footage scores 0.974 to 0.999 and generated video 0.935 to 0.9998,
so it hardly tells them apart; it has no notion of what should move.
"""

from itertools import pairwise
from typing import ClassVar

import numpy as np
from jaxtyping import UInt8

from eval.public.base import Comparison, PublicMeasureInfo


def temporal_flickering(rgb: UInt8[np.ndarray, "t h w 3"]) -> float:
    """Return (255 - mean |frame - next frame|) / 255, 1 for a frozen picture; at least two frames.

    Source: Huang et al. (2024), VBench; Vchitect/VBench vbench/temporal_flickering.py.
    """
    changes = [np.abs(first.astype(np.float32) - second.astype(np.float32)).mean() for first, second in pairwise(rgb)]
    return float((255.0 - np.mean(changes)) / 255.0)


class TemporalFlickering:
    """VBench's temporal flickering of the video; the reference is not looked at."""

    info: ClassVar[PublicMeasureInfo] = PublicMeasureInfo(
        name="vbench_flicker",
        unit="1",
        direction="higher",
        defects="a frozen picture is perfect",
        source="Huang et al. (2024), VBench, CVPR; Vchitect/VBench vbench/temporal_flickering.py",
    )

    def measure(self, pair: Comparison) -> float:
        """Return the value in [0, 1]."""
        return temporal_flickering(pair.video)
