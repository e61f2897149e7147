"""Rewards of the simulator's own video and of broken ones; what a reward may not return."""

from typing import Any

import numpy as np
import pytest

from physics_data.core.clip import Clip
from physics_data.core.dataset import ShardDataset
from physics_data.core.errors import ConfigError, UnknownNameError
from physics_data.pipeline.build import build
from physics_data.pipeline.build_config import BuildConfig, SplitSizes
from physics_data.scenarios.shared.scenario import SceneSettings
from worldsim.rewards.measured import measure_held_out
from worldsim.rewards.reward import Judged, RewardError, RewardSum, RewardTerm


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Clip:
    out = tmp_path_factory.mktemp("scenes") / "dataset"
    settings = SceneSettings(width=64, height=64)
    build(BuildConfig(seed=3, scenarios=("collide",), scenes_per_scenario=SplitSizes(train=1), settings=settings), out)
    return ShardDataset(out).load(0)


def emptied(clip: Clip) -> np.ndarray:
    """The video without its moving objects after the given frames: they become the first frame's median colour."""
    rgb, ids = clip.rgb.copy(), clip.rendering.instance_ids  # pyright: ignore[reportOptionalMemberAccess]
    floor = np.median(rgb[0][ids[0] == 0], axis=0).astype(np.uint8)
    for frame in range(5, len(rgb)):
        rgb[frame][ids[frame] > 0] = floor
    return rgb


def value(name: str, rgb: np.ndarray, clip: Clip) -> float:
    return float(RewardSum({name: RewardTerm()})([Judged.of(rgb, clip, 5)])["reward"][0])


@pytest.mark.parametrize("name", ["permanence", "path", "impacts", "energy", "background"])
def test_the_truth_is_worth_1(name: str, clip: Clip) -> None:
    assert value(name, clip.rgb, clip) > 0.9


def test_what_vanishes_pays_nothing_except_where_a_reward_is_gameable(clip: Clip) -> None:
    gone = emptied(clip)
    assert value("permanence", gone, clip) < 0.1
    assert value("path", gone, clip) < 0.1
    assert value("visible_path", gone, clip) > 0.9, "a vanished object is left out, as in public benchmarks"
    assert value("overlap", gone, clip) > 0.9
    frozen = np.concatenate([clip.rgb[:5], np.repeat(clip.rgb[4:5], len(clip.rgb) - 5, axis=0)])
    assert value("stillness", frozen, clip) > value("stillness", clip.rgb, clip)
    assert value("path", frozen, clip) < 0.1
    noise = np.random.default_rng(0).integers(0, 255, clip.rgb.shape, dtype=np.uint8)
    assert value("optical_flow", noise, clip) > value("optical_flow", clip.rgb, clip)


def test_sums_keep_their_parts(clip: Clip) -> None:
    both = RewardSum({"permanence": RewardTerm(weight=3), "background": RewardTerm(weight=1)})
    found = both([Judged.of(emptied(clip), clip, 5), Judged.of(clip.rgb, clip, 5)])
    assert np.allclose(found["reward"], 0.75 * found["permanence"] + 0.25 * found["background"])
    assert both.measures == {"survival", "reappearance", "containment", "count", "identity", "attributes"}


def bad(video: Judged) -> Any:
    return float("nan")


def array(video: Judged) -> Any:
    return np.zeros(3)


def half(video: Judged) -> float:
    return 0.5


def test_mistakes_are_named(clip: Clip) -> None:
    here = "tests.worldsim.rewards.test_rewards"
    assert value(f"{here}:half", clip.rgb, clip) == 0.5
    with pytest.raises(RewardError, match=f"returned nan for a video of clip '{clip.meta.key}'"):
        value(f"{here}:bad", clip.rgb, clip)
    with pytest.raises(RewardError, match=r"shape \(3,\)"):
        value(f"{here}:array", clip.rgb, clip)
    with pytest.raises(ConfigError, match="cannot be imported"):
        value(f"{here}:nothing", clip.rgb, clip)
    with pytest.raises(UnknownNameError, match="Did you mean 'permanence'"):
        value("permanance", clip.rgb, clip)


def test_measures_that_the_reward_saw_are_not_held_out(clip: Clip) -> None:
    judged = [[Judged.of(clip.rgb, clip, 5), Judged.of(emptied(clip), clip, 5)]]
    found = measure_held_out(judged, RewardSum({"path": RewardTerm()}))
    assert "seen/position_skill" in found
    assert "held_out/position_skill" not in found
    assert "held_out/survival" in found
    assert not any("overall" in name or "permanence" in name for name in found), "they hold what the reward saw"
    assert found["diversity"] > 0
    same = measure_held_out([[Judged.of(clip.rgb, clip, 5)] * 2], RewardSum({"path": RewardTerm()}))
    assert same["diversity"] == 0.0
    assert same["sharpness"] == same["motion"] == pytest.approx(1.0)
