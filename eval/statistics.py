"""What a mean over scenes is worth: bootstrap intervals and paired comparisons. The unit is the scene."""

import warnings
from collections.abc import Sequence
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
