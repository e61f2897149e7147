"""Intervals and tests against textbook values."""

import numpy as np
import pytest
from scipy import stats

from eval.statistics import bootstrap_mean, holm, paired_difference, rank_stability, scene_means, variance_split


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


def test_interval_is_that_of_scipy():
    values = np.random.default_rng(2).beta(2, 5, 30)
    found = bootstrap_mean(values, np.random.default_rng(7))
    rng = np.random.default_rng(7)
    peer = stats.bootstrap((values,), np.mean, n_resamples=4999, method="BCa", rng=rng).confidence_interval
    assert (found.low, found.high) == pytest.approx((peer.low, peer.high))


def test_seeds_are_nested_in_their_scene():
    means, counts = scene_means([1.0, 3.0, 10.0], ["a", "a", "b"])
    assert (means.tolist(), counts.tolist()) == ([2.0, 10.0], [2.0, 1.0])
    with pytest.raises(ValueError, match="one scene for each"):
        scene_means([1.0], [])


def test_variance_split_by_hand():
    """Scenes (1, 3) and (7, 9): within (2 + 2) / 2 = 2; mean square between 72 / 2 = 36, so (36 - 2) / 2 = 17."""
    found = variance_split([1.0, 3.0, 7.0, 9.0], ["a", "a", "b", "b"])
    assert (found.between_scenes, found.between_seeds) == pytest.approx((17.0, 2.0))
    assert variance_split([1.0, 3.0], ["a", "b"]).between_seeds is None
    assert variance_split([0.0, 9.0, 0.0, 9.0], ["a", "a", "b", "b"]).between_scenes == 0.0


def test_rank_stability_ends_of_the_scale():
    spread = np.random.default_rng(0).normal(0, 0.01, (3, 20))
    apart = rank_stability(spread + np.array([[3.0], [2.0], [1.0]]), np.random.default_rng(0))
    assert (apart.kendall, apart.low, apart.best_stays) == (1.0, 1.0, 1.0)
    noise = rank_stability(np.random.default_rng(1).normal(size=(6, 12)), np.random.default_rng(0))
    assert noise.low < 0.6
    assert noise.kendall < 0.9
    tied = rank_stability(np.ones((4, 5)), np.random.default_rng(0), 50)
    assert (tied.kendall, tied.best_stays) == (0.0, 0.25)
