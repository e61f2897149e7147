"""Public models trained by two processes that share out weights: the losses of one, resumed by any number of them."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from physics_data.core.errors import ConfigError
from tests.worldsim.families.test_training import config_of, run
from worldsim.generator import VideoGenerator
from worldsim.training.logger import read_metrics
from worldsim.training.loop import InterruptedTrainingError
from worldsim.training.tasks.family import FamilyTask

STOP_AT = 3

TRAIN_ALL = """
import json, sys
from rich.progress import Progress
from torch.distributed.tensor import DTensor
from physics_data.core.config import validate_config
from worldsim.training import loop
from worldsim.training.family_config import FamilyTrainConfig
from worldsim.training.tasks.family import FamilyTask

whole_batch, original = FamilyTask.batch, loop.save_checkpoint
def check_and_save(run, state, *rest):
    weights = dict(state.model.named_parameters())
    assert all(isinstance(weight, DTensor) for weight in weights.values())
    held = sum(weight.to_local().numel() for weight in weights.values())
    assert held <= 0.7 * sum(weight.numel() for weight in weights.values()), held
    original(run, state, *rest)
loop.save_checkpoint = check_and_save
for raw, stop_at in json.loads(sys.argv[1]):
    def batch(self, step, stop_at=stop_at):
        if step == stop_at:
            raise KeyboardInterrupt
        return whole_batch(self, step)
    FamilyTask.batch = batch
    try:
        with Progress(disable=True) as progress:
            loop.train(validate_config(FamilyTrainConfig, raw, source="test"), progress)
    except loop.InterruptedTrainingError:
        assert stop_at is not None
"""


def train_by_two(tmp_path: Path, *runs: tuple[Any, int | None]) -> None:
    """Train configs one after another, each up to a step (None = to its end), in two processes."""
    script = tmp_path / "train_all.py"
    script.write_text(TRAIN_ALL)
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", str(script)]
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[3]), "OMP_NUM_THREADS": "1"}
    given = json.dumps([(config.model_dump(mode="json"), stop_at) for config, stop_at in runs])
    done = subprocess.run([*command, given], env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-6000:]


def require_same(one: Path, other: Path, file: str) -> None:
    """Check losses, validation errors and saved weights of two runs, to the rounding of float32."""
    keys = {"loss", "gradient_norm", "validation/loss", "validation/t=0.5"}
    alone, shared = read_metrics(one), read_metrics(other)
    assert len(alone) == len(shared) == 4
    for first, second in zip(alone, shared, strict=True):
        found = {key: second[key] for key in keys & first.keys()}
        assert found == pytest.approx({key: first[key] for key in found}, rel=2e-5)
    expected, weights = load_file(str(one / "model" / file)), load_file(str(other / "model" / file))
    assert expected.keys() == weights.keys()
    for name, value in expected.items():
        torch.testing.assert_close(weights[name], value, atol=1e-4, rtol=1e-3)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "adapter", "file"),
    [
        ("wan22_ti2v", {"rank": 4, "alpha": 10.0}, "pytorch_lora_weights.safetensors"),
        ("wan21_t2v", None, "transformer/diffusion_pytorch_model.safetensors"),
    ],
)
def test_two_processes_train_as_one_does(
    name: str,
    adapter: Any,
    file: str,
    pipeline_folder: Callable[[str], Path],
    make_dataset: Callable[..., Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clips, base = make_dataset("physics", size=32), pipeline_folder(name)

    def configured(out: str, **hardware: Any) -> Any:
        return config_of(
            base,
            clips,
            tmp_path / out,
            adapter=adapter,
            batch_size=4,
            ema_decay=0.5,
            optimizer={"learning_rate": 1e-3},
            loss={"foreground_weight": 2.0},
            samples={"prompts": ["a red ball falls"], "num_steps": 2},
            hardware={"threads": 1, **hardware},
            report={"validate_every": 2, "picture_every": 4},
        )

    sharded = {"sharding": True, "recompute": True}
    run(configured("whole"))
    train_by_two(
        tmp_path,
        (configured("sharded", **sharded), None),
        (configured("by_one", **sharded), STOP_AT),
        (configured("by_two", **sharded), STOP_AT),
        (configured("by_two", **sharded), None),
    )
    assert (tmp_path / "by_one" / "checkpoints" / "00000002" / "shards").is_dir()
    run(configured("by_one"))
    plain = FamilyTask.batch

    def batch(self: FamilyTask, step: int) -> Any:
        if step == STOP_AT:
            raise KeyboardInterrupt
        return plain(self, step)

    monkeypatch.setattr(FamilyTask, "batch", batch)
    with pytest.raises(InterruptedTrainingError):
        run(configured("whole_then_sharded"))
    train_by_two(tmp_path, (configured("whole_then_sharded", **sharded), None))
    for out in ("sharded", "by_one", "by_two", "whole_then_sharded"):
        require_same(tmp_path / "whole", tmp_path / out, file)
    opened = (
        [VideoGenerator.from_pretrained(tmp_path / out / "model") for out in ("whole", "sharded")]
        if not adapter
        else []
    )
    assert [type(one.network).__name__ for one in opened] == ["WanTransformer3DModel"] * len(opened)  # pyright: ignore


def test_experts_are_sharded_one_at_a_time(
    pipeline_folder: Callable[[str], Path], make_dataset: Callable[..., Path], tmp_path: Path
) -> None:
    config = config_of(
        pipeline_folder("wan22_a14b"), make_dataset("physics", size=32), tmp_path / "a", hardware={"sharding": True}
    )
    with pytest.raises(ConfigError, match=r"write adapter.networks: \[transformer\]"):
        FamilyTask(config, torch.device("cpu"))
