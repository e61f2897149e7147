"""What a baseline is."""

from typing import Protocol

import numpy as np
from jaxtyping import UInt8

from physics_data.core.clip import Clip
from physics_data.renderers.base import Renderer

NUM_CONDITIONING_FRAMES = 5
"""First frames that suites give to models and leave out of the scores; baselines are given as many."""


class Baseline(Protocol):
    """Makes a video from a reference clip without any model."""

    def make(self, clip: Clip, renderer: Renderer, num_conditioning_frames: int) -> UInt8[np.ndarray, "t h w 3"]:
        """Return the video, as long and as large as the clip. Its first frames are replaced by the clip's."""
        ...
