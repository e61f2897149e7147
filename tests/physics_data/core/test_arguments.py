"""Arguments of another type than the annotation end in one sentence, at every name of the Python interface."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import worldsim
from physics_data.core.arguments import require_memory
from physics_data.core.errors import ConfigError, WorldsimError

ws: Any = worldsim  # as a caller without a type checker sees it
FRAMES = np.zeros((5, 16, 16, 3), np.uint8)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: ws.simulate(None), r"simulate: scene is None \(NoneType\); needed is str, Path or SceneSpec"),
        (lambda: ws.simulate("collide", engine=["mujoco"]), r"engine is \['mujoco'\] \(list\); needed is str or None"),
        (lambda: ws.simulate("collide", streams=3), "streams is 3"),
        (lambda: ws.simulate("collide", renderer=None), "renderer is None"),
        (lambda: ws.simulate("collide", seed="1"), "seed is '1'"),
        (lambda: ws.simulate("collide", seed=1.0), "seed is 1.0"),
        (lambda: ws.build_dataset(None, "x"), "config is None"),
        (lambda: ws.build_dataset({}, None), "out is None"),
        (lambda: ws.build_dataset({}, "x", workers="2"), "workers is '2'"),
        (lambda: ws.build_dataset({}, "x", overrides=[3]), r"overrides is \[3\]"),
        (lambda: ws.save_scene("scene", "x.yaml"), "spec is 'scene'"),
        (
            lambda: ws.GeneratedVideo(FRAMES, 16.0).save(None),
            r"GeneratedVideo.save: path is None .*needed is str or Path",
        ),
        (lambda: ws.ClipDataset(None), "ClipDataset: folder is None"),
        (lambda: ws.ClipDataset("x", split=1), "split is 1"),
        (lambda: ws.ClipDataset("x", streams=3), "streams is 3"),
        (lambda: ws.ClipDataset("x", annotations=3), "annotations is 3"),
        (lambda: ws.VideoGenerator.from_pretrained(None), "VideoGenerator.from_pretrained: given is None"),
        (lambda: ws.VideoGenerator.from_pretrained("x", dtype="bf16"), "dtype is 'bf16'"),
        (lambda: ws.VideoGenerator.from_pretrained("x", hub="yes"), "hub is 'yes'"),
        (lambda: ws.Evaluator(None), "Evaluator: reference is None"),
        (lambda: ws.Evaluator("motion", size="big"), "size is 'big' .*needed is 'quick' or 'full'"),
        (lambda: ws.audit(None), "audit: video is None"),
        (lambda: ws.audit("x.mp4", workers="2"), "workers is '2'"),
        (lambda: ws.audit("x.mp4", "25"), "frame_rate is '25'"),
        (lambda: ws.train(None), "train: config is None"),
        (lambda: ws.train({}, 3), "out is 3"),
    ],
)
def test_another_type_is_refused_in_one_sentence(call, message) -> None:
    with pytest.raises(ConfigError, match=message) as refused:
        call()
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("argument", [{"prompt": 3}, {"num_frames": "17"}, {"seed": None}, {"first_frames": "a.png"}])
def test_a_generator_refuses_other_types(argument) -> None:
    generator = ws.VideoGenerator.from_pretrained("builtin:world")
    with pytest.raises(ConfigError, match=f"{next(iter(argument))} is"):
        generator(**argument)


def test_numbers_of_numpy_and_whole_numbers_are_taken(tmp_path: Path) -> None:
    clip = ws.simulate("collide", seed=np.int64(1), num_frames=5)
    assert clip.save(str(tmp_path / "clip.gif")).is_file()
    assert ws.audit(FRAMES, 16.0).height == 16


def test_what_does_not_fit_into_memory_is_refused_at_once() -> None:
    generator = ws.VideoGenerator.from_pretrained("builtin:world")
    for call in (
        lambda: ws.simulate("collide", num_frames=10**9),
        lambda: generator("a red ball falls", num_frames=10**8 + 1),
        lambda: require_memory(2.0**60, "a video", "make it shorter"),
    ):
        with pytest.raises(WorldsimError, match=r"needs at least [\d,]+ GiB of memory, this machine has \d+; "):
            call()
