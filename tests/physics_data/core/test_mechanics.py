import numpy as np
import pytest

from physics_data.core.errors import SceneSpecError
from physics_data.core.mechanics import kinetic_energy, momentum, potential_energy, solid_inertia
from physics_data.core.scene import Box, Cylinder, Sphere


def test_inertia_of_each_solid_by_monte_carlo(falling_ball):
    """The moments are means of squared distances from the axes over a homogeneous solid."""
    rng = np.random.default_rng(0)
    points = rng.uniform(-1, 1, size=(400_000, 3))
    ball = falling_ball.bodies[2]
    solids = {
        Sphere(radius=1.0): (points**2).sum(axis=1) < 1,
        Cylinder(radius=1.0, half_height=0.6): (points[:, 0] ** 2 + points[:, 1] ** 2 < 1) & (abs(points[:, 2]) < 0.6),
        Box(half_extents=(1.0, 0.5, 0.25)): (abs(points) < (1.0, 0.5, 0.25)).all(axis=1),
    }
    for shape, inside in solids.items():
        body = ball.model_copy(update={"shape": shape, "mass": 3.0})
        squares = (points[inside] ** 2).mean(axis=0)
        expected = 3.0 * (squares.sum() - squares)
        np.testing.assert_allclose(solid_inertia(body), expected, rtol=0.01)


def test_a_plane_has_no_inertia(falling_ball):
    with pytest.raises(SceneSpecError, match="'floor' is a plane.*ask for a sphere, box or cylinder"):
        solid_inertia(falling_ball.bodies[0])


def test_energy_of_a_fall_is_constant_and_momentum_grows_with_gravity(falling_ball, closed_form_fall):
    flying = slice(0, 8)
    total = kinetic_energy(falling_ball, closed_form_fall) + potential_energy(falling_ball, closed_form_fall)
    np.testing.assert_allclose(total[flying], 9.81 * 2.0, rtol=1e-12)
    expected = -9.81 * np.array(falling_ball.seconds)
    np.testing.assert_allclose(momentum(falling_ball, closed_form_fall)[flying, 2], expected[flying], rtol=1e-12)


def test_spin_energy_uses_the_bodys_own_axes(falling_ball, closed_form_fall):
    """A box turned by 90 degrees about x spins about the world's y with the inertia of its own z."""
    box = falling_ball.bodies[2].model_copy(update={"shape": Box(half_extents=(0.1, 0.2, 0.3))})
    spec = falling_ball.model_copy(update={"bodies": (*falling_ball.bodies[:2], box)})
    closed_form_fall.linear_velocity[:] = 0
    closed_form_fall.orientation[:, 2] = (np.sqrt(0.5), np.sqrt(0.5), 0, 0)
    closed_form_fall.angular_velocity[:, 2] = (0, 2.0, 0)
    np.testing.assert_allclose(kinetic_energy(spec, closed_form_fall), 0.5 * solid_inertia(box)[2] * 4.0, rtol=1e-12)
