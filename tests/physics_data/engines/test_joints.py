"""Pendulums against elliptic integrals, chains against their energy, and what joints are not."""

import math

import numpy as np
import pytest
from scipy.interpolate import CubicHermiteSpline
from scipy.special import ellipk

from physics_data.core.errors import EngineError
from physics_data.core.mechanics import body_kinetic_energy, kinetic_energy, potential_energy
from physics_data.core.scene import BallJoint, Box, Hinge, Sphere
from physics_data.engines import ENGINES
from tests.physics_data.engines.lab import BODY, G, about, body, on_floor, scripted

PIVOT = (0.0, 0.0, 3.0)
HINGE = Hinge(body="bob", anchor=PIVOT, axis=(0.0, 2.0, 0.0))
BALL = BallJoint(body="bob", anchor=PIVOT)
ROD = Box(half_extents=(0.5, 0.05, 0.05))


@pytest.fixture(params=list(ENGINES))
def engine(request):
    return ENGINES.get(request.param)()


def pendulum(amplitude, joint, *others, **rest):
    """A ball of 0.1 m radius on a massless rod of 1 m, 4 s long."""
    place = (math.sin(amplitude), 0.0, 3.0 - math.cos(amplitude))
    bob = body("bob", Sphere(radius=0.1), position=place)
    return on_floor(bob, *others, joints=(joint,), **{"num_frames": 65, **rest})


@pytest.mark.parametrize("joint", [HINGE, BALL], ids=["hinge", "ball"])
@pytest.mark.parametrize("amplitude", [0.3, 1.5, 2.5])
def test_period_and_energy_of_a_pendulum(engine, joint, amplitude):
    spec = pendulum(amplitude, joint)
    trajectory = engine.simulate(spec)
    moment = 1.0 + 0.4 * 0.1**2
    expected = 4.0 * math.sqrt(moment / G) * ellipk(math.sin(amplitude / 2) ** 2)
    angle = np.arctan2(trajectory.position[:, BODY, 0], 3.0 - trajectory.position[:, BODY, 2])
    velocity = trajectory.linear_velocity[:, BODY]
    rate = velocity[:, 0] * np.cos(angle) + velocity[:, 2] * np.sin(angle)
    passes = CubicHermiteSpline(np.array(spec.seconds), angle, rate).roots(extrapolate=False)
    assert 2.0 * np.diff(passes).mean() == pytest.approx(expected, rel=1e-4)
    np.testing.assert_allclose(trajectory.angular_velocity[:, BODY, 1], -rate, atol=3e-3)
    np.testing.assert_allclose(np.linalg.norm(trajectory.position[:, BODY] - PIVOT, axis=1), 1.0, atol=1e-4)
    energy = kinetic_energy(spec, trajectory) + potential_energy(spec, trajectory)
    assert np.ptp(energy) < 2e-4 * G * (1.0 - math.cos(amplitude))


def test_a_pendulum_that_starts_in_motion(engine):
    """From the bottom at v: it rises by v² / 2g (rolling energy of the ball included)."""
    speed = 2.0
    bob = body(
        "bob",
        Sphere(radius=0.1),
        position=(0.0, 0.0, 2.0),
        linear_velocity=(speed, 0, 0),
        angular_velocity=(0, -speed, 0),
    )
    trajectory = engine.simulate(on_floor(bob, joints=(HINGE,), num_frames=129, frame_rate=60.0))
    top = trajectory.position[:, BODY, 2].max() - 2.0
    assert top == pytest.approx(speed**2 * (1 + 0.4 * 0.01) / (2 * G), rel=2e-3)


