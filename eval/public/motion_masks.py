"""Where Physics-IQ sees motion: a running mean, a fixed threshold, and three ways to compare the masks."""

import cv2
import numpy as np
from jaxtyping import Bool, Float, UInt8

MOTION_THRESHOLD = 10
SHRINK = 4
"""The official code compares at a quarter of the width and height."""

_MEMORY = 0.3
_KERNEL = np.ones((5, 5), np.uint8)


def motion_masks(rgb: UInt8[np.ndarray, "t h w 3"], threshold: int = MOTION_THRESHOLD) -> Bool[np.ndarray, "t h w"]:
    """Return where each frame differs from the running mean of the frames up to it by more than a threshold.

    Grey, blurred by a 5 x 5 Gaussian; the mean forgets with weight 0.3 and starts at the first frame, whose mask is
    empty; then opened and closed with a 5 x 5 square. The official code stores the masks as lossy MPEG-4 in between,
    which is left out here; it changes single pixels at the rims.

    Units:
        rgb:        sRGB
        threshold:  grey levels of 255, exclusive

    Source: google-deepmind/physics-IQ-benchmark, code/binary_mask_generator.py.
    """
    masks = np.zeros(rgb.shape[:3], dtype=bool)
    mean = _blurred(rgb[0]).astype(np.float64)
    for index, frame in enumerate(rgb[1:], start=1):
        grey = _blurred(frame)
        cv2.accumulateWeighted(grey, mean, _MEMORY)
        difference = cv2.absdiff(grey, cv2.convertScaleAbs(mean))
        _, moving = cv2.threshold(difference, threshold, 255, cv2.THRESH_BINARY)
        moving = cv2.morphologyEx(moving, cv2.MORPH_OPEN, _KERNEL)
        masks[index] = cv2.morphologyEx(moving, cv2.MORPH_CLOSE, _KERNEL) > 0
    return masks


def _blurred(frame: np.ndarray) -> np.ndarray:
    return cv2.GaussianBlur(cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY), (5, 5), 0)


def shrink_masks(masks: Bool[np.ndarray, "t h w"], factor: int = SHRINK) -> Bool[np.ndarray, "t h2 w2"]:
    """Scale masks down by linear interpolation; a pixel is set where it comes out above half."""
    size = (masks.shape[2] // factor, masks.shape[1] // factor)
    small = [cv2.resize(mask.astype(np.uint8) * 255, size) for mask in masks]
    return np.array(small) > 127


def shrink_frames(rgb: UInt8[np.ndarray, "t h w 3"], factor: int = SHRINK) -> Float[np.ndarray, "t h2 w2 3"]:
    """Scale frames down by linear interpolation, to values in [0, 1]."""
    size = (rgb.shape[2] // factor, rgb.shape[1] // factor)
    return np.array([cv2.resize(frame, size) for frame in rgb]) / 255.0


def frame_ious(first: Bool[np.ndarray, "t h w"], second: Bool[np.ndarray, "t h w"]) -> Float[np.ndarray, "t"]:
    """Return the IoU of every frame; 1 where both are empty, which rewards a video for standing still."""
    common = (first & second).sum((1, 2)).astype(np.float64)
    either = (first | second).sum((1, 2)).astype(np.float64)
    return np.where(either > 0, common / np.maximum(either, 1), 1.0)


def spatial_iou(first: Bool[np.ndarray, "t h w"], second: Bool[np.ndarray, "t h w"]) -> float:
    """Return the IoU of where anything ever moved; 1 where nothing did in either."""
    return float(frame_ious(np.any(first, axis=0)[None], np.any(second, axis=0)[None])[0])


def weighted_spatial_iou(first: Bool[np.ndarray, "t h w"], second: Bool[np.ndarray, "t h w"]) -> float:
    """Return sum of minima / sum of maxima of how often each pixel moved; 1 where nothing did in either."""
    often = first.mean(0), second.mean(0)
    most = float(np.maximum(*often).sum())
    return float(np.minimum(*often).sum()) / most if most > 0 else 1.0
