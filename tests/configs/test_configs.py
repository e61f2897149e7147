from pathlib import Path

import pytest
import yaml

from benchmarks.ablation.config import AblationConfig
from physics_data.core.config import load_config
from physics_data.pipeline.build_config import BuildConfig
from worldsim.training.stages import load_train_config

CONFIGS = sorted((Path(__file__).parents[2] / "configs").glob("*.yaml"))


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_every_config_fits_its_schema_and_names_its_command(path):
    raw = yaml.safe_load(path.read_text())
    if "task" in raw:
        load_train_config(path, [])
    else:
        load_config(AblationConfig if "variants" in raw else BuildConfig, path)
    assert f"--config configs/{path.name}" in path.read_text()


def test_the_demo_configs_speak_of_the_same_clips():
    data, vae, dit = (
        yaml.safe_load((CONFIGS[0].parent / f"{n}_demo.yaml").read_text()) for n in ("data", "vae", "dit")
    )
    for name in ("num_frames", "height", "width", "frame_rate"):
        assert data["settings"][name] == vae["data"][name] == dit["data"][name]
    assert vae["model"]["latent_channels"] == dit["model"]["latent_channels"]
