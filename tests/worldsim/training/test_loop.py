"""Resuming, stopping and what is left on disk."""

import json
import os
import resource
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import torch

from physics_data.core.atomic import folder_lock, is_partial
from physics_data.core.errors import CheckpointError, StorageError
from tests.worldsim.training.conftest import Train
from tests.worldsim.training.toy_task import ToyTask
from worldsim.cards import load_tensors
from worldsim.training.checkpoint import list_checkpoints
from worldsim.training.logger import read_metrics
from worldsim.training.loop import DivergedError, InterruptedTrainingError


def same_tensors(one: Path, other: Path) -> bool:
    first, second = load_tensors(one), load_tensors(other)
    return first.keys() == second.keys() and all(torch.equal(first[name], second[name]) for name in first)


def without_times(run: Path) -> list[dict[str, float]]:
    timed = ("seconds", "samples_per_second")
    return [{name: value for name, value in line.items() if name not in timed} for line in read_metrics(run)]


@pytest.mark.parametrize("stop_at", [3, 5])
def test_an_interrupted_run_ends_with_the_same_weights(
    tmp_path: Path, train_toy: Train, monkeypatch: pytest.MonkeyPatch, stop_at: int
) -> None:
    train_toy(tmp_path / "straight")
    monkeypatch.setattr(ToyTask, "stop_at", stop_at)
    with pytest.raises(InterruptedTrainingError, match="goes on from the checkpoint of step 3"):
        train_toy(tmp_path / "broken")
    monkeypatch.setattr(ToyTask, "stop_at", None)
    assert [path.name for path in list_checkpoints(tmp_path / "broken")] == ["00000003"]
    summary = train_toy(tmp_path / "broken")
    assert (summary.step, summary.complete) == (6, True)
    for name in ("checkpoints/00000006/weights", "checkpoints/00000006/average", "model/weights"):
        file_name = f"{name}.safetensors"
        assert same_tensors(tmp_path / "straight" / file_name, tmp_path / "broken" / file_name)
    assert without_times(tmp_path / "straight") == without_times(tmp_path / "broken")
    assert [line["step"] for line in read_metrics(tmp_path / "broken")] == [1, 2, 3, 4, 5, 6]


def test_it_learns_and_leaves_its_record(tmp_path: Path, train_toy: Train) -> None:
    summary = train_toy(tmp_path, num_steps=400, ema_decay=0.9, report={"log_every": 10, "checkpoint_every": 100})
    lines = read_metrics(tmp_path)
    assert lines[-1]["loss"] < 0.2 * lines[0]["loss"]
    assert {"loss", "seconds", "samples_per_second", "gradient_norm"} <= lines[-1].keys()
    assert summary.metrics["finished"] == 1.0
    assert [path.name for path in list_checkpoints(tmp_path)] == ["00000300", "00000400"]  # the newest two
    for name in ("config.yaml", "provenance.yaml", "pictures/black-000200.png", "model/card.json"):
        assert (tmp_path / name).is_file()
    assert list((tmp_path / "tensorboard").iterdir())


def test_a_finished_run_is_not_done_again(tmp_path: Path, train_toy: Train, monkeypatch: pytest.MonkeyPatch) -> None:
    first = train_toy(tmp_path)
    monkeypatch.setattr(ToyTask, "prepare", lambda self, progress: pytest.fail("prepared again"))
    assert train_toy(tmp_path).metrics == first.metrics


def test_another_config_is_refused_with_the_difference(tmp_path: Path, train_toy: Train) -> None:
    train_toy(tmp_path)
    with pytest.raises(CheckpointError) as refusal:
        train_toy(tmp_path, slope=3.0, seed=1)
    message = str(refusal.value)
    assert "config.slope: 2.0 → 3.0" in message and "config.seed: 0 → 1" in message
    assert "batch_size" not in message
    assert "--out" in message and "--set" in message


