"""Which samples share a row of tokens."""

import heapq
from collections.abc import Sequence

from physics_data.core.errors import ConfigError


def first_fit_decreasing(lengths: Sequence[int], budget: int) -> list[list[int]]:
    """Put samples into as few rows as this rule finds: longest first, each into the first row with room for it.

    At most 11/9 of the fewest possible rows, plus 6/9. Ties keep the order of the samples.

    Args:
        lengths: tokens of each sample
        budget: tokens of a row

    Raises:
        ConfigError: a sample is longer than a row.

    Source: Johnson (1973), Near-optimal bin packing algorithms; the bound is of Dosa (2007).
    """
    rows: list[list[int]] = []
    room: list[int] = []
    for sample in sorted(range(len(lengths)), key=lambda i: -lengths[i]):
        length = lengths[sample]
        if length > budget:
            raise ConfigError(
                f"a clip has {length} tokens, data.packing.row_tokens is {budget}; write at least {length}, or make "
                "the clips smaller."
            )
        row = next((number for number, left in enumerate(room) if left >= length), len(rows))
        if row == len(rows):
            rows.append([])
            room.append(budget)
        rows[row].append(sample)
        room[row] -= length
    return rows


def balanced_rows(lengths: Sequence[int], budget: int, least_rows: int = 1) -> list[list[int]]:
    """Put samples into as few rows as ``first_fit_decreasing`` needs, but ``least_rows``, all about equally long.

    Rows are padded to the longest of them, so equal rows waste next to nothing, where the last row of first fit may be
    nearly empty.

    Args and Raises: see ``first_fit_decreasing``.

    Source: Graham (1969), Bounds on multiprocessing timing anomalies: longest first, each into the shortest row.
    """
    tight = first_fit_decreasing(lengths, budget)
    for count in range(min(max(len(tight), least_rows), len(lengths)), len(lengths) + 1):
        rows = _longest_into_shortest(lengths, count)
        if max(sum(lengths[sample] for sample in row) for row in rows) <= budget:
            return rows
        if len(tight) >= least_rows:
            return tight
    raise AssertionError("with a row for each sample, all rows are within the budget")


def _longest_into_shortest(lengths: Sequence[int], count: int) -> list[list[int]]:
    shortest = [(0, number) for number in range(count)]
    rows: list[list[int]] = [[] for _ in range(count)]
    for sample in sorted(range(len(lengths)), key=lambda i: -lengths[i]):
        length, number = heapq.heappop(shortest)
        rows[number].append(sample)
        heapq.heappush(shortest, (length + lengths[sample], number))
    return rows


def share_out(rows: Sequence[Sequence[int]], parts: int) -> list[list[list[int]]]:
    """Share rows among ``parts`` steps, in turns, so that their numbers differ by at most one."""
    return [[list(row) for row in rows[part::parts]] for part in range(parts)]


def padding_share(rows: Sequence[Sequence[int]], lengths: Sequence[int]) -> float:
    """Return the share of places that hold no token, when all rows are as long as the longest."""
    sums = [sum(lengths[sample] for sample in row) for row in rows]
    return 1.0 - sum(sums) / (max(sums) * len(sums))
