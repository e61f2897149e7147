"""Random generators that depend on what is made, never on who makes it or in which order."""

import zlib

import numpy as np


def clip_generator(root_seed: int, scenario: str, index: int) -> np.random.Generator:
    """Return the generator of one clip; equal arguments give equal draws on every worker.

    The scenario enters through its CRC-32, so adding one to a config leaves the clips of the others as they were.
    """
    return np.random.default_rng(np.random.SeedSequence(root_seed, spawn_key=(zlib.crc32(scenario.encode()), index)))


def step_seed(root_seed: int, stream: str, index: int) -> int:
    """Return a 63-bit seed for step ``index`` of a named stream, for generators of other libraries."""
    sequence = np.random.SeedSequence(root_seed, spawn_key=(zlib.crc32(stream.encode()), index))
    return int(sequence.generate_state(1, np.uint64)[0] >> np.uint64(1))
