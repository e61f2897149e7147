"""Intervals and tests against textbook values."""

import numpy as np
import pytest
from scipy import stats

from eval.statistics import bootstrap_mean, holm, paired_difference


def test_interval_agrees_with_student_for_normal_values():
    values = np.random.default_rng(1).normal(0.5, 0.1, 200)
    found = bootstrap_mean(values, np.random.default_rng(0))
    low, high = stats.t.interval(0.95, len(values) - 1, values.mean(), stats.sem(values))
    assert (found.method, found.scenes) == ("BCa", 200)
    assert found.low == pytest.approx(low, abs=0.002)
    assert found.high == pytest.approx(high, abs=0.002)


def test_interval_covers_the_truth_as_often_as_it_says():
    rng = np.random.default_rng(5)
    hits = [(i := bootstrap_mean(rng.beta(4, 1, 40), rng)).low <= 0.8 <= i.high for _ in range(150)]
    assert 0.88 <= np.mean(hits) <= 0.99


def test_degenerate_data_are_named_not_dressed_up():
    constant = bootstrap_mean(np.full(12, 0.7), np.random.default_rng(0))
    assert (constant.method, constant.low, constant.high) == ("constant", 0.7, 0.7)
    single = bootstrap_mean(np.array([0.7]), np.random.default_rng(0))
    assert (single.method, single.low, single.high) == ("none", None, None)
    nearly = bootstrap_mean(np.array([1.0] * 11 + [0.0]), np.random.default_rng(0))
    assert nearly.low < nearly.mean < nearly.high
    with pytest.raises(ValueError, match="at least one scene"):
        bootstrap_mean(np.array([]), np.random.default_rng(0))


def test_equal_seeds_give_equal_intervals():
    values = np.random.default_rng(0).random(30)
    first, second = (bootstrap_mean(values, np.random.default_rng(3)) for _ in range(2))
    assert first == second


def test_sign_flip_by_hand():
    """Five scenes, all in favour: of the 32 sign patterns only two are as extreme."""
    found = paired_difference(np.arange(1.0, 6.0), np.zeros(5), np.random.default_rng(0))
    assert found.p_value == pytest.approx(2 / 32)
    assert found.interval.mean == 3.0


def test_no_difference_gives_p_one():
    found = paired_difference(np.ones(6), np.ones(6), np.random.default_rng(0))
    assert found.p_value == 1.0
    assert found.interval.method == "constant"


def test_holm_by_hand():
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm([0.5, 0.9]) == pytest.approx([1.0, 1.0])
