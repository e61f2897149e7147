"""Physics-IQ, original and Verified: motion masks and what is made of them."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import ClassVar

import cv2
import numpy as np
from jaxtyping import Bool, Float, UInt8

from eval.public.measure import Comparison, PublicMeasureInfo

MOTION_THRESHOLD = 10
SHRINK = 4
"""The official code compares at a quarter of the width and height."""

_MEMORY = 0.3
_KERNEL = np.ones((5, 5), np.uint8)


def motion_masks(rgb: UInt8[np.ndarray, "t h w 3"], threshold: int = MOTION_THRESHOLD) -> Bool[np.ndarray, "t h w"]:
    """Return the masks of ``iterate_masks`` as they are.

    The official code stores them as lossy MPEG-4 in between, as ``physics_iq_files`` does.

    Units:
        rgb:        sRGB
        threshold:  grey levels of 255, exclusive
    """
    return np.stack([mask > 0 for mask in iterate_masks(rgb, threshold)])


def iterate_masks(
    frames: Iterable[UInt8[np.ndarray, "h w 3"]], threshold: int = MOTION_THRESHOLD
) -> Iterator[UInt8[np.ndarray, "h w"]]:
    """Yield 255 where each frame differs from the running mean of the frames up to it by more than a threshold, else 0.

    Grey, blurred by a 5 x 5 Gaussian; the mean forgets with weight 0.3 and starts at the first frame, whose mask is
    empty; then opened and closed with a 5 x 5 square.

    Source: google-deepmind/physics-IQ-benchmark, code/binary_mask_generator.py.
    """
    mean = None
    for frame in frames:
        grey = _blurred(frame)
        if mean is None:
            mean = grey.astype(np.float64)
            yield np.zeros_like(grey)
            continue
        cv2.accumulateWeighted(grey, mean, _MEMORY)
        difference = cv2.absdiff(grey, cv2.convertScaleAbs(mean))
        _, moving = cv2.threshold(difference, threshold, 255, cv2.THRESH_BINARY)
        moving = cv2.morphologyEx(moving, cv2.MORPH_OPEN, _KERNEL)
        yield cv2.morphologyEx(moving, cv2.MORPH_CLOSE, _KERNEL)


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


VERIFIED_EPSILON = 1e-8
MIN_SIDE = 384
"""Smaller videos are enlarged to this shorter side by whole factors: the measure's kernels of 5 pixels, followed by a
quarter of the resolution, are made for pictures of 480 pixels and more."""


@dataclass(frozen=True)
class ViewValues:
    """The four values of one view of one scene. spatiotemporal and squared_error: one value per frame."""

    spatial: float
    weighted: float
    spatiotemporal: tuple[float, ...]
    squared_error: tuple[float, ...]


@dataclass(frozen=True)
class SceneValues:
    """Per view: the video against take 1, and take 2 against take 1 ("physical variance")."""

    video: tuple[ViewValues, ...]
    variance: tuple[ViewValues, ...]


def compare_view(first: UInt8[np.ndarray, "t h w 3"], second: UInt8[np.ndarray, "t h w 3"]) -> ViewValues:
    """Compare two videos of one view, as many frames in both."""
    masks = [shrink_masks(motion_masks(rgb)) for rgb in (first, second)]
    frames = [shrink_frames(rgb) for rgb in (first, second)]
    error = [frame_error(*pair) for pair in zip(*frames, strict=True)]
    return view_values(masks[0], masks[1], error)


def frame_error(first: Float[np.ndarray, "h w 3"], second: Float[np.ndarray, "h w 3"]) -> float:
    """Return the mean squared difference, in the single precision of the official code."""
    return float(((first.astype(np.float32) - second.astype(np.float32)) ** 2).mean(dtype=np.float32))


def view_values(
    first: Bool[np.ndarray, "t h w"], second: Bool[np.ndarray, "t h w"], squared_error: Sequence[float]
) -> ViewValues:
    """Return the values of two videos from their masks, at a quarter of the size, and the errors of their frames."""
    return ViewValues(
        spatial_iou(first, second),
        weighted_spatial_iou(first, second),
        tuple(frame_ious(first, second).tolist()),
        tuple(squared_error),
    )


def physics_iq_score(scenes: Sequence[SceneValues]) -> float:
    """Return the original score in 0..100: ratios of the data set's means, less the surplus of squared error.

    Values per frame are rounded to 4 digits and the variances to 4 or 5, as the official tables are.

    Source: Motamed et al. (2025), arXiv 2501.09038; code/calculate_iq_score.py.
    """
    spatial = _mean_of_views(scenes, "video", "spatial")
    weighted = _mean_of_views(scenes, "video", "weighted")
    spatiotemporal = _mean_of_scenes(scenes, "spatiotemporal")
    squared_error = _mean_of_scenes(scenes, "squared_error")
    ratios = (
        spatiotemporal / round(_mean_of_frames(scenes, "spatiotemporal"), 4)
        + spatial / round(_mean_of_views(scenes, "variance", "spatial"), 5)
        + weighted / round(_mean_of_views(scenes, "variance", "weighted"), 4)
    )
    score = ratios / 3 - (squared_error - round(_mean_of_frames(scenes, "squared_error"), 4))
    return round(float(np.clip(100 * score, 0.0, 100.0)), 2)


def verified_score(scenes: Sequence[SceneValues]) -> float:
    """Return the Verified score in 0..100: every view's four ratios, each clipped to [0, 1], all averaged.

    The squared error is a ratio here too, the second take's over the video's.

    Source: arXiv 2606.18943; physiq/calculate_iq_score_stable.py ("final_score_view").
    """
    found = []
    for scene in scenes:
        for video, variance in zip(scene.video, scene.variance, strict=True):
            error = _rounded(video.squared_error) / (_rounded(variance.squared_error) + VERIFIED_EPSILON)
            ratios = [
                video.spatial / (variance.spatial + VERIFIED_EPSILON),
                video.weighted / (variance.weighted + VERIFIED_EPSILON),
                _rounded(video.spatiotemporal) / (_rounded(variance.spatiotemporal) + VERIFIED_EPSILON),
                1.0 / error if error > 0 else np.inf,
            ]
            found.append(np.clip(ratios, 0.0, 1.0).mean())
    return float(100 * np.mean(found))


def _rounded(values: Sequence[float]) -> float:
    return float(np.mean([round(value, 4) for value in values]))


def _mean_of_views(scenes: Sequence[SceneValues], of: str, name: str) -> float:
    table = np.array([[getattr(view, name) for view in getattr(scene, of)] for scene in scenes])
    return float(table.mean(0).mean())


def _mean_of_scenes(scenes: Sequence[SceneValues], name: str) -> float:
    """Mean over all frames of all views of a scene, then over scenes."""
    means = [_rounded([value for view in scene.video for value in getattr(view, name)]) for scene in scenes]
    return float(np.mean(means))


def _mean_of_frames(scenes: Sequence[SceneValues], name: str) -> float:
    """Mean over all frames of all scenes of a view, then over views."""
    views = range(len(scenes[0].variance))
    return float(np.mean([_rounded([v for s in scenes for v in getattr(s.variance[k], name)]) for k in views]))


@lru_cache(maxsize=1)
def scene_values(pair: Comparison) -> SceneValues:
    """Return the values of one scene with one view, enlarged where it is small."""
    first, video, second = (enlarged(rgb) for rgb in (pair.reference, pair.video, pair.resimulation))
    return SceneValues((compare_view(first, video),), (compare_view(first, second),))


def enlarged(rgb: UInt8[np.ndarray, "t h w 3"]) -> UInt8[np.ndarray, "t h2 w2 3"]:
    """Enlarge small videos to the resolution that the measure is made for; see ``MIN_SIDE``."""
    factor = -(-MIN_SIDE // min(rgb.shape[1:3]))
    if factor <= 1:
        return rgb
    size = (rgb.shape[2] * factor, rgb.shape[1] * factor)
    return np.array([cv2.resize(frame, size, interpolation=cv2.INTER_LINEAR) for frame in rgb])


class PhysicsIQ:
    """Physics-IQ of one scene and view: the published formula, on a data set of one."""

    info: ClassVar[PublicMeasureInfo] = PublicMeasureInfo(
        name="physics_iq",
        unit="of 100",
        direction="higher",
        defects="blind to identity, colour and count; empty masks count as perfect; squared error weighs 1 to 3 points",
        source="Motamed et al. (2025), arXiv 2501.09038; google-deepmind/physics-IQ-benchmark code/",
    )

    def measure(self, pair: Comparison) -> float:
        """Return the score in 0..100."""
        return physics_iq_score([scene_values(pair)])


class PhysicsIQVerified:
    """Physics-IQ Verified of one scene and view."""

    info: ClassVar[PublicMeasureInfo] = PublicMeasureInfo(
        name="physics_iq_verified",
        unit="of 100",
        direction="higher",
        defects="as Physics-IQ; a blinking object scores above a ghost trail",
        source="arXiv 2606.18943; google-deepmind/physics-IQ-benchmark physiq/",
    )

    def measure(self, pair: Comparison) -> float:
        """Return the score in 0..100."""
        return verified_score([scene_values(pair)])
