"""Intervals and tests of means over scenes, and over training runs crossed with scenes."""

import warnings
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float
from scipy import optimize, special, stats

RESAMPLES = 4999
CONFIDENCE = 0.95


@dataclass(frozen=True)
class Interval:
    """A mean with its 95 % interval.

    low, high:  None where no interval can be given: a single scene, or all values equal
    scenes:     number of scenes
    method:     "BCa" or "percentile": bootstrap over scenes, one run; "crossed": over runs and scenes, see
                ``crossed_mean``; "constant": all values are equal, so the data show no spread and give no interval;
                "none": a single scene
    runs:       number of runs (training or generation seeds). With one run the interval does not cover other runs
    """

    mean: float
    low: float | None
    high: float | None
    scenes: int
    method: str
    runs: int = 1


def auroc(higher: Float[np.ndarray, "n"], lower: Float[np.ndarray, "m"]) -> float:
    """Return the chance that one of ``higher`` exceeds one of ``lower``, ties counting one half.

    NaN where either is empty.

    Source: Mann and Whitney (1947); Hanley and McNeil (1982), Radiology 143.
    """
    if not len(higher) or not len(lower):
        return float("nan")
    ranks = stats.rankdata(np.concatenate([higher, lower]))[: len(higher)]
    return float((ranks.sum() - len(higher) * (len(higher) + 1) / 2) / (len(higher) * len(lower)))


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


def bootstrap_mean(
    values: Float[np.ndarray, "n"] | Float[np.ndarray, "r n"], generator: np.random.Generator
) -> Interval:
    """Return the mean over scenes with its 95 % interval.

    One run has the bias-corrected and accelerated (BCa) bootstrap interval over scenes, or the percentile interval
    where BCa is not defined. With several runs each side of that interval is widened by the ratio of the crossed
    half-width (``crossed_mean``) to the bootstrap's own, so that it keeps its skewness and covers other runs too.

    Args:
        values: one value for each scene, or runs x scenes with NaN where a run has no value
        generator: of the bootstrap

    Raises:
        ValueError: no value, or one that is infinite.

    Source: Efron (1987), Better bootstrap confidence intervals, JASA 82.
    """
    if values.ndim == 2:
        return _bootstrap_runs(_table(values), generator)
    return _bootstrap_scenes(values, generator)


def _bootstrap_scenes(values: Float[np.ndarray, "n"], generator: np.random.Generator) -> Interval:
    count = len(values)
    if count == 0:
        raise ValueError("no values; a mean needs at least one scene.")
    mean = float(np.mean(values))
    if count == 1:
        return Interval(mean, None, None, 1, "none")
    if _is_constant(values):
        return Interval(float(values[0]), None, None, count, "constant")
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


def _bootstrap_runs(table: Float[np.ndarray, "r n"], generator: np.random.Generator) -> Interval:
    runs, count = table.shape
    means = np.nanmean(table, axis=0)
    if runs == 1 or count == 1:
        return replace(_bootstrap_scenes(means, generator), runs=runs)
    crossed = crossed_mean(table)
    if crossed.half_width == 0.0:
        return Interval(crossed.mean, None, None, count, "constant", runs)
    below = above = crossed.half_width
    if not _is_constant(means):
        scenes, wider = _bootstrap_scenes(means, generator), run_widening(table)
        assert scenes.low is not None and scenes.high is not None
        below, above = ((crossed.mean - scenes.low) * wider, (scenes.high - crossed.mean) * wider)
    return Interval(crossed.mean, crossed.mean - below, crossed.mean + above, count, "crossed", runs)


def run_widening(table: Float[np.ndarray, "r s"]) -> float:
    """Return how many times wider an interval over scenes has to be to cover other runs, too; 1 for one run.

    The ratio of the half-width of ``crossed_mean`` to that of a bootstrap over the scenes' means, 1.96 standard errors
    without the correction n / (n - 1). For a statistic that is no mean the table holds its linear terms.
    """
    means = np.nanmean(table, axis=0)
    if len(table) == 1 or len(means) < 2 or _is_constant(means):
        return 1.0
    bootstrap = float(stats.norm.ppf((1 + CONFIDENCE) / 2) * np.std(means) / np.sqrt(len(means)))
    return crossed_mean(table).half_width / bootstrap


def _is_constant(values: np.ndarray) -> bool:
    return bool(np.ptp(values) <= 1e-12 * max(1.0, abs(float(np.mean(values)))))


