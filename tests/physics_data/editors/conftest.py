"""Small sets of twins, each made once for all tests."""

import functools

import pytest

from physics_data.core.clip import Clip
from physics_data.pipeline.twins import TwinTask, make_twins
from physics_data.scenarios.shared.scenario import SceneSettings

SMALL = SceneSettings(width=32, height=32)


@functools.cache
def twins_of(editor: str, index: int = 0, severity: float = 0.8, engine: str = "mujoco") -> tuple[Clip, ...]:
    return tuple(make_twins(TwinTask(editor, engine, index, severity), SMALL, 0, "raycast"))


@pytest.fixture
def twins():
    """Return a function that gives the clips of a set."""
    return twins_of
