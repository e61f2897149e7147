"""Shared pieces of the tests."""

import os

# Before anything imports torch: spinning threads of two test processes on two cores would wait for each other.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
os.environ.setdefault("OMP_NUM_THREADS", "1")

import importlib.util
from collections.abc import Generator

import numpy as np
import pytest

from physics_data.core.scene import Appearance, Body, Box, Camera, Plane, SceneSpec, Sphere
from physics_data.core.trajectory import Contacts, Trajectory

_NO_BULLET = "engine 'bullet' needs PyBullet, which is not installed"


def _skip_without_bullet(error: Exception) -> None:
    """Skip a test that fails because PyBullet, which has no wheel for Python 3.12 and later, is not installed."""
    try:
        is_installed = importlib.util.find_spec("pybullet") is not None
    except ValueError:  # hidden in sys.modules, as the test of this hook does
        is_installed = False
    if not is_installed and _NO_BULLET in str(error):
        pytest.skip("PyBullet is not installed: it has no wheel for Python 3.12 and later")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_setup(item: pytest.Item) -> Generator[None, object, object]:
    """Fixtures that simulate with PyBullet skip their tests where it cannot be had."""
    try:
        return (yield)
    except Exception as error:
        _skip_without_bullet(error)
        raise


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, object, object]:
    """Tests that simulate with PyBullet skip where it cannot be had."""
    try:
        return (yield)
    except Exception as error:
        _skip_without_bullet(error)
        raise


GREY = Appearance(color_name="grey", albedo=(0.5, 0.5, 0.5))
RED = Appearance(color_name="red", albedo=(0.8, 0.05, 0.04))


@pytest.fixture
def falling_ball() -> SceneSpec:
    """A ball that starts 2 m above a floor, beside a screen."""
    return SceneSpec(
        scenario="free_drop",
        root_seed=0,
        index=3,
        bodies=(
            Body(name="floor", noun="floor", shape=Plane(), role="ground", is_static=True, appearance=GREY),
            Body(
                name="screen",
                noun="screen",
                shape=Box(half_extents=(0.4, 0.05, 0.5)),
                role="occluder",
                is_static=True,
                appearance=GREY,
                position=(1.2, -0.6, 0.5),
            ),
            Body(name="ball", shape=Sphere(radius=0.3), appearance=RED, position=(0.0, 0.0, 2.0)),
        ),
        camera=Camera(position=(0.0, -5.5, 1.6), target=(0.0, 0.0, 1.4)),
    )


@pytest.fixture
def closed_form_fall(falling_ball: SceneSpec) -> Trajectory:
    """The exact motion of ``falling_ball`` until it would touch the floor, then at rest there."""
    seconds = np.array(falling_ball.seconds)
    num_frames, num_bodies = len(seconds), len(falling_ball.bodies)
    position = np.tile(np.array([body.position for body in falling_ball.bodies]), (num_frames, 1, 1))
    position[:, 2, 2] = np.maximum(2.0 - 0.5 * 9.81 * seconds**2, 0.3)
    landed = np.flatnonzero(position[:, 2, 2] <= 0.3)
    linear_velocity = np.zeros((num_frames, num_bodies, 3))
    linear_velocity[: landed[0], 2, 2] = -9.81 * seconds[: landed[0]]
    orientation = np.tile(np.array([1.0, 0, 0, 0]), (num_frames, num_bodies, 1))
    rows = len(landed)
    contacts = Contacts(
        frame_index=landed.astype(np.int64),
        body_a=np.zeros(rows, dtype=np.int64),
        body_b=np.full(rows, 2, dtype=np.int64),
        point=np.zeros((rows, 3)),
        normal=np.tile([0.0, 0.0, 1.0], (rows, 1)),
        impulse=np.full(rows, 9.81 / 16),
        seconds=(landed - 1) / 16,
        slip=np.zeros(rows),
        depth=np.zeros(rows),
    )
    return Trajectory(position, orientation, linear_velocity, np.zeros((num_frames, num_bodies, 3)), contacts)
