"""Two processes that share out the weights: the loss curve of one, and checkpoints that any number goes on from."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from physics_data.core.errors import CheckpointError
from tests.worldsim.training.conftest import Configure
from tests.worldsim.training.test_auxiliary_training import LOSS, run
from tests.worldsim.training.test_loop import without_times
from worldsim.cards import load_tensors
from worldsim.config import DiTTrainConfig
from worldsim.training.checkpoint import list_checkpoints
from worldsim.training.loop import InterruptedTrainingError
from worldsim.training.tasks.dit_task import DiTTask

SETTINGS: dict[str, Any] = {
    "num_steps": 6,
    "more_ema_decays": [0.5],
    "optimizer": {"name": "muon", "warmup_steps": 1, "adamw_for": ["proj_in", "proj_out"], "clipping": "adaptive"},
    "report": {"log_every": 1, "checkpoint_every": 3, "picture_every": 6, "validate_every": 3},
}
SHARDED = {"device": "cpu", "threads": 1, "sharding": True, "recompute": True}
STOP_AT = 5

TRAIN_ALL = """
import json, sys
import torch
from rich.progress import Progress
from torch.distributed.tensor import DTensor
from physics_data.core.config import validate_config
from worldsim.config import DiTTrainConfig
from worldsim.training import loop
from worldsim.training.tasks.dit_task import DiTTask

whole_batch, original = DiTTask.batch, loop.save_checkpoint
def check_and_save(run, state, *rest):
    if sharded:
        blocks = [weight for name, weight in state.model.named_parameters() if "blocks." in name]
        assert blocks and all(isinstance(weight, DTensor) for weight in blocks)
        held = sum(weight.to_local().numel() for weight in blocks)
        assert held <= 0.6 * sum(weight.numel() for weight in blocks), held
    original(run, state, *rest)
loop.save_checkpoint = check_and_save
for raw, stop_at in json.loads(sys.argv[1]):
    def batch(self, step, stop_at=stop_at):
        if step == stop_at:
            raise KeyboardInterrupt
        return whole_batch(self, step)
    DiTTask.batch, sharded = batch, raw["hardware"]["sharding"]
    try:
        with Progress(disable=True) as progress:
            loop.train(validate_config(DiTTrainConfig, raw, source="test"), progress)
    except loop.InterruptedTrainingError:
        assert stop_at is not None
"""


@pytest.fixture
def stop(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let training in this process stop before step ``STOP_AT``."""
    whole = DiTTask.batch

    def batch(self: DiTTask, step: int) -> Any:
        if step == STOP_AT:
            raise KeyboardInterrupt
        return whole(self, step)

    monkeypatch.setattr(DiTTask, "batch", batch)


def train_by_two(tmp_path: Path, *runs: tuple[DiTTrainConfig, int | None]) -> None:
    """Train configs one after another, each up to a step (None = to its end), in two processes."""
    script = tmp_path / "train_all.py"
    script.write_text(TRAIN_ALL)
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", str(script)]
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[3]), "OMP_NUM_THREADS": "1"}
    given = json.dumps([(config.model_dump(mode="json"), stop_at) for config, stop_at in runs])
    done = subprocess.run([*command, given], env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-6000:]


def require_same(one: Path, other: Path) -> None:
    alone, shared = without_times(one), without_times(other)
    assert len(alone) == len(shared) == SETTINGS["num_steps"]
    for first, second in zip(alone, shared, strict=True):
        assert first == pytest.approx(second, rel=1e-5, abs=1e-6)
    expected, found = (load_tensors(run / "model" / "weights.safetensors") for run in (one, other))
    for name, value in expected.items():
        torch.testing.assert_close(value, found[name], atol=2e-5, rtol=1e-4)


@pytest.mark.slow
def test_sharded_weights_train_as_whole_ones_and_go_on_in_any_number_of_processes(
    tmp_path: Path, configure: Configure, monkeypatch: pytest.MonkeyPatch, stop: None
) -> None:
    with pytest.raises(InterruptedTrainingError):
        run(configure("whole_then_sharded", **SETTINGS))
    monkeypatch.undo()
    straight = run(configure("whole", **SETTINGS))
    sharded = {**SETTINGS, "hardware": SHARDED}
    train_by_two(
        tmp_path,
        (configure("sharded", **sharded), None),
        (configure("by_one", **sharded), STOP_AT),
        (configure("by_two", **sharded), STOP_AT),
        (configure("by_two", **sharded), None),
        (configure("whole_then_sharded", **sharded), None),
        (configure("with_probes", **SETTINGS, loss=LOSS), None),
        (configure("with_probes_sharded", **sharded, loss=LOSS), None),
    )
    assert [path.name for path in list_checkpoints(tmp_path / "by_one")] == ["00000003"]
    shutil.copytree(tmp_path / "by_one", tmp_path / "damaged")
    run(configure("by_one", **SETTINGS))
    for name in ("sharded", "by_one", "by_two", "whole_then_sharded"):
        require_same(straight, tmp_path / name)
    require_same(tmp_path / "with_probes", tmp_path / "with_probes_sharded")
    part = next((tmp_path / "damaged" / "checkpoints" / "00000003" / "shards").glob("*.distcp"))
    part.write_bytes(part.read_bytes()[:-7])
    with pytest.raises(CheckpointError, match=f"{part.name} is damaged"):
        run(configure("damaged", **SETTINGS))
