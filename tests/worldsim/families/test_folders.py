"""What is wrong with a folder, a size or a prompt is said in one sentence; nothing is rounded, cut or fetched."""

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from typer.testing import CliRunner

from physics_data.core.errors import CheckpointError, ConfigError, DataError
from tests.worldsim.families.test_parity import CASES
from worldsim.__main__ import app
from worldsim.families.folder import PipelineFolder
from worldsim.generator import VideoGenerator
from worldsim.prompt import PromptError


@pytest.mark.parametrize("name", CASES)
def test_sizes_off_the_grid_name_the_nearest(name: str, opened: Callable[[str], Any]) -> None:
    generator = opened(CASES[name].folder)
    frames, height, width = CASES[name].size
    generator.latent_shape(frames, height, width)
    with pytest.raises(DataError, match=f"nearest that fits is {frames} frames of {width}x{height}"):
        generator.latent_shape(frames + 1, height, width)
    with pytest.raises(DataError, match=f"nearest that fits is {frames} frames of {width}x{height}"):
        generator.latent_shape(frames, height + 1, width - 2)
    with pytest.raises(DataError, match="nearest that fits"):
        generator.encode(torch.zeros(1, 3, frames + 1, height, width))


@pytest.mark.parametrize("name", CASES)
def test_latents_are_normalised_as_the_decoder_expects(name: str, opened: Callable[[str], Any]) -> None:
    generator = opened(CASES[name].folder)
    z = torch.randn(1, *generator.latent_shape(*CASES[name].size), generator=torch.Generator().manual_seed(1))
    video = generator.decode(z)
    assert video.shape == (1, 3, *CASES[name].size)
    assert generator.encode(video.clamp(-1, 1)).shape == z.shape


def test_prompts_are_not_cut_off(opened: Callable[[str], Any]) -> None:
    with pytest.raises(PromptError, match="601 tokens, Wan reads 512"):
        opened("wan21_t2v").encode_text(["ball " * 600])


def test_frames_that_are_not_taken_are_refused(opened: Callable[[str], Any]) -> None:
    frames = torch.zeros(1, 3, 5, 32, 48)
    with pytest.raises(DataError, match="takes no given frames"):
        opened("wan21_t2v").conditioning(["a ball"], 9, first_frames=frames[:, :, :1])
    with pytest.raises(DataError, match="takes 1 first frame"):
        opened("wan21_i2v").conditioning(["a ball"], 9, first_frames=frames)
    with pytest.raises(DataError, match="4 k"):
        opened("wan22_ti2v").conditioning(["a ball"], 9, first_frames=torch.zeros(1, 3, 4, 32, 64))
    with pytest.raises(DataError, match="takes no last frame"):
        opened("wan22_ti2v").conditioning(
            ["a ball"], 9, first_frames=torch.zeros(1, 3, 1, 32, 64), last_frame=torch.zeros(1, 3, 32, 64)
        )


def test_folders_that_are_not_whole_or_not_known(pipeline_folder: Callable[[str], Path], tmp_path: Path) -> None:
    whole = pipeline_folder("wan21_t2v")
    folder = tmp_path / "copy"
    shutil.copytree(whole, folder)
    shutil.rmtree(folder / "vae")
    with pytest.raises(CheckpointError, match="has no 'vae', which WanPipeline needs"):
        VideoGenerator.from_pretrained(folder)
    shutil.copytree(whole / "vae", folder / "vae")
    weights = folder / "transformer" / "diffusion_pytorch_model.safetensors"
    weights.write_bytes(weights.read_bytes()[:1000])
    with pytest.raises(CheckpointError, match="cannot be read"):
        VideoGenerator.from_pretrained(folder)
    index = json.loads((folder / "model_index.json").read_text())
    (folder / "model_index.json").write_text(json.dumps({**index, "_class_name": "MochiPipeline"}))
    with pytest.raises(CheckpointError, match="'MochiPipeline', which no family here speaks for"):
        VideoGenerator.from_pretrained(folder)


