"""``simulate`` and ``build_dataset``."""

from pathlib import Path

import numpy as np
import pytest

from physics_data.core.clip import Clip
from physics_data.core.errors import ConfigError, DataError, UnknownNameError
from physics_data.core.scene import SceneSpec
from physics_data.core.video import read_video
from physics_data.simulation import build_dataset, save_scene, simulate


def test_a_simulated_clip_is_the_clip_of_a_dataset_with_that_seed(tmp_path: Path) -> None:
    config = {
        "seed": 7,
        "scenarios": ["free_drop"],
        "engines": ["mujoco"],
        "scenes_per_scenario": {"train": 2, "test": 0},
        "settings": {"width": 32, "height": 24},
    }
    dataset = build_dataset(config, tmp_path / "d")
    stored = dataset.load(1)
    clip = simulate("free_drop", seed=7, index=1, width=32, height=24)
    assert clip.meta.key == stored.meta.key
    assert np.array_equal(clip.rgb, stored.rgb)
    assert np.array_equal(clip.instance_ids, stored.instance_ids)


def test_a_scene_and_its_file_give_the_same_bytes(tmp_path: Path, falling_ball: SceneSpec) -> None:
    clip = simulate(falling_ball)
    assert clip.meta.caption == "a grey screen and a red ball"
    for suffix in (".yaml", ".json"):
        save_scene(falling_ball, tmp_path / f"scene{suffix}")
        assert np.array_equal(simulate(tmp_path / f"scene{suffix}").rgb, clip.rgb)


def test_the_fall_is_the_closed_form(falling_ball: SceneSpec) -> None:
    for engine in ("mujoco", "bullet"):
        clip = simulate(falling_ball, engine=engine)
        assert clip.trajectory is not None
        seconds = np.array(falling_ball.seconds)
        free = 2.0 - 0.5 * 9.81 * seconds**2 > 0.3
        height = clip.trajectory.position[free, 2, 2]
        assert height == pytest.approx(2.0 - 0.5 * 9.81 * seconds[free] ** 2, abs=0.02)
        assert len(clip.contacts) > 0


def test_wrong_arguments_are_named(tmp_path: Path, falling_ball: SceneSpec) -> None:
    with pytest.raises(UnknownNameError, match="Did you mean 'free_drop'"):
        simulate("free_drp")
    with pytest.raises(UnknownNameError, match="unknown engine"):
        simulate("free_drop", engine="havok")
    with pytest.raises(UnknownNameError, match="unknown stream 'flow'"):
        simulate("free_drop", streams=["flow"])
    with pytest.raises(ConfigError, match="widht"):
        simulate("free_drop", widht=32)
    with pytest.raises(ConfigError, match="width is given beside it"):
        simulate(falling_ball, width=32)
    with pytest.raises(ConfigError, match="a seed or an index is given"):
        simulate(falling_ball, seed=1)
    with pytest.raises(ConfigError, match="no scene file"):
        simulate(tmp_path / "scene.yaml")
    with pytest.raises(ConfigError, match="suffix"):
        save_scene(falling_ball, tmp_path / "scene.txt")


def test_a_clip_shows_and_saves_itself(tmp_path: Path, falling_ball: SceneSpec) -> None:
    clip = simulate(falling_ball.model_copy(update={"width": 33, "num_frames": 5}))
    page = clip._repr_html_()
    assert page.startswith("<figure") and "5 frames of 33x64" in page
    with pytest.warns(UserWarning, match="33x64 is odd"):
        path = clip.save(tmp_path / "fall.mp4")
    assert read_video(path).rgb.shape == (5, 64, 34, 3), "browsers play even sides alone"


def test_footage_has_no_physics() -> None:
    from tests.worldsim.tiny_clips import footage_clip

    clip: Clip = footage_clip(0)
    with pytest.raises(DataError, match="footage"):
        _ = clip.depth_map


@pytest.mark.parametrize("wrong", [{"seed": -1}, {"index": -1}, {"index": 2**70}])
def test_a_seed_and_an_index_are_bounded(wrong: dict[str, int]) -> None:
    with pytest.raises(ConfigError, match="is no whole number from 0"):
        simulate("collide", num_frames=5, **wrong)
