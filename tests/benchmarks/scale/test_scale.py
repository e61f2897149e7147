"""Arithmetic of scale: simulations agree with closed forms, and bend where they must."""

import math
from dataclasses import replace

import pytest

from benchmarks.scale.building import Cluster, building_rows, expected_seconds, simulate_build
from benchmarks.scale.training import Run, simulate_goodput, training_rows

CLUSTER = Cluster(nodes=8, cores=4, shard_seconds=10.0, mean_to_failure=400.0, repair=60.0, dispatch=0.001)


def test_a_build_with_failures_takes_what_the_closed_form_says() -> None:
    outcome = simulate_build(CLUSTER, 8000)
    assert outcome.failures > 30
    assert outcome.seconds == pytest.approx(expected_seconds(CLUSTER, 8000), rel=0.04)
    # A failure loses half a shard of each worker, on the mean: failures x cores x mean / 2 of the useful time.
    lost = outcome.failures * CLUSTER.cores * CLUSTER.shard_seconds / 2 / (8000 * CLUSTER.shard_seconds)
    assert outcome.repeated == pytest.approx(lost, rel=0.25)


def test_without_failures_only_the_last_shards_wait() -> None:
    calm = replace(CLUSTER, mean_to_failure=math.inf, spread=0.0, dispatch=0.0)
    assert simulate_build(calm, 320).seconds == pytest.approx(100.0)
    assert simulate_build(calm, 321).seconds == pytest.approx(110.0)
    assert simulate_build(calm, 320).repeated == 0


def test_one_driver_feeds_so_many_workers_and_no_more() -> None:
    slow = replace(CLUSTER, mean_to_failure=1e9, dispatch=1.0)
    outcome = simulate_build(slow, 500)
    assert outcome.seconds == pytest.approx(expected_seconds(slow, 500), rel=0.05)
    assert outcome.driver > 0.9
    with_twice = simulate_build(replace(slow, nodes=16), 500)
    assert with_twice.seconds == pytest.approx(outcome.seconds, rel=0.05)


@pytest.mark.parametrize("gpus", [64, 10_000, 100_000])
def test_training_with_failures_advances_as_the_closed_form_says(gpus: int) -> None:
    run = Run(weights=4e8, step_flops=1e15, clips=8, gpus=gpus)
    assert simulate_goodput(run) == pytest.approx(run.expected_goodput(), abs=0.015)
    other = [replace_interval(run, factor) for factor in (0.5, 2.0)]
    assert all(one < run.expected_goodput() for one in other)  # Young's interval is near the best


def replace_interval(run: Run, factor: float) -> float:
    lasts, interval = run.mean_to_failure, factor * run.interval
    return interval / (lasts * math.exp(300.0 / lasts) * math.expm1((interval + run.save) / lasts))


def test_rows_of_the_page() -> None:
    rows = {row.name: row for row in [*building_rows((10**6,), (1,)), *training_rows((8, 512))]}
    assert rows["1e6 clips: work"].value == pytest.approx(25.7, rel=0.01)
    assert rows["1e6 clips: time, simulated with failures"].ratio == pytest.approx(1.0, rel=0.1)
    step = [rows[f"DiT-L on {gpus} GPUs: a step"].value for gpus in (8, 512)]
    assert step[0] is not None and step[1] is not None and step[0] < step[1] < 1.1 * step[0]
