"""Coulomb friction against closed forms: stopping, rolling, sticking and slipping, standing."""

import ctypes
import math

import numpy as np
import pytest

from physics_data.core.mechanics import solid_inertia
from physics_data.core.scene import Box, Capsule, Cylinder, Sphere
from physics_data.engines import ENGINES, mujoco_step, native_memory
from tests.physics_data.engines.lab import BODY, G, about, body, on_floor, on_slope

CUBE = Box(half_extents=(0.2, 0.2, 0.2))
UPRIGHT = (1.0, 0.0, 0.0, 0.0)
LYING = about((1.0, 0.0, 0.0), math.pi / 2)


@pytest.fixture(params=list(ENGINES))
def engine(request):
    return ENGINES.get(request.param)()


@pytest.mark.parametrize("friction", [0.15, 0.6, 1.0])
def test_a_sliding_box_goes_as_far_as_coulomb_says(engine, friction):
    slab = body(
        shape=Box(half_extents=(0.3, 0.3, 0.1)),
        friction=friction,
        restitution=0.0,
        position=(0.0, 0.0, 0.1),
        linear_velocity=(3.0, 0.0, 0.0),
    )
    trajectory = engine.simulate(on_floor(slab, friction=friction))
    position = trajectory.position[:, BODY]
    seconds = min(1.0, math.floor(3.0 / (friction * G) * 16) / 16)
    frame = round(seconds * 16)
    expected = 3.0 * seconds - 0.5 * friction * G * seconds**2
    assert position[frame, 0] == pytest.approx(expected, rel={"mujoco": 2e-5, "bullet": 5e-3}[engine.name])
    assert np.abs(position[:, 1]).max() < 1e-3, "it slides straight on"
    assert np.abs(position[:, 2] - 0.1).max() < 5e-5, "it neither hops nor sinks"
    assert trajectory.contacts.slip[0] == pytest.approx(3.0, rel=0.01)


@pytest.mark.parametrize(
    ("shape", "turn"),
    [
        (Sphere(radius=0.2), UPRIGHT),
        (Cylinder(radius=0.2, half_height=0.2), LYING),
        (Capsule(radius=0.2, half_height=0.2), LYING),
    ],
)
@pytest.mark.parametrize("angle", [0.2, 0.35])
def test_shapes_roll_down_an_incline_by_their_inertia(engine, shape, turn, angle):
    """a = g sin / (1 + I / m r²)."""
    spec = on_slope(shape, angle, 0.6, 0.2, turn)
    trajectory = engine.simulate(spec)
    moment = solid_inertia(spec.bodies[2])[2] / 0.2**2
    way = np.linalg.norm(trajectory.position[-1, 2] - trajectory.position[0, 2])
    assert way == pytest.approx(0.5 * G * math.sin(angle) / (1 + moment), rel=3e-3)
    assert trajectory.contacts.slip.max() < 0.006


@pytest.mark.parametrize("friction", [0.3, 0.6])
def test_a_box_sticks_below_the_angle_of_friction_and_slips_above(engine, friction):
    threshold = math.atan(friction)
    stays = engine.simulate(on_slope(CUBE, threshold - 0.02, friction, 0.2, UPRIGHT))
    assert np.linalg.norm(stays.position[-1, 2] - stays.position[0, 2]) < 2e-4
    angle = threshold + 0.04
    slips = engine.simulate(on_slope(CUBE, angle, friction, 0.2, UPRIGHT))
    expected = 0.5 * G * (math.sin(angle) - friction * math.cos(angle))
    way = np.linalg.norm(slips.position[-1, 2] - slips.position[0, 2])
    assert way == pytest.approx(expected, rel={"mujoco": 2e-3, "bullet": 0.03}[engine.name])


def test_three_boxes_stand_on_each_other(engine):
    boxes = [
        body(
            f"box{i}",
            CUBE,
            0.5,
            0.0,
            position=(0.03 * (i % 2), 0.0, 0.2 + 0.4 * i),
            orientation=about((0, 0, 1), 0.1 * i),
        )
        for i in range(3)
    ]
    trajectory = engine.simulate(on_floor(*boxes, friction=0.5, num_frames=33))
    assert np.abs(trajectory.position - trajectory.position[0]).max() < 2e-4
    weights = trajectory.contacts.impulse[-3:] * 16.0
    np.testing.assert_allclose(weights, [3 * G, 2 * G, G], rtol=0.01)
    assert [
        tuple(pair) for pair in zip(trajectory.contacts.body_a[-3:], trajectory.contacts.body_b[-3:], strict=True)
    ] == [
        (0, 1),
        (1, 2),
        (2, 3),
    ]


def test_a_tilted_domino_knocks_the_next_one_over(engine):
    tile = Box(half_extents=(0.05, 0.2, 0.4))
    tilt = 0.2
    first = body(
        "first",
        tile,
        0.5,
        0.1,
        position=(-0.05 * math.cos(tilt) + 0.4 * math.sin(tilt), 0.0, 0.05 * math.sin(tilt) + 0.4 * math.cos(tilt)),
        orientation=about((0.0, 1.0, 0.0), tilt),
    )
    second = body("second", tile, 0.5, 0.1, position=(0.4, 0.0, 0.4))
    trajectory = engine.simulate(on_floor(first, second, friction=0.5, restitution=0.1, num_frames=33))
    upright = 1 - 2 * (trajectory.orientation[:, :, 1] ** 2 + trajectory.orientation[:, :, 2] ** 2)
    assert upright[0, 2] == 1.0
    assert abs(upright[-1, 2]) < 0.05, "the second one lies"
    hit = (trajectory.contacts.body_a == 1) & (trajectory.contacts.body_b == 2)
    assert 0.1 < trajectory.contacts.seconds[hit][0] < 1.0


def test_rest_and_steady_sliding_need_one_solve_a_step(monkeypatch):
    """Friction costs no more solves than MuJoCo's own step: the first guess of the slip is already right."""
    solves = 0
    known = native_memory.library()
    solve = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_void_p)(known.fwd_constraint)

    @ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_void_p)
    def counted(model, data):
        nonlocal solves
        solves += 1
        solve(model, data)

    address = ctypes.cast(counted, ctypes.c_void_p).value
    monkeypatch.setattr(mujoco_step, "library", lambda: known._replace(fwd_constraint=address))
    for angle, friction in ((0.2, 0.5), (0.5, 0.3)):
        solves = 0
        ENGINES.get("mujoco")().simulate(on_slope(CUBE, angle, friction, 0.2, UPRIGHT))
        assert 960 <= solves <= 1000
