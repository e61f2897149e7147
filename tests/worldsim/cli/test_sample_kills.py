"""Commands of ``worldsim`` that are killed while they write: the same command ends as if nothing had happened."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from rich.progress import Progress

from physics_data.core.config import validate_config
from physics_data.core.video import write_video
from tests.killed import KILLED, files_in, leftovers_in, run_killed
from tests.worldsim.test_suite_videos import export, scene
from tests.worldsim.training.conftest import Configure, configure  # noqa: F401
from worldsim.suite import continue_suite, read_suite
from worldsim.training.loop import train
from worldsim.videos import SampleConfig, Sampler

SMALL = ("--height", 16, "--width", 16, "--num-frames", 5, "--num-steps", 1, "--num-conditioning-frames", 1)


@pytest.fixture
def suite(tmp_path: Path) -> Path:
    return export(tmp_path / "suite", scene("one", num_frames=9), scene("two", num_frames=9))


def recorded(out: Path) -> dict[str, Any]:
    return yaml.safe_load((out / "provenance.yaml").read_text())["config"]


def test_a_killed_suite_goes_on(tmp_path: Path, suite: Path) -> None:
    command = ("sample", "--suite", suite, *SMALL, "--num-seeds", 2, "--batch-size", 2)
    assert run_killed("written", 3, "worldsim", *command, "--out", tmp_path / "out") == KILLED
    assert len(files_in(tmp_path / "out", "*.mp4")) == 2, "the record, one video, and one that is not in its place"
    config = validate_config(SampleConfig, recorded(tmp_path / "out"), source="test")
    sampler = Sampler.load(Path("builtin:world"), config)
    for folder, missing in (("out", 3), ("straight", 4)):
        out = tmp_path / folder
        assert (
            continue_suite(sampler, read_suite(suite), out, num_conditioning_frames=1, num_seeds=2, batch_size=2)
            == missing
        )
    assert files_in(tmp_path / "out", "seed*/*.mp4") == files_in(tmp_path / "straight", "seed*/*.mp4")
    assert not [name for name in leftovers_in(tmp_path / "out") if name != ".lock"]


@pytest.mark.slow
def test_a_suite_that_is_killed_at_every_moment_loses_nothing(tmp_path: Path, suite: Path) -> None:
    command = ("sample", "--suite", suite, *SMALL, "--num-seeds", 2, "--batch-size", 2, "--out")
    for moment, number in (("unflushed", 1), ("written", 1), ("unflushed", 2), ("in place", 2), ("in place", 3)):
        assert run_killed(moment, number, "worldsim", *command, tmp_path / "out") == KILLED
    for folder in ("out", "straight"):
        assert run_killed("never", 0, "worldsim", *command, tmp_path / folder) == 0
    videos = files_in(tmp_path / "straight", "*.mp4")
    assert len(videos) == 4 and files_in(tmp_path / "out", "*.mp4") == videos
    assert not leftovers_in(tmp_path / "out")


@pytest.mark.slow
def test_kills_while_clips_are_continued_change_nothing(tmp_path: Path, configure: Configure) -> None:  # noqa: F811
    config = configure("run")
    with Progress(disable=True) as progress:
        train(config, progress)
    clips = config.out.parent / "physics"
    command = (
        "sample",
        "--model",
        config.out,
        "--reference",
        clips,
        "--split",
        "train",
        "--num-conditioning-frames",
        1,
    )
    options = ("--num-steps", 2, "--batch-size", 2, "--out")
    for kill in (("unflushed", 1), ("written", 3), ("in place", 2), ("written", 2), ("unflushed", 2)):
        assert run_killed(*kill, "worldsim", *command, *options, tmp_path / "killed") == KILLED
    for name in ("killed", "straight"):
        assert run_killed("never", 0, "worldsim", *command, *options, tmp_path / name) == 0
    videos = files_in(tmp_path / "straight", "*.mp4")
    assert len(videos) == 6
    assert files_in(tmp_path / "killed", "*.mp4") == videos
    assert not leftovers_in(tmp_path / "killed")
    assert recorded(tmp_path / "killed") == recorded(tmp_path / "straight")


@pytest.mark.slow
def test_a_killed_likelihood_goes_on_from_its_clips(tmp_path: Path, make_dataset: Callable[..., Path]) -> None:
    clips = make_dataset("physics", size=16)
    command = ("likelihood", "--model", "builtin:world", "--dataset", clips, "--every", "--split", "train", "--out")
    for moment, number in (("line", 2), ("half a line", 1), ("half a line", 2), ("written", 1)):
        assert run_killed(moment, number, "worldsim", *command, tmp_path / "killed.csv") == KILLED
    kept = (tmp_path / "killed.csv.unfinished/losses.jsonl").read_text().splitlines()
    for name in ("killed.csv", "straight.csv"):
        assert run_killed("never", 0, "worldsim", *command, tmp_path / name) == 0
    assert len(kept) == len((tmp_path / "straight.csv").read_text().splitlines()) - 1
    assert (tmp_path / "killed.csv").read_bytes() == (tmp_path / "straight.csv").read_bytes()
    assert not list(tmp_path.glob("*.unfinished"))


@pytest.mark.slow
@pytest.mark.parametrize("moment", ["unflushed", "written", "in place"])
def test_killed_files_and_models_are_whole_or_absent(tmp_path: Path, moment: str) -> None:
    """``encode`` and ``publish`` start over; what they write stands in its place whole, or not at all."""
    video = np.random.default_rng(0).integers(0, 256, (9, 32, 32, 3), dtype=np.uint8)
    write_video(tmp_path / "a.mp4", video, 16.0)
    commands = {
        "a.safetensors": ("encode", tmp_path / "a.mp4", "--vae", "builtin:world/vae", "--out"),
        "model": ("publish", "builtin:world", "--out"),
    }
    for name, command in commands.items():
        killed, straight = tmp_path / "killed" / name, tmp_path / "straight" / name
        assert run_killed(moment, 1, "worldsim", *command, killed) == KILLED
        assert name != "model" or not killed.exists()
        if not killed.exists():
            assert run_killed("never", 0, "worldsim", *command, killed) == 0
        assert run_killed("never", 0, "worldsim", *command, straight) == 0
        if name == "model":
            assert files_in(killed, "*.safetensors") == files_in(straight, "*.safetensors") != {}
        else:
            assert killed.read_bytes() == straight.read_bytes()
    assert not leftovers_in(tmp_path / "killed")
