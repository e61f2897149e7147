"""HOTA and IDF1: detection and association of objects' masks."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from jaxtyping import Float, Int, UInt8
from scipy.optimize import linear_sum_assignment

from eval.public.measure import Comparison, PublicMeasureInfo

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
