"""``Schedule``: shares of sources that change over a run, given out draw by draw without a memory."""

import functools
import math
from collections.abc import Sequence
from fractions import Fraction
from itertools import pairwise

from physics_data.core.errors import ConfigError

Weight = float | Sequence[tuple[int, float]]
"""A constant weight, or points (step, weight) in rising order; before the first and after the last it stays."""

_DENOMINATOR = 10**6
_HALF = Fraction(1, 2)


class Schedule:
    """Exact shares of each source over the draws of a run.

    At every step that any source names, its weights are made shares (sum 1); between such steps shares change linearly.
    All sums are fractions, never rounded: a source gets no draw twice and loses none, however long the run.

    The draws are given out by a chain of two-way splits. Of the m draws that reach source k, it gets the rounded sum of
    its shares up to the moment in the run at which that sum over the sources k, k + 1, ... is m. That sum grows by at
    most 1 per draw, so each draw belongs to exactly one source.
    """

    def __init__(self, weights: Sequence[Weight], batch_size: int) -> None:
        """Read the weights.

        Args:
            weights: for each source
            batch_size: draws of a step

        Raises:
            ConfigError: steps do not rise, a weight is negative, or at some step all are 0.
        """
        curves = [[(0, weight)] if isinstance(weight, int | float) else list(weight) for weight in weights]
        for curve in curves:
            if not curve or any(later[0] <= earlier[0] for earlier, later in pairwise(curve)) or curve[0][0] < 0:
                raise ConfigError(
                    f"data.sources: the steps of the weights {curve} must rise from 0; write e.g. [[0, 1], [2000, 0]]."
                )
            if min(weight for _, weight in curve) < 0:
                raise ConfigError(f"data.sources: the weights {curve} must not be negative; 0 leaves a source out.")
        steps = sorted({0} | {step for curve in curves for step, _ in curve})
        self._knots = [step * batch_size for step in steps]
        self._shares: list[list[Fraction]] = []
        for step in steps:
            row = [_weight_at(curve, step) for curve in curves]
            if not sum(row):
                raise ConfigError(f"data.sources: at step {step} all weights are 0; give one source more than 0.")
            self._shares.append([weight / sum(row) for weight in row])
        self._sums = functools.lru_cache(maxsize=4096)(self._sums_at)

    def quota(self, source: int, number: int) -> int:
        """Return how many of the first ``number`` draws that reach a source it gets."""
        if source == len(self._shares[0]) - 1:
            return number
        low, high = self._enclose(source, number)
        before, after = self._sums(low), self._sums(high)
        reach, more = sum(before[source:]), sum(after[source:])
        part = (number - reach) / (more - reach) if more > reach else Fraction(0)
        return math.floor(before[source] + part * (after[source] - before[source]) + _HALF)

    def _enclose(self, source: int, number: int) -> tuple[int, int]:
        """Return neighbouring draws of the run between which ``number`` draws have reached a source."""
        low, width = number, 1  # the draws that reach a source are never more than all draws
        while sum(self._sums(low + width)[source:]) < number:
            if width > 1 << 62:
                return low, low + width  # its share and those after it are 0 for good
            low, width = low + width, 2 * width
        high = low + width
        while high - low > 1:
            middle = (low + high) // 2
            if sum(self._sums(middle)[source:]) < number:
                low = middle
            else:
                high = middle
        return low, high

    def _sums_at(self, draw: int) -> tuple[Fraction, ...]:
        """Return for each source the sum of its shares over the first ``draw`` draws."""
        totals = [Fraction(0)] * len(self._shares[0])
        for place, start in enumerate(self._knots):
            if start >= draw:
                break
            is_last = place + 1 == len(self._knots)
            end = draw if is_last else min(draw, self._knots[place + 1])
            first = self._shares[place]
            last = first if is_last else self._shares[place + 1]
            along = Fraction(0) if is_last else Fraction(end - start, self._knots[place + 1] - start)
            for source, (a, b) in enumerate(zip(first, last, strict=True)):
                totals[source] += (end - start) * (a + along * (b - a) / 2)
        return tuple(totals)


def _weight_at(curve: Sequence[tuple[int, float]], step: int) -> Fraction:
    points = [(at, Fraction(weight).limit_denominator(_DENOMINATOR)) for at, weight in curve]
    if step <= points[0][0]:
        return points[0][1]
    for (before, a), (after, b) in pairwise(points):
        if before <= step <= after:
            return a + (b - a) * Fraction(step - before, after - before)
    return points[-1][1]
