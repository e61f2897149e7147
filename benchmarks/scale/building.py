"""Building 10^6 to 10^9 clips: cost, storage and time, and a simulation of the scheduler on machines that fail."""

import heapq
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from benchmarks.rows import Row, compared_row
from benchmarks.scale import COMMAND

CLIPS_PER_CORE_SECOND = 10.8
"""Clips of 32 x 128 x 128 with every stream, from draw to disk: ``speed data`` on a quiet core of an AMD EPYC."""

CLIP_BYTES = 466e3
"""Of such a clip in its shard, mean over all scenarios."""

INDEX_ROW_BYTES, MANIFEST_ROW_BYTES = 88.0, 477.0
"""Of a clip in ``index.parquet`` and in the manifest of its shard."""

DISPATCH_SECONDS = 0.0005
"""Of the driver's processor for a shard of 100 clips: handing it out and taking its manifest (``run_work``)."""

INDEX_ROW_SECONDS = 17e-6
"""Of the one process that checks manifests and writes the index, for a clip."""

NODE_CORES = 64
NODE_HOURS_TO_FAILURE = 24.0
"""Assumed: machines that may be taken back at any time (spot instances) last a day."""

REPAIR_SECONDS = 600.0
"""Assumed: until a lost machine is replaced."""


@dataclass(frozen=True)
class Cluster:
    """Machines that make shards.

    nodes, cores:        machines, and workers of each
    shard_seconds:       mean of one shard on one worker
    spread:              standard deviation of the logarithm of a shard's time
    mean_to_failure:     seconds a machine lasts, exponentially distributed; what it was making is lost
    repair:              seconds until it is back
    dispatch:            seconds of the one driver for each shard that is handed out
    """

    nodes: int
    cores: int
    shard_seconds: float
    spread: float = 0.3
    mean_to_failure: float = 3600 * NODE_HOURS_TO_FAILURE
    repair: float = REPAIR_SECONDS
    dispatch: float = DISPATCH_SECONDS


@dataclass(frozen=True)
class BuildOutcome:
    """How a build went.

    seconds:   until the last shard is finished
    repeated:  working time that was lost with machines / working time that counted
    failures:  machines lost
    driver:    share of the time in which the driver was busy
    """

    seconds: float
    repeated: float
    failures: int
    driver: float


def simulate_build(cluster: Cluster, shards: int, seed: int = 0) -> BuildOutcome:
    """Simulate the executor: one driver hands out shards, a lost machine's shards are made again by others.

    Events are machines that fail and come back, and shards that end; a machine fails at the same times whatever it
    does. Shards that were lost are handed out first, as Ray does with tasks that it retries.
    """
    random = np.random.default_rng(seed)
    times = random.lognormal(math.log(cluster.shard_seconds) - cluster.spread**2 / 2, cluster.spread, shards)
    waiting = iter(range(shards))
    lost: list[int] = []
    running: list[dict[int, tuple[int, float]]] = [{} for _ in range(cluster.nodes)]
    is_up = [True] * cluster.nodes
    events: list[tuple[float, str, int, int]] = []
    for node in range(cluster.nodes):
        heapq.heappush(events, (random.exponential(cluster.mean_to_failure), "fails", node, 0))
    now = driver_free = useful = wasted = busy = 0.0
    done = failures = tickets = 0
    free = [(node, core) for core in range(cluster.cores) for node in reversed(range(cluster.nodes))]

    def hand_out() -> None:
        nonlocal driver_free, tickets, busy
        while free:
            shard = lost.pop() if lost else next(waiting, None)
            if shard is None:
                return
            node, _ = free.pop()
            if not is_up[node]:
                lost.append(shard)
                continue
            driver_free = max(driver_free, now) + cluster.dispatch
            busy += cluster.dispatch
            tickets += 1
            running[node][tickets] = (shard, driver_free)
            heapq.heappush(events, (driver_free + times[shard], "ends", node, tickets))

    hand_out()
    while done < shards:
        now, what, node, ticket = heapq.heappop(events)
        if what == "ends":
            if ticket not in running[node]:
                continue  # its machine was lost meanwhile
            shard, _ = running[node].pop(ticket)
            useful += times[shard]
            done += 1
            free.append((node, 0))
        elif what == "fails":
            failures += 1
            is_up[node] = False
            for shard, started in running[node].values():
                wasted += max(now - started, 0.0)
                lost.append(shard)
            running[node].clear()
            heapq.heappush(events, (now + cluster.repair, "back", node, 0))
        else:
            is_up[node] = True
            free[:] = [place for place in free if place[0] != node] + [(node, core) for core in range(cluster.cores)]
            heapq.heappush(events, (now + random.exponential(cluster.mean_to_failure), "fails", node, 0))
        hand_out()
    return BuildOutcome(now, wasted / useful, failures, busy / now)


