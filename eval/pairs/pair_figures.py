"""Figures of a model on possible/impossible pairs. A clip without a number loses every comparison."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Float

from eval.pairs.pair_scores import ClipScore, Meaning, read_scores, timing
from eval.pairs.pair_sets import PairSet, read_sets
from eval.statistics import CONFIDENCE, Interval, bootstrap_mean
from physics_data.core.config import StrictModel
from physics_data.core.dataset import ShardDataset

RESAMPLES = 1999


def pairwise(pair_set: PairSet, scores: Mapping[str, ClipScore]) -> float:
    """Return the share of a set's (possible, impossible) pairs in which the possible clip scores higher; ties 1/2.

    Source: the relative error of Riochet et al. (2018), IntPhys, for pairs in place of whole quadruplets.
    """
    return float(_wins([pair_set], scores)[0][0, 0] / (len(pair_set.possible) * len(pair_set.impossible)))


def preference_errors(sets: Sequence[PairSet], scores: Mapping[str, ClipScore]) -> dict[tuple[str, str], float]:
    """Return (scenario, editor) → share of its pairs in which the impossible clip is preferred; ties count half.

    Their mean is the plausibility preference error. LikePhys counts ties as right, which rewards a constant.

    Source: Yuan et al. (2025), LikePhys; every scenario and editor weighs the same, however many pairs it has.
    """
    groups: dict[tuple[str, str], list[PairSet]] = {}
    for pair_set in sets:
        groups.setdefault((pair_set.scenario, pair_set.editor), []).append(pair_set)
    found = {}
    for name, members in groups.items():
        wins = sum(pairwise(t, scores) * len(t.possible) * len(t.impossible) for t in members)
        found[name] = 1.0 - wins / sum(len(t.possible) * len(t.impossible) for t in members)
    return found


def pooled_auroc(sets: Sequence[PairSet], scores: Mapping[str, ClipScore], generator: np.random.Generator) -> Interval:
    """Return the chance that any possible clip scores higher than any impossible one, over all sets; ties count half.

    The interval draws whole sets, since clips of a set resemble each other (percentiles of a cluster bootstrap).

    Source: Hanley, McNeil (1982), Radiology 143.
    """
    wins, pairs = _wins(sets, scores)
    mean, count = float(wins.sum() / pairs.sum()), len(sets)
    if count == 1:
        return Interval(mean, None, None, 1, "none")
    draws = generator.multinomial(count, np.full(count, 1 / count), size=RESAMPLES).astype(np.float64)
    values = np.einsum("di,ij,dj->d", draws, wins, draws, optimize=True)
    values /= np.einsum("di,ij,dj->d", draws, pairs, draws, optimize=True)
    tail = 50 * (1 - CONFIDENCE)
    low, high = (float(end) for end in np.percentile(values, [tail, 100 - tail]))
    return Interval(mean, low, high, count, "percentile")


def mean_pairwise(sets: Sequence[PairSet], scores: Mapping[str, ClipScore], generator: np.random.Generator) -> Interval:
    """Return the mean over sets of ``pairwise`` with its interval."""
    return bootstrap_mean(np.array([pairwise(pair_set, scores) for pair_set in sets]), generator)


def _wins(
    sets: Sequence[PairSet], scores: Mapping[str, ClipScore]
) -> tuple[Float[np.ndarray, "s s"], Float[np.ndarray, "s s"]]:
    """Count, for possible clips of set i and impossible ones of set j, the comparisons won and those made."""
    possible = [np.array([_value(scores[c.key], -np.inf) for c in pair_set.possible]) for pair_set in sets]
    impossible = [np.array([_value(scores[c.key], np.inf) for c in pair_set.impossible]) for pair_set in sets]
    rows, columns = (np.repeat(np.arange(len(sets)), [len(v) for v in side]) for side in (possible, impossible))
    first, second = np.concatenate(possible)[:, None], np.concatenate(impossible)[None]
    won = (first > second) + 0.5 * (first == second)
    wins = np.zeros((len(sets), len(sets)))
    np.add.at(wins, (rows[:, None], columns[None]), won)
    counts = np.array([len(v) for v in possible])[:, None] * np.array([len(v) for v in impossible])[None]
    return wins, counts.astype(np.float64)


def _value(opinion: ClipScore, worst: float) -> float:
    return worst if opinion.score is None else opinion.score


class PairEstimate(StrictModel):
    """A figure with its 95 % interval over sets; see ``eval.statistics.Interval`` for method."""

    mean: float
    low: float | None
    high: float | None
    sets: int
    method: str


class PairFigures(StrictModel):
    """What numbers say of some sets.

    pairwise:          share of pairs ordered rightly inside sets, ties half; 0.5 is chance
    auroc:             the same over clips of all sets, which asks for one scale
    preference_error:  LikePhys' mean over scenarios and editors of the share of pairs ordered wrongly, ties half
    """

    pairwise: PairEstimate
    auroc: PairEstimate
    preference_error: float


class SurpriseTiming(StrictModel):
    """See ``eval.pairs.pair_scores.Timing``."""

    in_time: float
    chance: float
    distance: float
    clips: int


class PairSummary(StrictModel):
    """A model on the sets of a dataset. by: grouping → value → figures; missing: clips without a finite number."""

    system: str
    meaning: Meaning
    clips: int
    missing: int
    overall: PairFigures
    by: dict[str, dict[str, PairFigures]]
    surprise: SurpriseTiming | None


_GROUPINGS: Mapping[str, Callable[[PairSet], str]] = {
    "setting": lambda pair_set: pair_set.setting,
    "editor": lambda pair_set: pair_set.editor,
    "severity": lambda pair_set: f"{pair_set.severity:g}",
    "scenario": lambda pair_set: pair_set.scenario,
    "engine": lambda pair_set: pair_set.engine,
}


def score_pairs(
    dataset: Path,
    scores_file: Path,
    *,
    split: str | None = None,
    meaning: Meaning = "plausibility",
    name: str | None = None,
    seed: int = 0,
) -> PairSummary:
    """Compare a model's scores (see ``read_scores``) with the labels of a dataset's pairs.

    Args:
        dataset: folder of 'python -m physics_data build' with pairs
        split: of the dataset; None takes all
        meaning: "loss" for numbers that are smaller for more plausible clips, as denoising losses are
        name: of the model; default: the file's
        seed: of the bootstrap

    Raises:
        DataError: no pairs in the dataset, or an invalid table.
    """
    sets = read_sets(ShardDataset(dataset), split)
    keys = {clip.key for pair_set in sets for clip in pair_set.clips}
    return summarise_pairs(sets, read_scores(scores_file, keys, meaning), name or Path(scores_file).stem, meaning, seed)


def summarise_pairs(
    sets: Sequence[PairSet],
    scores: Mapping[str, ClipScore],
    system: str,
    meaning: Meaning = "plausibility",
    seed: int = 0,
) -> PairSummary:
    """Return all figures; equal sets, scores and seed give equal ones."""
    groups: dict[str, dict[str, list[PairSet]]] = {grouping: {} for grouping in _GROUPINGS}
    for pair_set in sets:
        for grouping, value_of in _GROUPINGS.items():
            groups[grouping].setdefault(value_of(pair_set), []).append(pair_set)
    found = timing(sets, scores)
    keys = [clip.key for pair_set in sets for clip in pair_set.clips]
    return PairSummary(
        system=system,
        meaning=meaning,
        clips=len(keys),
        missing=sum(scores[key].score is None for key in keys),
        overall=_figures(sets, scores, seed),
        by={
            grouping: {value: _figures(members, scores, seed) for value, members in sorted(values.items())}
            for grouping, values in groups.items()
        },
        surprise=None if found is None else SurpriseTiming(**vars(found)),
    )


def _figures(sets: Sequence[PairSet], scores: Mapping[str, ClipScore], seed: int) -> PairFigures:
    return PairFigures(
        pairwise=_estimate(mean_pairwise(sets, scores, np.random.default_rng(seed))),
        auroc=_estimate(pooled_auroc(sets, scores, np.random.default_rng(seed))),
        preference_error=float(np.mean(list(preference_errors(sets, scores).values()))),
    )


def _estimate(interval: Interval) -> PairEstimate:
    return PairEstimate(
        mean=interval.mean, low=interval.low, high=interval.high, sets=interval.scenes, method=interval.method
    )


_HEADER = "| {0} | sets | ordered rightly | AUROC | preference error |\n|---|---|---|---|---|"


def as_markdown(summary: PairSummary) -> str:
    """Return one table for all sets, one for each grouping, and when a model was surprised."""
    missing = f", {summary.missing} without a number count as wrong" if summary.missing else ""
    lines = [f"{summary.system}: {summary.clips} clips{missing}; 0.5 is chance.", ""]
    lines += [_HEADER.format("sets"), _row("all", summary.overall)]
    for grouping, values in summary.by.items():
        lines += ["", _HEADER.format(grouping), *(_row(value, figures) for value, figures in values.items())]
    if summary.surprise is not None:
        surprise = summary.surprise
        lines += [
            "",
            f"Most surprised in time in {surprise.in_time:.2f} of {surprise.clips} clips; a frame chosen blindly would "
            f"be in {surprise.chance:.2f}.",
        ]
    return "\n".join(lines) + "\n"


def _row(name: str, figures: PairFigures) -> str:
    cells = (_shown(figures.pairwise), _shown(figures.auroc), f"{figures.preference_error:.3f}")
    return f"| {name} | {figures.pairwise.sets} | {' | '.join(cells)} |"


def _shown(estimate: PairEstimate) -> str:
    if estimate.low is None or estimate.high is None:
        return f"{estimate.mean:.3f}" + (" (all equal)" if estimate.method == "constant" else "")
    return f"{estimate.mean:.3f} [{estimate.low:.3f}, {estimate.high:.3f}]"
