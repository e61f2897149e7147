"""Training of tiny public models on our clips: it learns, resumes to the bit, and writes what diffusers loads."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from rich.progress import Progress
from safetensors.torch import load_file

from physics_data.core.config import validate_config
from physics_data.core.errors import CheckpointError, ConfigError, DataError
from tests.worldsim.families.tiny_pipelines import D
from worldsim.families.adapters import load_adapter
from worldsim.generator import VideoGenerator
from worldsim.training.family_config import FamilyTrainConfig
from worldsim.training.logger import read_metrics
from worldsim.training.loop import InterruptedTrainingError, train
from worldsim.training.stages import describe
from worldsim.training.tasks import family
from worldsim.training.tasks.family import FamilyTask


def config_of(base: Path, clips: Path, out: Path, **more: Any) -> Any:
    """A run of a few steps."""
    values: dict[str, Any] = {
        "task": "family",
        "base": str(base),
        "out": str(out),
        "num_steps": 4,
        "batch_size": 2,
        "ema_decay": 0.0,
        "adapter": {"rank": 4, "alpha": 10.0},
        "data": {"sources": [{"path": str(clips)}], "num_frames": 5, "height": 32, "width": 32},
        "optimizer": {"learning_rate": 1e-2, "warmup_steps": 0},
        "hardware": {"device": "cpu", "prefetch": 0},
        "report": {"log_every": 1, "checkpoint_every": 2},
    }
    for name, value in more.items():
        values[name] = values[name] | value if isinstance(values.get(name), dict) and value is not None else value
    return validate_config(FamilyTrainConfig, values, source="the test")


def run(config: Any) -> Any:
    with Progress(disable=True) as progress:
        return train(config, progress)


@pytest.fixture
def clips(make_dataset: Callable[..., Path]) -> Path:
    return make_dataset("physics", size=32)


def test_training_resumes_to_the_bit_and_writes_an_adapter(
    pipeline_folder: Callable[[str], Path], clips: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    base = pipeline_folder("wan22_ti2v")
    labelled = {"foreground_weight": 2.0, "contact_weight": 1.0}
    whole = config_of(base, clips, tmp_path / "whole", loss=labelled, report={"validate_every": 2})
    summary = run(whole)
    assert summary.complete
    lines = read_metrics(whole.out)
    assert {"validation/loss", "validation/t=0.5", "validation/physics"} <= lines[-1].keys()
    half = whole.model_copy(update={"out": tmp_path / "half"})
    whole_loss, steps = FamilyTask.loss, iter(range(10))

    def stopped(self: FamilyTask, *rest: Any) -> Any:
        if next(steps) == 3:
            raise KeyboardInterrupt
        return whole_loss(self, *rest)

    monkeypatch.setattr(FamilyTask, "loss", stopped)
    with pytest.raises(InterruptedTrainingError, match="checkpoint of step 2"):
        run(half)
    monkeypatch.setattr(FamilyTask, "loss", whole_loss)
    monkeypatch.setattr(family, "encoded_clip", None)  # clips and captions are on disk: nothing is encoded again
    run(half)
    for name in ("checkpoints/00000004/weights", "checkpoints/00000004/average", "model/pytorch_lora_weights"):
        one, other = (load_file(str(out / f"{name}.safetensors")) for out in (whole.out, half.out))
        assert one.keys() == other.keys()
        assert all(torch.equal(one[key], other[key]) for key in one)
    card = json.loads((whole.out / "model" / "card.json").read_text())
    assert card["alpha"] == {"transformer": 10.0}
    assert card["clip"] == {"num_frames": 5, "height": 32, "width": 32, "frame_rate": 16.0}
    pipeline = D.DiffusionPipeline.from_pretrained(base, local_files_only=True)
    pipeline.load_lora_weights(whole.out / "model")
    generator = VideoGenerator.from_pretrained(base)
    load_adapter(generator, whole.out / "model")  # pyright: ignore[reportArgumentType]
    noise = torch.randn(1, *generator.latent_shape(5, 32, 32))
    conditions = generator.conditioning(["a red ball falls"], 5)
    with torch.no_grad():
        ours = generator.denoise(noise, torch.tensor([0.5]), conditions)
        generator.networks = {"transformer": pipeline.transformer}
        theirs = generator.denoise(noise, torch.tensor([0.5]), conditions)
    assert torch.allclose(ours, theirs, atol=1e-6)


@pytest.mark.parametrize(
    ("name", "more"),
    [
        ("wan21_i2v", {}),
        ("wan22_a14b", {"adapter": {"networks": ["transformer_2"]}, "hardware": {"recompute": True}}),
        ("cogvideox_i2v", {"data": {"height": 64, "width": 64}, "loss": {"foreground_weight": 1.0}}),
        ("cogvideox15", {"data": {"num_frames": 9}, "loss": {"foreground_weight": 1.0, "contact_weight": 1.0}}),
        ("ltx", {"data": {"num_frames": 9}, "hardware": {"precision": "bf16"}, "weights": "bf16"}),
    ],
)
def test_every_kind_of_family_trains(
    name: str,
    more: dict[str, Any],
    pipeline_folder: Callable[[str], Path],
    make_dataset: Callable[..., Path],
    tmp_path: Path,
) -> None:
    data = more.get("data", {})
    clips = make_dataset("physics", size=data.get("height", 32), num_frames=data.get("num_frames", 5))
    config = config_of(pipeline_folder(name), clips, tmp_path / "run", num_steps=2, **more)
    run(config)
    assert all(line["loss"] > 0 for line in read_metrics(config.out))
    assert (config.out / "model" / "card.json").is_file()
    only_second = name == "wan22_a14b"
    assert (config.out / "model" / "pytorch_lora_weights.safetensors").is_file() != only_second
    assert (config.out / "model" / "transformer_2").is_dir() == only_second


def test_the_loss_falls_and_all_weights_are_written_as_a_folder(
    pipeline_folder: Callable[[str], Path], clips: Path, tmp_path: Path
) -> None:
    samples = {"prompts": ["a red ball falls"], "num_steps": 2}
    config = config_of(
        pipeline_folder("wan21_t2v"),
        clips,
        tmp_path / "run",
        num_steps=60,
        adapter=None,
        samples=samples,
        optimizer={"learning_rate": 3e-3},
        report={"log_every": 20, "checkpoint_every": 60},
    )
    run(config)
    losses = [line["loss"] for line in read_metrics(config.out)]
    assert losses[-1] < 0.9 * losses[0]
    trained = VideoGenerator.from_pretrained(config.out / "model")
    base = VideoGenerator.from_pretrained(pipeline_folder("wan21_t2v"))
    pairs = zip(trained.network.parameters(), base.network.parameters(), strict=True)
    assert any(not torch.equal(a, b) for a, b in pairs)
    assert (config.out / "pictures" / "prompts-000060.png").is_file()


def test_a_dry_run_plans_from_the_configs_alone(
    pipeline_folder: Callable[[str], Path], clips: Path, tmp_path: Path
) -> None:
    base = tmp_path / "base"
    shutil.copytree(pipeline_folder("wan21_t2v"), base, ignore=shutil.ignore_patterns("*.safetensors"))
    lines = describe(config_of(base, clips, tmp_path / "run"))
    assert lines[0] == "Wan: parameters transformer 22,568; trained 3,072"
    assert lines[1] == "8 tokens a clip"
    assert "would write to" in lines[-1]
    assert not (tmp_path / "run").exists()


def test_given_frames_do_not_count(pipeline_folder: Callable[[str], Path], clips: Path, tmp_path: Path) -> None:
    always = {"image_to_video_probability": 1.0, "condition_dropout": 0.0}
    config = config_of(pipeline_folder("wan22_ti2v"), clips, tmp_path / "run", loss=always)
    task = FamilyTask(config, torch.device("cpu"))
    with Progress(disable=True) as progress:
        task.prepare(progress)
    batch = task.batch(0)
    x0 = batch.latents.clone()
    first = task.loss(task.model, batch, torch.Generator().manual_seed(1))["loss"]  # pyright: ignore[reportArgumentType]
    noise_free = []
    handle = task.generator.network.register_forward_hook(
        lambda _, __, named, out: noise_free.append(named), with_kwargs=True
    )
    task.loss(task.model, batch, torch.Generator().manual_seed(1))  # pyright: ignore[reportArgumentType]
    handle.remove()
    assert torch.equal(noise_free[0]["hidden_states"][:, :, 0], x0[:, :, 0])
    assert (noise_free[0]["timestep"][:, :1] == 0).all()
    assert (noise_free[0]["timestep"][:, 1:] > 0).all()
    assert float(first.detach()) > 0


def test_what_does_not_fit_is_refused(
    pipeline_folder: Callable[[str], Path], clips: Path, make_dataset: Callable[..., Path], tmp_path: Path
) -> None:
    base = pipeline_folder("wan21_t2v")
    with pytest.raises(ConfigError, match="ends in qkv"):
        FamilyTask(config_of(base, clips, tmp_path / "a", adapter={"targets": ["qkv"]}), torch.device("cpu"))
    long = make_dataset("long", size=32, num_frames=9)
    with pytest.raises(DataError, match="has 9 frames, data.num_frames is 5"):
        FamilyTask(config_of(base, long, tmp_path / "a"), torch.device("cpu"))
    with pytest.raises(DataError, match="nearest that fits is 5 frames of 32x32"):
        FamilyTask(config_of(base, clips, tmp_path / "a", data={"num_frames": 6}), torch.device("cpu"))
    with pytest.raises(CheckpointError, match="there is no folder"):
        FamilyTask(config_of(tmp_path / "nothing", clips, tmp_path / "a"), torch.device("cpu"))
    samples = {"samples": {"prompts": ["a red ball falls"]}}
    with pytest.raises(ConfigError, match="prompts are not enough; leave samples out"):
        describe(config_of(pipeline_folder("wan21_i2v"), clips, tmp_path / "a", **samples))
    with pytest.raises(ConfigError, match="encodes whole clips once"):
        config_of(base, clips, tmp_path / "a", data={"packing": {}})
