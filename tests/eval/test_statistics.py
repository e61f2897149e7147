"""Intervals and tests against textbook values."""

import numpy as np
import pytest
from scipy import stats

from eval.statistics import auroc, bootstrap_mean, crossed_mean
from eval.system_comparison import holm, paired_difference, rank_stability, run_table, scene_means, variance_split


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
    assert (constant.method, constant.low, constant.high) == ("constant", None, None)
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


RUN_SPREADS = (0.0, 0.02, 0.05, 0.1)


def _null(rng: np.random.Generator, runs: int, scenes: int, run_spread: float, noise: float) -> np.ndarray:
    """Differences of mean 0: runs act on all scenes, scenes scatter by 0.1, skewed as errors are."""
    scene = 0.1 * (rng.exponential(size=scenes) - 1)
    return run_spread * rng.normal(size=(runs, 1)) + scene + noise * rng.normal(size=(runs, scenes))


@pytest.mark.parametrize("run_spread", RUN_SPREADS)
@pytest.mark.parametrize(("runs", "scenes", "noise"), [(3, 24, 0.1), (3, 48, 0.1), (3, 24, 0.05), (5, 30, 0.2)])
def test_a_difference_that_only_runs_and_scenes_make_is_rejected_as_often_as_it_says(run_spread, runs, scenes, noise):
    rng = np.random.default_rng([3, runs, scenes, round(1000 * run_spread)])
    p_values = [crossed_mean(_null(rng, runs, scenes, run_spread, noise)).p_value for _ in range(1000)]
    assert 0.03 <= np.mean(np.array(p_values) <= 0.05) <= 0.08


def test_runs_taken_as_replicates_of_a_scene_reject_too_often():
    """What the crossed test is for: the scenes' means alone give a false difference in nearly half of the cases."""
    rng = np.random.default_rng(0)
    means = [_null(rng, 3, 24, 0.1, 0.1).mean(0) for _ in range(500)]
    assert np.mean([stats.ttest_1samp(each, 0.0).pvalue <= 0.05 for each in means]) > 0.4


@pytest.mark.parametrize("run_spread", RUN_SPREADS)
def test_intervals_over_runs_and_scenes_cover_the_truth_as_often_as_they_say(run_spread):
    rng = np.random.default_rng([4, round(1000 * run_spread)])
    tables = [0.8 + _null(rng, 3, 24, run_spread, 0.1) for _ in range(200)]
    found = [bootstrap_mean(table, rng) for table in tables]
    assert all(one.method == "crossed" and one.runs == 3 and one.low <= one.mean <= one.high for one in found)
    assert 0.9 <= np.mean([one.low <= 0.8 <= one.high for one in found]) <= 0.99


def test_crossed_mean_by_hand():
    """Runs (1, 2, 6) on two scenes alike: U = var(1, 2, 6) / 3 = 7 / 3 and W = 0, so Student's t with 2 degrees."""
    table = np.array([[1.0, 1.0], [2.0, 2.0], [6.0, 6.0]])
    found, student = crossed_mean(table), stats.ttest_1samp([1.0, 2.0, 6.0], 0.0)
    assert (found.mean, found.standard_error) == pytest.approx((3.0, np.sqrt(7 / 3)))
    assert found.p_value == pytest.approx(student.pvalue)
    assert found.half_width == pytest.approx(3.0 - student.confidence_interval(0.95).low)


def test_runs_without_a_spread_of_their_own_leave_students_test_over_scenes():
    rng = np.random.default_rng(0)
    rest = rng.normal(size=(3, 10))
    scenes = rng.normal(1.0, 1.0, 10)
    table = scenes + rest - rest.mean(1, keepdims=True)
    assert crossed_mean(table).p_value == pytest.approx(stats.ttest_1samp(table.mean(0), 0.0).pvalue)


def test_runs_that_are_no_pairs_add_their_spreads():
    rng = np.random.default_rng(0)
    first, second = 0.1 * rng.normal(size=(3, 24)) + 0.5, 0.1 * rng.normal(size=(5, 24))
    found = paired_difference(first, second, rng)
    assert found.interval.mean == pytest.approx(first.mean() - second.mean())
    assert found.p_value < 0.001
    one = paired_difference(first, second[0], rng)
    assert (one.interval.runs, one.interval.mean) == (3, pytest.approx(first.mean() - second[0].mean()))


def test_missing_values_leave_the_mean_over_scenes_and_a_larger_error():
    table = np.random.default_rng(1).normal(size=(3, 24))
    gaps = np.where(np.random.default_rng(2).random(table.shape) < 0.2, np.nan, table)
    found = crossed_mean(gaps)
    assert found.mean == pytest.approx(np.nanmean(gaps, axis=0).mean())
    assert found.standard_error > 0
    with pytest.raises(ValueError, match="two scenes"):
        crossed_mean(table[:, :1])


def test_run_table_by_hand():
    table = run_table([1.0, 2.0, 3.0], [0, 1, 0], ["b", "b", "a"])
    assert np.array_equal(table, [[3.0, 1.0], [np.nan, 2.0]], equal_nan=True)
    with pytest.raises(ValueError, match="two values"):
        run_table([1.0, 2.0], [0, 0], ["a", "a"])
    with pytest.raises(ValueError, match="one of each"):
        run_table([1.0], [], ["a"])


def test_equal_values_give_no_interval_of_no_width():
    """24 successes do not show that the rate is 1: a degenerate interval would miss a rate of 0.97 half of the time."""
    for values in (np.ones(24), np.ones((3, 24))):
        found = bootstrap_mean(values, np.random.default_rng(0))
        assert (found.mean, found.low, found.high, found.method) == (1.0, None, None, "constant")


def test_every_interval_holds_its_estimate():
    rng = np.random.default_rng(0)
    for _ in range(100):
        values = np.where(rng.random(rng.integers(2, 30)) < 0.2, rng.random() ** 3, 0.0)
        found = bootstrap_mean(values, rng)
        assert found.low is None or found.low <= found.mean <= found.high


def test_auroc_by_hand():
    assert auroc(np.array([0.2, 1.0]), np.array([0.0, 0.2])) == pytest.approx((1 + 1 + 0.5 + 1) / 4)
    assert np.isnan(auroc(np.array([1.0]), np.array([])))
