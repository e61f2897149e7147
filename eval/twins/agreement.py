"""How well numbers tell possible clips from impossible ones. A clip without a number loses every comparison."""

from collections.abc import Mapping, Sequence

import numpy as np
from jaxtyping import Float

from eval.statistics import CONFIDENCE, Interval, bootstrap_mean
from eval.twins.scores import ClipScore
from eval.twins.sets import TwinSet

RESAMPLES = 1999


def pairwise(twins: TwinSet, scores: Mapping[str, ClipScore]) -> float:
    """Return the share of a set's (possible, impossible) pairs in which the possible clip scores higher; ties 1/2.

    Source: the relative error of Riochet et al. (2018), IntPhys, for pairs in place of whole quadruplets.
    """
    return float(_wins([twins], scores)[0][0, 0] / (len(twins.possible) * len(twins.impossible)))


def preference_errors(sets: Sequence[TwinSet], scores: Mapping[str, ClipScore]) -> dict[tuple[str, str], float]:
    """Return (scenario, editor) → share of its pairs in which the impossible clip is preferred; ties count half.

    Their mean is the plausibility preference error. LikePhys counts ties as right, which rewards a constant.

    Source: Yuan et al. (2025), LikePhys; every scenario and editor weighs the same, however many pairs it has.
    """
    groups: dict[tuple[str, str], list[TwinSet]] = {}
    for twins in sets:
        groups.setdefault((twins.scenario, twins.editor), []).append(twins)
    found = {}
    for name, members in groups.items():
        wins = sum(pairwise(t, scores) * len(t.possible) * len(t.impossible) for t in members)
        found[name] = 1.0 - wins / sum(len(t.possible) * len(t.impossible) for t in members)
    return found


def auroc(sets: Sequence[TwinSet], scores: Mapping[str, ClipScore], generator: np.random.Generator) -> Interval:
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


def mean_pairwise(sets: Sequence[TwinSet], scores: Mapping[str, ClipScore], generator: np.random.Generator) -> Interval:
    """Return the mean over sets of ``pairwise`` with its interval."""
    return bootstrap_mean(np.array([pairwise(twins, scores) for twins in sets]), generator)


def _wins(
    sets: Sequence[TwinSet], scores: Mapping[str, ClipScore]
) -> tuple[Float[np.ndarray, "s s"], Float[np.ndarray, "s s"]]:
    """Count, for possible clips of set i and impossible ones of set j, the comparisons won and those made."""
    possible = [np.array([_value(scores[c.key], -np.inf) for c in twins.possible]) for twins in sets]
    impossible = [np.array([_value(scores[c.key], np.inf) for c in twins.impossible]) for twins in sets]
    rows, columns = (np.repeat(np.arange(len(sets)), [len(v) for v in side]) for side in (possible, impossible))
    first, second = np.concatenate(possible)[:, None], np.concatenate(impossible)[None]
    won = (first > second) + 0.5 * (first == second)
    wins = np.zeros((len(sets), len(sets)))
    np.add.at(wins, (rows[:, None], columns[None]), won)
    counts = np.array([len(v) for v in possible])[:, None] * np.array([len(v) for v in impossible])[None]
    return wins, counts.astype(np.float64)


def _value(opinion: ClipScore, worst: float) -> float:
    return worst if opinion.score is None else opinion.score