def test_a_run_is_extended_and_what_the_schedule_makes_of_it_is_said(
    tmp_path: Path, train_toy: Train, capsys: pytest.CaptureFixture[str]
) -> None:
    train_toy(tmp_path / "run")
    assert "num_steps" not in capsys.readouterr().err
    summary = train_toy(tmp_path / "run", num_steps=12)
    said = " ".join(capsys.readouterr().err.split())
    assert (summary.step, summary.complete) == (12, True)
    assert "goes on from step 6 with num_steps 12 in place of 6" in said
    assert "it is 0.67 of its peak, with 6 steps it was 0.05" in said  # 0.05 + 0.95 (1 + cos(0.4 pi)) / 2
    assert [line["step"] for line in read_metrics(tmp_path / "run")] == list(range(1, 13))
    card = json.loads((tmp_path / "run" / "model" / "card.json").read_text())
    assert card["lengths"] == [[0, 6], [6, 12]]
    with pytest.raises(CheckpointError, match="has 12 steps already, num_steps is 6; write at least 12"):
        train_toy(tmp_path / "run", num_steps=6)


def test_a_moved_run_goes_on(tmp_path: Path, train_toy: Train, monkeypatch: pytest.MonkeyPatch) -> None:
    train_toy(tmp_path / "straight")
    monkeypatch.setattr(ToyTask, "stop_at", 4)
    with pytest.raises(InterruptedTrainingError):
        train_toy(tmp_path / "here", data={"sources": [{"path": "old/nowhere"}]})
    monkeypatch.setattr(ToyTask, "stop_at", None)
    (tmp_path / "here").rename(tmp_path / "there")
    train_toy(tmp_path / "there", data={"sources": [{"path": "new/nowhere"}]})
    final = "model/weights.safetensors"
    assert same_tensors(tmp_path / "straight" / final, tmp_path / "there" / final)


def test_another_precision_is_another_run(tmp_path: Path, train_toy: Train, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ToyTask, "stop_at", 4)
    with pytest.raises(InterruptedTrainingError):
        train_toy(tmp_path)
    monkeypatch.setattr(ToyTask, "stop_at", None)
    with pytest.raises(CheckpointError, match="precision: 'fp32' → 'bf16'"):
        train_toy(tmp_path, hardware={"device": "cpu", "precision": "bf16"})


def test_two_runs_in_one_folder_are_refused(tmp_path: Path, train_toy: Train) -> None:
    with folder_lock(tmp_path / "run"), pytest.raises(StorageError, match="is being written by another process"):
        train_toy(tmp_path / "run")
    assert train_toy(tmp_path / "run").complete


def test_leftovers_of_a_killed_run_are_swept(tmp_path: Path, train_toy: Train) -> None:
    left = [tmp_path / folder / ".x.partial-0123456789abcdef.png" for folder in ("pictures", "latents", "")]
    for path in left:
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"half")
    assert all(is_partial(path) for path in left)
    train_toy(tmp_path)
    assert not any(path.exists() for path in left)


@pytest.mark.parametrize("damage", ["{", "[]", "null", '{"format": "worldsim.checkpoint/3"}'])
def test_a_damaged_card_is_said(tmp_path: Path, train_toy: Train, monkeypatch: pytest.MonkeyPatch, damage: str) -> None:
    monkeypatch.setattr(ToyTask, "stop_at", 4)
    with pytest.raises(InterruptedTrainingError):
        train_toy(tmp_path)
    monkeypatch.setattr(ToyTask, "stop_at", None)
    (list_checkpoints(tmp_path)[-1] / "card.json").write_text(damage)
    with pytest.raises(CheckpointError, match="card.json"):
        train_toy(tmp_path)


