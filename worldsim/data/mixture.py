"""``Mixture``: which clips make up the batch of a training step, as a pure function of (seed, step).

Nothing is remembered between steps, so training that resumes at step n sees exactly the batches it would have seen.
"""

import functools
import math
import zlib
from collections.abc import Sequence

import numpy as np

from physics_data.core.errors import ConfigError
from worldsim.data.schedule import Schedule, Weight
from worldsim.data.sources import ClipSource, PixelClip


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
        # The share of source k among the sources k, k + 1, ...: draws are given out by this chain of two-way splits.
        if len(fixed) == len(weights):
            splits = [weight / sum(fixed[k:]) for k, weight in enumerate(fixed)]
            self._quotas = [functools.partial(_quota, share=share) for share in splits]
        else:
            schedule = Schedule(weights, batch_size)
            self._quotas = [functools.partial(schedule.quota, k) for k in range(len(names))]
        self._seed = seed
        self._order = functools.lru_cache(maxsize=2 * len(names))(self._shuffled)

    def draw(self, number: int) -> tuple[int, int]:
        """Return (source, position) of the ``number``-th draw of the run, counted from 0."""
        source, index = self._assign(number)
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

    def _assign(self, number: int) -> tuple[int, int]:
        """Return the source of a draw and how often that source was drawn before."""
        for source, quota in enumerate(self._quotas):
            before, after = quota(number), quota(number + 1)
            if after > before or source == len(self._quotas) - 1:
                return source, before
            number -= before
        raise AssertionError("the last source takes every draw that is left")

    def _shuffled(self, source: int, epoch: int) -> np.ndarray:
        key = (zlib.crc32(self.sources[source].name.encode()), epoch)
        order = np.random.default_rng(np.random.SeedSequence(self._seed, spawn_key=key))
        return order.permutation(len(self.sources[source]))


def _quota(number: int, share: float) -> int:
    """Return how many of the first ``number`` draws a source of this share gets."""
    return number if share >= 1 else math.floor(number * share + 0.5)
