"""Commands of ``benchmarks`` that are killed, or whose workers are: nothing is lost, the same bytes come out."""

import json
import sys
from pathlib import Path

import pytest

from benchmarks.ablation import jobs
from benchmarks.ablation.ablation_config import AblationConfig
from benchmarks.ablation.grid import make_grid
from benchmarks.baselines import write_baselines
from physics_data.core.atomic import folder_lock
from physics_data.core.config import validate_config
from physics_data.core.dataset import ShardDataset
from physics_data.core.errors import StorageError, WorkerError
from physics_data.core.program import progress_bar
from tests.benchmarks.ablation.conftest import raw_config  # noqa: F401
from tests.killed import KILLED, files_in, leftovers_in, run_killed

sys.path.insert(0, str(Path(__file__).parents[1] / "eval"))
from toy_scenes import toy_clip, write_toy_dataset  # pyright: ignore[reportMissingImports]

NAMES = ("frozen_first_frame", "noise", "cross_fade")


@pytest.fixture
def data(tmp_path):
    write_toy_dataset(tmp_path / "data", [toy_clip("free_drop", index) for index in range(2)])
    return tmp_path / "data"


def _command(data, out):
    chosen = [word for name in NAMES for word in ("--only", name)]
    return ["baselines", data, "--split", "test", "--num-conditioning-frames", 2, *chosen, "--out", out]


def _write(data, out):
    write_baselines(ShardDataset(data), out, names=NAMES, num_conditioning_frames=2)
    return files_in(out, "*.mp4")


def test_killed_baselines_go_on(data, tmp_path):
    """Killed before the second of three folders is in its place, of which a video is whole."""
    out = tmp_path / "out"
    assert run_killed("written", 6, "benchmarks", *_command(data, out)) == KILLED
    assert len(files_in(out / NAMES[0], "*.mp4")) == 2 and not (out / NAMES[1]).exists()
    made = (out / NAMES[0] / "provenance.yaml").stat().st_mtime_ns
    assert _write(data, out) == _write(data, tmp_path / "straight")
    assert (out / NAMES[0] / "provenance.yaml").stat().st_mtime_ns == made
    assert not leftovers_in(out)


def test_baselines_of_other_clips_or_damaged_ones_are_made_again(data, tmp_path):
    whole = _write(data, tmp_path / "out")
    (tmp_path / "out/noise/provenance.yaml").write_text("[")
    (tmp_path / "out/cross_fade" / Path(next(iter(whole))).name).unlink()
    assert _write(data, tmp_path / "out") == whole
    write_baselines(ShardDataset(data), tmp_path / "out", names=NAMES, limit=1, num_conditioning_frames=2)
    assert len(files_in(tmp_path / "out", "*.mp4")) == 3
    with folder_lock(tmp_path / "out"), pytest.raises(StorageError, match="another process"):
        _write(data, tmp_path / "out")


@pytest.mark.slow
def test_baselines_that_are_killed_at_every_moment_lose_nothing(data, tmp_path):
    command = _command(data, tmp_path / "out")
    for moment, number in (("unflushed", 1), ("written", 2), ("in place", 4), ("in place", 8), ("unflushed", 5)):
        run_killed(moment, number, "benchmarks", *command)
    assert run_killed("never", 0, "benchmarks", *command) == 0
    assert files_in(tmp_path / "out", "*.mp4") == _write(data, tmp_path / "straight")
    assert not leftovers_in(tmp_path / "out")


def _die(*_):
    import os

    os._exit(9)


def test_one_ablation_at_a_time_and_a_dead_worker_is_a_sentence(raw_config, tmp_path, monkeypatch):  # noqa: F811
    grid = make_grid(validate_config(AblationConfig, raw_config, source="test"), tmp_path / "out")
    monkeypatch.setattr(jobs, "_build_datasets", lambda *_: None)
    monkeypatch.setattr(jobs, "train_stage", lambda *_: 0.0)
    monkeypatch.setattr(jobs, "_train", _die)
    with progress_bar() as progress:
        with pytest.raises(WorkerError, match="run the same command again"):
            jobs.run_grid(grid, grid.runs, 1, progress)
        with folder_lock(grid.out), pytest.raises(StorageError, match="another process"):
            jobs.run_grid(grid, grid.runs, 1, progress)


@pytest.mark.slow
def test_an_ablation_that_is_killed_at_every_moment_loses_nothing(raw_config, tmp_path):  # noqa: F811
    """Killed while it builds, trains its VAE, and writes its tables; runs and base are trained in workers."""
    (tmp_path / "ablation.yaml").write_text(json.dumps(raw_config))
    command = ("ablation", "--config", tmp_path / "ablation.yaml", "--out")
    for moment, number in (("written", 2), ("in place", 3), ("unflushed", 12), ("written", 20)):
        run_killed(moment, number, "benchmarks", *command, tmp_path / "out")
    for folder in ("out", "straight"):
        assert run_killed("never", 0, "benchmarks", *command, tmp_path / folder) == 0
    for pattern in ("rows.csv", "scenes.csv", "features.npz", "weights.safetensors", "*.mp4"):
        straight = files_in(tmp_path / "straight", pattern)
        assert straight and files_in(tmp_path / "out", pattern) == straight, pattern
    assert not leftovers_in(tmp_path / "out")
