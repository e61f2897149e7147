"""Scripted bodies and belts: what they do to others, and that nothing is done to them."""

import math

import numpy as np
import pytest

from physics_data.core.errors import EngineError
from physics_data.core.paths import scripted_pose, scripted_velocity
from physics_data.core.scene import Box, Cylinder, Surface
from physics_data.engines import ENGINES
from tests.physics_data.engines.lab import BODY, G, about, body, on_floor, scripted

CUBE, PLATE = Box(half_extents=(0.2, 0.2, 0.2)), Box(half_extents=(2.0, 1.0, 0.1))
UPRIGHT = (1.0, 0.0, 0.0, 0.0)
LOAD = 2


@pytest.fixture(params=list(ENGINES))
def engine(request):
    return ENGINES.get(request.param)()


def load(friction: float = 0.5, **rest):
    return body("load", CUBE, friction, 0.0, **{"position": (0.0, 0.0, 1.3), **rest})


def test_a_scripted_body_is_where_its_path_says_whatever_it_meets(engine):
    door = scripted(
        "door",
        Box(half_extents=(0.8, 0.1, 0.5)),
        (0.0, (0.0, 0.0, 0.7), UPRIGHT),
        (0.5, (0.3, 0.0, 0.7), about((0.0, 0.0, 1.0), 1.0)),
        (0.9, (0.0, 0.2, 0.9), about((0.0, 0.0, 1.0), 2.0)),
        ease="smooth",
    )
    spec = on_floor(door, load(position=(0.4, 0.4, 0.2), mass=50.0))
    trajectory = engine.simulate(spec)
    assert len(trajectory.contacts)
    for frame, second in enumerate(spec.seconds):
        position, orientation = scripted_pose(door, second)
        linear, angular = scripted_velocity(door, second)
        np.testing.assert_array_equal(trajectory.position[frame, BODY], position)
        np.testing.assert_array_equal(trajectory.orientation[frame, BODY], orientation)
        np.testing.assert_array_equal(trajectory.linear_velocity[frame, BODY], linear)
        np.testing.assert_array_equal(trajectory.angular_velocity[frame, BODY], angular)


@pytest.mark.parametrize("way", [(0.0, 0.0, 1.0), (1.0, 0.0, 0.0), (-0.4, 0.3, 0.2)])
def test_a_lift_takes_its_load_along(engine, way):
    end = tuple(np.add((0.0, 0.0, 1.0), way).tolist())
    lift = scripted("lift", PLATE, (0.0, (0.0, 0.0, 1.0), UPRIGHT), (1.0, end, UPRIGHT), ease="smooth", friction=0.9)
    trajectory = engine.simulate(on_floor(lift, load(0.9)))
    np.testing.assert_allclose(trajectory.position[-1, LOAD], np.add((0.0, 0.0, 1.3), way), atol=2e-4)
    middle = trajectory.linear_velocity[8, LOAD]
    np.testing.assert_allclose(middle, np.multiply(1.5, way), atol=0.005)


def test_a_lift_that_starts_too_fast_for_friction_slips_under_its_load(engine):
    """Friction accelerates the load by mu g until it has the plate's speed."""
    plate = scripted("plate", PLATE, (0.0, (0.0, 0.0, 1.0), UPRIGHT), (2.0, (2.0, 0.0, 1.0), UPRIGHT), friction=0.2)
    trajectory = engine.simulate(on_floor(plate, load(0.2)))
    seconds = np.arange(17) / 16.0
    reached = 1.0 / (0.2 * G)
    expected = np.where(seconds < reached, 0.1 * G * seconds**2, 0.1 * G * reached**2 + seconds - reached)
    np.testing.assert_allclose(trajectory.position[:, LOAD, 0], expected, atol=0.003)
    assert trajectory.contacts.slip[0] == pytest.approx(1.0, rel=0.01)


def test_a_belt_brings_its_load_to_its_speed(engine):
    surface = Surface(friction=0.3, restitution=0.0, belt_velocity=(1.0, 0.0, 0.0))
    turned = about((0.0, 0.0, 1.0), 0.5)
    belt = body("belt", PLATE, is_static=True, position=(0.0, 0.0, 1.0), orientation=turned)
    spec = on_floor(belt.model_copy(update={"surface": surface}), load(0.3, orientation=turned))
    trajectory = engine.simulate(spec)
    along = trajectory.position[:, LOAD, :2] @ (math.cos(0.5), math.sin(0.5))
    seconds = np.arange(17) / 16.0
    reached = 1.0 / (0.3 * G)
    expected = np.where(seconds < reached, 0.15 * G * seconds**2, 0.15 * G * reached**2 + seconds - reached)
    np.testing.assert_allclose(along, expected, atol=0.003)
    np.testing.assert_array_equal(trajectory.position[:, BODY], [(0.0, 0.0, 1.0)] * 17)
    np.testing.assert_array_equal(trajectory.linear_velocity[:, BODY], 0.0)


