"""``Mixture``: the clips of a step's batch as a pure function of (seed, step), and the schedule of its sources.

Nothing is remembered between steps, so training that resumes at step n sees exactly the batches it would have seen.
"""

import functools
import math
import zlib
from collections.abc import Callable, Sequence
from fractions import Fraction
from itertools import pairwise

import numpy as np

from physics_data.core.errors import ConfigError
from worldsim.data.sources import ClipSource, PixelClip

Weight = float | Sequence[tuple[int, float]]
"""A constant weight, or points (step, weight) in rising order; before the first and after the last it stays."""


class Mixture:
    """Draws clips from several sources in given shares, which may change over the run.

    The i-th draw of a run belongs to the source that keeps every share nearest to its weight, so after n draws each
    source was drawn weight * n times (with a schedule: the sum of its shares so far), to within one per split of the
    weights. Within a source the clips come in a new random order in every pass.
    """

    def __init__(
        self, sources: Sequence[ClipSource], weights: Sequence[Weight], *, seed: int, batch_size: int = 1
    ) -> None:
        """Combine sources.

        Args:
            sources: at least one, with different names
            weights: relative shares, > 0; or for each source points (step, weight), weights >= 0, between which the
                shares change linearly; see ``Schedule``
            seed: decides the order
            batch_size: draws of a step; only schedules need it

        Raises:
            ConfigError: no source, as many weights as sources are not there, or two sources of one name.
        """
        names = [source.name for source in sources]
        fixed = [weight for weight in weights if not isinstance(weight, Sequence)]
        if not sources or len(sources) != len(weights) or min(fixed, default=1.0) <= 0:
            raise ConfigError(f"data.sources: {len(sources)} sources with weights {list(weights)}; each needs one > 0.")
        if len(set(names)) != len(names):
            raise ConfigError(f"data.sources: two sources have one name among {names}; set 'name' to tell them apart.")
        self.sources = list(sources)
        if len(fixed) == len(weights):
            self._quotas = quotas(fixed)
        else:
            schedule = Schedule(weights, batch_size)
            self._quotas = [functools.partial(schedule.quota, k) for k in range(len(names))]
        self._seed = seed
        self._order = functools.lru_cache(maxsize=2 * len(names))(self._shuffled)

    def draw(self, number: int) -> tuple[int, int]:
        """Return (source, position) of the ``number``-th draw of the run, counted from 0."""
        source, index = assign(self._quotas, number)
        epoch, place = divmod(index, len(self.sources[source]))
        return source, int(self._order(source, epoch)[place])

    def batch(self, step: int, batch_size: int) -> list[tuple[int, int]]:
        """Return (source, position) of each clip of the batch of a step."""
        return [self.draw(step * batch_size + slot) for slot in range(batch_size)]

    def load(self, picks: Sequence[tuple[int, int]]) -> list[PixelClip]:
        """Load the clips of a batch."""
        return [self.sources[source].load(position) for source, position in picks]

    def seen(self, num_steps: int, batch_size: int) -> dict[str, int]:
        """Return how many clips of each source the first ``num_steps`` batches hold."""
        counts, left = {}, num_steps * batch_size
        for source, quota in zip(self.sources, self._quotas, strict=True):
            counts[source.name] = quota(left)
            left -= counts[source.name]
        return counts

    def seen_shares(self, num_steps: int, batch_size: int) -> dict[str, float]:
        """Return the share of each source in the first ``num_steps`` batches."""
        total = max(num_steps * batch_size, 1)
        return {name: count / total for name, count in self.seen(num_steps, batch_size).items()}

    def _shuffled(self, source: int, epoch: int) -> np.ndarray:
        key = (zlib.crc32(self.sources[source].name.encode()), epoch)
        order = np.random.default_rng(np.random.SeedSequence(self._seed, spawn_key=key))
        return order.permutation(len(self.sources[source]))


Quota = Callable[[int], int]
"""How many of the first n draws that reach a source it gets."""


def quotas(weights: Sequence[float]) -> list[Quota]:
    """Return the quotas of constant weights > 0: the share of source k among the sources k, k + 1, ...

    Draws are given out by this chain of two-way splits.
    """
    return [functools.partial(_quota, share=weight / sum(weights[k:])) for k, weight in enumerate(weights)]


def assign(given: Sequence[Quota], number: int) -> tuple[int, int]:
    """Return the source of a draw and how often that source was drawn before."""
    for source, quota in enumerate(given):
        before, after = quota(number), quota(number + 1)
        if after > before or source == len(given) - 1:
            return source, before
        number -= before
    raise AssertionError("the last source takes every draw that is left")


def _quota(number: int, share: float) -> int:
    """Return how many of the first ``number`` draws a source of this share gets."""
    return number if share >= 1 else math.floor(number * share + 0.5)


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
