"""Comparison of systems over scenes and training runs: paired differences, variance components, rank stability."""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from scipy import stats

from eval.statistics import Interval, _table, bootstrap_mean, crossed_mean


@dataclass(frozen=True)
class Difference:
    """Mean of first - second over the same scenes, its interval, and its two-sided p value.

    With one run p_value comes from flipping the signs of the scenes' differences (all flips where there are at most
    9999, else 9999 random ones); with more it is that of ``crossed_mean``.
    """

    first: str
    second: str
    interval: Interval
    p_value: float


def paired_difference(
    first: Float[np.ndarray, "n"] | Float[np.ndarray, "r n"],
    second: Float[np.ndarray, "n"] | Float[np.ndarray, "q n"],
    generator: np.random.Generator,
    names: tuple[str, str] = ("first", "second"),
) -> Difference:
    """Compare two systems on the same scenes, in the same order.

    Each is one value for each scene, or runs x scenes. Equal numbers of runs are paired in their order; one run is
    taken from every run of the other; other numbers are independent samples of runs.

    Raises:
        ValueError: other scenes, or no value.

    Source: Fisher (1935), The Design of Experiments, §21; ``crossed_mean`` for several runs.
    """
    one, two = (np.atleast_2d(np.asarray(side, dtype=np.float64)) for side in (first, second))
    if len(one) == len(two) or 1 in (len(one), len(two)):
        table = _table(one - two)
        interval = bootstrap_mean(table if len(table) > 1 else table[0], generator)
        if len(table) > 1 and table.shape[1] > 1:
            return Difference(*names, interval, crossed_mean(table).p_value)
        flips = stats.permutation_test(
            (np.nanmean(table, axis=0),),
            np.mean,
            permutation_type="samples",
            n_resamples=9999,
            vectorized=True,
            rng=generator,
        )
        return Difference(*names, interval, float(flips.pvalue))
    crossed = crossed_mean(one, two)
    ends = (crossed.mean - crossed.half_width, crossed.mean + crossed.half_width)
    interval = Interval(crossed.mean, *ends, one.shape[1], "crossed", min(len(one), len(two)))
    return Difference(*names, interval, crossed.p_value)


def run_table(
    values: Sequence[float], runs: Sequence[Hashable], scenes: Sequence[Hashable]
) -> Float[np.ndarray, "r s"]:
    """Return values as runs x scenes, both in order of their name; NaN where a run has no value of a scene.

    Raises:
        ValueError: other numbers of values, runs and scenes, or two values of one run and scene.
    """
    if not len(values) == len(runs) == len(scenes):
        raise ValueError(f"{len(values)} values, {len(runs)} runs and {len(scenes)} scenes; give one of each a value.")
    if len(set(zip(runs, scenes, strict=True))) < len(values):
        raise ValueError("a run has two values of one scene; average them, or tell the runs apart.")
    rows, columns = ({name: n for n, name in enumerate(sorted(set(s), key=str))} for s in (runs, scenes))
    table = np.full((len(rows), len(columns)), np.nan)
    for value, run, scene in zip(values, runs, scenes, strict=True):
        table[rows[run], columns[scene]] = value
    return table


def holm(p_values: Sequence[float]) -> list[float]:
    """Return p values adjusted for having looked at several comparisons.

    Source: Holm (1979), A simple sequentially rejective multiple test procedure.
    """
    order = np.argsort(p_values, kind="stable")
    adjusted = np.empty(len(p_values))
    largest = 0.0
    for rank, index in enumerate(order):
        largest = max(largest, min(1.0, (len(p_values) - rank) * p_values[index]))
        adjusted[index] = largest
    return adjusted.tolist()


