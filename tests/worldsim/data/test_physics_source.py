"""Clips made on the fly against those that a build stores."""

from pathlib import Path

import numpy as np
import pytest
import yaml

from physics_data.core.config import load_config
from physics_data.core.dataset import ShardDataset
from physics_data.core.errors import DataError
from physics_data.pipeline.build import build
from physics_data.pipeline.build_config import BuildConfig
from worldsim.data.physics_source import PhysicsSource


@pytest.fixture
def config(tmp_path: Path) -> Path:
    raw = {
        "seed": 3,
        "scenarios": ["free_drop", "collide"],
        "scenes_per_scenario": {"train": 2, "test": 0},
        "settings": {"num_frames": 17, "width": 16, "height": 16, "radius": [0.38, 0.48]},
    }
    path = tmp_path / "small.yaml"
    path.write_text(yaml.safe_dump(raw))
    return path


@pytest.mark.parametrize("workers", [0, 1])
def test_clips_are_those_of_a_build(tmp_path: Path, config: Path, workers: int) -> None:
    build(load_config(BuildConfig, config), tmp_path / "stored")
    stored = ShardDataset(tmp_path / "stored")
    source = PhysicsSource(config, "train", name="fly", workers=workers)
    assert {shape.key for shape in source.shapes} == {row.key for row in stored.rows}
    for position, shape in enumerate(source.shapes):
        made, kept = source.load(position), stored.load(stored.find(shape.key))
        assert made.meta == kept.meta
        np.testing.assert_array_equal(made.rgb, kept.rgb)
        assert made.rgb.shape[:3] == (shape.num_frames, shape.height, shape.width)


def test_a_split_without_clips_is_refused(config: Path) -> None:
    with pytest.raises(DataError, match="raise scenes_per_scenario.test"):
        PhysicsSource(config, "test", name="fly")


def test_identity_changes_with_the_config(config: Path) -> None:
    before = PhysicsSource(config, "train", name="fly", workers=0).identity()
    config.write_text(config.read_text().replace("seed: 3", "seed: 4"))
    assert PhysicsSource(config, "train", name="fly", workers=0).identity() != before