@contextmanager
def full_disk(num_bytes: int) -> Iterator[None]:
    """Let no file of this process grow beyond a size, as on a full disk."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (num_bytes, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.parametrize("num_bytes", [1, 300, 900, 2500])
def test_a_full_disk_is_said_and_nothing_is_lost(
    tmp_path: Path, train_toy: Train, monkeypatch: pytest.MonkeyPatch, num_bytes: int
) -> None:
    train_toy(tmp_path / "straight")
    monkeypatch.setattr(ToyTask, "stop_at", 4)
    with pytest.raises(InterruptedTrainingError):
        train_toy(tmp_path / "run")
    monkeypatch.setattr(ToyTask, "stop_at", None)
    with full_disk(num_bytes), pytest.raises(StorageError, match="cannot write"):
        train_toy(tmp_path / "run")
    assert [path.name for path in list_checkpoints(tmp_path / "run")] == ["00000003"]
    train_toy(tmp_path / "run")
    assert without_times(tmp_path / "straight") == without_times(tmp_path / "run")


def test_a_damaged_line_of_the_metrics_is_named(tmp_path: Path, train_toy: Train) -> None:
    train_toy(tmp_path)
    path = tmp_path / "metrics.jsonl"
    lines = path.read_text().splitlines()
    for damage in ("{", "3", '{"loss": 1}', "\udcff"):
        path.write_text("\n".join([lines[0], damage, *lines[1:]]) + "\n", errors="surrogateescape")
        with pytest.raises(CheckpointError, match="damaged in line 2: delete that line"):
            train_toy(tmp_path, num_steps=9)


def test_an_out_that_is_a_file_is_said(tmp_path: Path, train_toy: Train) -> None:
    (tmp_path / "file").write_text("mine")
    for out in (tmp_path / "file", tmp_path / "file" / "run"):
        with pytest.raises(StorageError, match="cannot write"):
            train_toy(out)
    assert (tmp_path / "file").read_text() == "mine"


def test_reports_may_change_when_a_run_goes_on(
    tmp_path: Path, train_toy: Train, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ToyTask, "stop_at", 4)
    with pytest.raises(InterruptedTrainingError):
        train_toy(tmp_path)
    monkeypatch.setattr(ToyTask, "stop_at", None)
    assert train_toy(tmp_path, report={"log_every": 2, "checkpoint_every": 2}).complete


@pytest.mark.parametrize("name", ["weights.safetensors", "average.safetensors", "optimizer.pt"])
def test_a_truncated_checkpoint_is_refused(
    tmp_path: Path, train_toy: Train, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setattr(ToyTask, "stop_at", 4)
    with pytest.raises(InterruptedTrainingError):
        train_toy(tmp_path)
    monkeypatch.setattr(ToyTask, "stop_at", None)
    path = list_checkpoints(tmp_path)[-1] / name
    path.write_bytes(path.read_bytes()[:-7])
    with pytest.raises(CheckpointError, match=f"{name} is damaged.*starts from step 0"):
        train_toy(tmp_path)
    path.unlink()
    with pytest.raises(CheckpointError, match=f"{name} is missing"):
        train_toy(tmp_path)


def test_minutes_end_a_run_that_can_go_on(tmp_path: Path, train_toy: Train) -> None:
    limited = {"log_every": 1, "checkpoint_every": 3, "max_minutes": 1e-9}
    first = train_toy(tmp_path, report=limited)
    assert (first.step, first.complete) == (0, False)
    assert json.loads((tmp_path / "model" / "card.json").read_text())["step"] == first.step
    assert train_toy(tmp_path).complete


def test_no_number_is_never_saved(tmp_path: Path, train_toy: Train, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ToyTask, "poison_from", 4)
    with pytest.raises(DivergedError, match=r"loss.*at step 6 .*gradient of 0\.weight.*2 updates.*learning_rate"):
        train_toy(tmp_path, report={"log_every": 1, "checkpoint_every": 3, "max_skipped": 1})
    assert [path.name for path in list_checkpoints(tmp_path)] == ["00000003"]


KILLED = """
import os, signal, sys, torch
from pathlib import Path
from rich.progress import Progress
from physics_data.core.config import validate_config
from physics_data.core.errors import Registry
from tests.worldsim.training.toy_task import ToyConfig
from worldsim.training import checkpoint, loop
loop.TASKS = Registry("task", {"toy": "tests.worldsim.training.toy_task:ToyTask"})
original, calls = torch.save, 0
def dying_save(value, path):
    global calls
    calls += 1
    if calls == 2:
        Path(path).write_bytes(b"half of a file")
        os.kill(os.getpid(), signal.SIGKILL)
    original(value, path)
checkpoint.torch.save = dying_save
with Progress(disable=True) as progress:
    loop.train(validate_config(ToyConfig, __import__("json").loads(sys.argv[1]), source="test"), progress)
