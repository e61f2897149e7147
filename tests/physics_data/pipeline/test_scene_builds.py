"""A folder of scene files as the source of a build."""

from pathlib import Path

import numpy as np
import pytest

from physics_data.core.errors import ConfigError, WorldsimError
from physics_data.core.scene import Sphere
from physics_data.pipeline.build_config import BuildConfig
from physics_data.pipeline.check import check_dataset
from physics_data.pipeline.shard_maker import differing_parts, regenerate
from physics_data.simulation import build_dataset

ROLLING = """
caption: a ball rolls
bodies:
  ball: {sphere: {min: 0.1, max: 0.2}, color: {choose: [red, blue]}, velocity: [{min: 0.5, max: 1.0}, 0, 0]}
"""
FALLING = "bodies: {box: {box: {min: 0.1, max: 0.3}, position: [0, 0, 1.5]}}"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    scenes = tmp_path / "scenes"
    scenes.mkdir()
    (scenes / "rolling.yaml").write_text(ROLLING, encoding="utf-8")
    (scenes / "falling.yaml").write_text(FALLING, encoding="utf-8")
    return scenes


def config(folder: Path | str, **changes: object) -> dict[str, object]:
    return {
        "scenes": str(folder),
        "engines": ["mujoco"],
        "scenes_per_scenario": {"train": 3, "test": 1},
        "settings": {"width": 24, "height": 16, "num_frames": 9},
        **changes,
    }


def test_a_folder_of_scene_files_is_built_like_scenarios(folder: Path, tmp_path: Path) -> None:
    data = build_dataset(config(folder), tmp_path / "data")
    assert len(data) == 8 and not check_dataset(data).findings
    assert {row.scenario for row in data.rows} == {"rolling", "falling"}
    clips = [data.load(position) for position in data.select(scenario="rolling", split="train")]
    radii = set()
    for clip in clips:
        spec, _, _ = clip.labelled
        assert clip.meta.caption == "a ball rolls" and (spec.num_frames, spec.width) == (9, 24)
        assert isinstance(spec.bodies[1].shape, Sphere)
        radii.add(spec.bodies[1].shape.radius)
    assert len(radii) == 3 and min(radii) >= 0.1 and max(radii) <= 0.2
    assert not differing_parts(clips[0], regenerate(data, clips[0].meta.key))
    # The record holds what the files say: without them the same config makes the same bytes.
    for path in folder.iterdir():
        path.unlink()
    record = BuildConfig.model_validate(data_config(tmp_path / "data"))
    again = build_dataset(record, tmp_path / "again")
    assert [row.sha256 for row in again.rows] == [row.sha256 for row in data.rows]
    assert np.array_equal(again.load(0).rgb, data.load(0).rgb)


def data_config(folder: Path) -> object:
    from physics_data.core.dataset import read_record

    return read_record(folder)["config"]


def test_configs_without_scenes_keep_their_bytes() -> None:
    plain = BuildConfig(scenarios=("free_drop",))
    assert "scenes" not in plain.model_dump(mode="json", by_alias=True)


def test_mistakes_are_named_before_anything_is_made(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no folder with scene files"):
        build_dataset(config(tmp_path / "nowhere"), tmp_path / "data")
    (folder / "broken.yaml").write_text("bodies: {ball: {sphere: 0.1, colour: red}}", encoding="utf-8")
    with pytest.raises(WorldsimError, match="colour"):
        build_dataset(config(folder), tmp_path / "data")
    (folder / "broken.yaml").rename(folder / "collide.yaml")
    with pytest.raises(WorldsimError, match="'collide' is a built-in scenario"):
        build_dataset(config(folder), tmp_path / "data")
    with pytest.raises(ConfigError, match="both empty"):
        build_dataset({"engines": ["mujoco"]}, tmp_path / "data")
    assert not (tmp_path / "data").exists()
