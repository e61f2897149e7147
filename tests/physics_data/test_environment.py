"""Environments: Gymnasium's own checks, episodes that simulate again to the bit, datasets with actions."""

import json
import warnings
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

gymnasium = pytest.importorskip("gymnasium")

from gymnasium.utils.env_checker import check_env  # noqa: E402

from physics_data.core.errors import ConfigError  # noqa: E402
from physics_data.core.scene import SceneSpec  # noqa: E402
from physics_data.environment import SceneEnv, make_env  # noqa: E402
from physics_data.episodes import RandomPolicy, write_episodes  # noqa: E402
from physics_data.pipeline.check import check_dataset  # noqa: E402
from physics_data.pipeline.export import export_dataset  # noqa: E402
from physics_data.simulation import simulate  # noqa: E402

SCENE = """
num_frames: 7
size: [24, 16]
bodies:
  table: {box: [1.0, 0.6, 0.3], static: true}
  ball: {sphere: {min: 0.08, max: 0.12}, mass: 2.0, on: table}
  crate: {box: 0.2, position: [0.4, 0, 2.0]}
"""


@pytest.fixture
def scene_path(tmp_path: Path) -> Path:
    path = tmp_path / "scene.yaml"
    path.write_text(SCENE, encoding="utf-8")
    return path


def single(scene: str | Path | SceneSpec, **options: object) -> SceneEnv:
    env = make_env(scene, **options)  # pyright: ignore[reportArgumentType]
    assert isinstance(env, SceneEnv)
    return env


@pytest.mark.parametrize("observations", [("rgb",), ("states", "rgb", "masks")])
def test_gymnasium_finds_nothing_wrong(scene_path: Path, observations: tuple[str, ...]) -> None:
    with warnings.catch_warnings():
        warnings.filterwarnings("error")
        # Unregistered environments have no spec, which the check says; states have no bounds, as Gymnasium allows.
        warnings.filterwarnings("ignore", message=".*not having a spec.*")
        warnings.filterwarnings("ignore", message=".*infinity.*")
        check_env(single(scene_path, observations=observations))


@pytest.mark.parametrize("engine", ["mujoco", "bullet"])
def test_an_episode_simulates_again_to_the_bit(scene_path: Path, engine: str) -> None:
    env = single(scene_path, engine=engine, observations=("rgb", "states"), bodies=["crate"])
    seen, _ = env.reset(seed=5)
    frames, states = [seen["rgb"]], [seen["states"]]
    for step in range(6):
        seen, reward, terminated, truncated, _ = env.step(np.array([[0.5, -0.2, 0.1]], np.float32) * (step in (1, 2)))
        frames.append(seen["rgb"])
        states.append(seen["states"])
        assert (reward, terminated, truncated) == (0.0, False, step == 5)
    clip = env.episode()
    assert np.abs(np.stack(frames).astype(int) - clip.rgb).max() <= 1
    assert clip.trajectory is not None
    assert np.array_equal(np.stack(states)[..., :3], clip.trajectory.position)
    assert [action.frame for action in env.scene.actions] == [1, 2]
    gain = states[2][3, 7:10] - states[1][3, 7:10]  # default max_impulse: 1 m/s
    assert gain == pytest.approx([0.5, -0.2, 0.1 - 9.81 / 16], abs=5e-3)


def test_seeds_fix_the_draws_and_a_draw_is_that_of_simulate(scene_path: Path) -> None:
    env = single(scene_path)
    first = [env.reset(seed=3)[1]["draw"], env.reset()[1]["draw"]]
    again = [env.reset(seed=3)[1]["draw"], env.reset()[1]["draw"]]
    assert first == again
    assert first[0] != first[1]
    observation, _ = env.reset(options={"draw": 9})
    assert np.array_equal(observation, simulate(scene_path, seed=9).rgb[0])


def test_vectors_have_the_episodes_of_their_members(scene_path: Path) -> None:
    vector = make_env(scene_path, num_envs=2)
    assert isinstance(vector, gymnasium.vector.VectorEnv)
    observations, _ = vector.reset(seed=[1, 2])  # pyright: ignore[reportArgumentType]
    assert np.array_equal(observations[1], single(scene_path).reset(seed=2)[0])
    vector.close()


def test_episodes_are_a_dataset_whose_pushes_are_lerobots_actions(scene_path: Path, tmp_path: Path) -> None:
    env = single(scene_path, bodies=["crate", "ball"])
    data = write_episodes(env, tmp_path / "episodes", count=2, policy=RandomPolicy(env, rate=8.0, seed=1))
    assert not check_dataset(data).findings
    pushes = [action for position in range(2) for action in data.load_meta(position).spec.actions]  # pyright: ignore
    assert pushes
    export_dataset(data, tmp_path / "lerobot", "lerobot")
    info = json.loads((tmp_path / "lerobot/meta/info.json").read_text(encoding="utf-8"))
    assert info["features"]["action"]["names"][:6] == ["jx_0", "jy_0", "jz_0", "lx_0", "ly_0", "lz_0"]
    (table,) = (tmp_path / "lerobot/data").rglob("*.parquet")
    actions = np.array(pq.read_table(table)["action"].to_pylist()).reshape(14, 4, 6)
    total = np.sum([action.impulse for action in pushes], axis=0)  # pyright: ignore
    assert actions[..., :3].sum(axis=(0, 1)) == pytest.approx(total, rel=1e-6)


def test_what_does_not_fit_is_said(scene_path: Path, falling_ball: SceneSpec) -> None:
    with pytest.raises(ConfigError, match="table cannot be pushed"):
        make_env(scene_path, bodies=["table"])
    with pytest.raises(ConfigError, match="width is given beside it"):
        make_env(falling_ball, width=32)
    env = single(falling_ball)
    with pytest.raises(ConfigError, match=r"call reset\(\) first"):
        env.step(np.zeros((1, 3), np.float32))
    env.reset()
    with pytest.raises(ConfigError, match=r"in \[-1, 1\]"):
        env.step(np.full((1, 3), 2.0, np.float32))
    with pytest.raises(ConfigError, match="no option"):
        env.reset(options={"seed": 3})
    with pytest.raises(ConfigError, match="motion blur"):
        make_env(falling_ball.edited(sensor=falling_ball.sensor.edited(shutter=0.5)))