def expected_seconds(cluster: Cluster, shards: int) -> float:
    """Return the time of a build in closed form, without the wait for its last shards.

    A worker needs (M + R) (e^(T/M) - 1) for a shard of T seconds where machines last M and are away for R: the time to
    complete work that starts again at each failure. The driver limits it to one shard per dispatch.
    """
    lasts = cluster.mean_to_failure
    # The mean of e^(T/M) over the log-normal times, to second order: they are short against M.
    mean, square = cluster.shard_seconds, cluster.shard_seconds**2 * math.exp(cluster.spread**2)
    each = (lasts + cluster.repair) * (mean / lasts + square / (2 * lasts**2))
    return shards * max((each + cluster.dispatch) / (cluster.nodes * cluster.cores), cluster.dispatch)


def building_rows(counts: Sequence[int] = (10**6, 10**8, 10**9), nodes: Sequence[int] = (1, 20, 20)) -> list[Row]:
    """Return the rows of datasets of several sizes, each on so many machines, and what simulations say."""
    rows = []
    for clips, machines in zip(counts, nodes, strict=True):
        per_shard = 1000 if clips >= 10**8 else 100
        shard_seconds = per_shard / CLIPS_PER_CORE_SECOND
        cluster = Cluster(machines, NODE_CORES, shard_seconds)
        shards = clips // per_shard
        name = f"{clips:.0e} clips".replace("e+0", "e")
        days = expected_seconds(cluster, shards) / 86400
        where = f"{machines} machines of {NODE_CORES} cores, shards of {per_shard} clips"
        rows += [
            compared_row(f"{name}: work", clips / CLIPS_PER_CORE_SECOND / 3600, "core-hours", COMMAND),
            compared_row(f"{name}: storage", clips * CLIP_BYTES / 1e12, "TB", COMMAND),
            compared_row(f"{name}: files", 2 * shards + 2, "files", COMMAND, spread=f"{per_shard} clips a shard"),
            compared_row(f"{name}: index", clips * INDEX_ROW_BYTES / 1e9, "GB", COMMAND),
            compared_row(f"{name}: manifests", clips * MANIFEST_ROW_BYTES / 1e9, "GB", COMMAND),
            compared_row(f"{name}: writing the index", clips * INDEX_ROW_SECONDS / 3600, "h", COMMAND),
            compared_row(f"{name}: time", days, "days", COMMAND, spread=where),
        ]
        rows.append(_simulated(f"{name}: time, simulated with failures", cluster, shards, where))
    limit = 100 / CLIPS_PER_CORE_SECOND / DISPATCH_SECONDS
    rows.append(compared_row("cores that one driver can feed, shards of 100 clips", limit, "cores", COMMAND))
    return rows


_MOST_SHARDS = 200_000


def _simulated(name: str, cluster: Cluster, shards: int, where: str) -> Row:
    """Simulate the build, or a stretch of it that is long against a shard."""
    part = min(shards, _MOST_SHARDS)
    outcome = simulate_build(cluster, part)
    expected = expected_seconds(cluster, part)
    days = outcome.seconds * shards / part / 86400
    told = f"{where}; {outcome.failures} failures, {100 * outcome.repeated:.2f} % made twice, over {part:,} shards"
    peer = "closed form, without the wait for the last shards"
    return compared_row(
        name, days, "days", COMMAND, spread=told, peer=peer, peer_value=expected * shards / part / 86400
    )
