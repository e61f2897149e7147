"""Toy scenes, and a small ablation's config, for the tests of ablations."""

import sys
from pathlib import Path

import pytest
import yaml

sys.path.insert(0, str(Path(__file__).parents[2] / "eval"))

ROOT = Path(__file__).parents[3]


@pytest.fixture
def raw_config(tmp_path) -> dict:
    """The plain data of a tiny ablation; its files lie in ``tmp_path``."""
    data = yaml.safe_load((ROOT / "configs/data_ablation.yaml").read_text())
    data |= {"scenarios": ["throw_up"], "scenes_per_scenario": {"train": 6, "test": 2}, "clips_per_shard": 8}
    data["held_out"] = {"scenes": 2}
    vae = yaml.safe_load((ROOT / "configs/vae_ablation.yaml").read_text())
    vae |= {"num_steps": 6, "model": {**vae["model"], "widths": [16, 32]}}
    vae["optimizer"] |= {"warmup_steps": 2}
    vae["report"] |= {"log_every": 2, "checkpoint_every": 2, "picture_every": 6}
    dit = yaml.safe_load((ROOT / "configs/dit_tiny.yaml").read_text())
    dit["model"] |= {"depth": 2, "width": 32, "num_heads": 2}
    dit |= {"num_steps": 4, "batch_size": 4}
    dit["optimizer"] |= {"warmup_steps": 1}
    dit["report"] |= {"log_every": 2, "checkpoint_every": 2, "picture_every": 1000}
    for name, content in (("data", data), ("vae", vae), ("dit", dit)):
        (tmp_path / f"{name}.yaml").write_text(yaml.safe_dump(content))
    return {
        "data": str(tmp_path / "data.yaml"),
        "vae": str(tmp_path / "vae.yaml"),
        "train": str(tmp_path / "dit.yaml"),
        "common": ["hardware.threads=1"],
        "base": {"overrides": ["num_steps=2"], "seed": 0},
        "variants": {"plain": [], "own_t": ["loss.diffusion_forcing_probability=0.5"]},
        "reference": "plain",
        "seeds": [0, 1],
        "continuation": {"sampling": {"num_steps": 2}},
        "targets": [{"column": "velocity_error", "clips": "out_of_range", "at_most": 0.5}],
        "guards": [{"column": "psnr", "margin": 0.3}, {"column": "frechet", "margin": 0.2}],
        "shown": 2,
    }
