"""Comparisons of made-up values whose differences, ratios and answers are known."""

import numpy as np
import pytest

from benchmarks.ablation.ablation_config import AblationConfig
from benchmarks.ablation.ablation_report import as_markdown, figure_rows, find_results
from benchmarks.ablation.comparison import Measured, compare, estimate
from physics_data.core.config import validate_config
from physics_data.core.errors import DataError

KEYS = [f"clip-{number}" for number in range(24)]


@pytest.fixture
def config(raw_config) -> AblationConfig:
    raw_config |= {
        "columns": ["velocity_error", "psnr"],
        "held_out": {"near": "test"},
        "targets": [{"column": "velocity_error", "clips": "near", "at_most": 0.75}],
        "guards": [{"column": "psnr", "margin": 0.5}],
    }
    return validate_config(AblationConfig, raw_config, source="test")


def made(error: float, psnr: float, seeds: tuple[int, ...] = (0, 1), noise: float = 0.01) -> Measured:
    rng = np.random.default_rng([7, round(1000 * error)])
    places = [(seed, key) for seed in seeds for key in KEYS]
    levels = {key: float(level) for key, level in zip(KEYS, np.linspace(0.5, 1.5, len(KEYS)), strict=True)}
    return Measured(
        {
            "near": {
                "velocity_error": {place: error * levels[place[1]] + noise * rng.random() for place in places},
                "psnr": {place: psnr + noise * rng.random() for place in places},
            }
        },
        {"near": {seed: np.random.default_rng(seed).normal(size=(len(KEYS), 20)) for seed in seeds}},
    )


TRUTH = {"near": np.random.default_rng(9).normal(size=(len(KEYS), 20))}


def test_differences_ratios_and_answers_are_those_that_were_put_in(config):
    measured = {"plain": made(0.4, 30.0), "own_t": made(0.2, 29.8)}
    compared = compare(measured, TRUTH, config)
    error = next(row for row in compared if row.column == "velocity_error")
    assert error.difference == pytest.approx(-0.2, abs=0.01)
    assert error.ratio == pytest.approx(0.5, abs=0.02)
    assert error.ratio_low is not None and error.ratio_high is not None
    assert error.ratio_low <= error.ratio <= error.ratio_high
    assert (error.better_seeds, error.seeds, error.scenes) == (2, 2, 24)
    assert error.p_adjusted is not None and error.p_adjusted < 0.01
    targets, guards = find_results(compared, config)
    assert [row.met for row in targets] == ["yes"]
    assert [row.met for row in guards] == ["yes"]


def test_what_is_not_reached_and_what_is_paid_is_said(config):
    worse = compare({"plain": made(0.4, 30.0), "own_t": made(0.36, 29.0)}, TRUTH, config)
    targets, guards = find_results(worse, config)
    assert [row.met for row in targets] == ["no"]
    assert [row.met for row in guards] == ["no"]
    noisy = compare({"plain": made(0.4, 30.0), "own_t": made(0.4, 30.0)}, TRUTH, config)
    assert all(row.difference == 0.0 and row.better_seeds == 0 for row in noisy if row.column != "frechet")


def test_only_seeds_that_both_have_are_compared(config):
    compared = compare({"plain": made(0.4, 30.0, (0, 1, 2)), "own_t": made(0.2, 30.0, (1,))}, TRUTH, config)
    assert {row.seeds for row in compared} == {1}
    estimated = estimate({"plain": made(0.4, 30.0, (0, 1, 2))}, config)
    assert {row.seeds for row in estimated} == {3}
    with pytest.raises(DataError, match="reference 'plain'"):
        compare({"own_t": made(0.2, 30.0)}, TRUTH, config)


def test_the_frechet_distance_of_the_truth_itself_is_zero(config):
    same = made(0.2, 30.0)
    same.features["near"] = dict.fromkeys((0, 1), TRUTH["near"])
    rows = compare({"plain": made(0.2, 30.0), "own_t": same}, TRUTH, config)
    row = next(row for row in rows if row.column == "frechet")
    assert row.mean == pytest.approx(0.0, abs=0.01)
    assert row.reference > row.mean
    assert row.better_seeds == 2


def test_tables_and_rows_hold_every_number(config):
    measured = {"plain": made(0.4, 30.0), "own_t": made(0.2, 29.8)}
    compared, estimated = compare(measured, TRUTH, config), estimate(measured, config)
    targets, guards = find_results(compared, config)
    text = as_markdown(config, estimated, compared, targets, guards)
    assert "| velocity error (diameters/frame) | ↓ | 0.405" in text
    assert "| own_t | near | velocity_error | at most 0.75 of the reference's | 0.5" in text
    rows = figure_rows(compared, targets, config, "python -m benchmarks ablation")
    first = rows[0]
    assert first.peer == "plain"
    assert first.meets is True
    assert first.target == pytest.approx(0.75 * 0.405, abs=0.01)


def test_a_run_that_is_better_everywhere_is_one_observation_not_one_for_each_scene(config):
    """Seeds 0 and 2 gain, seed 1 loses, each on all scenes alike: 24 scenes do not make a difference of that."""
    measured = {"plain": made(0.4, 30.0, (0, 1, 2)), "own_t": made(0.39, 30.0, (0, 1, 2))}
    values = measured["own_t"].values["near"]["velocity_error"]
    for seed, key in values:
        values[seed, key] += (-0.08, 0.05, -0.08)[seed]
    row = next(row for row in compare(measured, TRUTH, config) if row.column == "velocity_error")
    assert row.p_value is not None and row.p_value > 0.2
    assert row.low is not None and row.high is not None and row.low < 0 < row.high
    assert row.ratio_low is not None and row.ratio_high is not None and row.ratio_low < 1 < row.ratio_high


def test_the_interval_of_a_frechet_distance_holds_the_distance(config):
    compared = compare({"plain": made(0.4, 30.0, (0, 1, 2)), "own_t": made(0.2, 30.0, (0, 1, 2))}, TRUTH, config)
    row = next(row for row in compared if row.column == "frechet")
    assert row.low is not None and row.high is not None and row.low <= row.difference <= row.high
    assert row.ratio is not None and row.ratio_low is not None and row.ratio_high is not None
    assert row.ratio_low <= row.ratio <= row.ratio_high
