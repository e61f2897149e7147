"""Every shape rests at its own height, turns with its own inertia, and tumbles as a free top does."""

import math

import numpy as np
import pytest

from physics_data.core.errors import EngineError
from physics_data.core.geometry import rotation_matrix
from physics_data.core.mechanics import (
    body_angular_momentum,
    centre_of_mass,
    centred,
    centred_mesh,
    kinetic_energy,
    solid_inertia,
)
from physics_data.core.scene import Box, Capsule, Compound, Cylinder, Ellipsoid, Mesh, Part, Sphere
from physics_data.engines import ENGINES
from tests.physics_data.engines.lab import BODY, G, about, body, on_floor

WEDGE = centred_mesh(
    0.4 * np.array([[x, y, z] for x, z in ((0, 0), (1, 0), (0, 1)) for y in (-0.5, 0.5)], dtype=float),
    np.array([[0, 2, 4], [1, 5, 3], [0, 1, 3], [0, 3, 2], [0, 4, 5], [0, 5, 1], [2, 3, 5], [2, 5, 4]]),
)
HAMMER = centred(
    [
        Part(shape=Cylinder(radius=0.04, half_height=0.3)),
        Part(shape=Box(half_extents=(0.15, 0.06, 0.06)), position=(0.0, 0.0, 0.36)),
    ]
)
ELL = centred(
    [
        Part(shape=Box(half_extents=(0.3, 0.1, 0.1))),
        Part(shape=Box(half_extents=(0.1, 0.1, 0.2)), position=(0.2, 0.0, 0.3)),
    ]
)
RESTING = [
    ("capsule", Capsule(radius=0.1, half_height=0.2), about((1.0, 0.0, 0.0), math.pi / 2), 0.1),
    ("cylinder", Cylinder(radius=0.2, half_height=0.1), (1.0, 0.0, 0.0, 0.0), 0.1),
    ("wedge", WEDGE, (1.0, 0.0, 0.0, 0.0), -min(v[2] for v in WEDGE.vertices)),
    ("ell", ELL, (1.0, 0.0, 0.0, 0.0), 0.1 - ELL.parts[0].position[2]),
]


@pytest.fixture(params=list(ENGINES))
def engine(request):
    return ENGINES.get(request.param)()


@pytest.mark.parametrize(("shape", "turn", "height"), [case[1:] for case in RESTING], ids=[case[0] for case in RESTING])
def test_it_rests_at_its_own_height_and_carries_its_weight(engine, shape, turn, height):
    spec = on_floor(
        body(shape=shape, friction=0.5, restitution=0.0, position=(0, 0, height), orientation=turn), friction=0.5
    )
    trajectory = engine.simulate(spec)
    assert np.abs(trajectory.position[:, BODY] - (0.0, 0.0, height)).max() < 1e-3
    np.testing.assert_allclose(np.abs(trajectory.orientation[:, BODY] @ turn), 1.0, atol=1e-5)
    np.testing.assert_allclose(trajectory.contacts.impulse[4:], G / 16.0, rtol=0.02)


def test_an_ellipsoid_stands_on_its_flat_side_in_mujoco():
    egg = body(shape=Ellipsoid(half_axes=(0.3, 0.2, 0.1)), friction=0.5, restitution=0.0, position=(0.0, 0.0, 0.1))
    trajectory = ENGINES.get("mujoco")().simulate(on_floor(egg, friction=0.5))
    assert np.abs(trajectory.position[:, BODY] - (0.0, 0.0, 0.1)).max() < 1e-3


def test_ellipsoids_are_refused_by_bullet():
    part = Part(shape=Ellipsoid(half_axes=(0.3, 0.2, 0.1)))
    for shape in (part.shape, Compound(parts=(part,))):
        with pytest.raises(EngineError, match="Bullet has no ellipsoids, and 'ball' is or has one; use .*'mujoco'"):
            ENGINES.get("bullet")().supports(on_floor(body(shape=shape, position=(0.0, 0.0, 3.0))))


