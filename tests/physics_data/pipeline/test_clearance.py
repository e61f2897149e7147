import math

import mujoco
import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from physics_data.core.errors import SceneSpecError
from physics_data.core.geometry import bounding_radius, min_width
from physics_data.core.scene import Box, Capsule, Compound, Cylinder, Ellipsoid, Part, Plane, Sphere
from physics_data.core.trajectory import Contacts, Trajectory
from physics_data.engines.mujoco_model import build_model
from physics_data.pipeline.clearance import gap
from tests.physics_data.engines.lab import body, on_floor


def gap_of(*bodies):
    spec = on_floor(*bodies, num_frames=1)
    position = np.array([[each.position for each in spec.bodies]])
    orientation = np.array([[each.orientation for each in spec.bodies]])
    none = Contacts.none()
    trajectory = Trajectory(position, orientation, np.zeros_like(position), np.zeros_like(position), none)
    pair = (1, 2) if len(bodies) == 2 else (0, 1)
    forward, backward = gap(spec, trajectory, *pair), gap(spec, trajectory, *pair[::-1])
    np.testing.assert_allclose(forward, backward, atol=2e-3)  # the search for a slit has no preferred side but noise
    return float(forward[0])


TILTED = (math.cos(math.pi / 8), 0.0, math.sin(math.pi / 8), 0.0)  # 45 degrees about y


@pytest.mark.parametrize(
    ("shape", "orientation", "reach"),
    [
        (Sphere(radius=0.3), (1.0, 0.0, 0.0, 0.0), 0.3),
        (Box(half_extents=(0.2, 0.1, 0.4)), (1.0, 0.0, 0.0, 0.0), 0.4),
        (Box(half_extents=(0.2, 0.1, 0.4)), TILTED, 0.6 * math.sqrt(0.5)),
        (Cylinder(radius=0.2, half_height=0.4), (1.0, 0.0, 0.0, 0.0), 0.4),
        (Cylinder(radius=0.2, half_height=0.4), TILTED, 0.6 * math.sqrt(0.5)),
    ],
)
def test_height_over_the_floor(shape, orientation, reach):
    assert gap_of(body(shape=shape, orientation=orientation, position=(3.0, 1.0, 2.0))) == pytest.approx(2.0 - reach)


@pytest.mark.parametrize(
    ("shape", "place", "expected"),
    [
        (Sphere(radius=0.5), (2.0, 0.0, 0.0), 1.4),
        (Sphere(radius=0.5), (0.3, 0.0, 0.0), -0.3),
        (Box(half_extents=(0.5, 0.2, 0.2)), (2.0, 0.0, 0.0), 1.4),
        (Box(half_extents=(0.5, 0.2, 0.2)), (0.8, 0.6, 0.0), 0.4),  # a 3-4-5 triangle from the edge
        (Box(half_extents=(0.5, 0.2, 0.2)), (0.45, 0.0, 0.0), -0.15),
        (Cylinder(radius=0.5, half_height=0.2), (0.0, 2.0, 0.0), 1.4),
        (Cylinder(radius=0.5, half_height=0.2), (0.8, 0.0, 0.6), 0.4),
        (Cylinder(radius=0.5, half_height=0.2), (0.0, 0.0, 0.25), -0.05),
    ],
)
def test_distance_of_a_sphere_of_a_tenth(shape, place, expected):
    at = (1.0, 2.0, 3.0)
    ball = body("ball", Sphere(radius=0.1), position=tuple(np.add(at, place)))
    assert gap_of(body("other", shape, position=at), ball) == pytest.approx(expected)


def test_two_planes_are_refused():
    spec = on_floor(body("wall", Plane(), is_static=True), num_frames=1)
    zero = np.zeros((1, 2, 3))
    trajectory = Trajectory(zero, np.tile((1.0, 0, 0, 0), (1, 2, 1)), zero, zero, Contacts.none())
    with pytest.raises(SceneSpecError, match=r"two planes \('floor', 'wall'\) have no distance"):
        gap(spec, trajectory, 0, 1)


CUBE = Box(half_extents=(0.5, 0.5, 0.5))
UPRIGHT = (1.0, 0.0, 0.0, 0.0)
LYING = (math.sqrt(0.5), 0.0, math.sqrt(0.5), 0.0)  # its z axis along x
THICK, ROUND = Capsule(radius=0.3, half_height=0.4), Ellipsoid(half_axes=(0.3, 0.3, 0.3))
POST = Compound(parts=(Part(shape=CUBE), Part(shape=Sphere(radius=0.2), position=(0.0, 0.0, 0.7))))