def test_a_conical_pendulum_keeps_its_height(engine):
    """omega² = g / (L cos): a ball joint swings in any direction."""
    tilt = 0.6
    omega = math.sqrt(G / math.cos(tilt))
    bob = body(
        "bob",
        Sphere(radius=0.02),
        position=(math.sin(tilt), 0.0, 3.0 - math.cos(tilt)),
        linear_velocity=(0.0, omega * math.sin(tilt), 0.0),
        angular_velocity=(0.0, 0.0, omega),
    )
    trajectory = engine.simulate(on_floor(bob, joints=(BALL,), num_frames=33))
    np.testing.assert_allclose(trajectory.position[:, BODY, 2], 3.0 - math.cos(tilt), atol=2e-3)
    around = np.unwrap(np.arctan2(trajectory.position[:, BODY, 1], trajectory.position[:, BODY, 0]))
    assert around[-1] == pytest.approx(2.0 * omega, rel=2e-3)


def test_a_double_pendulum_keeps_its_energy_and_its_joint(engine):
    upper, lower = body("upper", ROD, position=(0.5, 0.0, 3.0)), body("lower", ROD, position=(1.5, 0.0, 3.0))
    axis = (0.0, 1.0, 0.0)
    joints = (
        Hinge(body="upper", anchor=PIVOT, axis=axis),
        Hinge(body="lower", parent="upper", anchor=(1.0, 0.0, 3.0), axis=axis),
    )
    spec = on_floor(upper, lower, joints=joints, num_frames=65)
    trajectory = engine.simulate(spec)
    potential = potential_energy(spec, trajectory)
    assert np.ptp(kinetic_energy(spec, trajectory) + potential) < 3e-4 * np.ptp(potential)
    tips = []
    for index, sign in ((1, 1.0), (2, -1.0)):
        w, _, y, _ = trajectory.orientation[:, index].T
        tips.append(trajectory.position[:, index] + 0.5 * sign * np.stack([1 - 2 * y * y, 0 * y, -2 * w * y], axis=1))
    np.testing.assert_allclose(tips[0], tips[1], atol=5e-4)
    assert len(trajectory.contacts) == 0, "what a joint holds together does not collide"


def test_a_free_pair_on_a_hinge_falls_as_one(engine):
    """Two rods in free fall, one spinning against the other: their common centre of mass falls freely."""
    left = body("left", ROD, position=(-0.5, 0.0, 9.0), mass=2.0)
    right = body(
        "right", ROD, position=(0.5, 0.0, 9.0), linear_velocity=(0.0, 0.0, -1.0), angular_velocity=(0.0, 2.0, 0.0)
    )
    joint = Hinge(body="right", parent="left", anchor=(0.0, 0.0, 9.0), axis=(0.0, 1.0, 0.0))
    spec = on_floor(left, right, joints=(joint,))
    trajectory = engine.simulate(spec)
    centre = (2.0 * trajectory.position[:, 1] + trajectory.position[:, 2]) / 3.0
    seconds = np.array(spec.seconds)
    expected = centre[0, 2] - seconds / 3.0 - 0.5 * G * seconds**2
    np.testing.assert_allclose(centre[:, 2], expected, atol=1e-3)
    energy = kinetic_energy(spec, trajectory) + potential_energy(spec, trajectory)
    np.testing.assert_allclose(energy, energy[0], rtol=1e-4)


def test_a_pendulum_hands_its_motion_to_a_block_of_its_mass(engine):
    """e = 1, smooth: the bob stops (but for its spin) and the block leaves with its speed."""
    block = body("block", Box(half_extents=(0.1, 0.1, 0.1)), position=(0.2005, 0.0, 2.0))
    shelf = body("shelf", Box(half_extents=(2.0, 0.5, 0.1)), is_static=True, position=(2.13, 0.0, 1.8), restitution=0.0)
    trajectory = engine.simulate(pendulum(-1.0, HINGE, block, shelf, num_frames=17))
    speed = math.sqrt(2 * G * (1 - math.cos(1.0)) / 1.004)
    effective = 1.004  # kg: the bob's moment about the pivot over the square of the arm
    expected = 2 * effective * speed / (1 + effective)
    assert trajectory.linear_velocity[-1, 2, 0] == pytest.approx(expected, rel=0.01)