@pytest.mark.parametrize(
    ("file", "content", "message"),
    [
        ("model_index.json", "[" * 100_000, "model_index.json is missing or damaged"),
        ("vae/config.json", "", "vae/config.json is not readable JSON"),
        ("vae/config.json", "null", "vae/config.json holds no settings"),
        ("vae/config.json", '{"z_dim": "x"}', "holds what its pipeline cannot take"),
        ("scheduler/scheduler_config.json", "[1]", "scheduler_config.json holds no settings"),
        ("transformer/config.json", "null", "transformer cannot be read"),
        ("transformer/config.json", '{"num_attention_heads": 0}', "transformer cannot be read"),
    ],
)
def test_damaged_configs_of_a_folder_are_named(
    pipeline_folder: Callable[[str], Path], tmp_path: Path, file: str, content: str, message: str
) -> None:
    folder = tmp_path / "copy"
    shutil.copytree(pipeline_folder("wan21_t2v"), folder)
    (folder / file).write_text(content)
    with pytest.raises(CheckpointError, match=message):
        VideoGenerator.from_pretrained(folder)


@pytest.mark.parametrize(
    ("file", "setting", "value"),
    [
        ("transformer/config.json", "eps", "x"),
        ("transformer/config.json", "eps", None),
        ("transformer/config.json", "patch_size", "x"),
        ("vae/config.json", "base_dim", "x"),
        ("scheduler/scheduler_config.json", "num_train_timesteps", "x"),
        ("scheduler/scheduler_config.json", "flow_shift", [1]),
        ("text_encoder/config.json", "layer_norm_epsilon", "x"),
        ("text_encoder/config.json", "dropout_rate", "x"),
        ("tokenizer/tokenizer_config.json", "model_max_length", "x"),
    ],
)
def test_settings_of_another_type_are_named_before_sampling(
    pipeline_folder: Callable[[str], Path], tmp_path: Path, file: str, setting: str, value: Any
) -> None:
    folder = tmp_path / "copy"
    shutil.copytree(pipeline_folder("wan21_t2v"), folder)
    settings = json.loads((folder / file).read_text())
    (folder / file).write_text(json.dumps({**settings, setting: value}))
    with pytest.raises(CheckpointError, match="fetch the folder again"):
        PipelineFolder.open(folder).load(file.split("/")[0])


def test_tensors_without_weights_are_named(pipeline_folder: Callable[[str], Path], tmp_path: Path) -> None:
    folder = tmp_path / "copy"
    shutil.copytree(pipeline_folder("wan21_t2v"), folder)
    for part, file in (("transformer", "diffusion_pytorch_model"), ("text_encoder", "model")):
        weights = folder / part / f"{file}.safetensors"
        whole = weights.read_bytes()
        tensors = load_file(weights)
        name = next(name for name in sorted(tensors) if "blocks" in name or "block." in name)
        save_file({key: value for key, value in tensors.items() if key != name}, weights, metadata={"format": "pt"})
        with pytest.raises(CheckpointError, match=f"{part} has no weights for 1 tensors"):
            PipelineFolder.open(folder).load(part)
        weights.write_bytes(whole)


def test_worldsim_imports_neither_diffusers_nor_transformers() -> None:
    code = (
        "import sys, worldsim.generator, worldsim.videos, worldsim.cli.sample\n"
        "print([m for m in ('diffusers', 'transformers', 'peft') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_the_hub_is_asked_only_with_hub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    import huggingface_hub

    asked: list[str] = []

    def unreachable(name: str) -> str:
        asked.append(name)
        raise OSError("Network is unreachable\nmore")

    monkeypatch.setattr(huggingface_hub, "snapshot_download", unreachable)
    with pytest.raises(CheckpointError, match="give --hub"):
        VideoGenerator.from_pretrained("Owner/Model")
    assert asked == []
    command = ["sample", "--model", "Owner/Model", "--prompt", "a ball", "--out", str(tmp_path / "a.mp4"), "--hub"]
    result = CliRunner().invoke(app, command)
    assert asked == ["Owner/Model"]
    assert isinstance(result.exception, CheckpointError)
    assert "Network is unreachable); check the name" in str(result.exception)


@pytest.mark.parametrize("library", ["diffusers", "transformers"])
def test_a_missing_library_is_said(
    library: str, pipeline_folder: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = PipelineFolder.open(pipeline_folder("wan21_t2v"))
    monkeypatch.setitem(sys.modules, library, None)
    component = "transformer" if library == "diffusers" else "text_encoder"
    with pytest.raises(ConfigError, match=f"need {library} .* pip install -c constraints.txt 'worldsim.models.'"):
        folder.load(component)


def test_an_image_to_video_model_asks_for_its_first_frame(opened: Callable[[str], Any]) -> None:
    for name in ("wan21_i2v", "cogvideox_i2v"):
        with pytest.raises(DataError, match="makes videos from a first frame; give --first-frames"):
            opened(name).conditioning(["a red ball falls"], 5)
