"""A toy stage in the place of the real ones."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from rich.progress import Progress

from physics_data.core.config import validate_config
from physics_data.core.registry import Registry
from tests.worldsim.training.toy_task import ToyConfig, ToyTask
from worldsim.training import loop
from worldsim.training.loop import TrainingSummary

Train = Callable[..., TrainingSummary]


@pytest.fixture
def toy_config() -> Callable[..., ToyConfig]:
    def make(out: Path, **changes: Any) -> ToyConfig:
        raw = {
            "task": "toy",
            "out": str(out),
            "num_steps": 6,
            "batch_size": 4,
            "data": {"sources": [{"path": "nowhere"}]},
            "optimizer": {"name": "muon", "learning_rate": 0.01, "warmup_steps": 2},
            "hardware": {"device": "cpu", "threads": 1},
            "report": {"log_every": 1, "checkpoint_every": 3, "picture_every": 3},
        }
        return validate_config(ToyConfig, {**raw, **changes}, source="test")

    return make


@pytest.fixture
def train_toy(toy_config: Callable[..., ToyConfig], monkeypatch: pytest.MonkeyPatch) -> Train:
    """Return a function that trains the toy stage into a folder."""
    registry = Registry("task", {"toy": "tests.worldsim.training.toy_task:ToyTask"})
    monkeypatch.setattr(loop, "TASKS", registry)
    monkeypatch.setattr(ToyTask, "stop_at", None)
    monkeypatch.setattr(ToyTask, "poison_at", None)
    monkeypatch.setattr(ToyTask, "poison_from", None)

    def run(out: Path, **changes: Any) -> TrainingSummary:
        with Progress(disable=True) as progress:
            return loop.train(toy_config(out, **changes), progress)

    return run
