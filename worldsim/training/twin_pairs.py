"""Pairs of twins for losses that contrast them: encoded once, drawn by the step."""

from collections import defaultdict
from collections.abc import Sequence

import numpy as np

from physics_data.core.clip import TwinInfo
from physics_data.core.conventions import step_seed
from physics_data.core.errors import DataError
from physics_data.core.shards import read_meta
from worldsim.data.sources import ShardSource
from worldsim.losses.auxiliary.mix import Twins
from worldsim.training.latent_store import LatentStore

_PAIRS = (("possible", "impossible"), ("AA", "AB"), ("BB", "BA"))
"""Roles of what can happen and what cannot, in a pair and in a quadruplet, whose clips begin alike."""


class TwinPairs:
    """The pairs of a data set of twins; which are used in a step follows from the step alone."""

    def __init__(self, source: ShardSource, pairs_per_step: int, seed: int) -> None:
        """Find the pairs in the index.

        Raises:
            DataError: there are fewer than a step needs.
        """
        self.source = source
        self._seed, self._count = seed, pairs_per_step
        rows = source.rows
        self._pairs = find_pairs([read_meta(source.folder, row).twin if row.twin_id else None for row in rows])
        if len(self._pairs) < pairs_per_step:
            raise DataError(
                f"{source.folder} has {len(self._pairs)} pairs of twins, a step needs {pairs_per_step}; build one with "
                "``twins`` in its config: python -m physics_data build."
            )

    def of_step(self, store: LatentStore, step: int) -> Twins:
        """Return the pairs of a step; ``store`` holds the latents of the source as its only one."""
        rng = np.random.default_rng(step_seed(self._seed, "twins", step))
        chosen = [self._pairs[number] for number in rng.choice(len(self._pairs), self._count, replace=False)]
        possible, impossible = (store.batch([(0, pair[side]) for pair in chosen]) for side in (0, 1))
        return Twins(possible.latents, impossible.latents, possible.conditions.columns)


def find_pairs(twins: Sequence[TwinInfo | None]) -> list[tuple[int, int]]:
    """Return (position of what can happen, position of its twin that cannot) of every pair among some clips."""
    sets: dict[str, dict[str, int]] = defaultdict(dict)
    for position, twin in enumerate(twins):
        if twin is not None:
            sets[twin.set_id][twin.role] = position
    found = [(roles[a], roles[b]) for roles in sets.values() for a, b in _PAIRS if a in roles and b in roles]
    return sorted(found)
