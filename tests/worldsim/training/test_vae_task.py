"""A few steps of the VAE's stage: with a discriminator, and from weights of an earlier run."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from rich.progress import Progress

from physics_data.core.config import validate_config
from physics_data.core.errors import CheckpointError
from worldsim.cards import load_tensors
from worldsim.config import VAETrainConfig
from worldsim.training.loop import train
from worldsim.weights import load_vae, model_folder

MODEL = {
    "latent_channels": 4,
    "strides": [{"frames": 4, "size": 4}],
    "widths": [8],
    "encoder_blocks": [1],
    "decoder_blocks": [1],
}


def run(out: Path, data: Path, **changes: Any) -> Path:
    raw = {
        "task": "vae",
        "out": str(out),
        "num_steps": 3,
        "batch_size": 2,
        "data": {"sources": [{"path": str(data)}], "num_frames": 5, "height": 16, "width": 16},
        "model": MODEL,
        "optimizer": {"warmup_steps": 1},
        "hardware": {"device": "cpu", "threads": 1},
        "report": {"log_every": 1, "checkpoint_every": 2, "picture_every": 3},
    }
    with Progress(disable=True) as progress:
        train(validate_config(VAETrainConfig, {**raw, **changes}, source="test"), progress)
    return out


def test_a_discriminator_trains_along_and_is_not_kept(tmp_path: Path, make_dataset: Callable[..., Path]) -> None:
    loss = {
        "adversarial": 0.1,
        "adversarial_start": 2,
        "discriminator_width": 4,
        "perceptual": 0.1,
        "equivariance": 0.1,
    }
    out = run(tmp_path / "a", make_dataset("clips"), loss=loss)
    checkpoint = load_tensors(out / "checkpoints" / "00000003" / "weights.safetensors")
    assert int(checkpoint["discriminator.num_updates"]) == 3
    kept = load_tensors(model_folder(out) / "weights.safetensors")
    assert not any("discriminator" in name for name in kept)
    assert bool((load_vae(model_folder(out)).latent_std > 0).all())


def test_training_goes_on_from_other_weights_of_the_same_layout(
    tmp_path: Path, make_dataset: Callable[..., Path]
) -> None:
    data = make_dataset("clips")
    first = run(tmp_path / "first", data)
    tiny = {"name": "adamw", "learning_rate": 1e-9, "warmup_steps": 1}
    second = run(tmp_path / "second", data, start_from=str(first), optimizer=tiny, seed=5)
    before, after = (load_vae(model_folder(folder)).state_dict() for folder in (first, second))
    for name in before:
        if not name.startswith("latent_"):
            torch.testing.assert_close(after[name], before[name], atol=1e-6, rtol=1e-4)
    with pytest.raises(CheckpointError, match="another layout"):
        run(tmp_path / "third", data, start_from=str(first), model={**MODEL, "widths": [12]})
