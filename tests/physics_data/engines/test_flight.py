"""Bounds on the time that bodies stay apart."""

import numpy as np
import pytest

from physics_data.core.conventions import clip_generator
from physics_data.core.scene import Box, Sphere
from physics_data.engines import ENGINES
from physics_data.engines.flight import Flight
from physics_data.scenarios import SCENARIOS
from physics_data.scenarios.shared.scenario import SceneSettings
from tests.physics_data.engines.lab import body, on_floor, scripted


@pytest.mark.parametrize("name", ["free_drop", "projectile", "collide_oblique", "tumble_free", "billiards_break"])
def test_nothing_touches_before_the_bound(name):
    settings = SceneSettings(num_frames=33)
    longest = 0
    for index in range(4):
        spec = SCENARIOS.get(name)().sample(clip_generator(0, name, index), settings, 0, index)
        trajectory, flight = ENGINES.get("mujoco")().simulate(spec), Flight(spec)
        for frame in range(spec.num_frames):
            steps = flight.steps_apart(trajectory.position[frame], trajectory.linear_velocity[frame])
            last = frame / spec.frame_rate + steps / spec.physics_rate
            seconds = trajectory.contacts.seconds
            later = seconds[trajectory.contacts.frame_index > frame]
            assert steps == 0 or not (later < last).any()
            longest = max(longest, steps)
    assert name not in ("free_drop", "projectile", "tumble_free") or longest > 100


def test_the_bound_of_a_fall_is_that_of_galilei():
    ball = body(shape=Sphere(radius=0.1), position=(0.0, 0.0, 2.0))
    spec = on_floor(ball)
    steps = Flight(spec).steps_apart(np.array([b.position for b in spec.bodies]), np.zeros((2, 3)))
    assert steps / spec.physics_rate == pytest.approx(np.sqrt(2.0 * (1.9 - 0.05) / 9.81), abs=2e-3)


def test_scenes_with_paths_have_no_bound():
    upright = (1.0, 0.0, 0.0, 0.0)
    keys = [(0.0, (0.0, 0.0, 3.0), upright), (1.0, (1.0, 0.0, 3.0), upright)]
    mover = scripted("mover", Box(half_extents=(0.1, 0.1, 0.1)), *keys)
    spec = on_floor(body(shape=Sphere(radius=0.1), position=(0.0, 0.0, 2.0)), mover)
    assert Flight(spec).steps_apart(np.array([b.position for b in spec.bodies]), np.zeros((3, 3))) == 0
