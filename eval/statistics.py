"""What a mean over scenes is worth: bootstrap intervals and paired comparisons. The unit is the scene."""

import warnings
from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from scipy import stats

RESAMPLES = 4999
CONFIDENCE = 0.95


@dataclass(frozen=True)
class Interval:
    """A mean with its 95 % interval.

    low, high:  None where no interval can be given (one scene only)
    method:     "BCa" or "percentile" bootstrap; "constant" where all scenes have one value, so that the data show no
                spread at all, which with few scenes says little; "none" for a single scene
    """

    mean: float
    low: float | None
    high: float | None
    scenes: int
    method: str


@dataclass(frozen=True)
class Difference:
    """Mean of first - second over the same scenes, its interval, and how easily chance gives as much.

    p_value is two-sided, from flipping the signs of the scenes' differences: all flips where there are at most 9999,
    else 9999 random ones.
    """

    first: str
    second: str
    interval: Interval
    p_value: float


def bootstrap_mean(values: Float[np.ndarray, "n"], generator: np.random.Generator) -> Interval:
    """Return the mean over scenes with its bias-corrected and accelerated bootstrap interval.

    Where BCa is not defined (its bias cannot be estimated) the percentile interval is given and named.

    Source: Efron (1987), Better bootstrap confidence intervals, JASA 82.
    """
    count = len(values)
    if count == 0:
        raise ValueError("no values; a mean needs at least one scene.")
    mean = float(np.mean(values))
    if count == 1:
        return Interval(mean, None, None, 1, "none")
    if np.ptp(values) <= 1e-12 * max(1.0, abs(mean)):
        value = float(values[0])
        return Interval(value, value, value, count, "constant")
    for method in ("BCa", "percentile"):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", stats.DegenerateDataWarning)
            result = stats.bootstrap(
                (values,),
                np.mean,
                n_resamples=RESAMPLES,
                confidence_level=CONFIDENCE,
                method=method,
                rng=generator,
            )
        low, high = (float(end) for end in result.confidence_interval)
        if np.isfinite(low) and np.isfinite(high):
            return Interval(mean, low, high, count, method)
    raise ValueError(f"the values {values} give no bootstrap interval; they must be finite.")


def paired_difference(
    first: Float[np.ndarray, "n"],
    second: Float[np.ndarray, "n"],
    generator: np.random.Generator,
    names: tuple[str, str] = ("first", "second"),
) -> Difference:
    """Compare two systems on the same scenes, in the same order.

    Source: Fisher (1935), The Design of Experiments, §21.
    """
    differences = np.asarray(first, dtype=np.float64) - np.asarray(second, dtype=np.float64)
    interval = bootstrap_mean(differences, generator)
    test = stats.permutation_test(
        (differences,), np.mean, permutation_type="samples", n_resamples=9999, vectorized=True, rng=generator
    )
    return Difference(*names, interval, float(test.pvalue))


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

    A bootstrap over these means draws whole scenes, so seeds stay nested in their scene (a cluster bootstrap).

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
