"""Where PyBullet is not installed (Python 3.12 and later) all else works, and what needs it says so at once."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]

HIDDEN = """
import importlib.abc, sys
class Hide(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path, target=None):
        if name == "pybullet":
            raise ModuleNotFoundError("No module named 'pybullet'", name=name)
sys.meta_path.insert(0, Hide())
"""


@pytest.fixture
def without_bullet(tmp_path: Path):
    """Run a program in a process that finds no PyBullet."""
    (tmp_path / "hide").mkdir()
    (tmp_path / "hide" / "sitecustomize.py").write_text(HIDDEN)
    environment = {**os.environ, "PYTHONPATH": f"{tmp_path / 'hide'}:{ROOT}", "COLUMNS": "400", "NO_COLOR": "1"}

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "physics_data", *arguments]
        return subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)

    return run


def test_the_engine_is_listed_as_missing_with_the_reason(without_bullet) -> None:
    done = without_bullet("list", "engines")
    assert done.returncode == 0, done.stderr
    assert "missing: engine 'bullet' needs PyBullet" in done.stdout
    assert "engines: [mujoco]" in " ".join(done.stdout.replace("│", " ").split())
    assert "Python 3.11" in done.stdout and "mujoco" in done.stdout


def test_a_build_that_needs_it_is_refused_before_the_first_clip(without_bullet, tmp_path: Path) -> None:
    fewer = "scenes_per_scenario={train: 0, val: 0, test: 1}"
    done = without_bullet("build", "--config", "data_tiny", "--out", "d", "--set", fewer)
    assert done.returncode == 1
    assert "engines: [mujoco]" in done.stderr and "Traceback" not in done.stderr
    assert not list((tmp_path / "d").rglob("*.tar"))
