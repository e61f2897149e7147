"""Conditioning scalars of scenes on their way from shards into the transformer."""

from pathlib import Path
from typing import Any

import pytest
import torch
from rich.progress import Progress

from physics_data.core.errors import ConfigError
from tests.worldsim.training.conftest import Configure
from worldsim.config import DiTTrainConfig
from worldsim.losses.denoising import packed_dit_objective
from worldsim.model.conditioning import Conditioning, Scalars
from worldsim.training.latent_store import LatentBatch
from worldsim.training.loop import train
from worldsim.training.tasks.dit_task import DiTTask

SCALARS = [{"name": "gravity", "size": 1}, {"name": "camera", "size": 12, "per_frame": True}]
MODEL = {"latent_channels": 4, "depth": 2, "width": 32, "num_heads": 2, "text_buckets": 64, "scalars": SCALARS}


def prepared(config: DiTTrainConfig) -> DiTTask:
    torch.manual_seed(0)
    task = DiTTask(config, torch.device("cpu"))
    with Progress(disable=True) as progress:
        task.prepare(progress)
    return task


def test_a_batch_has_what_its_scenes_say_and_nothing_of_footage(configure: Configure) -> None:
    task = prepared(configure("run", model=MODEL))
    for step in range(4):
        batch = task.batch(step)
        assert isinstance(batch, LatentBatch)
        gravity, camera = batch.conditioning.scalars["gravity"], batch.conditioning.scalars["camera"]
        is_physics = batch.conditioning.domain == 1
        assert torch.equal(gravity.present[:, 0], is_physics)
        assert torch.equal(camera.present, is_physics[:, None].expand(-1, batch.latents.shape[2]))
        torch.testing.assert_close(gravity.values[is_physics], torch.full((int(is_physics.sum()), 1, 1), 9.81))
        still = torch.eye(4)[:3].flatten()
        torch.testing.assert_close(camera.values[is_physics], still.expand_as(camera.values[is_physics]))


@pytest.mark.parametrize("drop", [0.0, 1.0])
def test_the_network_gets_them_unless_they_are_hidden(configure: Configure, drop: float) -> None:
    task = prepared(configure("run", model=MODEL, loss={"scalar_dropout": drop, "image_to_video_probability": 0.0}))
    seen: list[Conditioning] = []
    task.dit.register_forward_pre_hook(lambda module, given: seen.append(given[2]))
    batch = task.batch(0)
    task.loss(task.dit, batch, torch.Generator().manual_seed(0))
    expected = batch.conditioning.scalars["gravity"]
    assert torch.equal(seen[0].scalars["gravity"].values, expected.values)
    assert torch.equal(
        seen[0].scalars["gravity"].present, expected.present if drop == 0 else torch.zeros_like(expected.present)
    )


def test_a_run_with_numbers_ends_and_learns_their_weights(configure: Configure) -> None:
    config = configure("run", model=MODEL, loss={"scalar_dropout": 0.0})
    with Progress(disable=True) as progress:
        summary = train(config, progress)
    assert "validation/loss" in summary.metrics
    from worldsim.weights import load_generator

    scalars = load_generator(Path(config.out) / "model").dit.condition.scalars
    assert all(float(layer.weight.abs().max()) > 0 for layer in scalars.proj_out.values())  # pyright: ignore
    assert all(float(vector.abs().max()) > 0 for vector in scalars.unknown.values()), "footage is unknown, not 0"


def test_packed_rows_have_the_same(configure: Configure, monkeypatch: pytest.MonkeyPatch) -> None:
    packed = prepared(configure("packed", model=MODEL, data=_packing(configure("plain", model=MODEL))))
    seen: list[Conditioning] = []

    def objective(*args: Any, **named: Any) -> dict[str, torch.Tensor]:
        seen.append(args[2])
        return packed_dit_objective(*args, **named)

    monkeypatch.setattr("worldsim.training.tasks.dit_task.packed_dit_objective", objective)
    batch = packed.batch(0)
    packed.loss(packed.dit, batch, torch.Generator().manual_seed(0))
    assert torch.equal(seen[0].scalars["gravity"].present[:, 0], batch.conditioning.domain == 1)


def test_shorter_samples_are_filled_up_with_unknown() -> None:
    long, short = (Scalars(torch.ones(1, n, 2), torch.ones(1, n, dtype=torch.bool)) for n in (3, 1))
    rate = torch.ones(1)
    joined = Conditioning.join([Conditioning.of({}, rate, scalars={"a": one}) for one in (long, short)]).scalars["a"]
    assert joined.present.tolist() == [[True, True, True], [True, False, False]]
    assert joined.values.shape == (2, 3, 2)


def test_a_scalar_that_no_clip_has_is_said_at_the_start(configure: Configure) -> None:
    config = configure("run", model={**MODEL, "scalars": [{"name": "wind", "size": 1}]})
    with pytest.raises(ConfigError, match="no clip has 'wind'"):
        DiTTask(config, torch.device("cpu"))


def _packing(config: DiTTrainConfig) -> dict[str, Any]:
    return {**config.data.model_dump(mode="json"), "packing": {"row_tokens": 64, "window_steps": 2}}