@pytest.mark.parametrize(
    ("first", "second", "place", "turn", "expected", "error"),
    [
        (CUBE, CUBE, (0.9, 0.2, 0.1), UPRIGHT, -0.1, 1e-9),
        (CUBE, CUBE, (1.3, 0.2, 0.1), UPRIGHT, 0.3, 1e-9),
        # An edge turned by 45 degrees points at a face.
        (CUBE, CUBE, (0.0, 0.0, 1.0), TILTED, 0.5 - math.sqrt(0.5), 1e-9),
        (CUBE, Cylinder(radius=0.3, half_height=0.4), (0.1, 0.0, 0.85), UPRIGHT, -0.05, 1e-9),
        (CUBE, Cylinder(radius=0.3, half_height=0.4), (0.78, 0.1, 0.0), UPRIGHT, -0.02, 1e-3),
        (CUBE, Capsule(radius=0.3, half_height=0.4), (1.1, 0.0, 0.0), LYING, -0.1, 1e-9),
        (CUBE, Ellipsoid(half_axes=(0.3, 0.2, 0.1)), (0.0, 0.1, 0.55), UPRIGHT, -0.05, 1e-9),
        (
            Capsule(radius=0.3, half_height=0.4),
            Capsule(radius=0.2, half_height=0.4),
            (0.4, 0.0, 0.2),
            UPRIGHT,
            -0.1,
            1e-3,
        ),
        (
            Ellipsoid(half_axes=(0.3, 0.3, 0.3)),
            Ellipsoid(half_axes=(0.2, 0.2, 0.2)),
            (0.3, 0.2, 0.1),
            UPRIGHT,
            math.sqrt(0.14) - 0.5,
            1e-3,
        ),
        (Sphere(radius=0.3), Capsule(radius=0.2, half_height=0.4), (0.6, 0.0, 0.2), UPRIGHT, 0.1, 1e-9),
        (POST, Sphere(radius=0.3), (0.0, 0.0, 1.15), UPRIGHT, -0.05, 1e-9),
        (POST, CUBE, (0.0, 0.3, 1.3), UPRIGHT, -0.1, 1e-3),
    ],
)
def test_other_pairs(first, second, place, turn, expected, error):
    found = gap_of(body("a", first), body("b", second, position=place, orientation=turn))
    assert expected - error <= found <= expected + 1e-9


def test_what_is_far_apart_is_never_said_to_touch():
    rod = Capsule(radius=0.1, half_height=0.5)
    found = gap_of(body("a", CUBE), body("b", rod, position=(5.0, 1.0, 0.0)))
    assert 2.5 < found < 5.0


def test_sizes():
    assert min_width(Sphere(radius=0.2)) == 0.4
    assert min_width(Box(half_extents=(0.2, 0.1, 0.4))) == 0.2
    assert min_width(Cylinder(radius=0.2, half_height=0.3)) == 0.4
    assert math.isinf(min_width(Plane()))
    assert min_width(Capsule(radius=0.1, half_height=0.5)) == 0.2
    assert min_width(POST) == 0.4


def test_reaches():
    assert bounding_radius(Box(half_extents=(0.1, 0.2, 0.2))) == pytest.approx(0.3)
    assert bounding_radius(Capsule(radius=0.1, half_height=0.5)) == pytest.approx(0.6)
    assert bounding_radius(POST) == pytest.approx(0.9)
    assert math.isinf(bounding_radius(Plane()))


def test_pins_that_lean_a_little_are_as_far_apart_as_gjk_says():
    """The best slit of two nearly parallel cylinders lies on a ridge, which a search in all directions falls off."""
    rng = np.random.default_rng(3)
    pin = Cylinder(radius=0.13, half_height=0.35)
    for _ in range(24):
        turns = Rotation.from_rotvec(rng.normal(scale=0.1, size=(2, 3))).as_quat(scalar_first=True)
        lean = [tuple(map(float, turn)) for turn in turns]
        across = tuple(map(float, rng.normal(size=2)))
        away = (0.26 + float(rng.uniform(0.0, 0.03))) / np.hypot(*across)
        pins = (
            body(name="pin_1", shape=pin, orientation=lean[0], position=(0.0, 0.0, 1.0)),
            body(name="pin_2", shape=pin, orientation=lean[1], position=(across[0] * away, across[1] * away, 1.0)),
        )
        model = build_model(on_floor(*pins))
        data = mujoco.MjData(model)
        mujoco.mj_kinematics(model, data)
        exact = mujoco.mj_geomDistance(model, data, 1, 2, 1.0, None)
        assert gap_of(*pins) == pytest.approx(exact, abs=1e-3)
