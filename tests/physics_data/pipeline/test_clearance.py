import math

import numpy as np
import pytest

from physics_data.core.errors import SceneSpecError
from physics_data.core.scene import Box, Cylinder, Plane, Sphere
from physics_data.core.trajectory import Contacts, Trajectory
from physics_data.pipeline.clearance import gap, size
from tests.physics_data.engines.lab import body, on_floor


def gap_of(*bodies):
    spec = on_floor(*bodies, num_frames=1)
    position = np.array([[each.position for each in spec.bodies]])
    orientation = np.array([[each.orientation for each in spec.bodies]])
    none = Contacts.none()
    trajectory = Trajectory(position, orientation, np.zeros_like(position), np.zeros_like(position), none)
    pair = (1, 2) if len(bodies) == 2 else (0, 1)
    forward, backward = gap(spec, trajectory, *pair), gap(spec, trajectory, *pair[::-1])
    np.testing.assert_array_equal(forward, backward)
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


def test_pairs_without_a_closed_form_are_refused():
    with pytest.raises(SceneSpecError, match=r"'a' \(box\) to 'b' \(cylinder\) is not known.*sphere or a plane"):
        gap_of(body("a", Box(half_extents=(1.0, 1.0, 1.0))), body("b", Cylinder(radius=1.0, half_height=1.0)))


def test_sizes():
    assert size(body(shape=Sphere(radius=0.2))) == 0.4
    assert size(body(shape=Box(half_extents=(0.2, 0.1, 0.4)))) == 0.2
    assert size(body(shape=Cylinder(radius=0.2, half_height=0.3))) == 0.4
    assert math.isinf(size(body(shape=Plane(), is_static=True)))
