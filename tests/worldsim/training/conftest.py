"""A toy stage in the place of the real ones, and a tiny transformer."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from rich.progress import Progress

from physics_data.core.config import validate_config
from physics_data.core.errors import Registry
from tests.worldsim.training.toy_task import ToyConfig, ToyTask
from worldsim.config import DiTTrainConfig
from worldsim.training import loop
from worldsim.training.loop import TrainingSummary
from worldsim.vae import VideoVAE, VideoVAEConfig
from worldsim.weights import save_vae

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


VAE = VideoVAEConfig.model_validate(
    {
        "latent_channels": 4,
        "strides": [{"frames": 4, "size": 4}],
        "widths": [8],
        "encoder_blocks": [1],
        "decoder_blocks": [1],
    }
)

Configure = Callable[..., DiTTrainConfig]


@pytest.fixture
def configure(tmp_path: Path, make_dataset: Callable[..., Path]) -> Configure:
    """Return a function that makes the config of a tiny run over labelled and unlabelled clips."""
    torch.manual_seed(0)
    save_vae(tmp_path / "vae", VideoVAE(VAE), VAE, {})
    sources = [{"path": str(make_dataset("physics"))}, {"path": str(make_dataset("footage", source="footage"))}]

    def make(out: str, **changes: Any) -> DiTTrainConfig:
        raw = {
            "task": "dit",
            "out": str(tmp_path / out),
            "vae": str(tmp_path / "vae"),
            "num_steps": 4,
            "batch_size": 4,
            "data": {"sources": sources, "num_frames": 5, "height": 16, "width": 16},
            "model": {"latent_channels": 4, "depth": 2, "width": 32, "num_heads": 2, "text_buckets": 64},
            "tokenizer": {"max_words": 8, "num_buckets": 64},
            "samples": {"prompts": ["a red ball falls"], "sampling": {"num_steps": 2}, "num_conditioning_frames": 1},
            "optimizer": {"name": "muon", "warmup_steps": 1, "adamw_for": ["proj_in", "proj_out"]},
            "hardware": {"device": "cpu", "threads": 1},
            "report": {"log_every": 1, "checkpoint_every": 2, "picture_every": 4, "validate_every": 4},
        }
        return validate_config(DiTTrainConfig, {**raw, **changes}, source="test")

    return make
