"""A small dataset that the tests of checks, previews and exports share."""

from pathlib import Path

import pytest

from physics_data.core.dataset import ShardDataset
from physics_data.pipeline.build import build
from physics_data.pipeline.build_config import BuildConfig, SplitSizes
from physics_data.scenarios.shared.scenario import SceneSettings


@pytest.fixture(scope="session")
def small_dataset(tmp_path_factory) -> Path:
    """Return the folder of ten clips of two scenarios with all streams, on a turning camera."""
    config = BuildConfig(
        seed=7,
        scenarios=("free_drop", "occluder_pass"),
        scenes_per_scenario=SplitSizes(train=3, val=1, test=1),
        clips_per_shard=4,
        streams=("optical_flow", "backward_flow", "normal_map", "object_coordinates"),
        settings=SceneSettings(width=32, height=32, camera_motion="orbit"),
    )
    out = tmp_path_factory.mktemp("small") / "dataset"
    build(config, out)
    return out


@pytest.fixture
def small(small_dataset) -> ShardDataset:
    """Return that dataset, opened."""
    return ShardDataset(small_dataset)
