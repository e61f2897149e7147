"""What a baseline is."""

from typing import Protocol

import numpy as np
from jaxtyping import UInt8

from physics_data.core.clip import Clip
from physics_data.renderers.base import Renderer

GIVEN_FRAMES = 5
"""Frames a continuing model is given; baselines that continue are given as many."""


class Baseline(Protocol):
    """Makes a video from a reference clip without any model."""

    def make(self, clip: Clip, renderer: Renderer) -> UInt8[np.ndarray, "t h w 3"]:
        """Return the video, as long and as large as the clip."""
        ...
