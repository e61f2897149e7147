"""Baselines made of the reference's pictures: blends, means, blurs, a moved still, and noise."""

import numpy as np
from jaxtyping import UInt8
from scipy.ndimage import gaussian_filter

from physics_data.core.clip import Clip
from physics_data.core.conventions import clip_generator
from physics_data.renderers.base import Renderer

BLUR_SHARE = 0.1
"""Standard deviation of the blur, as a share of the picture's height: objects run into what is behind them."""

PAN_SPEED = 0.25
"""Speed of the camera pan, picture widths per second."""


class FrozenLastFrame:
    """The last frame throughout: where things end, without the way there."""

    def make(self, clip: Clip, renderer: Renderer, num_conditioning_frames: int) -> UInt8[np.ndarray, "t h w 3"]:
        """Return the last frame, repeated."""
        return np.repeat(clip.rgb[-1:], len(clip.rgb), axis=0)


class CrossFade:
    """The first frame fades into the last one: nothing moves, everything changes."""

    def make(self, clip: Clip, renderer: Renderer, num_conditioning_frames: int) -> UInt8[np.ndarray, "t h w 3"]:
        """Return the mixtures of the first and the last frame."""
        share = np.linspace(0.0, 1.0, len(clip.rgb))[:, None, None, None]
        return _rounded((1.0 - share) * clip.rgb[0] + share * clip.rgb[-1])


class MeanVideo:
    """The mean of all frames throughout: what minimises the squared error of a still picture."""

    def make(self, clip: Clip, renderer: Renderer, num_conditioning_frames: int) -> UInt8[np.ndarray, "t h w 3"]:
        """Return the mean frame, repeated."""
        return np.repeat(_rounded(clip.rgb.mean(0, keepdims=True)), len(clip.rgb), axis=0)


class BlurredTruth:
    """The reference out of focus: everything moves rightly and nothing can be recognised."""

    def make(self, clip: Clip, renderer: Renderer, num_conditioning_frames: int) -> UInt8[np.ndarray, "t h w 3"]:
        """Return every frame blurred by a tenth of its height."""
        sigma = BLUR_SHARE * clip.rgb.shape[1]
        return _rounded(gaussian_filter(clip.rgb.astype(np.float32), sigma=(0, sigma, sigma, 0), mode="nearest"))


class CameraPan:
    """The first frame under a moving camera: much motion, none of it an object's."""

    def make(self, clip: Clip, renderer: Renderer, num_conditioning_frames: int) -> UInt8[np.ndarray, "t h w 3"]:
        """Return the first frame, shifted to the left by whole pixels; it is mirrored where it ends."""
        first, width = clip.rgb[0], clip.rgb.shape[2]
        wide = np.concatenate([first, first[:, ::-1]], axis=1)
        shifts = np.round(PAN_SPEED * width * np.arange(len(clip.rgb)) / clip.meta.frame_rate).astype(int)
        return np.stack([np.roll(wide, -shift, axis=1)[:, :width] for shift in shifts])


class Noise:
    """Independent random pixels."""

    def make(self, clip: Clip, renderer: Renderer, num_conditioning_frames: int) -> UInt8[np.ndarray, "t h w 3"]:
        """Return uniform noise, seeded by the clip's key."""
        rng = clip_generator(0, f"noise/{clip.meta.key}", 0)
        return rng.integers(0, 256, clip.rgb.shape, dtype=np.uint8)


def _rounded(values: np.ndarray) -> np.ndarray:
    return np.rint(values).clip(0, 255).astype(np.uint8)
