"""PISA's three measures of a dropped object, from its masks in the reference and in the video.

Known defects: frames in which the object is missing drop out of L2 and Chamfer distance, so that an object that is gone
after the first frame has both perfect; "L2" is the mean of |dx| and |dy|, half the distance where the motion is
upright; the official program leaves a video out where any of the three raises an error; IoU is 1 where both masks are
empty.
"""

import warnings
from typing import ClassVar

import numpy as np
from jaxtyping import Bool, Float
from scipy.spatial import KDTree

from eval.public.measure import Comparison, PublicMeasureInfo

_SCALE = 1 / np.sqrt(2)
_SOURCE = "Li et al. (2025), PISA experiments, ICML; vision-x-nyu/pisa-experiments utils/metrics.py, eval.py"


def centroids(masks: Bool[np.ndarray, "t h w"]) -> Float[np.ndarray, "t 2"]:
    """Return the mean (column, row) of each mask, in pixel indices; NaN where it is empty."""
    found = np.full((len(masks), 2), np.nan)
    for index, mask in enumerate(masks):
        rows, columns = np.nonzero(mask)
        if len(rows):
            found[index] = columns.mean(), rows.mean()
    return found


def pisa_l2(reference: Bool[np.ndarray, "t h w"], video: Bool[np.ndarray, "t h w"]) -> float:
    """Return the mean over frames and axes of |difference of centroids| / (sqrt(2) height); missing frames drop out.

    NaN where no frame is left.
    """
    difference = np.abs(centroids(reference) - centroids(video))
    return _mean_of_known(difference.ravel()) * _SCALE / reference.shape[1]


def pisa_chamfer(reference: Bool[np.ndarray, "t h w"], video: Bool[np.ndarray, "t h w"]) -> float:
    """Return the mean over frames of the two mean nearest distances between the masks' pixels, scaled as L2.

    A frame in which either mask is empty drops out; NaN where no frame is left.
    """
    found = np.full(len(reference), np.nan)
    for index, (first, second) in enumerate(zip(reference, video, strict=True)):
        if first.any() and second.any():
            points = np.argwhere(first).astype(np.float64), np.argwhere(second).astype(np.float64)
            there, _ = KDTree(points[0]).query(points[1])
            back, _ = KDTree(points[1]).query(points[0])
            found[index] = np.mean(there) + np.mean(back)
    return _mean_of_known(found) * _SCALE / reference.shape[1]


def pisa_iou(reference: Bool[np.ndarray, "t h w"], video: Bool[np.ndarray, "t h w"]) -> float:
    """Return the mean over frames of the IoU of the masks; 1 where both are empty."""
    common = (reference & video).sum((1, 2))
    either = (reference | video).sum((1, 2))
    return float(np.where(either > 0, common / np.maximum(either, 1), 1.0).mean())


def _mean_of_known(values: np.ndarray) -> float:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # the mean of nothing is NaN, as in the official code
        return float(np.nanmean(values))


def _masks(pair: Comparison) -> tuple[np.ndarray, np.ndarray]:
    return pair.reference_ids == pair.subject, pair.video_ids == pair.subject


class PisaL2:
    """PISA's "L2" of the subject's centroid, in shares of the picture's diagonal."""

    info: ClassVar[PublicMeasureInfo] = PublicMeasureInfo(
        "pisa_l2", "1", "lower", "an object that is gone costs nothing; not a Euclidean distance", _SOURCE
    )

    def measure(self, pair: Comparison) -> float:
        """Return the distance; NaN where the object is never seen."""
        return pisa_l2(*_masks(pair))


class PisaChamfer:
    """PISA's Chamfer distance of the subject's masks, in shares of the picture's diagonal."""

    info: ClassVar[PublicMeasureInfo] = PublicMeasureInfo(
        "pisa_chamfer", "1", "lower", "an object that is gone costs nothing", _SOURCE
    )

    def measure(self, pair: Comparison) -> float:
        """Return the distance; NaN where the object is never seen."""
        return pisa_chamfer(*_masks(pair))


class PisaIoU:
    """PISA's mean IoU of the subject's masks."""

    info: ClassVar[PublicMeasureInfo] = PublicMeasureInfo(
        "pisa_iou", "1", "higher", "1 where both masks are empty; sees one object only", _SOURCE
    )

    def measure(self, pair: Comparison) -> float:
        """Return the mean in [0, 1]."""
        return pisa_iou(*_masks(pair))
