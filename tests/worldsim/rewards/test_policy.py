"""Training on rewards: every method runs on a public family and on the built-in model, and resumes to the bit."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from rich.progress import Progress
from safetensors.torch import load_file

from physics_data.core.config import validate_config
from physics_data.core.errors import ConfigError
from worldsim.generator import VideoGenerator
from worldsim.rewards.policy import PolicyTask
from worldsim.rewards.policy_config import PolicyTrainConfig
from worldsim.rewards.reward import Judged, RewardError
from worldsim.training.logger import read_metrics
from worldsim.training.loop import InterruptedTrainingError, train


def brightness(video: Judged) -> float:
    """A reward that any sample can change."""
    return float(video.rgb.mean()) / 255


def constant(video: Judged) -> float:
    return 0.5


HERE = "tests.worldsim.rewards.test_policy"


def config_of(base: Path | str, clips: Path, out: Path, **more: Any) -> PolicyTrainConfig:
    values: dict[str, Any] = {
        "task": "policy",
        "base": str(base),
        "out": str(out),
        "num_steps": 4,
        "batch_size": 4,
        "ema_decay": 0.0,
        "reward": {f"{HERE}:brightness": {}},
        "data": {"sources": [{"path": str(clips)}], "num_frames": 5, "height": 32, "width": 32},
        "optimizer": {"learning_rate": 1e-2, "warmup_steps": 0},
        "hardware": {"device": "cpu", "prefetch": 0},
        "report": {"log_every": 1, "checkpoint_every": 1, "picture_every": 100},
        "rollout": {"num_scenes": 2, "num_samples": 2, "num_steps": 2, "num_conditioning_frames": 1},
        "policy": {"steps_per_round": 2},
        "held_out": {"num_scenes": 1},
    }
    for name, value in more.items():
        values[name] = values[name] | value if isinstance(values.get(name), dict) and name != "reward" else value
    return validate_config(PolicyTrainConfig, values, source="the test")


def run(config: PolicyTrainConfig) -> Any:
    with Progress(disable=True) as progress:
        return train(config, progress)


@pytest.fixture
def clips(make_dataset: Callable[..., Path]) -> Path:
    return make_dataset("physics", size=32)


def test_a_run_resumes_to_the_bit(
    pipeline_folder: Callable[[str], Path], clips: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is stopped in the middle of its second round, whose videos lie on the disk already."""
    adapter = {"adapter": {"rank": 2, "alpha": 4.0}, "policy": {"anchor": 0.1}}
    whole = config_of(pipeline_folder("wan22_ti2v"), clips, tmp_path / "whole", **adapter, report={"validate_every": 4})
    assert run(whole).complete
    lines = read_metrics(whole.out)
    assert {"reward", "reward_spread", f"{HERE}:brightness", "denoising"} <= lines[0].keys()
    assert {"validation/reward", "validation/diversity", "validation/background_psnr"} <= lines[-1].keys()
    half, real, calls = whole.model_copy(update={"out": tmp_path / "half"}), PolicyTask.loss, iter(range(10))

    def stopped(self: PolicyTask, *rest: Any) -> Any:
        if next(calls) == 3:
            raise KeyboardInterrupt
        return real(self, *rest)

    monkeypatch.setattr(PolicyTask, "loss", stopped)
    with pytest.raises(InterruptedTrainingError):
        run(half)
    monkeypatch.setattr(PolicyTask, "loss", real)
    monkeypatch.setattr(VideoGenerator, "encode", None)  # the round is on the disk: nothing is made again
    run(half)
    for name in ("checkpoints/00000004/weights", "model/pytorch_lora_weights"):
        one, other = (load_file(str(out / f"{name}.safetensors")) for out in (whole.out, half.out))
        if name.startswith("model"):
            assert any(weight.abs().max() > 0 for key, weight in one.items() if "lora_B" in key), "it learned"
        assert one.keys() == other.keys()
        assert all(torch.equal(one[key], other[key]) for key in one)
    assert json.loads((whole.out / "model" / "card.json").read_text())["reward"]["measures"] == []


@pytest.mark.parametrize("method", ["rvm", "dpo", "filtered"])
def test_the_built_in_model_learns_by_every_method(method: str, clips: Path, tmp_path: Path) -> None:
    config = config_of("builtin:world", clips, tmp_path / "run", num_steps=2, policy={"method": method})
    assert run(config).complete
    trained = VideoGenerator.from_pretrained(tmp_path / "run" / "model")
    before = VideoGenerator.from_pretrained("builtin:world")
    pairs = zip(trained.network.parameters(), before.network.parameters(), strict=True)
    assert any(not torch.equal(one, other) for one, other in pairs)


def test_a_reward_without_differences_stops_the_run(
    pipeline_folder: Callable[[str], Path], clips: Path, tmp_path: Path
) -> None:
    config = config_of(
        pipeline_folder("wan22_ti2v"), clips, tmp_path / "run", reward={f"{HERE}:constant": {}},
        policy={"steps_per_round": 1, "patience": 2}, adapter={"rank": 2},
    )  # fmt: skip
    with pytest.raises(RewardError, match="equal for all videos of each scene in the last 2 rounds"):
        run(config)


def test_what_does_not_fit_is_said(clips: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="batch_size must be even"):
        config_of("builtin:world", clips, tmp_path, batch_size=3, policy={"method": "dpo"})
    with pytest.raises(ConfigError, match="leave adapter out"):
        PolicyTask(config_of("builtin:world", clips, tmp_path, adapter={"rank": 2}), torch.device("cpu"))
    plan = PolicyTask.plan(config_of("builtin:world", clips, tmp_path))
    assert plan[0] == "2 rounds of 2 scenes x 2 videos: 8 videos of 2 sampler steps, 4 updates"
