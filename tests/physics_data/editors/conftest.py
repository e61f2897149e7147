"""Small pair sets, each made once for all tests."""

import functools

import pytest

from physics_data.core.clip import Clip
from physics_data.pipeline.pairs import PairTask, make_pairs
from physics_data.scenarios.shared.scenario import SceneSettings

SMALL = SceneSettings(width=32, height=32)


@functools.cache
def pairs_of(editor: str, index: int = 0, severity: float = 0.8, engine: str = "mujoco") -> tuple[Clip, ...]:
    return tuple(make_pairs(PairTask(editor, engine, index, severity), SMALL, 0, "raycast"))


@pytest.fixture
def pairs():
    """Return a function that gives the clips of a set."""
    return pairs_of
