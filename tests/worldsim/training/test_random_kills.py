"""A run that is killed at random moments, again and again, ends as if nothing had happened."""

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.worldsim.training.conftest import Train
from tests.worldsim.training.test_loop import SHARED, same_tensors, without_times
from worldsim.training.logger import read_metrics


@pytest.mark.slow
def test_kills_at_any_moment_change_nothing(tmp_path: Path, train_toy: Train, toy_config) -> None:
    settings = {"num_steps": 2000, "report": {"log_every": 5, "checkpoint_every": 5, "picture_every": 50}}
    train_toy(tmp_path / "straight", **settings)
    config = toy_config(tmp_path / "killed", **settings).model_dump_json()
    script = tmp_path / "train.py"
    script.write_text(SHARED)
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])}
    rng, kills = random.Random(0), 0
    while True:
        before = _last_step(tmp_path / "killed")
        process = subprocess.Popen([sys.executable, str(script), config], env=environment)
        if kills < 6:
            enough = before + rng.randint(5, 150)
            while process.poll() is None and _last_step(tmp_path / "killed") < enough:
                time.sleep(0.005)
            time.sleep(rng.uniform(0.0, 0.02))  # anywhere within a step; how many steps it was does not depend on it
            if process.poll() is None:
                process.send_signal(signal.SIGKILL)
                kills += 1
        if process.wait() == 0:
            break
        assert process.returncode == -signal.SIGKILL
    assert kills >= 2
    final = "checkpoints/00002000/weights.safetensors"
    assert same_tensors(tmp_path / "straight" / final, tmp_path / "killed" / final)
    assert without_times(tmp_path / "straight") == without_times(tmp_path / "killed")


def _last_step(run: Path) -> int:
    lines = read_metrics(run)
    return int(lines[-1]["step"]) if lines else 0
