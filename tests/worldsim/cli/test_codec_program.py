"""encode, decode and reconstruct as a user meets them."""

import json
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from physics_data.core.video import read_video, write_video
from worldsim.__main__ import main
from worldsim.vae import Stride, VideoVAE, VideoVAEConfig
from worldsim.weights import save_vae

LAYOUT = VideoVAEConfig(
    latent_channels=8,
    strides=(Stride(frames=1, size=4), Stride(frames=4, size=2)),
    widths=(16, 24),
    encoder_blocks=(1, 0),
    decoder_blocks=(1, 0),
)


def run(monkeypatch: pytest.MonkeyPatch, *arguments: object) -> int:
    monkeypatch.setattr(sys, "argv", ["worldsim", *map(str, arguments)])
    with pytest.raises(SystemExit) as stop:
        main()
    return int(stop.value.code or 0)


@pytest.fixture
def vae_folder(tmp_path: Path) -> Path:
    torch.manual_seed(0)
    vae = VideoVAE(LAYOUT)
    vae.set_latent_statistics(torch.zeros(8), torch.ones(8))
    save_vae(tmp_path / "vae", vae, LAYOUT, {})
    return tmp_path / "vae"


@pytest.mark.parametrize(
    "arguments",
    [
        ["encode", "a.mp4", "--out", "a.npz", "--vae", "v"],
        ["decode", "a.safetensors", "--out", "a.txt", "--vae", "v"],
        ["reconstruct", "a.mp4", "--out", "side", "--vae", "v"],
        ["reconstruct", "a.mp4", "--out", "side.mp4"],
    ],
)
def test_wrong_usage_exits_2(arguments: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    assert run(monkeypatch, *arguments) == 2


def test_a_vae_that_does_not_exist_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["encode", "a.mp4", "--out", tmp_path / "a.safetensors", "--vae", "builtin:none"]
    assert run(monkeypatch, *arguments) == 1
    assert "unknown built-in model 'none'" in " ".join(capsys.readouterr().err.split())


def test_the_three_commands_in_a_row(
    tmp_path: Path, vae_folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    video, latents, again = (tmp_path / name for name in ("a.mp4", "a.safetensors", "b.mp4"))
    write_video(video, np.full((6, 18, 34, 3), 90, np.uint8), 12.0)
    assert run(monkeypatch, "encode", video, "--out", latents, "--vae", vae_folder, "--json") == 0
    said = capsys.readouterr()
    assert json.loads(said.out)["shape"] == [3, 8, 3, 5]
    assert "6 frames to 9 (the last one is repeated)" in " ".join(said.err.split())
    assert run(monkeypatch, "decode", latents, "--out", again, "--vae", vae_folder) == 0
    assert read_video(again).rgb.shape == (6, 18, 34, 3)
    capsys.readouterr()
    arguments = ["reconstruct", video, "--out", tmp_path / "side.mp4", "--vae", vae_folder, "--json"]
    assert run(monkeypatch, *arguments) == 0
    assert json.loads(capsys.readouterr().out)["psnr"] > 35


def test_the_first_frames_of_a_video_alone(
    tmp_path: Path, vae_folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    video, side = tmp_path / "a.mp4", tmp_path / "side.mp4"
    write_video(video, np.full((12, 16, 32, 3), 90, np.uint8), 12.0)
    arguments = ["reconstruct", video, "--out", side, "--vae", vae_folder, "--num-frames", 5, "--json"]
    assert run(monkeypatch, *arguments) == 0
    assert json.loads(capsys.readouterr().out)["num_frames"] == 5
    assert len(read_video(side).rgb) == 5


@pytest.mark.parametrize("option", [["--key", "a"], ["--num-frames", "5"]])
def test_options_of_the_other_source_are_refused(
    option: list[str], tmp_path: Path, vae_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    video = tmp_path / "a.mp4"
    write_video(video, np.full((5, 16, 16, 3), 90, np.uint8), 12.0)
    source = video if option[0] == "--key" else tmp_path
    assert run(monkeypatch, "reconstruct", source, "--out", tmp_path / "b.mp4", "--vae", vae_folder, *option) == 2
