"""``InverseSearchFlow``: dense optical flow by inverse search, both ways, with a check of one against the other."""

from collections.abc import Mapping
from itertools import pairwise
from typing import ClassVar

import cv2
import numpy as np
from jaxtyping import Bool, Float, UInt8

from worldsim.data.annotations.classical import refuse_weights

_MOST_DISAGREEMENT = 0.5
_SHARE_OF_LENGTH = 0.05
"""A flow is believed where the way there and back ends within this many pixels, plus this share of both lengths."""


class InverseSearchFlow:
    """Optical flow by dense inverse search, forwards and backwards.

    Source: Kroeger et al. (2016), Fast optical flow using dense inverse search; as in OpenCV, at full resolution.
    """

    labels: ClassVar[tuple[str, ...]] = ("optical_flow", "backward_flow")

    def __init__(self, weights: str | None = None) -> None:
        """Get ready; there are no weights."""
        refuse_weights("flow", weights)
        self._search = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
        self._search.setFinestScale(0)

    @property
    def identity(self) -> Mapping[str, str]:
        """Method and version."""
        return {"method": "dense inverse search, medium, finest scale 0", "opencv": cv2.__version__}

    def annotate(self, rgb: UInt8[np.ndarray, "t h w 3"], frame_rate: float) -> dict[str, np.ndarray]:
        """Return both flows and where each is believed; nothing for a single frame."""
        if len(rgb) < 2:
            return {}
        cv2.setNumThreads(1)  # the same bytes on any machine
        grey = [cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY) for frame in rgb]
        forwards = np.stack([self._between(before, after) for before, after in pairwise(grey)])
        backwards = np.stack([self._between(after, before) for before, after in pairwise(grey)])
        pairs = list(zip(forwards, backwards, strict=True))
        return {
            "optical_flow": forwards,
            "optical_flow_seen": np.stack([agreeing(there, back) for there, back in pairs]),
            "backward_flow": backwards,
            "backward_flow_seen": np.stack([agreeing(back, there) for there, back in pairs]),
        }

    def _between(self, before: np.ndarray, after: np.ndarray) -> Float[np.ndarray, "h w 2"]:
        return np.array(self._search.calc(before, after, None))  # pyright: ignore[reportCallIssue, reportArgumentType]


def agreeing(there: Float[np.ndarray, "h w 2"], back: Float[np.ndarray, "h w 2"]) -> Bool[np.ndarray, "h w"]:
    """Return where a flow ends inside the picture and the flow back from there ends where it began.

    Units:
        there, back:  pixels
    """
    height, width = there.shape[:2]
    columns, rows = np.meshgrid(np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32))
    x, y = columns + there[..., 0], rows + there[..., 1]
    inside = (x >= -0.5) & (x < width - 0.5) & (y >= -0.5) & (y < height - 0.5)
    returned = cv2.remap(back, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    lengths = np.linalg.norm(there, axis=-1) + np.linalg.norm(returned, axis=-1)
    missed = np.linalg.norm(there + returned, axis=-1)
    return inside & (missed <= _MOST_DISAGREEMENT + _SHARE_OF_LENGTH * lengths)