@dataclass(frozen=True)
class CrossedMean:
    """A mean over runs x scenes with its standard error and two-sided test against 0.

    half_width: of the symmetric 95 % interval; critical value times standard error
    """

    mean: float
    standard_error: float
    half_width: float
    p_value: float


def crossed_mean(*tables: Float[np.ndarray, "_ s"]) -> CrossedMean:
    """Test the mean of runs crossed with scenes, both random: would other runs, on other scenes, differ from 0, too?

    A run that is better is better on all scenes, so runs are no replicates inside a scene. The value of run r on scene
    s is mu + run_r + scene_s + rest_rs. The mean over scenes of the means over runs has the variance U + W, with
    W = (mean square of scenes) / (R S) and U = max(0, mean square of runs - mean square of the rest) / (R S).
    The critical value is that of Cochran and Cox, (U t[R-1] + W t[S-1]) / (U + W). With two runs the rest is not
    subtracted from U, since one degree of freedom cannot tell them apart: the test is then cautious.

    In simulations of null effects the test rejects 3 to 8 % at the 5 % level with three runs or more, 24 or 48
    scenes, runs that scatter by 0 to 0.1, and the rest at most twice the scatter of the scenes.

    Args:
        tables: one of differences, paired by run and scene, or two of the same scenes whose runs are no pairs; the
            mean is then the first's minus the second's. NaN where a run has no value; means over scenes weigh scenes
            equally

    Raises:
        ValueError: fewer than two scenes, a scene or a run without a value, or different numbers of scenes.

    Source: Searle, Casella, McCulloch (1992), Variance Components, §4.3 (two-way crossed, random);
    Cochran, Cox (1957), Experimental Designs, §4.14 (combination of critical values).
    """
    if len({table.shape[1] for table in tables}) > 1 or tables[0].shape[1] < 2:
        raise ValueError(f"tables of {[t.shape for t in tables]} runs and scenes; give the same two scenes or more.")
    means = [np.nanmean(table, axis=0) for table in tables]
    scenes = means[0] if len(tables) == 1 else means[0] - means[1]
    mean, count = float(scenes.mean()), len(scenes)
    parts = [(float(scenes.var(ddof=1)) / count, count - 1)]
    parts += [(_run_variance(table), len(table) - 1) for table in tables if len(table) > 1]
    total = sum(variance for variance, _ in parts)
    if total <= (1e-12 * max(1.0, abs(mean))) ** 2:
        return CrossedMean(mean, 0.0, 0.0, 1.0 if abs(mean) <= 1e-12 else float(2.0 ** (1 - count)))
    error = float(np.sqrt(total))
    size, least = abs(mean) / error, 1e-12
    p_value = least
    if crossed_critical(parts, least) > size:
        p_value = optimize.brentq(lambda p: crossed_critical(parts, p) - size, least, 1.0)
    return CrossedMean(mean, error, crossed_critical(parts) * error, float(p_value))  # pyright: ignore[reportArgumentType]


def crossed_critical(parts: Sequence[tuple[float, int]], p_value: float = 1 - CONFIDENCE) -> float:
    """Return the two-sided critical value of Cochran and Cox from (variance, degrees of freedom) of independent parts.

    The mean of Student's quantiles, weighted by the variances.
    """
    variances, freedom = (np.array(column, dtype=np.float64) for column in zip(*parts, strict=True))
    if not variances.sum():
        return 0.0
    return float(variances @ special.stdtrit(freedom, 1 - p_value / 2) / variances.sum())


def _run_variance(table: Float[np.ndarray, "r s"]) -> float:
    """Return the variance that the scatter of the runs adds to the mean over scenes of the means over runs."""
    known = np.isfinite(table)
    runs, scenes = table.shape
    weights = known / (known.sum(0) * scenes)
    values = np.where(known, table, 0.0)
    off = np.where(known, values - (weights * values).sum(), 0.0)
    spread = float(np.square((weights * off).sum(1)).sum()) * runs / (runs - 1)
    freedom = int(known.sum()) - runs - scenes + 1
    if runs == 2 or freedom < 1:
        return spread
    for _ in range(1 if known.all() else 50):  # additive fit; one pass is exact where no value is missing
        off -= known * (off.sum(0) / known.sum(0))
        off -= known * (off.sum(1) / known.sum(1))[:, None]
    rest = float(np.square(off).sum()) / freedom * float(np.square(weights).sum())
    return max(0.0, spread - rest)


def _table(values: Float[np.ndarray, "r s"]) -> Float[np.ndarray, "r s"]:
    """Return runs x scenes without the runs and scenes that have no value at all."""
    known = np.isfinite(values)
    return values[known.any(1)][:, known.any(0)]


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
