"""Baselines that rearrange the frames of the reference."""

import numpy as np
from jaxtyping import UInt8

from benchmarks.baselines.base import GIVEN_FRAMES
from physics_data.core.clip import Clip
from physics_data.renderers.base import Renderer


class Simulator:
    """The reference itself: the ceiling, short of 1 only by the tracker's error."""

    def make(self, clip: Clip, renderer: Renderer) -> UInt8[np.ndarray, "t h w 3"]:
        """Return the clip's own frames."""
        return clip.rgb


class FrozenFirstFrame:
    """The first frame throughout: keeps every object, moves none."""

    def make(self, clip: Clip, renderer: Renderer) -> UInt8[np.ndarray, "t h w 3"]:
        """Return the first frame, repeated."""
        return np.repeat(clip.rgb[:1], len(clip.rgb), axis=0)


class GivenThenFrozen:
    """The first five frames, which a continuing model is given, then the fifth throughout."""

    def make(self, clip: Clip, renderer: Renderer) -> UInt8[np.ndarray, "t h w 3"]:
        """Return the given frames and repeat the last of them."""
        return clip.rgb[np.minimum(np.arange(len(clip.rgb)), GIVEN_FRAMES - 1)]


class Reversed:
    """The reference backwards."""

    def make(self, clip: Clip, renderer: Renderer) -> UInt8[np.ndarray, "t h w 3"]:
        """Return the frames in reverse order."""
        return np.ascontiguousarray(clip.rgb[::-1])
