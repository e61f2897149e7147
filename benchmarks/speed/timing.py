"""Timing of several jobs in one run."""

import time
from collections.abc import Callable, Mapping

Job = Callable[[], object]


def interleaved(
    jobs: Mapping[str, Job], repeats: int, clock: Callable[[], float] = time.perf_counter
) -> dict[str, list[float]]:
    """Return the seconds of every job, ``repeats`` times, all taking turns so that a busy machine is fair to each.

    Each is run once before, to compile and to warm up.
    """
    seconds: dict[str, list[float]] = {name: [] for name in jobs}
    for job in jobs.values():
        job()
    for _ in range(repeats):
        for name, job in jobs.items():
            started = clock()
            job()
            seconds[name].append(clock() - started)
    return seconds


def rates(seconds: Mapping[str, list[float]], count: int) -> dict[str, list[float]]:
    """Return how many of ``count`` items each run did in a second."""
    return {name: [count / value for value in values] for name, values in seconds.items()}