@pytest.mark.parametrize(
    "shape", [HAMMER, WEDGE, Capsule(radius=0.1, half_height=0.2)], ids=["hammer", "wedge", "capsule"]
)
def test_a_tumbling_solid_keeps_its_angular_momentum_and_energy(engine, shape):
    """In the dark of space. Bullet's gyroscopic term is damped, by up to a per cent of the energy in 2 s."""
    spec = on_floor(
        body(shape=shape, position=(0.0, 0.0, 9.0), angular_velocity=(2.0, 4.0, 1.0)), gravity=(0, 0, 0), num_frames=33
    )
    trajectory = engine.simulate(spec)
    spin, energy = body_angular_momentum(spec, trajectory)[:, BODY], kinetic_energy(spec, trajectory)
    limit = {"mujoco": 2e-5, "bullet": 0.02}[engine.name]
    assert np.linalg.norm(spin - spin[0], axis=1).max() < limit * np.linalg.norm(spin[0])
    assert np.abs(energy - energy[0]).max() < limit * energy[0]
    np.testing.assert_allclose(trajectory.position[:, BODY], [(0.0, 0.0, 9.0)] * 33, atol=1e-9)


def test_a_tennis_racket_flips_when_it_is_spun_about_its_middle_axis(engine):
    """The axis of middle inertia is unstable, the other two are not."""
    slab = Box(half_extents=(0.3, 0.2, 0.05))
    moments = solid_inertia(body(shape=slab))
    assert moments[0] < moments[1] < moments[2]
    for axis, flips in ((0, False), (1, True), (2, False)):
        spin = np.full(3, 0.02)
        spin[axis] = 8.0
        spec = on_floor(
            body(shape=slab, position=(0, 0, 9), angular_velocity=tuple(spin.tolist())),
            gravity=(0, 0, 0),
            num_frames=65,
        )
        _, x, y, z = np.moveaxis(engine.simulate(spec).orientation[:, BODY], -1, 0)
        own = (1 - 2 * (y * y + z * z), 1 - 2 * (x * x + z * z), 1 - 2 * (x * x + y * y))[axis]
        assert (own.min() < -0.8) == flips
        assert (own.min() > 0.95) == (not flips)


def test_the_flip_of_a_racket_takes_the_time_of_eulers_equations():
    """Against an independent integration of Euler's equations with tight tolerances."""
    from scipy.integrate import solve_ivp

    slab, spin = Box(half_extents=(0.3, 0.2, 0.05)), np.array((0.05, 7.0, 0.02))
    solid = body(shape=slab, position=(0.0, 0.0, 9.0), angular_velocity=tuple(spin.tolist()))
    spec = on_floor(solid, gravity=(0, 0, 0), num_frames=33)
    moments = np.array(solid_inertia(solid))
    trajectory = ENGINES.get("mujoco")().simulate(spec)
    exact = solve_ivp(
        lambda _, w: -np.cross(w, moments * w) / moments, (0, 2), spin, t_eval=spec.seconds, rtol=1e-10, atol=1e-12
    ).y.T

    own = np.einsum(
        "tji,tj->ti", rotation_matrix(trajectory.orientation[:, BODY]), trajectory.angular_velocity[:, BODY]
    )
    np.testing.assert_allclose(own, exact, atol=0.01)


@pytest.mark.parametrize("shape", [HAMMER, WEDGE], ids=["hammer", "wedge"])
def test_a_solid_thrown_spinning_flies_a_parabola(engine, shape):
    """Its origin is its centre of mass, whatever it spins about."""
    spec = on_floor(
        body(shape=shape, position=(0.0, 0.0, 3.0), linear_velocity=(1.0, 0.0, 3.0), angular_velocity=(3.0, 2.0, 1.0)),
        num_frames=9,
    )
    trajectory = engine.simulate(spec)
    seconds = np.array(spec.seconds)
    expected = np.stack([seconds, 0 * seconds, 3.0 + 3.0 * seconds - 0.5 * G * seconds**2], axis=1)
    np.testing.assert_allclose(trajectory.position[:, BODY], expected, atol=1e-9)


def test_a_solid_off_its_centre_is_refused(engine):
    off = Compound(parts=(Part(shape=Sphere(radius=0.1), position=(0.05, 0.0, 0.0)),))
    shifted = Mesh(vertices=tuple((x, y, z + 0.1) for x, y, z in WEDGE.vertices), triangles=WEDGE.triangles)
    for shape in (off, shifted):
        with pytest.raises(EngineError, match=r"centre of mass of 'ball' .*core.mechanics.centred"):
            engine.supports(on_floor(body(shape=shape, position=(0.0, 0.0, 2.0))))
        static = on_floor(body(shape=shape, is_static=True, position=(0.0, 0.0, 2.0)))
        engine.supports(static)
    np.testing.assert_allclose(centre_of_mass(shifted), (0.0, 0.0, 0.1), atol=1e-12)
