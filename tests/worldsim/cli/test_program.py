"""The command line as a user meets it, in processes of its own where exit codes and imports matter."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from physics_data.core.dataset import ShardDataset
from physics_data.core.video import write_video
from worldsim.__main__ import main
from worldsim.cli.sample import file_names

ROOT = Path(__file__).parents[3]


def worldsim(*arguments: object, cwd: Path = ROOT) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "COLUMNS": "200", "NO_COLOR": "1"}
    command = [sys.executable, "-m", "worldsim", *map(str, arguments)]
    return subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, check=False)


def noise_video(path: Path, num_frames: int = 40) -> Path:
    rng = np.random.default_rng(0)
    still = rng.integers(0, 255, (1, 48, 64, 3), dtype=np.uint8)
    video = np.concatenate([np.roll(still, number, axis=2) for number in range(num_frames)])
    write_video(path, video, 16.0)
    return path


@pytest.mark.parametrize("command", ["train", "sample", "ingest", "list"])
def test_help_shows_an_example(command: str) -> None:
    done = worldsim(command, "--help")
    assert done.returncode == 0
    assert f"python -m worldsim {command}" in " ".join(done.stdout.split())


@pytest.mark.parametrize("arguments", [[], ["train"], ["sample"], ["ingest"], ["list"]])
def test_help_is_quick_since_it_imports_nothing_large(arguments: list[str]) -> None:
    code = (
        f"import sys; sys.argv = ['worldsim', *{arguments}, '--help']\nfrom worldsim.__main__ import main\n"
        "try:\n    main()\nexcept SystemExit as stop:\n    assert not stop.code\n"
        "large = {'torch', 'numba', 'mujoco', 'cv2', 'scipy'} & set(sys.modules)\nassert not large, large"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    "arguments",
    [
        ["nonsense"],
        ["sample", "--out", "x.mp4"],
        ["sample", "--out", "x.txt", "--prompt", "a"],
        ["sample", "--out", "x", "--reference", "d", "--prompt", "a"],
        ["sample", "--out", "x.mp4", "--prompt", "a", "--num-conditioning-frames", "5"],
        ["sample", "--out", "x.mp4", "--frames", "first=a.png"],
        ["sample", "--out", "x.mp4", "--frames", "0=a.png,0=b.png"],
        ["sample", "--out", "x.mp4", "--last-frame", "a.png", "--stream"],
        ["sample", "--out", "x", "--reference", "d", "--last-frame", "a.png"],
        ["sample", "--out", "x.mp4", "--prompt", "a", "--scalar", "gravity"],
        ["sample", "--out", "x.mp4", "--prompt", "a", "--scalar", "gravity=nan"],
        ["train"],
    ],
)
def test_wrong_usage_exits_2(arguments: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["worldsim", *arguments])
    with pytest.raises(SystemExit) as stop:
        main()
    assert stop.value.code == 2
    assert not list(tmp_path.iterdir()), "a mistake leaves nothing behind"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["train", "--config", "configs/vae_dmo.yaml"], ["no config file", "Did you mean 'vae_demo.yaml'"]),
        (
            ["train", "--config", "configs/vae_demo.yaml", "--set", "num_step=3"],
            ["num_step", "Did you mean 'num_steps'"],
        ),
        (["train", "--config", "configs/vae_demo.yaml", "--set", "data.hight=3"], ["Did you mean 'height'"]),
        (["train", "--config", "configs/vae_demo.yaml", "--set", "task=vea"], ["unknown task 'vea'", "'vae'"]),
        (["train", "--config", "configs/data_demo.yaml"], ["names no stage"]),
        (["sample", "--out", "x.mp4", "--prompt", "a", "--model", "nowhere"], ["no model in nowhere"]),
        (["ingest", "nowhere", "--out", "x"], ["nowhere is no folder"]),
    ],
)
def test_mistakes_end_in_one_panel_and_exit_code_1(
    arguments: list[str],
    words: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setattr(sys, "argv", ["worldsim", *arguments])
    with pytest.raises(SystemExit) as stop:
        main()
    assert stop.value.code == 1
    shown = " ".join(capsys.readouterr().err.replace("│", " ").split())
    assert not list(tmp_path.iterdir()), "a mistake leaves nothing behind"
    assert "Traceback" not in shown
    assert all(word in shown for word in words), shown


def test_the_list_is_json_when_asked() -> None:
    listing = json.loads(worldsim("list", "--json").stdout)
    assert {"vae", "dit", "family", "policy", "upsampler"} == set(listing["tasks"])
    assert {"configs/vae_demo.yaml", "configs/dit_demo.yaml"} <= set(listing["presets"])
    assert all(text.endswith(".") for text in listing["presets"].values())
    for members in listing.values():
        assert members
        assert all(line.strip() for line in members.values())


def test_ingest_says_what_became_of_every_file(tmp_path: Path) -> None:
    noise_video(tmp_path / "in" / "good.mp4")
    (tmp_path / "in" / "bad.mp4").write_text("no video")
    done = worldsim("ingest", tmp_path / "in", "--out", tmp_path / "out", "--height", 32, "--width", 32)
    assert done.returncode == 0, done.stderr
    assert "bad.mp4: skipped" in done.stderr and "good.mp4: 2 clips" in done.stderr
    assert "2 clips from 1 files, 1 files skipped" in done.stdout
    assert len(ShardDataset(tmp_path / "out")) == 2
    assert "num_frames: given 0" in worldsim(
        "ingest", tmp_path / "in", "--out", tmp_path / "other", "--num-frames", 0
    ).stderr.replace("│", " ")


@pytest.mark.parametrize(
    ("prompts", "names"),
    [
        (["a red ball falls", "a red ball falls!"], ["a_red_ball_falls", "a_red_ball_falls_2"]),
        (["a red ball falls", "빨간 공이 굴러간다"], ["a_red_ball_falls", "빨간_공이_굴러간다"]),
        (["🔴", "...", "a/../b"], ["prompt", "prompt_2", "a_b"]),
        (["a", "A", "a_2"], ["a", "a_2", "a_2_2"]),
    ],
)
def test_there_are_as_many_files_as_prompts(prompts: list[str], names: list[str]) -> None:
    assert file_names(prompts) == names


def test_long_prompts_in_any_script_have_names_that_fit() -> None:
    names = file_names(["球" * 300, "球" * 300, "a ball " * 60 + "left", "a ball " * 60 + "right"])
    assert len(set(names)) == 4 and max(len(f"{name}.mp4".encode()) for name in names) < 200
    assert names[0] == "球" * 40


def test_prompts_are_understood_or_refused(tmp_path: Path) -> None:
    """The built-in model: what is used is printed, unknown words are named, none known is refused with exit code 1."""
    draw = ("sample", "--num-steps", 1, "--num-frames", 5, "--height", 32, "--width", 32)
    prompts = ("--prompt", "a blak ball rolls", "--prompt", "a red ball", "--prompt", "빨간 공이 떨어진다")
    done = worldsim(*draw, *prompts, "--out", tmp_path / "d")
    said = " ".join(done.stderr.split())
    assert done.returncode == 0, said
    assert "the model is told: a red ball falls onto the floor" in said
    assert "model: builtin:world" in said and "'blak' is not a word" in said and "'black'" not in said
    assert sorted(path.name for path in (tmp_path / "d").glob("*.mp4")) == [
        *("a_blak_ball_rolls.mp4", "a_red_ball.mp4", "빨간_공이_떨어진다.mp4")
    ]
    refused = worldsim(*draw, "--prompt", "一个红色的球从桌子上掉下来", "--out", tmp_path / "x.mp4")
    assert refused.returncode == 1 and "was trained on the things ball, cylinder" in " ".join(refused.stderr.split())
    assert not (tmp_path / "x.mp4").exists()
    wide = tmp_path / "wide.mp4"
    write_video(wide, np.full((5, 64, 256, 3), 90, dtype=np.uint8), 16.0)
    given = worldsim(*draw, "--first-frames", wide, "--num-conditioning-frames", 1, "--out", tmp_path / "y.mp4")
    assert "wide.mp4 is 256x64: scaled to 32x32, its middle 25% are kept" in " ".join(given.stderr.split())
    write_video(wide, np.full((5, 64, 64, 3), 90, dtype=np.uint8), 16.0)
    given = worldsim(*draw, "--first-frames", wide, "--num-conditioning-frames", 1, "--out", tmp_path / "y.mp4")
    assert "wide.mp4 is 64x64: scaled to 32x32." in " ".join(given.stderr.split())


def test_flags_take_no_value_and_the_version_is_shown() -> None:
    shown = worldsim("sample", "--help").stdout
    assert "--stream" in shown and "<bool>" not in shown
    assert worldsim("--version").stdout.startswith("worldsim 0.")
