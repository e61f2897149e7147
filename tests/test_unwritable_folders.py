"""Every command whose folder may not be written says so in one sentence, before its work."""

import importlib
import re
import sys
from pathlib import Path

import numpy as np
import pytest
import yaml

from physics_data.core.video import write_video
from tests.worldsim.test_suite_videos import export, scene

sys.path.insert(0, str(Path(__file__).parent / "eval"))
from toy_scenes import toy_clip, write_toy_dataset  # pyright: ignore[reportMissingImports]

REFUSING = Path("/sys/kernel")
"""A folder in which nobody, not even root, may make a file."""

COMMANDS = {
    "build": "physics_data build --config {config} --out OUT",
    "export": "physics_data export {data} --to webdataset --out OUT",
    "ingest": "worldsim ingest {videos} --out OUT",
    "train": "worldsim train --config {train} --out OUT",
    "sample": "worldsim sample --prompt ball --num-steps 1 --out OUT/a.mp4",
    "sample --suite": "worldsim sample --suite {suite} --num-conditioning-frames 1 --num-frames 5 --height 16 "
    "--width 16 --out OUT",
    "sample --reference": "worldsim sample --reference {data} --out OUT",
    "encode": "worldsim encode {video} --vae builtin:world/vae --out OUT/a.safetensors",
    "reconstruct": "worldsim reconstruct {video} --vae builtin:world/vae --out OUT/a.mp4",
    "publish": "worldsim publish builtin:world --out OUT/model",
    "likelihood": "worldsim likelihood --model builtin:world --dataset {data} --every --out OUT/a.csv",
    "score": "eval score {videos} --reference {data} --num-conditioning-frames 1 --out OUT",
    "audit": "eval audit {videos} --out OUT",
    "compare": "eval compare {videos} {videos} --out OUT",
    "pairs": "eval pairs {data} --audit --out OUT",
    "baselines": "benchmarks baselines {data} --out OUT",
    "validity": "benchmarks validity --part cost --out OUT",
    "phyworld": "benchmarks phyworld --law uniform --model builtin:phyworld_uniform --out OUT",
}


@pytest.fixture(scope="module")
def places(tmp_path_factory):
    root = tmp_path_factory.mktemp("places")
    clip = toy_clip("free_drop", 0)
    write_toy_dataset(root / "data", [clip])
    write_video(root / "videos" / f"{clip.meta.key}.mp4", np.zeros((9, 64, 64, 3), np.uint8), 16.0)
    root_folder = Path(__file__).parents[1]
    train = yaml.safe_load((root_folder / "configs/vae_tiny.yaml").read_text())
    train["data"]["sources"] = [{"path": str(root / "data")}]
    (root / "train.yaml").write_text(yaml.safe_dump(train))
    return {
        "config": root_folder / "configs/data_tiny.yaml",
        "train": root / "train.yaml",
        "data": root / "data",
        "videos": root / "videos",
        "video": next((root / "videos").iterdir()),
        "suite": export(root / "suite", scene("one")),
    }


@pytest.mark.skipif(not REFUSING.is_dir(), reason="no /sys/kernel here")
@pytest.mark.parametrize("inner", ["", "/new"])
@pytest.mark.parametrize("name", COMMANDS)
def test_a_folder_that_may_not_be_written_is_one_sentence(places, name, inner, monkeypatch, capsys):
    program, *arguments = COMMANDS[name].replace("OUT", f"{REFUSING}{inner}").format(**places).split(" ")
    monkeypatch.setattr(sys, "argv", [program, *arguments])
    main = importlib.import_module(f"{program}.__main__")
    with pytest.raises(SystemExit) as stop:
        main.main()
    said = re.sub(r"[\s│]+", " ", capsys.readouterr().err)
    assert stop.value.code == 1, said
    assert "you may not write there" in said or (name == "export" and "is there already" in said), said
    assert "Traceback" not in said
