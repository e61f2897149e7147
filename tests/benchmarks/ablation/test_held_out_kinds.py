"""Names of held-out clips: a split, one of its scenarios, one of its combinations."""

from pathlib import Path

import pytest

from benchmarks.ablation.grid import held_out_positions, kind_of, planned
from physics_data.core.config import validate_config
from physics_data.core.dataset import ShardDataset
from physics_data.core.errors import DataError
from physics_data.pipeline.build import build
from physics_data.pipeline.build_config import BuildConfig


def config() -> BuildConfig:
    fast_red = {"scenarios": ["uniform_motion"], "colors": ["red"], "speed": [1.7, 9.0]}
    return validate_config(
        BuildConfig,
        {
            "scenarios": ["uniform_motion"],
            "scenes_per_scenario": {"train": 1, "test": 2},
            "held_out": {"scenarios": ["free_drop"], "combinations": {"fast_red": fast_red}, "scenes": 2},
            "settings": {"width": 16, "height": 16},
        },
        source="test",
    )


def test_a_dataset_holds_what_is_planned_of_each_kind(tmp_path: Path) -> None:
    build(config(), tmp_path)
    dataset = ShardDataset(tmp_path)
    for which, count in {
        "test": 2,
        "test/uniform_motion": 2,
        "ood": 6,
        "ood/uniform_motion": 2,
        "ood/free_drop": 2,
        "ood/fast_red": 2,
    }.items():
        keys = planned(config(), which)
        assert len(keys) == count, which
        assert sorted(dataset.rows[position].key for position in held_out_positions(dataset, which)) == sorted(keys)
    assert planned(config(), "ood/slow_red") == []
    with pytest.raises(DataError, match="no clip of 'ood/slow_red'.*fast_red, free_drop, uniform_motion"):
        held_out_positions(dataset, "ood/slow_red")


def test_the_kind_stands_before_engine_and_number() -> None:
    assert kind_of("uniform_motion-mujoco-3000000") == "uniform_motion"
    assert kind_of("uniform_motion-fast_red-bullet-3000001") == "fast_red"
