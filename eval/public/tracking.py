"""Public measures of tracking: HOTA and IDF1 of masks, TAP-Vid's measures of points.

Known defects for our use: they need points, here the centres of the objects; a stranger that is tracked by nothing
costs nothing; a point that is hidden in the reference is asked for its visibility only.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np
from jaxtyping import Bool, Float, Int, UInt8
from scipy.optimize import linear_sum_assignment

from eval.public.measure import Comparison, PublicMeasureInfo
from eval.public.pisa import centroids

LEVELS = np.arange(0.05, 0.99, 0.05)
_EPSILON = float(np.finfo(np.float64).eps)


@dataclass(frozen=True)
class Detections:
    """What is where in one frame: numbers of the true and of the found objects, and how much they overlap."""

    true_ids: Int[np.ndarray, "n"]
    found_ids: Int[np.ndarray, "m"]
    overlap: Float[np.ndarray, "n m"]


@dataclass(frozen=True)
class HotaScores:
    """Mean over the levels of HOTA, DetA and AssA, each in [0, 1]."""

    hota: float
    detection: float
    association: float


def hota_scores(frames: Sequence[Detections]) -> HotaScores:
    """Score one sequence. A sequence with nothing to find, or in which nothing is found, scores 0.

    Source: Luiten et al. (2021), HOTA, IJCV 129; JonathonLuiten/TrackEval trackeval/metrics/hota.py.
    """
    true_ids = np.unique(np.concatenate([frame.true_ids for frame in frames]))
    found_ids = np.unique(np.concatenate([frame.found_ids for frame in frames]))
    if not len(true_ids) or not len(found_ids):
        return HotaScores(0.0, 0.0, 0.0)
    rows = [np.searchsorted(true_ids, frame.true_ids) for frame in frames]
    columns = [np.searchsorted(found_ids, frame.found_ids) for frame in frames]
    true_count = np.bincount(np.concatenate(rows), minlength=len(true_ids))[:, None]
    found_count = np.bincount(np.concatenate(columns), minlength=len(found_ids))[None, :]
    alignment = _alignment(frames, rows, columns, true_count, found_count)
    matches = np.zeros((len(LEVELS), len(true_ids), len(found_ids)))
    for frame, row, column in zip(frames, rows, columns, strict=True):
        if len(row) and len(column):
            chosen = linear_sum_assignment(-alignment[np.ix_(row, column)] * frame.overlap)
            good = frame.overlap[chosen] >= LEVELS[:, None] - _EPSILON
            for level in range(len(LEVELS)):
                matches[level, row[chosen[0][good[level]]], column[chosen[1][good[level]]]] += 1
    hits = matches.sum((1, 2))
    detection = hits / np.maximum(1, true_count.sum() + found_count.sum() - hits)
    pairs = matches / np.maximum(1, true_count + found_count - matches)
    association = (matches * pairs).sum((1, 2)) / np.maximum(1, hits)
    hota = np.sqrt(detection * association)
    return HotaScores(float(hota.mean()), float(detection.mean()), float(association.mean()))


def _alignment(
    frames: Sequence[Detections],
    rows: list[np.ndarray],
    columns: list[np.ndarray],
    true_count: np.ndarray,
    found_count: np.ndarray,
) -> np.ndarray:
    """How much each true object overlaps with each found one over the sequence, before any matching."""
    shared = np.zeros((len(true_count), found_count.shape[1]))
    for frame, row, column in zip(frames, rows, columns, strict=True):
        overlap = frame.overlap
        rest = overlap.sum(0, keepdims=True) + overlap.sum(1, keepdims=True) - overlap
        shared[np.ix_(row, column)] += np.where(rest > _EPSILON, overlap / np.maximum(rest, _EPSILON), 0.0)
    return shared / (true_count + found_count - shared)


def mask_detections(true_ids: UInt8[np.ndarray, "t h w"], found_ids: UInt8[np.ndarray, "t h w"]) -> list[Detections]:
    """Return the detections of every frame, with the IoU of the masks as overlap; 0 is the background."""
    found = []
    for truth, guess in zip(true_ids, found_ids, strict=True):
        pairs = truth.ravel().astype(np.int64) * 256 + guess.ravel()
        table = np.bincount(pairs, minlength=256 * 256).reshape(256, 256).astype(np.float64)
        area = table.sum(1), table.sum(0)
        first = np.flatnonzero(area[0][1:]) + 1
        second = np.flatnonzero(area[1][1:]) + 1
        common = table[np.ix_(first, second)]
        union = area[0][first][:, None] + area[1][second][None, :] - common
        found.append(Detections(first, second, common / np.maximum(union, 1)))
    return found


class Hota:
    """HOTA of the objects' masks: the video's tracks against the reference's."""

    info: ClassVar[PublicMeasureInfo] = PublicMeasureInfo(
        name="hota",
        unit="1",
        direction="higher",
        defects="asks for the exact place, so a delay costs as much as a lost object; colour is left to the tracker",
        source="Luiten et al. (2021), HOTA, IJCV 129; JonathonLuiten/TrackEval",
    )

    def measure(self, pair: Comparison) -> float:
        """Return the mean over the levels, in [0, 1]."""
        return hota_scores(mask_detections(pair.reference_ids, pair.video_ids)).hota


OVERLAP = 0.5


def idf1(frames: Sequence[Detections], overlap: float = OVERLAP) -> float:
    """Return 2 IDTP / (2 IDTP + IDFP + IDFN) of one sequence; 0 where nothing is to be found, or nothing is.

    A found object can stand for a true one in the frames in which they overlap by at least ``overlap``. Identities are
    matched once for the whole sequence, or left unmatched, so that the fewest detections are wrong.

    Source: Ristani et al. (2016), Performance measures and a data set for multi-target tracking.
    """
    true_ids = np.unique(np.concatenate([frame.true_ids for frame in frames]))
    found_ids = np.unique(np.concatenate([frame.found_ids for frame in frames]))
    if not len(true_ids) or not len(found_ids):
        return 0.0
    shared = np.zeros((len(true_ids), len(found_ids)))
    for frame in frames:
        rows, columns = np.searchsorted(true_ids, frame.true_ids), np.searchsorted(found_ids, frame.found_ids)
        shared[np.ix_(rows, columns)] += frame.overlap >= overlap
    hits = shared[linear_sum_assignment(-shared)].sum()
    total = sum(len(frame.true_ids) + len(frame.found_ids) for frame in frames)
    return float(2 * hits / total)


class Idf1:
    """IDF1 of the objects' masks at an IoU of one half."""

    info: ClassVar[PublicMeasureInfo] = PublicMeasureInfo(
        name="idf1",
        unit="1",
        direction="higher",
        defects="asks for half an overlap, so a shift of a third of a diameter counts as a lost object",
        source="Ristani et al. (2016), ECCV workshops; JonathonLuiten/TrackEval trackeval/metrics/identity.py",
    )

    def measure(self, pair: Comparison) -> float:
        """Return the share in [0, 1]."""
        return idf1(mask_detections(pair.reference_ids, pair.video_ids))


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