@pytest.mark.parametrize(("share", "stays"), [(0.93, True), (1.07, False)])
def test_a_turntable_throws_its_load_off_at_the_speed_that_friction_holds(engine, share, stays):
    """omega² r = mu g."""
    radius, friction = 0.8, 0.5
    omega = share * math.sqrt(friction * G / radius)
    keys = [(0.25 * i, (0.0, 0.0, 1.0), about((0.0, 0.0, 1.0), 0.25 * i * omega)) for i in range(5)]
    disc = scripted("disc", Cylinder(radius=1.5, half_height=0.1), *keys)
    small = Box(half_extents=(0.1, 0.1, 0.1))
    rider = body(
        "rider",
        small,
        friction,
        0.0,
        position=(radius, 0.0, 1.2),
        linear_velocity=(0.0, omega * radius, 0.0),
        angular_velocity=(0.0, 0.0, omega),
    )
    trajectory = engine.simulate(on_floor(disc, rider))
    away = np.linalg.norm(trajectory.position[:, LOAD, :2], axis=1)
    if stays:
        np.testing.assert_allclose(away, radius, atol=0.005)
        turned = math.atan2(trajectory.position[-1, LOAD, 1], trajectory.position[-1, LOAD, 0]) % (2 * math.pi)
        assert turned == pytest.approx(omega % (2 * math.pi), abs=0.01)
    else:
        assert away[-1] > radius + 0.05


def test_a_smooth_wall_pushes_at_its_own_speed(engine):
    wall = scripted(
        "wall",
        Box(half_extents=(0.1, 0.5, 0.4)),
        (0.0, (-0.5, 0.0, 0.5), UPRIGHT),
        (1.0, (0.5, 0.0, 0.5), UPRIGHT),
        friction=0.0,
    )
    ball = body(friction=0.0, restitution=0.0, position=(0.0, 0.0, 0.3))
    trajectory = engine.simulate(on_floor(wall, ball))
    assert trajectory.linear_velocity[-1, LOAD, 0] == pytest.approx(1.0, abs=1e-3)
    assert trajectory.position[-1, LOAD, 0] == pytest.approx(0.9, abs=0.003)
    first = trajectory.contacts.seconds[(trajectory.contacts.body_a == 1) & (trajectory.contacts.body_b == LOAD)][0]
    assert first == pytest.approx(0.1, abs=0.002), "times of contacts are finer than the frames' 1/16 s"


def test_a_swung_bat_hits_with_the_speed_of_its_rim(engine):
    """e = 1: a light ball leaves at twice the speed of the bat's surface where it is hit."""
    omega, arm = 2.0, 0.8
    bat = scripted(
        "bat",
        Box(half_extents=(1.2, 0.1, 0.2)),
        *((0.25 * i, (0.0, 0.0, 0.3), about((0.0, 0.0, 1.0), 0.25 * i * omega)) for i in range(5)),
        friction=0.0,
    ).model_copy(update={"surface": Surface(friction=0.0, restitution=1.0)})
    ball = body(restitution=1.0, position=(arm, 0.1 + 0.3 + 0.001, 0.3))
    trajectory = engine.simulate(on_floor(bat, ball, num_frames=5))
    assert trajectory.linear_velocity[2, LOAD, 1] == pytest.approx(2 * omega * arm, rel=0.01)


def test_belts_on_dynamic_bodies_are_refused(engine):
    surface = Surface(belt_velocity=(1.0, 0.0, 0.0))
    spec = on_floor(body().model_copy(update={"surface": surface}))
    with pytest.raises(EngineError, match=r"'ball' is dynamic and has belt_velocity=\(1.0, 0.0, 0.0\) m/s.*is_static"):
        engine.supports(spec)
    with pytest.raises(EngineError):
        engine.simulate(spec)


def test_what_stands_still_may_overlap_what_is_scripted(engine):
    gate = scripted("gate", CUBE, (0.0, (0.0, 0.0, 0.1), UPRIGHT), (1.0, (0.5, 0.0, 0.1), UPRIGHT))
    post = body("post", CUBE, is_static=True, position=(0.3, 0.0, 0.2))
    assert len(engine.simulate(on_floor(gate, post)).contacts) == 0
