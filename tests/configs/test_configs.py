from pathlib import Path

import pytest
import yaml

from benchmarks.ablation.ablation_config import AblationConfig
from physics_data.core.config import SHIPPED_CONFIGS, find_config, load_config
from physics_data.core.errors import ConfigError
from physics_data.pipeline.build_config import BuildConfig
from worldsim.training.pieces import PlanConfig
from worldsim.training.stages import load_train_config

CONFIGS = sorted((Path(__file__).parents[2] / "configs").glob("*.yaml"))


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_every_config_fits_its_schema_and_names_its_command(path):
    raw = yaml.safe_load(path.read_text())
    if raw.get("task") == "plan":
        load_config(PlanConfig, path)
    elif "task" in raw:
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


def test_a_shipped_config_has_three_names_and_a_wrong_one_its_neighbour(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    found = {find_config(Path(name)) for name in ("data_tiny", "data_tiny.yaml", "configs/data_tiny.yaml")}
    assert found == {SHIPPED_CONFIGS / "data_tiny.yaml"}
    with pytest.raises(ConfigError, match=r"Did you mean 'data_tiny\.yaml'"):
        find_config(Path("data_tny"))
    with pytest.raises(ConfigError, match="no config file elsewhere"):
        find_config(Path("elsewhere/data_tiny.yaml"))
    (tmp_path / "data_tiny.yaml").write_text("own: 1\n")
    assert find_config(Path("data_tiny.yaml")) == Path("data_tiny.yaml")