def scene_means(
    values: Sequence[float], scenes: Sequence[Hashable]
) -> tuple[Float[np.ndarray, "s"], Float[np.ndarray, "s"]]:
    """Return the mean of every scene over its seeds, and how many seeds it has; scenes in order of their name.

    A bootstrap over these means draws whole scenes (a cluster bootstrap) and says nothing of other runs. Where seeds
    are runs, which act on all scenes, use ``run_table`` with ``bootstrap_mean``.

    Raises:
        ValueError: another number of scenes than of values.

    Source: Davison, Hinkley (1997), Bootstrap Methods and their Application, §3.8.
    """
    if len(values) != len(scenes):
        raise ValueError(f"{len(values)} values were given for {len(scenes)} scenes; give one scene for each value.")
    groups: dict[Hashable, list[float]] = {}
    for value, scene in zip(values, scenes, strict=True):
        groups.setdefault(scene, []).append(float(value))
    ordered = [groups[scene] for scene in sorted(groups, key=str)]
    return np.array([np.mean(group) for group in ordered]), np.array([float(len(group)) for group in ordered])


@dataclass(frozen=True)
class VarianceSplit:
    """Where the scatter of one system's values comes from, as variances of a single value.

    between_scenes:  of the scenes' true means; 0 where the estimate is below 0
    between_seeds:   within a scene, from one generation seed to another; None with one seed each
    """

    between_scenes: float
    between_seeds: float | None


def variance_split(values: Sequence[float], scenes: Sequence[Hashable]) -> VarianceSplit:
    """Split the variance into scenes and seeds by one-way analysis of variance with random effects.

    Raises:
        ValueError: fewer than two scenes.

    Source: Searle, Casella, McCulloch (1992), Variance Components, §3.6 (unequal numbers included).
    """
    means, counts = scene_means(values, scenes)
    groups, total = len(means), counts.sum()
    if groups < 2:
        raise ValueError(f"{groups} scene was given, a variance between scenes needs at least two.")
    if total == groups:
        return VarianceSplit(float(means.var(ddof=1)), None)
    within_sum = float(np.square(values).sum() - (counts * means**2).sum())
    within = max(0.0, within_sum / (total - groups))
    grand = (counts * means).sum() / total
    between_square = float((counts * (means - grand) ** 2).sum() / (groups - 1))
    usual_count = (total - (counts**2).sum() / total) / (groups - 1)
    return VarianceSplit(max(0.0, (between_square - within) / float(usual_count)), within)


@dataclass(frozen=True)
class RankStability:
    """How much of a ranking would remain on other scenes of the same kind.

    kendall:    mean Kendall tau-b between the ranking and that of a bootstrap sample of the scenes; 1 = always the same
    low:        its 2.5 % quantile
    best_stays: share of the samples in which the best system is still the best (ties count as parts)
    """

    kendall: float
    low: float
    best_stays: float


def rank_stability(
    values: Float[np.ndarray, "m s"], generator: np.random.Generator, resamples: int = 999
) -> RankStability:
    """Rank systems (rows) by their mean over scenes (columns), and again on bootstrap samples of the scenes.

    A sample in which all systems tie says nothing of the order and counts as tau 0.

    Raises:
        ValueError: fewer than two systems or scenes.

    Source: Kendall (1938), A new measure of rank correlation.
    """
    systems, scenes = values.shape
    if systems < 2 or scenes < 2:
        raise ValueError(f"{systems} systems on {scenes} scenes were given; a ranking needs at least two of each.")
    full = values.mean(1)
    draws = generator.integers(scenes, size=(resamples, scenes))
    taus, stays = np.empty(resamples), np.empty(resamples)
    top = int(full.argmax())
    for number, draw in enumerate(draws):
        again = values[:, draw].mean(1)
        tau = float(stats.kendalltau(full, again)[0])  # pyright: ignore[reportArgumentType]
        taus[number] = tau if np.isfinite(tau) else 0.0
        winners = np.flatnonzero(again >= again.max() - 1e-12)
        stays[number] = (top in winners) / len(winners)
    return RankStability(float(taus.mean()), float(np.quantile(taus, 0.025)), float(stays.mean()))
