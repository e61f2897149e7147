"""Small datasets for the tests of the generator."""

from collections.abc import Callable
from pathlib import Path

import pytest

from physics_data.core.scene import SceneSpec
from physics_data.core.trajectory import Trajectory
from tests.worldsim.tiny_clips import footage_clip, physics_clip, write_dataset


@pytest.fixture
def make_dataset(tmp_path: Path, falling_ball: SceneSpec, closed_form_fall: Trajectory) -> Callable[..., Path]:
    """Return a function that writes a dataset of ``count`` training, 2 val and 2 test clips, and returns its folder."""

    def make(name: str, count: int = 6, source: str = "physics", num_frames: int = 5, size: int = 16) -> Path:
        splits = ["train"] * count + ["val"] * 2 + ["test"] * 2
        if source == "physics":
            clips = [
                physics_clip(index, falling_ball, closed_form_fall, num_frames, size, split)
                for index, split in enumerate(splits)
            ]
        else:
            clips = [footage_clip(index, num_frames, size, split) for index, split in enumerate(splits)]
        return write_dataset(tmp_path / name, clips)

    return make
