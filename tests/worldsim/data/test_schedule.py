"""Shares that change over a run, against a walk that remembers."""

from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from physics_data.core.errors import ConfigError
from worldsim.data.mixture import Mixture, Schedule, assign
from worldsim.data.sources import ShardSource

CURVES = [
    ([(0, 1.0), (40, 0.0)], 1.0, [(10, 0.0), (20, 3.0)]),
    ([(0, 0.0), (30, 1.0)], [(0, 1.0), (30, 0.0)]),
    (0.3, [(0, 0.3), (5, 0.0), (9, 0.0), (12, 0.7)], [(0, 0.0), (60, 1.0)], 1e-3),
]


def expected(curves, batch_size: int, draws: int) -> np.ndarray:
    """Sum of the shares by numerical integration in fine steps, float64 [draws + 1, sources]."""
    fine = 64
    moments = (np.arange(draws * fine) + 0.5) / fine / batch_size
    points = [[(0, c)] if isinstance(c, float) else c for c in curves]
    knots = sorted({0.0} | {float(step) for curve in points for step, _ in curve})
    at_knots = np.stack([np.interp(knots, *zip(*curve, strict=True)) for curve in points], axis=1)
    at_knots /= at_knots.sum(axis=1, keepdims=True)
    shares = np.stack([np.interp(moments, knots, column) for column in at_knots.T], axis=1)
    sums = np.concatenate([np.zeros((1, len(curves))), np.cumsum(shares, axis=0) / fine])
    return sums[::fine]


@pytest.fixture
def sources(make_dataset: Callable[..., Path]) -> list[ShardSource]:
    return [ShardSource(make_dataset(name, 5, "footage"), "train", name=name) for name in ("a", "b", "c", "d")]


@pytest.mark.parametrize("curves", CURVES)
def test_every_source_has_what_its_curve_says_at_every_draw(sources: list[ShardSource], curves) -> None:
    batch_size, draws = 6, 400
    mixture = Mixture(sources[: len(curves)], curves, seed=0, batch_size=batch_size)
    sums = expected(curves, batch_size, draws)
    counts: Counter[int] = Counter()
    for number in range(draws):
        source, index = assign(mixture._quotas, number)
        assert index == counts[source]  # no draw of a source is lost or repeated
        counts[source] += 1
        found = np.array([counts[k] for k in range(len(curves))])
        assert np.abs(found - sums[number + 1]).max() <= len(curves) - 1 + 1e-6
    assert mixture.seen(50, 8) == {sources[k].name: counts[k] for k in range(len(curves))}


def test_a_flat_curve_is_a_constant_weight(sources: list[ShardSource]) -> None:
    flat = Mixture(sources[:2], [[(0, 3.0), (50, 3.0)], 1.0], seed=4, batch_size=8)
    constant = Mixture(sources[:2], [3.0, 1.0], seed=4)
    assert [flat.draw(n) for n in range(200)] == [constant.draw(n) for n in range(200)]


def test_far_into_a_run_it_is_as_exact() -> None:
    schedule = Schedule([[(0, 1.0), (1_000_000, 1 / 3)], 0.7, [(0, 0.0), (2_000_000, 1.0)]], 256)
    for number in (10**8, 3 * 10**8, 10**9):
        quotas = [schedule.quota(0, number + k) for k in range(6)]
        assert set(np.diff(quotas)) <= {0, 1}


@pytest.mark.parametrize(
    ("curves", "said"),
    [
        (([(0, 1.0), (0, 2.0)], 1.0), "must rise from 0"),
        (([(0, -1.0)], 1.0), "must not be negative"),
        (([(0, 1.0), (9, 0.0)], [(9, 0.0)]), "at step 9 all weights are 0"),
    ],
)
def test_curves_that_mean_nothing_are_refused(curves, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        Schedule(curves, 4)
