"""The whole path on a tiny public model: build data, train an adapter, sample the permanence suite, score, report."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

DATA = {
    "seed": 0,
    "scenarios": ["drop_bounce", "collide"],
    "scenes_per_scenario": {"train": 4, "val": 2, "test": 2},
    "engines": ["mujoco"],
    "renderer": "raycast",
    "settings": {"num_frames": 17, "frame_rate": 16, "width": 64, "height": 64},
}


def python(*arguments: object, ends: int = 0) -> str:
    environment = {**os.environ, "HF_HUB_OFFLINE": "1"}
    command = [sys.executable, "-m", *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    assert done.returncode == ends, done.stdout + done.stderr
    return " ".join((done.stdout + done.stderr).split())


@pytest.mark.slow
def test_from_data_to_a_report(pipeline_folder: Callable[[str], Path], tmp_path: Path) -> None:
    (tmp_path / "data.yaml").write_text(yaml.safe_dump(DATA))
    python("physics_data", "build", "--config", tmp_path / "data.yaml", "--out", tmp_path / "physics")
    run = {
        "task": "family",
        "out": str(tmp_path / "run"),
        "base": str(pipeline_folder("wan22_ti2v")),
        "adapter": {"rank": 4, "alpha": 8},
        "num_steps": 4,
        "batch_size": 2,
        "data": {"sources": [{"path": str(tmp_path / "physics")}], "num_frames": 17},
        "loss": {"foreground_weight": 2.0, "contact_weight": 1.0},
        "optimizer": {"learning_rate": 1e-3, "warmup_steps": 1},
        "report": {"log_every": 2, "checkpoint_every": 2, "validate_every": 2},
    }
    (tmp_path / "run.yaml").write_text(yaml.safe_dump(run))
    python("worldsim", "train", "--config", tmp_path / "run.yaml")
    cache = ("--cache", tmp_path / "cache")
    python("benchmarks", "export", "permanence", "--out", tmp_path / "suite", *cache)
    videos = tmp_path / "videos"
    python(
        "worldsim", "sample", "--model", tmp_path / "run", "--suite", tmp_path / "suite",
        "--num-conditioning-frames", 5, "--num-seeds", 1, "--num-steps", 2, "--out", videos,
    )  # fmt: skip
    scores = tmp_path / "scores"
    # A random VAE does not give the first frames back: the suite notices, scores nothing, and still writes its report.
    said = python("benchmarks", "run", "permanence", "--videos", videos, "--out", scores, *cache, ends=1)
    assert "its conditioning frames are not the reference's" in said
    assert (scores / "report.html").stat().st_size > 1000
