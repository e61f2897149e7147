"""Videos of scene files: a model with scene tokens is told the scene, others refuse it."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from physics_data.core.config import validate_config
from physics_data.core.errors import DataError
from physics_data.core.scene import SceneSpec
from physics_data.simulation import simulate
from worldsim.model import DiT, DiTConfig
from worldsim.videos import SampleConfig, Sampler


@pytest.fixture(scope="module")
def sampler() -> Sampler:
    settings = {"height": 32, "width": 32, "num_frames": 9, "sampling": {"num_steps": 1}}
    loaded = Sampler.load(Path("builtin:world"), validate_config(SampleConfig, settings, source="test"))
    torch.manual_seed(0)
    dit = DiT(DiTConfig(depth=1, width=32, num_heads=2, scene_slots=8)).eval().requires_grad_(False)
    for weight in dit.parameters():
        weight.add_(0.1 * torch.randn_like(weight))
    return replace(loaded, model=replace(loaded.model, dit=dit))


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    spec = simulate("collide", seed=3, width=32, height=32).meta.spec
    assert isinstance(spec, SceneSpec)
    path = tmp_path_factory.mktemp("scene") / "scene.json"
    path.write_text(spec.model_dump_json())
    return path


def draw(sampler: Sampler, **changes: object) -> np.ndarray:
    config = sampler.config.model_copy(update=changes)
    return replace(sampler, config=config).draw([""], [0], [1])[0]


def test_a_scene_and_its_simulation_change_the_video(sampler: Sampler, file: Path) -> None:
    unknown, known, simulated = draw(sampler), draw(sampler, scene=file), draw(sampler, scene=file, simulated=True)
    assert not np.array_equal(unknown, known) and not np.array_equal(known, simulated)
    assert np.array_equal(known, draw(sampler, scene=file))
    tokens = replace(sampler, config=sampler.config.model_copy(update={"scene": file})).scene(2)
    assert tokens is not None and tokens.kind.shape == (2, 8) and tokens.states.shape[2] == 3


def test_a_model_without_slots_refuses_scenes(sampler: Sampler, file: Path) -> None:
    plain = Sampler.load(Path("builtin:world"), sampler.config)
    with pytest.raises(DataError, match="takes no scenes"):
        draw(plain, scene=file)
