"""The table of reward methods: paired differences from the base, aims, and a whole run that resumes (slow)."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks.rewards import BASE, GAMEABLE, METHODS, SEEN, UNSEEN, RewardsPlan, _rows, measure_rewards


def scores(seed: int, gain: float, diversity: float = 5.0) -> dict[str, Any]:
    """Scores of one run whose overall is that of the base plus a gain."""
    base = np.random.default_rng(0).uniform(0.3, 0.5, 16)
    noise = np.random.default_rng(seed).normal(0, 0.002, 16)
    scenes = {
        f"s{n}": {
            "scenario": (SEEN if n < 8 else UNSEEN)[0],
            **{name: [float(base[n] + gain + noise[n])] for name in ("overall", "object_permanence", "motion_realism")},
        }
        for n in range(16)
    }
    measures = {"reward": 0.5 + gain, "held_out": 0.5, "diversity": diversity, "background_psnr": 31.0}
    return {"scenes": scenes, "measures": measures}


def test_rows_are_paired_with_the_base_and_state_their_aims() -> None:
    base = [scores(0, 0.0)]
    better = {row.name: row for row in _rows("rvm", [scores(n, 0.2) for n in (1, 2, 3)], base, RewardsPlan(Path()))}
    row = better["rvm, other scenarios: overall"]
    assert row.ratio is not None and row.ratio > 1.3 and row.meets
    assert row.spread is not None and "+0.2" in row.spread and "3 runs" in row.spread
    assert better["rvm: diversity"].meets and better["rvm: background_psnr"].meets
    flat = {row.name: row for row in _rows("rvm", [scores(1, 0.01, diversity=4.0)], base, RewardsPlan(Path()))}
    assert flat["rvm, other scenarios: overall"].meets is False and flat["rvm: diversity"].meets is False
    assert all(row.meets is None for row in _rows("dpo", [scores(1, 0.2)], base, RewardsPlan(Path())))


@pytest.mark.slow
def test_every_method_runs_and_what_is_complete_is_kept(tmp_path: Path) -> None:
    plan = RewardsPlan(tmp_path, seeds=1, rounds=1, scenes=2, clips=1)
    rows = measure_rewards(plan, print)
    names = " ".join(row.name for row in rows)
    assert all(name in names for name in (BASE, "best of 8", *METHODS, *GAMEABLE))
    by_name = {row.name: row.value for row in rows}
    best, base = by_name["best of 8: reward"], by_name["base: reward"]
    assert best is not None and base is not None and best > base
    assert [row.value for row in measure_rewards(plan, print)] == [row.value for row in rows]
    assert json.loads((tmp_path / "scores" / "base-0.json").read_text())["measures"]["reward"] == base
