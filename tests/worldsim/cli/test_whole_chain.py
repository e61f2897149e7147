"""Train both stages for two steps and sample, through the command line's functions, on a handful of tiny clips."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import yaml
from typer.testing import CliRunner, Result

from physics_data.core.dataset import ShardDataset
from physics_data.core.errors import CheckpointError, ConfigError, DataError
from physics_data.core.video import read_video, write_video
from tests.worldsim.tiny_clips import footage_clip, write_dataset
from worldsim.__main__ import app
from worldsim.cards import load_tensors
from worldsim.weights import load_generator, load_vae

COMMON = {
    "num_steps": 2,
    "batch_size": 2,
    "hardware": {"device": "cpu", "threads": 1},
    "optimizer": {"name": "muon", "warmup_steps": 1},
    "report": {"log_every": 1, "picture_every": 2, "checkpoint_every": 1},
}
VAE_MODEL = {
    "latent_channels": 4,
    "strides": [{"frames": 1, "size": 2}, {"frames": 4, "size": 2}],
    "widths": [8, 16],
    "encoder_blocks": [1, 1],
    "decoder_blocks": [1, 1],
}
DIT_MODEL = {"latent_channels": 4, "depth": 2, "width": 32, "num_heads": 2, "text_buckets": 64}


def run(*arguments: object) -> Result:
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


@pytest.fixture
def configs(tmp_path: Path, make_dataset: Callable[..., Path]) -> dict[str, Path]:
    """Configs of both stages over one physics and one footage dataset of 9 frames."""
    data = {
        "sources": [
            {"path": str(make_dataset("physics", 4, num_frames=9)), "weight": 3.0},
            {"path": str(make_dataset("footage", 3, "footage", num_frames=9)), "weight": 1.0},
        ],
        "num_frames": 9,
        "height": 16,
        "width": 16,
    }
    crop = {"num_frames": 5, "height": 8, "width": 8, "centre_probability": 0.5}
    vae = {**COMMON, "task": "vae", "out": str(tmp_path / "vae"), "data": {**data, "crop": crop}, "model": VAE_MODEL}
    dit = {
        **COMMON,
        "task": "dit",
        "out": str(tmp_path / "dit"),
        "vae": str(tmp_path / "vae"),
        "data": data,
        "model": DIT_MODEL,
        "tokenizer": {"max_words": 8, "num_buckets": 64},
        "samples": {"prompts": ["a red ball falls"], "sampling": {"num_steps": 2}},
    }
    paths = {}
    for name, raw in (("vae", vae), ("dit", dit)):
        paths[name] = tmp_path / f"{name}.yaml"
        paths[name].write_text(yaml.safe_dump(raw))
    return paths


def test_train_both_stages_and_sample(tmp_path: Path, configs: dict[str, Path]) -> None:
    assert "75%" in run("train", "--config", configs["vae"], "--dry-run").stdout
    assert not (tmp_path / "vae").exists()
    one_source = f"data.sources=[{{path: {tmp_path / 'footage'}, name: real}}]"
    assert "real 100%" in run("train", "--config", configs["vae"], "--dry-run", "--set", one_source).stdout
    run("train", "--config", configs["vae"])
    vae = load_vae(tmp_path / "vae" / "model")
    assert not np.allclose(vae.latent_std.numpy(), 1)
    assert {path.name for path in (tmp_path / "vae" / "pictures").iterdir()} == {
        "reconstruction_physics-000002.png",
        "reconstruction_footage-000002.png",
    }

    run("train", "--config", configs["dit"])
    generator = load_generator(tmp_path / "dit" / "model")
    assert generator.card["clip"] == {"num_frames": 9, "height": 16, "width": 16, "frame_rate": 16.0}
    assert generator.card["shares"] == {"physics": 0.75, "footage": 0.25}
    stored = load_tensors(tmp_path / "dit" / "latents" / "physics.safetensors")
    assert stored["shapes"].tolist() == [[4, 3, 4, 4]] * 4
    copied = load_tensors(tmp_path / "dit" / "model" / "vae" / "weights.safetensors")
    assert all((copied[name] == value).all() for name, value in vae.state_dict().items())

    model = ("--model", tmp_path / "dit", "--num-steps", 2)
    run("sample", "--prompt", "a ball", "--out", tmp_path / "a.mp4", *model)
    assert read_video(tmp_path / "a.mp4").rgb.shape == (9, 16, 16, 3)
    longer = ("--num-frames", 13, "--height", 24, "--width", 16)
    run("sample", "--prompt", "a ball", "--out", tmp_path / "b.mp4", *longer, *model)
    assert read_video(tmp_path / "b.mp4").rgb.shape == (13, 24, 16, 3)
    write_video(tmp_path / "start.mp4", ShardDataset(tmp_path / "physics").load(0).rgb.repeat(2, 1).repeat(2, 2), 32.0)
    run(
        "sample",
        "--first-frames",
        tmp_path / "start.mp4",
        "--num-conditioning-frames",
        1,
        "--out",
        tmp_path / "c.gif",
        *model,
    )
    assert read_video(tmp_path / "c.gif").rgb.shape == (9, 16, 16, 3)


def test_continuing_a_dataset_does_not_depend_on_interruptions(tmp_path: Path, configs: dict[str, Path]) -> None:
    run("train", "--config", configs["vae"])
    run("train", "--config", configs["dit"])
    common = ("--reference", tmp_path / "physics", "--split", "train", "--num-conditioning-frames", 5, "--num-steps", 2)
    model = ("--model", tmp_path / "dit" / "model")
    run("sample", *common, *model, "--out", tmp_path / "all", "--batch-size", 4)
    keys = [row.key for row in ShardDataset(tmp_path / "physics").rows if row.split == "train"]
    assert sorted(path.stem for path in (tmp_path / "all").glob("*.mp4")) == sorted(keys)
    assert (tmp_path / "all" / "provenance.yaml").is_file()

    run("sample", *common, *model, "--out", tmp_path / "parts", "--limit", 1)
    kept = (tmp_path / "parts" / f"{keys[0]}.mp4").stat().st_mtime_ns
    run("sample", *common, *model, "--out", tmp_path / "parts", "--batch-size", 3)
    assert (tmp_path / "parts" / f"{keys[0]}.mp4").stat().st_mtime_ns == kept
    for key in keys:
        whole, part = (read_video(tmp_path / folder / f"{key}.mp4").rgb for folder in ("all", "parts"))
        assert np.abs(whole.astype(int) - part.astype(int)).max() <= 2


def test_what_does_not_fit_is_refused_before_training(tmp_path: Path, configs: dict[str, Path]) -> None:
    with pytest.raises(CheckpointError, match="no model in"):
        run("train", "--config", configs["dit"])
    with pytest.raises(DataError, match="9 frames of 16x16, the config asks for 9 of 32x16"):
        run("train", "--config", configs["vae"], "--set", "data.width=32")
    with pytest.raises(DataError, match="use 5 or 9"):
        run("train", "--config", configs["vae"], "--set", "data.num_frames=7")
    run("train", "--config", configs["vae"])
    with pytest.raises(ConfigError, match=r"latent_channels is 8, the VAE in .* has 4; write 4"):
        run("train", "--config", configs["dit"], "--set", "model.latent_channels=8")
    with pytest.raises(CheckpointError, match=r"config\.batch_size: 2 → 3"):
        run("train", "--config", configs["vae"], "--set", "batch_size=3")
    run("train", "--config", configs["dit"])
    weights = tmp_path / "dit" / "model" / "weights.safetensors"
    weights.write_bytes(weights.read_bytes()[:-5])
    with pytest.raises(CheckpointError, match="truncated"):
        run("sample", "--prompt", "a", "--out", tmp_path / "x.mp4", "--model", tmp_path / "dit")


def test_clips_of_any_size_are_trained_on_in_packed_rows(tmp_path: Path, configs: dict[str, Path]) -> None:
    run("train", "--config", configs["vae"])
    mixed = [footage_clip(i, num_frames=(1, 5, 13)[i % 3], size=(8, 16, 24)[i % 3]) for i in range(6)]
    write_dataset(tmp_path / "mixed", mixed)
    sources = f"data.sources=[{{path: {tmp_path / 'physics'}}}, {{path: {tmp_path / 'mixed'}}}]"
    packed = ("--set", sources, "--set", "batch_size=4", "--set", "data.packing={row_tokens: 60, window_steps: 2}")
    with pytest.raises(DataError, match="the config asks for 9 of 16x16"):
        run("train", "--config", configs["dit"], "--set", f"data.sources=[{{path: {tmp_path / 'mixed'}}}]")
    with pytest.raises(ConfigError, match=r"has 36 tokens, data.packing.row_tokens is 30"):
        run("train", "--config", configs["dit"], *packed, "--set", "data.packing.row_tokens=30")
    run("train", "--config", configs["dit"], *packed, "--set", "num_steps=4", "--set", f"out={tmp_path / 'once'}")

    parts = ("--config", configs["dit"], *packed, "--set", "num_steps=4", "--set", f"out={tmp_path / 'twice'}")
    run("train", *parts, "--set", "report.max_minutes=0.0000001")
    run("train", *parts)
    once, twice = (load_tensors(tmp_path / name / "model" / "weights.safetensors") for name in ("once", "twice"))
    assert all((once[name] == value).all() for name, value in twice.items())


def test_held_out_clips_are_measured_and_two_runs_agree(
    tmp_path: Path, configs: dict[str, Path], make_dataset: Callable[..., Path]
) -> None:
    run("train", "--config", configs["vae"])
    measured = (
        "--set",
        "report.validate_every=1",
        "--set",
        "more_ema_decays=[0.5]",
        "--set",
        "hardware.recompute=true",
    )
    run("train", "--config", configs["dit"], *measured)
    lines = [json.loads(line) for line in (tmp_path / "dit" / "metrics.jsonl").read_text().splitlines()]
    held_out = {name for name in lines[-1] if name.startswith("validation/")}
    assert {"validation/loss", "validation/loss_ema_0.5", "validation/t=0.5", "validation/physics"} <= held_out
    assert any(name.startswith("validation/physics/") for name in held_out)
    run("train", "--config", configs["dit"], *measured, "--set", f"out={tmp_path / 'again'}")
    again = [json.loads(line) for line in (tmp_path / "again" / "metrics.jsonl").read_text().splitlines()]
    assert [line["validation/loss"] for line in lines] == [line["validation/loss"] for line in again]


def test_a_trained_transformer_is_tuned_whole_or_by_an_adapter(tmp_path: Path, configs: dict[str, Path]) -> None:
    run("train", "--config", configs["vae"])
    run("train", "--config", configs["dit"])
    base = ("--set", f"start_from={tmp_path / 'dit'}", "--set", f"out={tmp_path / 'tuned'}")
    with pytest.raises(ConfigError, match="lora needs start_from"):
        run("train", "--config", configs["dit"], "--set", "lora={rank: 2}")
    told = run("train", "--config", configs["dit"], *base, "--set", "model.depth=3", "--dry-run").output
    assert "are new: blocks.2.modulation" in " ".join(told.split())

    pytest.importorskip("peft", reason="pip install 'worldsim[finetune]'")
    run("train", "--config", configs["dit"], *base, "--set", "lora={rank: 2}", "--set", "num_steps=3")
    before, merged = (load_generator(tmp_path / name / "model").dit.state_dict() for name in ("dit", "tuned"))
    changed = {name for name, value in merged.items() if not (before[name] == value).all()}
    assert changed and all(name.endswith(("qkv.weight", "out.weight")) for name in changed)

    model = ("--model", tmp_path / "dit", "--num-steps", 2, "--prompt", "a ball")
    run("sample", *model, "--adapter", tmp_path / "tuned" / "adapter", "--out", tmp_path / "adapted.gif")
    run("sample", "--model", tmp_path / "tuned", *model[2:], "--out", tmp_path / "merged.gif")
    run("sample", *model, "--out", tmp_path / "plain.gif")
    adapted, joined, plain = ((tmp_path / f"{name}.gif").read_bytes() for name in ("adapted", "merged", "plain"))
    assert adapted == joined != plain


def test_a_causal_model_streams_a_video_of_any_length(tmp_path: Path, configs: dict[str, Path]) -> None:
    run("train", "--config", configs["vae"])
    run("train", "--config", configs["dit"])
    stream = ("sample", "--prompt", "a ball", "--num-steps", 2, "--stream", "--num-frames", 41, "--window", 2)
    with pytest.raises(DataError, match="model.causal"):
        run(*stream, "--model", tmp_path / "dit", "--out", tmp_path / "a.mp4")
    causal = (
        "--set",
        "model.causal=true",
        "--set",
        "loss.diffusion_forcing_probability=0.5",
        "--set",
        f"out={tmp_path / 'causal'}",
    )
    run("train", "--config", configs["dit"], *causal)
    run(*stream, "--model", tmp_path / "causal", "--out", tmp_path / "a.mp4")
    assert read_video(tmp_path / "a.mp4").rgb.shape == (41, 16, 16, 3)
    given = ("--first-frames", tmp_path / "a.mp4", "--num-conditioning-frames", 5, "--out", tmp_path / "b.mp4")
    run(*stream, "--model", tmp_path / "causal", *given)
    assert read_video(tmp_path / "b.mp4").rgb.shape == (41, 16, 16, 3)


def test_every_clip_has_a_likelihood(tmp_path: Path, configs: dict[str, Path]) -> None:
    run("train", "--config", configs["vae"])
    run("train", "--config", configs["dit"])
    scored = ("likelihood", "--model", tmp_path / "dit", "--dataset", tmp_path / "physics", "--split", "train")
    with pytest.raises(DataError, match="no pairs in split 'train'"):
        run(*scored, "--out", tmp_path / "none.csv")
    for name in ("one.csv", "two.csv"):
        run(*scored, "--every", "--out", tmp_path / name)
    lines = (tmp_path / "one.csv").read_text().splitlines()
    assert lines[0] == "key,score" and len(lines) == 5
    assert (tmp_path / "one.csv").read_text() == (tmp_path / "two.csv").read_text()
    assert all(float(line.split(",")[1]) > 0 for line in lines[1:])
