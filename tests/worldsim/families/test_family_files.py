"""Public models on the command line: videos from prompts, clips and suites, and likelihoods."""

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from physics_data.core.errors import CheckpointError, DataError
from physics_data.core.video import iterate_frames, write_video
from tests.worldsim.families.test_training import config_of, run
from worldsim.__main__ import app
from worldsim.generator import VideoGenerator, sampling_defaults
from worldsim.sampling import SamplingConfig
from worldsim.videos import SampleConfig, Sampler

SIZE = ["--num-frames", "5", "--height", "32", "--width", "32", "--num-steps", "2"]


def call(*arguments: str | Path) -> str:
    result = CliRunner().invoke(app, [str(one) for one in arguments], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


def frames_of(path: Path) -> np.ndarray:
    return np.stack([one.rgb for one in iterate_frames(path)])


def test_a_run_and_a_folder_make_videos_and_likelihoods(
    pipeline_folder: Callable[[str], Path], make_dataset: Callable[..., Path], tmp_path: Path
) -> None:
    base, clips = pipeline_folder("wan22_ti2v"), make_dataset("physics", size=32)
    config = config_of(base, clips, tmp_path / "run", num_steps=2)
    run(config)
    call("sample", "--model", base, "--prompt", "a red ball", "--out", tmp_path / "base.gif", *SIZE)
    out = tmp_path / "run.gif"
    call("sample", "--model", config.out, "--prompt", "a red ball", "--num-steps", "2", "--out", out)
    assert frames_of(out).shape == (5, 32, 32, 3)
    assert not np.array_equal(frames_of(out), frames_of(tmp_path / "base.gif"))
    called = VideoGenerator.from_pretrained(config.out)("a red ball", num_inference_steps=2, seed=0)
    assert called.frames.shape == (5, 32, 32, 3)
    again = tmp_path / "adapter.gif"
    adapter = ["--adapter", config.out / "model"]
    call("sample", "--model", base, *adapter, "--prompt", "a red ball", "--out", again, *SIZE)
    assert np.array_equal(frames_of(out), frames_of(again))
    videos = tmp_path / "videos"
    call(
        "sample",
        "--model",
        config.out,
        "--reference",
        clips,
        "--num-conditioning-frames",
        "1",
        "--num-steps",
        "2",
        "--out",
        videos,
    )
    assert len(list(videos.glob("*.mp4"))) == 2
    scene = {
        "key": "one", "prompt": "a red ball falls", "given_video": "one.mp4", "given_frames": 5, "frame_rate": 16.0,
        "num_frames": 9, "width": 64, "height": 64,
    }  # fmt: skip
    (tmp_path / "suite").mkdir()
    write_video(tmp_path / "suite" / "one.mp4", np.full((5, 64, 64, 3), 90, dtype=np.uint8), 16.0)
    manifest = {"format": "worldsim.suite/1", "fingerprint": "f", "seeds": [0], "scenes": [scene]}
    (tmp_path / "suite" / "manifest.json").write_text(json.dumps(manifest))
    made = tmp_path / "suite_videos"
    call(
        "sample",
        "--model",
        config.out,
        "--suite",
        tmp_path / "suite",
        "--num-conditioning-frames",
        "1",
        "--num-steps",
        "2",
        "--out",
        made,
    )
    assert frames_of(made / "seed0" / "one.mp4").shape == (9, 32, 32, 3)
    call(
        "likelihood",
        "--model",
        config.out,
        "--dataset",
        clips,
        "--every",
        "--split",
        "test",
        "--out",
        tmp_path / "l.csv",
    )
    rows = list(csv.DictReader((tmp_path / "l.csv").open()))
    assert len(rows) == 2 and all(0 < float(row["score"]) < 100 for row in rows)


def test_an_image_to_video_folder_scores_clips_by_their_first_frame(
    pipeline_folder: Callable[[str], Path], make_dataset: Callable[..., Path], tmp_path: Path
) -> None:
    clips = make_dataset("physics", size=32)
    said = call(
        "likelihood", "--model", pipeline_folder("wan21_i2v"), "--dataset", clips, "--every", "--split", "test",
        "--out", tmp_path / "l.csv",
    )  # fmt: skip
    assert len(list(csv.DictReader((tmp_path / "l.csv").open()))) == 2
    assert "2 clips" in said


def test_what_a_public_model_does_not_take_is_said(pipeline_folder: Callable[[str], Path]) -> None:
    folder = pipeline_folder("wan21_t2v")
    sizes: dict[str, Any] = {"num_frames": 5, "height": 32, "width": 32}
    with pytest.raises(DataError, match="give --num-frames, --height, --width"):
        Sampler.load(folder, SampleConfig())
    with pytest.raises(DataError, match="leave --solver, --guidance-interval out"):
        sampling = SamplingConfig(solver="heun", guidance_interval=(0.2, 0.8))
        Sampler.load(folder, SampleConfig(**sizes, sampling=sampling))
    with pytest.raises(DataError, match="nearest that fits is 5 frames of 32x32"):
        Sampler.load(folder, SampleConfig(num_frames=6, height=32, width=32))
    with pytest.raises(CheckpointError, match="no adapter in"):
        Sampler.load(folder, SampleConfig(**sizes), folder / "vae")
    sampler = Sampler.load(folder, SampleConfig(**sizes))
    with pytest.raises(DataError, match="takes no given frames"):
        sampler.draw(["a ball"], [0], [1], np.zeros((1, 1, 32, 32, 3), dtype=np.uint8))
    assert sampling_defaults(folder) == (50, 5.0)
    assert sampling_defaults(Path("builtin:world")) == (20, 2.5)
