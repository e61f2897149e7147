"""TAP-Vid's measures of tracked points: occlusion accuracy, share within a distance, and their Jaccard index.

Known defects for our use: they need points, here the centres of the objects; a stranger that is tracked by nothing
costs nothing; a point that is hidden in the reference is asked for its visibility only.
"""

from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np
from jaxtyping import Bool, Float, Int, UInt8

from eval.public.measure import Comparison, PublicMeasureInfo
from eval.public.pisa import centroids

THRESHOLDS = (1.0, 2.0, 4.0, 8.0, 16.0)
"""Distances, pixels of a picture scaled to 256 x 256; exclusive."""

RASTER = 256.0


@dataclass(frozen=True)
class PointScores:
    """occlusion_accuracy (OA), within (delta_avg) and jaccard (AJ), each in [0, 1]; NaN where nothing is asked."""

    occlusion_accuracy: float
    within: float
    jaccard: float


def point_scores(
    query_frames: Int[np.ndarray, "n"],
    true_occluded: Bool[np.ndarray, "n t"],
    true_tracks: Float[np.ndarray, "n t 2"],
    occluded: Bool[np.ndarray, "n t"],
    tracks: Float[np.ndarray, "n t 2"],
    mode: Literal["first", "strided"] = "first",
) -> PointScores:
    """Score tracked points of one video.

    Asked for are the frames after the query ("first") or all but the query ("strided").

    Units:
        true_tracks, tracks:  (x, y), pixels of a 256 x 256 raster

    Source: Doersch et al. (2022), TAP-Vid; google-deepmind/tapnet, compute_tapvid_metrics.
    """
    frames = np.arange(true_occluded.shape[1])
    queries = query_frames[:, None]
    asked = frames > queries if mode == "first" else frames != queries
    shown, claimed = ~true_occluded, ~occluded
    squared = ((tracks - true_tracks) ** 2).sum(-1)
    within, jaccard = [], []
    for threshold in THRESHOLDS:
        near = squared < threshold**2
        hits = (near & shown & asked).sum()
        due = (shown & asked).sum()
        within.append(_ratio(hits, due))
        false = ((~shown | ~near) & claimed & asked).sum()
        jaccard.append(_ratio((near & shown & claimed & asked).sum(), due + false))
    accuracy = _ratio(((occluded == true_occluded) & asked).sum(), asked.sum())
    return PointScores(accuracy, float(np.mean(within)), float(np.mean(jaccard)))


def _ratio(part: np.integer, whole: np.integer) -> float:
    return float(part) / float(whole) if whole else float("nan")


def object_points(
    ids: UInt8[np.ndarray, "t h w"], objects: Int[np.ndarray, "n"]
) -> tuple[Bool[np.ndarray, "n t"], Float[np.ndarray, "n t 2"]]:
    """Return per object and frame whether it is out of sight, and its centre on the 256 x 256 raster (0 if hidden)."""
    scale = RASTER / np.array([ids.shape[2], ids.shape[1]])
    tracks = np.stack([(centroids(ids == number) + 0.5) * scale for number in objects])
    hidden = np.isnan(tracks[..., 0])
    return hidden, np.where(hidden[..., None], 0.0, tracks)


class TapVidJaccard:
    """TAP-Vid's average Jaccard index of the objects' centres, asked from the frame in which each is first seen."""

    info: ClassVar[PublicMeasureInfo] = PublicMeasureInfo(
        name="tapvid_aj",
        unit="1",
        direction="higher",
        defects="sees no strangers; asks for points, not for what things look like",
        source="Doersch et al. (2022), TAP-Vid; google-deepmind/tapnet, compute_tapvid_metrics",
    )

    def measure(self, pair: Comparison) -> float:
        """Return the index in [0, 1]; NaN where the reference shows no object."""
        objects = np.setdiff1d(np.unique(pair.reference_ids), [0]).astype(np.int64)
        if not len(objects):
            return float("nan")
        true_occluded, true_tracks = object_points(pair.reference_ids, objects)
        occluded, tracks = object_points(pair.video_ids, objects)
        return point_scores(true_occluded.argmin(1), true_occluded, true_tracks, occluded, tracks).jaccard