"""


def test_a_kill_while_saving_leaves_the_last_checkpoint(tmp_path: Path, train_toy: Train, toy_config) -> None:
    config = toy_config(tmp_path / "killed").model_dump_json()
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])}
    done = subprocess.run([sys.executable, "-c", KILLED, config], env=environment, capture_output=True, text=True)
    assert done.returncode == -signal.SIGKILL, done.stderr
    folder = tmp_path / "killed" / "checkpoints"
    assert [path.name for path in list_checkpoints(tmp_path / "killed")] == ["00000003"]
    assert len(list(folder.iterdir())) == 2  # and a partial one
    train_toy(tmp_path / "killed")
    train_toy(tmp_path / "straight")
    final = "checkpoints/00000006/weights.safetensors"
    assert same_tensors(tmp_path / "killed" / final, tmp_path / "straight" / final)
    assert not list(folder.glob(".*"))


def test_a_bad_batch_is_left_out_and_counted(tmp_path: Path, train_toy: Train, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ToyTask, "poison_at", 4)
    summary = train_toy(tmp_path / "one")
    assert summary.complete
    lines = read_metrics(tmp_path / "one")
    assert [line["skipped"] for line in lines] == [0, 0, 0, 0, 1, 1]
    assert "loss" not in lines[4] and "loss" in lines[5]
    # A run that is stopped after the bad batch goes on in the same way.
    monkeypatch.setattr(ToyTask, "stop_at", 5)
    with pytest.raises(InterruptedTrainingError):
        train_toy(tmp_path / "two", report={"log_every": 1, "checkpoint_every": 1})
    monkeypatch.setattr(ToyTask, "stop_at", None)
    train_toy(tmp_path / "two", report={"log_every": 1, "checkpoint_every": 1})
    assert without_times(tmp_path / "one") == without_times(tmp_path / "two")


def test_adaptive_clipping_survives_a_stop(tmp_path: Path, train_toy: Train, monkeypatch: pytest.MonkeyPatch) -> None:
    optimizer = {"name": "adamw", "learning_rate": 0.05, "warmup_steps": 2, "clipping": "adaptive"}
    settings = {"num_steps": 60, "optimizer": optimizer, "more_ema_decays": [0.5, 0.9]}
    report = {"log_every": 5, "checkpoint_every": 15}
    train_toy(tmp_path / "straight", **settings, report=report)
    monkeypatch.setattr(ToyTask, "stop_at", 40)
    with pytest.raises(InterruptedTrainingError):
        train_toy(tmp_path / "broken", **settings, report=report)
    monkeypatch.setattr(ToyTask, "stop_at", None)
    train_toy(tmp_path / "broken", **settings, report=report)
    for name in ("weights", "average", "average-0.5", "average-0.9"):
        final = f"checkpoints/00000060/{name}.safetensors"
        assert same_tensors(tmp_path / "straight" / final, tmp_path / "broken" / final)
    assert without_times(tmp_path / "straight") == without_times(tmp_path / "broken")


SHARED = """
import json, sys, torch
from rich.progress import Progress
from physics_data.core.config import validate_config
from physics_data.core.errors import Registry
from tests.worldsim.training.toy_task import ToyConfig
from worldsim.training import loop
torch.set_num_threads(1)
loop.TASKS = Registry("task", {"toy": "tests.worldsim.training.toy_task:ToyTask"})
for given in sys.argv[1:]:
    with Progress(disable=True) as progress:
        loop.train(validate_config(ToyConfig, json.loads(given), source="test"), progress)
"""


def test_two_processes_train_as_one(tmp_path: Path, train_toy: Train, toy_config) -> None:
    settings = {"num_steps": 12, "more_ema_decays": [0.5], "optimizer": {"clipping": "adaptive", "warmup_steps": 2}}
    train_toy(tmp_path / "one", **settings)
    sharing = {"device": "cpu", "threads": 1, "sharding": True}
    given = [
        toy_config(tmp_path / "two", **settings).model_dump_json(),
        toy_config(tmp_path / "sharded", **settings, hardware=sharing).model_dump_json(),
    ]
    script = tmp_path / "shared.py"
    script.write_text(SHARED)
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", str(script)]
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[3]), "OMP_NUM_THREADS": "1"}
    done = subprocess.run([*command, *given], env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    alone, final = without_times(tmp_path / "one"), "model/weights.safetensors"
    for run in ("two", "sharded"):
        shared = without_times(tmp_path / run)
        assert len(alone) == len(shared) == 12
        for one, two in zip(alone, shared, strict=True):
            assert one == pytest.approx(two, rel=1e-5)
        one, two = load_tensors(tmp_path / "one" / final), load_tensors(tmp_path / run / final)
        for name, value in one.items():
            torch.testing.assert_close(value, two[name], atol=1e-6, rtol=1e-5)
    assert (tmp_path / "sharded" / "checkpoints" / "00000012" / "shards" / ".metadata").is_file()
