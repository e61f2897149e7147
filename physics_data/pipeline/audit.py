"""Shortcut audit: can one tell impossible clips from possible ones without watching them in order?

Three classifiers that know nothing of time are trained on some pair sets and asked about others:

single frame:     sees one frame at a time
shuffled frames:  sees every frame of a clip, in no order, and adds up what each of them says
set of frames:    also sees how much the frames of a clip differ from one another

The first two are at chance on quadruplets by construction, since the impossible clips consist of the frames of the
possible ones; an accuracy above ``LIMIT`` there means a leak and fails the audit. The third one is told, not held to a
limit: to see that a ball is red in some frames of a clip and blue in others is to see the violation, in whatever order.
Sets that share no frames (possible, impossible, control) are told too: there the motion itself may show in one frame.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Bool, Float, Int, UInt8

from physics_data.core.clip import Clip, PairInfo
from physics_data.core.dataset import ShardDataset
from physics_data.core.errors import DataError

LIMIT = 0.52
"""Largest accuracy of the first two classifiers on quadruplets."""

Classifier = Literal["single frame", "shuffled frames", "set of frames"]
CLASSIFIERS: tuple[Classifier, ...] = ("single frame", "shuffled frames", "set of frames")

MOST_SETS = 64
"""Of an editor with more sets, the first so many of the data are looked at, as ``AuditRow.sets`` says."""

_GRID = 10
_RANDOM_FEATURES = 128
_FOLDS = 5
_RIDGE = 1e-3
_TIE = 1e-6
"""Scores (of ±1) nearer to 0 than this say nothing and count as half right."""

_RESAMPLES = 2000


@dataclass(frozen=True)
class AuditRow:
    """How well a classifier does on the pairs of one editor, or of all (``editor`` = "all ...").

    accuracy:   mean over both classes, held-out sets; NaN with less than two sets
    low, high:  its 95 % interval, from resampled sets
    limit:      largest accuracy allowed; None where none is asked
    passes:     None where there is no limit, or nothing to measure
    """

    editor: str
    classifier: Classifier
    sets: int
    accuracy: float
    low: float
    high: float
    limit: float | None
    passes: bool | None


@dataclass(frozen=True)
class AuditReport:
    """The rows of an audit, and whether no limit was broken."""

    rows: tuple[AuditRow, ...]
    passes: bool


@dataclass(frozen=True)
class _Watched:
    """What the classifiers see of a clip: its frames, made small, as random features."""

    pair: PairInfo
    frames: Float[np.ndarray, "t f"]


def audit(clips: ShardDataset | Sequence[Clip]) -> AuditReport:
    """Train and test the classifiers on all pairs of a dataset, editor by editor and all together.

    Raises:
        DataError: there are no pairs.
    """
    watched = [_Watched(pair, _features(rgb)) for pair, rgb in _chosen(clips)]
    if not watched:
        raise DataError("no clip of the data is one of a pair set; build it from a config with a section 'pairs'.")
    groups: dict[str, list[_Watched]] = {}
    for clip in watched:
        groups.setdefault(clip.pair.editor, []).append(clip)
    quadruplets = [clip for clip in watched if _is_quadruplet(clip)]
    others = [clip for clip in watched if not _is_quadruplet(clip)]
    groups = dict(sorted(groups.items()))
    groups |= {name: some for name, some in (("all quadruplets", quadruplets), ("all others", others)) if some}
    rows = tuple(_row(name, classifier, group) for name, group in groups.items() for classifier in CLASSIFIERS)
    return AuditReport(rows, all(row.passes is not False for row in rows))


def _chosen(clips: ShardDataset | Sequence[Clip]) -> Iterator[tuple[PairInfo, UInt8[np.ndarray, "t h w 3"]]]:
    """Yield the pixels of the pairs that are looked at."""
    sets: dict[str, set[str]] = {}
    is_stored = isinstance(clips, ShardDataset)
    for position in range(len(clips)):
        if is_stored and clips.rows[position].pair_id is None:
            continue
        pair = (clips.load_meta(position) if is_stored else clips[position].meta).pair
        if pair is None:
            continue
        known = sets.setdefault(pair.editor, set())
        if pair.set_id in known or len(known) < MOST_SETS:
            known.add(pair.set_id)
            yield pair, clips.load_pixels(position)[1] if is_stored else clips[position].rgb


def _is_quadruplet(clip: _Watched) -> bool:
    return clip.pair.role in ("AA", "BB", "AB", "BA")


def _features(rgb: UInt8[np.ndarray, "t h w 3"]) -> Float[np.ndarray, "t f"]:
    """Return each frame as means over a grid, and random combinations of them that are cut off at zero."""
    across, down = (_shares(size) for size in rgb.shape[2:0:-1])
    small = np.einsum("thwc,ih,jw->tijc", rgb / 255.0 - 0.5, down, across, optimize=True).reshape(len(rgb), -1)
    rng = np.random.default_rng(0)
    mix = rng.normal(size=(small.shape[1], _RANDOM_FEATURES)) * np.sqrt(8.0 / small.shape[1])
    cut_off = np.maximum(small @ mix + rng.normal(size=_RANDOM_FEATURES), 0.0)
    return np.concatenate([small, cut_off], axis=1).astype(np.float32)


def _shares(size: int) -> Float[np.ndarray, "g n"]:
    """Return how much each pixel of a row or column counts for each cell of the grid; those of a cell sum to 1."""
    cells = (np.arange(size) * _GRID // size == np.arange(_GRID)[:, None]).astype(np.float64)
    return cells / np.maximum(cells.sum(axis=1, keepdims=True), 1.0)


def _row(editor: str, classifier: Classifier, group: list[_Watched]) -> AuditRow:
    limit = LIMIT if classifier != "set of frames" and all(map(_is_quadruplet, group)) else None
    names = sorted({clip.pair.set_id for clip in group})
    if len(names) < 2:
        return AuditRow(editor, classifier, len(names), np.nan, np.nan, np.nan, limit, None)
    samples, is_possible, owner = _samples(classifier, group, names)
    right = _right(samples, is_possible, owner, min(_FOLDS, len(names)))
    # Hits and samples of either class in every set; the accuracy is the mean of the two classes' shares.
    hits, counts = np.zeros((2, len(names))), np.zeros((2, len(names)))
    for which, mask in enumerate((is_possible, ~is_possible)):
        np.add.at(hits[which], owner[mask], right[mask])
        np.add.at(counts[which], owner[mask], 1.0)
    drawn = np.random.default_rng(0).integers(len(names), size=(_RESAMPLES, len(names)))
    resampled = (hits[:, drawn].sum(axis=-1) / counts[:, drawn].sum(axis=-1)).mean(axis=0)
    accuracy = float((hits.sum(axis=1) / counts.sum(axis=1)).mean())
    low, high = (float(value) for value in np.quantile(resampled, (0.025, 0.975)))
    return AuditRow(
        editor, classifier, len(names), accuracy, low, high, limit, None if limit is None else accuracy <= limit
    )


def _samples(
    classifier: Classifier, group: list[_Watched], names: list[str]
) -> tuple[Float[np.ndarray, "n f"], Bool[np.ndarray, "n"], Int[np.ndarray, "n"]]:
    """Return what is classified, whether it can happen, and which set it is of."""
    samples = []
    for clip in group:
        match classifier:
            case "single frame":
                samples.append(clip.frames)
            case "shuffled frames":
                samples.append(clip.frames.mean(axis=0, keepdims=True, dtype=np.float64))
            case "set of frames":
                mean, spread = (take(clip.frames, axis=0, dtype=np.float64) for take in (np.mean, np.std))
                samples.append(np.concatenate([mean, spread])[None])
    repeats = [len(sample) for sample in samples]
    is_possible = np.repeat([clip.pair.is_possible for clip in group], repeats)
    owner = np.repeat([names.index(clip.pair.set_id) for clip in group], repeats)
    return np.concatenate(samples), is_possible, owner


def _right(
    samples: Float[np.ndarray, "n f"], is_possible: Bool[np.ndarray, "n"], owner: Int[np.ndarray, "n"], folds: int
) -> Float[np.ndarray, "n"]:
    """Return 1 for every sample that ridge regression, trained on the other sets, puts into its class; 0.5 for ties."""
    right = np.zeros(len(samples))
    truth = np.where(is_possible, 1.0, -1.0)
    for fold in range(folds):
        held_out = owner % folds == fold
        inputs = samples[~held_out].astype(np.float64)
        center, scale = inputs.mean(axis=0), inputs.std(axis=0) + 1e-3
        inputs = (inputs - center) / scale
        # Both classes weigh the same, so that guessing the larger one gains nothing.
        weight = np.where(is_possible, 0.5 / is_possible[~held_out].mean(), 0.5 / (~is_possible[~held_out]).mean())
        weight = weight[~held_out]
        gram = (inputs * weight[:, None]).T @ inputs + _RIDGE * len(inputs) * np.eye(inputs.shape[1])
        aim = weight * truth[~held_out]
        solution = np.linalg.solve(gram, inputs.T @ (aim - weight * aim.mean() / weight.mean()))
        offset = aim.mean() / weight.mean()
        score = ((samples[held_out] - center) / scale) @ solution + offset
        right[held_out] = np.where(np.abs(score) < _TIE, 0.5, (score > 0) == is_possible[held_out])
    return right
