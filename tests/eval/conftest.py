"""Toy scenes for the tests of eval, made once."""

import sys
from functools import cache
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from toy_scenes import toy_clip

from eval.reference import Reference

SCENARIOS = ("free_drop", "projectile", "collide", "collide_same", "occluder_pass")


@cache
def _reference(scenario: str, index: int, size: int, given: int) -> Reference:
    if scenario == "free_fall":  # a drop that ends before the ground
        return Reference(toy_clip("free_drop", index, size, num_frames=9), num_conditioning_frames=given)
    return Reference(toy_clip(scenario, index, size), num_conditioning_frames=given)


@pytest.fixture
def toy():
    """Return a function (scenario, index=0, size=64, given=0) → Reference."""
    return lambda scenario, index=0, size=64, given=0: _reference(scenario, index, size, given)
