"""Timing of several jobs in one run."""

import statistics
import time
from collections.abc import Callable, Mapping, Sequence

from physics_data.core.provenance import hardware

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


LOWER_IS_BETTER = ("s", "ms", "ms a frame", "MiB", "GB", "core-hours", "% of the places")


def speed_row(
    name: str,
    values: Sequence[float],
    unit: str,
    target: float | None,
    peer: str | None,
    peer_values: Sequence[float] | None,
    command: str,
) -> dict[str, object]:
    """Return one row: the median of ``values``, its spread, and its ratio to the peer's median in the same run."""
    value = statistics.median(values)
    peer_value = statistics.median(peer_values) if peer_values else None
    meets = None
    if target is not None:
        meets = value <= target if unit in LOWER_IS_BETTER else value >= target
    return {
        "name": name,
        "value": value,
        "unit": unit,
        "target": target,
        "meets": meets,
        "peer": peer,
        "peer_value": peer_value,
        "ratio": value / peer_value if peer_value else None,
        "spread": f"{min(values):.3g} to {max(values):.3g}",
        "hardware": hardware(),
        "command": command,
    }
