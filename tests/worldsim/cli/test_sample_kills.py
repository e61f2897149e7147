"""``sample --reference`` that is killed while it writes videos: the same command ends as if nothing had happened."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from rich.progress import Progress

from tests.worldsim.training.conftest import Configure, configure  # noqa: F401
from worldsim.training.loop import train

KILLED = """
import os, signal, sys
from pathlib import Path
from physics_data.core import video
from worldsim import videos
kind, number = sys.argv[1], int(sys.argv[2])
sys.argv[1:] = sys.argv[3:]
whole, replace, calls = video.write_video, Path.replace, 0
def die():
    os.kill(os.getpid(), signal.SIGKILL)
def dying_replace(self, target):
    if calls == number and kind == "written" and str(target).endswith(".mp4"):
        die()
    return replace(self, target)
def dying_write(*arguments, **named):
    global calls
    calls += 1
    if calls == number and kind == "before":
        die()
    whole(*arguments, **named)
    if calls == number and kind == "after":
        die()
videos.write_video, Path.replace = dying_write, dying_replace
from worldsim.__main__ import main
main()
"""


def sample(out: Path, run: Path, *kill: object) -> int:
    arguments = ["sample", "--model", run, "--reference", run.parent / "physics", "--split", "train", "--num-given", 1]
    options = ["--num-steps", 2, "--batch-size", 2, "--out", out]
    command = [sys.executable, "-c", KILLED, *map(str, kill or ("never", 0)), *map(str, [*arguments, *options])]
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[3]), "OMP_NUM_THREADS": "1"}
    return subprocess.run(command, env=environment, check=False, capture_output=True).returncode


@pytest.mark.slow
def test_kills_while_sampling_change_nothing(tmp_path: Path, configure: Configure) -> None:  # noqa: F811
    config = configure("run")
    with Progress(disable=True) as progress:
        train(config, progress)
    assert sample(tmp_path / "straight", config.out) == 0
    for kill in (("before", 1), ("written", 2), ("after", 1), ("written", 1), ("before", 2)):
        assert sample(tmp_path / "killed", config.out, *kill) == -signal.SIGKILL
    assert sample(tmp_path / "killed", config.out) == 0
    videos = {path.name: path.read_bytes() for path in (tmp_path / "straight").glob("*.mp4")}
    assert len(videos) == 6
    assert {path.name: path.read_bytes() for path in (tmp_path / "killed").glob("*.mp4")} == videos
    assert not [path.name for path in (tmp_path / "killed").glob(".*")]
    config_of = [
        yaml.safe_load((tmp_path / name / "provenance.yaml").read_text())["config"] for name in ("straight", "killed")
    ]
    assert config_of[0] == config_of[1]
