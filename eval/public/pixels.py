"""Pixel measures: PSNR and SSIM against the reference, and VBench's temporal flickering.

Known defects: for PSNR and SSIM a small object that is gone, doubled or of another colour changes few pixels, a video
that is late by a frame changes as many as one that is wrong, and blur scores well. Temporal flickering is best where
nothing moves; real footage scores 0.974 to 0.999 and generated video 0.935 to 0.9998, so it hardly tells them apart.
"""

from itertools import pairwise
from typing import ClassVar

import cv2
import numpy as np
from jaxtyping import Float, UInt8

from eval.public.measure import Comparison, PublicMeasureInfo

MAX_DB = 100.0
"""Frames that are equal have no finite ratio; they count as 100 dB, the usual convention for video."""

_SIGMA, _RADIUS = 1.5, 5
_C1, _C2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2


def psnr(first: UInt8[np.ndarray, "t h w 3"], second: UInt8[np.ndarray, "t h w 3"]) -> float:
    """Return the mean over frames of 10 log10(255² / mean squared difference), dB."""
    error = ((first.astype(np.float64) - second) ** 2).mean((1, 2, 3))
    ratio = np.where(error > 0, 10 * np.log10(255.0**2 / np.maximum(error, 1e-12)), MAX_DB)
    return float(np.minimum(ratio, MAX_DB).mean())


def ssim(first: UInt8[np.ndarray, "t h w 3"], second: UInt8[np.ndarray, "t h w 3"]) -> float:
    """Return the mean over frames and channels of the structural similarity; pictures of at least 11 x 11 pixels.

    Gaussian window of 11 x 11, sigma 1.5, K1 = 0.01, K2 = 0.03, where the window lies inside the picture.

    Source: Wang et al. (2004), Image quality assessment, IEEE TIP 13.
    """
    pairs = zip(first, second, strict=True)
    return float(np.mean([_ssim_frame(a.astype(np.float64), b.astype(np.float64)) for a, b in pairs]))


def _ssim_frame(first: Float[np.ndarray, "h w 3"], second: Float[np.ndarray, "h w 3"]) -> float:
    mean_a, mean_b = _window(first), _window(second)
    variance_a = _window(first * first) - mean_a**2
    variance_b = _window(second * second) - mean_b**2
    covariance = _window(first * second) - mean_a * mean_b
    top = (2 * mean_a * mean_b + _C1) * (2 * covariance + _C2)
    bottom = (mean_a**2 + mean_b**2 + _C1) * (variance_a + variance_b + _C2)
    return float((top / bottom)[_RADIUS:-_RADIUS, _RADIUS:-_RADIUS].mean())


def _window(picture: np.ndarray) -> np.ndarray:
    kernel = cv2.getGaussianKernel(2 * _RADIUS + 1, _SIGMA, cv2.CV_64F)
    return cv2.sepFilter2D(picture, cv2.CV_64F, kernel, kernel)


class Psnr:
    """Peak signal-to-noise ratio against the reference, mean over frames."""

    info: ClassVar[PublicMeasureInfo] = PublicMeasureInfo(
        "psnr", "dB", "higher", "few pixels decide nothing; a delay looks like an error", "definition"
    )

    def measure(self, pair: Comparison) -> float:
        """Return the ratio, dB."""
        return psnr(pair.reference, pair.video)


class Ssim:
    """Structural similarity to the reference, mean over frames and channels."""

    info: ClassVar[PublicMeasureInfo] = PublicMeasureInfo(
        "ssim", "1", "higher", "as PSNR", "Wang et al. (2004), Image quality assessment, IEEE TIP 13"
    )

    def measure(self, pair: Comparison) -> float:
        """Return the similarity, at most 1."""
        return ssim(pair.reference, pair.video)


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
