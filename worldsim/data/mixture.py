"""``Mixture``: which clips make up the batch of a training step, as a pure function of (seed, step).

Nothing is remembered between steps, so training that resumes at step n sees exactly the batches it would have seen.
"""

import functools
import math
import zlib
from collections.abc import Sequence

import numpy as np

from physics_data.core.errors import ConfigError
from worldsim.data.sources import ClipSource, PixelClip


class Mixture:
    """Draws clips from several sources in fixed shares.

    The i-th draw of a run belongs to the source that keeps every share nearest to its weight, so after n draws each
    source was drawn weight * n times, to within one per split of the weights. Within a source the clips come in a new
    random order in every pass.
    """

    def __init__(self, sources: Sequence[ClipSource], weights: Sequence[float], *, seed: int) -> None:
        """Combine sources.

        Args:
            sources: at least one, with different names
            weights: relative shares, > 0
            seed: decides the order

        Raises:
            ConfigError: no source, as many weights as sources are not there, or two sources of one name.
        """
        names = [source.name for source in sources]
        if not sources or len(sources) != len(weights) or min(weights) <= 0:
            raise ConfigError(f"data.sources: {len(sources)} sources with weights {list(weights)}; each needs one > 0.")
        if len(set(names)) != len(names):
            raise ConfigError(f"data.sources: two sources have one name among {names}; set 'name' to tell them apart.")
        self.sources = list(sources)
        total = sum(weights)
        self.shares = {name: weight / total for name, weight in zip(names, weights, strict=True)}
        # The share of source k among the sources k, k + 1, ...: draws are given out by this chain of two-way splits.
        self._splits = [weight / sum(weights[k:]) for k, weight in enumerate(weights)]
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
        for source, share in zip(self.sources, self._splits, strict=True):
            counts[source.name] = _quota(left, share)
            left -= counts[source.name]
        return counts

    def seen_shares(self, num_steps: int, batch_size: int) -> dict[str, float]:
        """Return the share of each source in the first ``num_steps`` batches."""
        total = max(num_steps * batch_size, 1)
        return {name: count / total for name, count in self.seen(num_steps, batch_size).items()}

    def _assign(self, number: int) -> tuple[int, int]:
        """Return the source of a draw and how often that source was drawn before."""
        for source, share in enumerate(self._splits):
            before, after = _quota(number, share), _quota(number + 1, share)
            if after > before or source == len(self._splits) - 1:
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
