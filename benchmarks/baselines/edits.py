"""Baselines that rearrange the frames of the reference."""

import numpy as np
from jaxtyping import UInt8

from physics_data.core.clip import Clip
from physics_data.renderers.base import Renderer


class Simulator:
    """The reference itself: the ceiling, short of 1 only by the tracker's error."""

    def make(self, clip: Clip, renderer: Renderer, num_conditioning_frames: int) -> UInt8[np.ndarray, "t h w 3"]:
        """Return the clip's own frames."""
        return clip.rgb


class FrozenFirstFrame:
    """The first frame throughout: keeps every object, moves none."""

    def make(self, clip: Clip, renderer: Renderer, num_conditioning_frames: int) -> UInt8[np.ndarray, "t h w 3"]:
        """Return the first frame, repeated."""
        return np.repeat(clip.rgb[:1], len(clip.rgb), axis=0)


class GivenThenFrozen:
    """The conditioning frames, then the last of them throughout."""

    def make(self, clip: Clip, renderer: Renderer, num_conditioning_frames: int) -> UInt8[np.ndarray, "t h w 3"]:
        """Return the conditioning frames and repeat the last of them; the first frame where there are none."""
        return clip.rgb[np.minimum(np.arange(len(clip.rgb)), max(num_conditioning_frames - 1, 0))]


class Reversed:
    """The reference backwards."""

    def make(self, clip: Clip, renderer: Renderer, num_conditioning_frames: int) -> UInt8[np.ndarray, "t h w 3"]:
        """Return the frames in reverse order."""
        return np.ascontiguousarray(clip.rgb[::-1])
