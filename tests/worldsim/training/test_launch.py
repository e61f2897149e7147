"""``ws.train``: a dictionary and a file give the same run, which the same call continues."""

from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

import worldsim as ws
from physics_data.core.errors import ConfigError


def test_a_dictionary_and_a_file_give_the_same_weights(make_dataset: Callable[..., Path], tmp_path: Path) -> None:
    config = {
        "task": "vae",
        "out": str(tmp_path / "a"),
        "num_steps": 2,
        "batch_size": 2,
        "optimizer": {"warmup_steps": 0},
        "data": {
            "sources": [{"path": str(make_dataset("d", source="footage"))}],
            "num_frames": 5,
            "height": 16,
            "width": 16,
            "frame_rate": 16.0,
            "validation_fraction": 0.2,
        },
        "model": {
            "latent_channels": 4,
            "strides": [{"frames": 1, "size": 4}, {"frames": 4, "size": 2}],
            "widths": [8, 16],
            "encoder_blocks": [1, 1],
            "decoder_blocks": [1, 1],
        },
    }
    first = ws.train(config, show_progress=False)
    assert first.step == 2 and ws.train(config, show_progress=False).step == 2
    file = tmp_path / "vae.yaml"
    file.write_text(yaml.safe_dump(config))
    second = ws.train(file, tmp_path / "b", show_progress=False)
    name = "model/weights.safetensors"
    assert (first.run / name).read_bytes() == (second.run / name).read_bytes()


def test_a_config_without_a_task_is_named() -> None:
    with pytest.raises(ConfigError, match="needed is one of dit"):
        ws.train({"num_steps": 3})
    with pytest.raises(ConfigError, match="overrides"):
        ws.train({"task": "vae"}, overrides=["seed=1"])