def test_a_balanced_seesaw_stays_and_an_unbalanced_one_tips(engine):
    plank = body("plank", Box(half_extents=(1.0, 0.2, 0.05)), 0.5, 0.0, position=(0.0, 0.0, 1.0), mass=2.0)
    joint = Hinge(body="plank", anchor=(0.0, 0.0, 1.0), axis=(0.0, 1.0, 0.0))
    weights = [
        body(f"weight{i}", Box(half_extents=(0.1, 0.1, 0.1)), 0.5, 0.0, position=(x, 0.0, 1.15))
        for i, x in enumerate((-0.6, 0.6))
    ]
    level = engine.simulate(on_floor(plank, *weights, joints=(joint,)))
    assert np.abs(level.position - level.position[0]).max() < 5e-3
    heavier = weights[1].model_copy(update={"mass": 1.5})
    tips = engine.simulate(on_floor(plank, weights[0], heavier, joints=(joint,), num_frames=9))
    assert tips.position[-1, 3, 2] < 1.1 < 1.2 < tips.position[-1, 2, 2]


@pytest.mark.parametrize(
    ("start", "message"),
    [
        ({"linear_velocity": (1.0, 0.0, 0.0)}, r"'bob' starts with linear_velocity=\(1.0, 0.0, 0.0\) m/s.*\(0, 0, 0\)"),
        ({"angular_velocity": (1.0, 0.0, 0.0)}, r"hinge lets it turn about \(0.0, 2.0, 0.0\) only; write \(0, 0, 0\)"),
    ],
)
def test_a_start_that_the_joint_does_not_allow_is_refused(engine, start, message):
    bob = body("bob", Sphere(radius=0.1), position=(0.0, 0.0, 2.0), **start)
    with pytest.raises(EngineError, match=message):
        engine.simulate(on_floor(bob, joints=(HINGE,)))


def test_joints_that_make_no_trees_are_refused(engine):
    bodies = [body(name, Sphere(radius=0.1), position=(i, 0.0, 2.0)) for i, name in enumerate("abc")]
    arm = scripted(
        "arm", ROD, (0.0, (0.0, 0.0, 3.0), (1.0, 0.0, 0.0, 0.0)), (1.0, (0.0, 0.0, 4.0), about((0, 0, 1), 1.0))
    )

    def link(name, parent=None):
        return BallJoint(body=name, parent=parent, anchor=(0.0, 0.0, 3.0))

    for joints, message in (
        ((link("a"), link("a", "b")), "'a' is held by two joints"),
        ((link("a", "b"), link("b", "c"), link("c", "a")), "a to b to c to a: a circle"),
        ((link("floor", "a"),), "holds 'floor', which is static or scripted"),
        ((link("a", "arm"),), "holds 'a' to 'arm', which has a path"),
    ):
        with pytest.raises(EngineError, match=message):
            engine.supports(on_floor(*bodies, arm, joints=joints))


@pytest.mark.parametrize("struck", [1, 2, 3])
def test_newtons_cradle_returns_as_many_balls_as_come(engine, struck):
    """With gaps that a ball crosses in several steps, every impact is one of two balls, and both engines manage it."""
    radius, gap = 0.1, 0.004
    balls, joints = [], []
    for i in range(5):
        pivot = (i * (2 * radius + gap), 0.0, 3.0)
        angle = -0.5 if i < struck else 0.0
        place = (pivot[0] + math.sin(angle), 0.0, 3.0 - math.cos(angle))
        balls.append(body(f"ball{i}", Sphere(radius=radius), position=place))
        joints.append(BallJoint(body=f"ball{i}", anchor=pivot))
    # Half a period of the first ball after the start the last ones are at their highest.
    spec = on_floor(*balls, joints=tuple(joints), num_frames=17)
    trajectory = engine.simulate(spec)
    energy = body_kinetic_energy(spec, trajectory)[:, 1:]
    after = round(16 * (0.25 + 0.08) * 2.03)
    leaving = energy[after] > 0.05
    assert leaving.tolist() == [False] * (5 - struck) + [True] * struck
