"""What engines are known to get wrong, with the right values: spin, stacks, rest, fast bodies, many parts.

Each case was reported for an engine in public; the address stands at each.
"""

import math

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from physics_data.core.errors import EngineError
from physics_data.core.mechanics import (
    body_angular_momentum,
    body_kinetic_energy,
    kinetic_energy,
    potential_energy,
)
from physics_data.core.scene import Box, Capsule, Compound, Cylinder, Part, SceneSpec, Shape, Sphere
from physics_data.core.trajectory import Trajectory
from physics_data.engines import ENGINES
from physics_data.engines.stepping import finer
from tests.physics_data.engines.lab import about, body, on_floor, scripted

LYING = about((1.0, 0.0, 0.0), 0.5 * math.pi)
WEIGHTLESS = (0.0, 0.0, 0.0)


@pytest.fixture(params=list(ENGINES))
def engine(request) -> str:
    return request.param


def run(engine: str, spec: SceneSpec) -> Trajectory:
    return ENGINES.get(engine)().simulate(spec)


def solid(name: str, shape: Shape, position, friction: float = 0.5, restitution: float = 0.0, **rest):
    return body(name, shape, friction, restitution, position=position, **rest)


def cube(half: float = 0.1) -> Box:
    return Box(half_extents=(half, half, half))


@pytest.mark.parametrize(
    ("shape", "spin", "turn"),
    [
        # google-deepmind/mujoco/issues/3553, bulletphysics/bullet3/pull/346
        (Cylinder(radius=0.01047, half_height=0.065), (6.0, 0.0, 60.0), (1.0, 0.0, 0.0, 0.0)),
        (Cylinder(radius=0.3, half_height=0.02), (4.0, 0.0, 30.0), LYING),
        (Box(half_extents=(0.3, 0.1, 0.02)), (1.0, 20.0, 0.5), about((0.0, 0.6, 0.8), 0.7)),
        (Capsule(radius=0.05, half_height=0.3), (12.0, 3.0, 40.0), about((0.0, 1.0, 0.0), 0.4)),
    ],
)
def test_a_body_that_spins_freely_keeps_angular_momentum_and_energy(engine, shape, spin, turn):
    thrown = solid("stick", shape, (0.0, 0.0, 50.0), orientation=turn, angular_velocity=spin)
    spec = on_floor(thrown, num_frames=25, frame_rate=12.0, gravity=WEIGHTLESS)
    trajectory = run(engine, spec)
    momentum, energy = body_angular_momentum(spec, trajectory)[:, 1], body_kinetic_energy(spec, trajectory)[:, 1]
    assert np.linalg.norm(momentum - momentum[0], axis=1).max() < 2e-3 * np.linalg.norm(momentum[0])
    assert np.abs(energy / energy[0] - 1.0).max() < 1e-3


def test_parts_of_a_compound_beyond_the_sixteenth_carry_what_stands_on_them(engine):
    """bulletphysics/bullet3/issues/2185: PyBullet drops them without a word."""
    tiles = tuple(Part(shape=Box(half_extents=(0.25, 0.25, 0.05)), position=(0.5 * i, 0.0, 0.0)) for i in range(40))
    table = body("table", Compound(parts=tiles), 0.5, 0.0, is_static=True, position=(0.0, 0.0, 1.0))
    balls = [solid(f"b{i}", Sphere(radius=0.1), (0.5 * i, 0.0, 1.2)) for i in (0, 15, 16, 31, 32, 39)]
    spec = on_floor(table, *balls, num_frames=17)
    trajectory = run(engine, spec)
    np.testing.assert_allclose(trajectory.position[-1, 2:, 2], 1.15, atol=1e-3)
    assert set(trajectory.contacts.body_a.tolist()) == {1}


def test_a_body_that_moves_with_more_parts_than_pybullet_keeps_is_refused():
    from physics_data.engines.bullet_bodies import MOST_PARTS  # here, since it needs PyBullet

    parts = tuple(Part(shape=cube(0.05), position=(0.1 * i - 0.8, 0.0, 0.0)) for i in range(MOST_PARTS + 1))
    spec = on_floor(body("snake", Compound(parts=parts), position=(0.0, 0.0, 1.0)), num_frames=3)
    with pytest.raises(EngineError, match=r"keeps 16 parts of a body that moves, 'snake' has 17.*'mujoco'"):
        ENGINES.get("bullet")().supports(spec)
    assert run("mujoco", spec).num_frames == 3


def test_a_stack_and_a_heavy_box_on_a_light_one_stay_where_they_are(engine):
    """dartsim/dart/issues/867, google-deepmind/mujoco_warp/issues/814."""
    stack = [solid(f"b{i}", cube(), (0.0, 0.0, 0.1 + 0.2 * i), 0.6) for i in range(10)]
    end = run(engine, on_floor(*stack, friction=0.6, restitution=0.0, num_frames=17)).position[-1, 1:]
    assert np.abs(end[:, :2]).max() < 1e-3
    assert end[-1, 2] == pytest.approx(1.9, abs=1e-3)
    pair = [solid("light", cube(), (0.0, 0.0, 0.1), 0.6), solid("heavy", cube(), (0.0, 0.0, 0.3), 0.6, mass=100.0)]
    end = run(engine, on_floor(*pair, friction=0.6, restitution=0.0, num_frames=33)).position[-1, 1:]
    np.testing.assert_allclose(end, [(0.0, 0.0, 0.1), (0.0, 0.0, 0.3)], atol=1e-3)


def test_masses_too_far_apart_are_refused_by_bullet_alone():
    pair = [solid("light", cube(), (0.0, 0.0, 0.1)), solid("heavy", cube(), (0.0, 0.0, 0.3), mass=1000.0)]
    spec = on_floor(*pair, friction=0.6, restitution=0.0, num_frames=33)
    with pytest.raises(EngineError, match=r"'heavy' has 1000 kg and 'light' 1 kg.*100.*make 'light' 10 kg or more"):
        run("bullet", spec)
    np.testing.assert_allclose(run("mujoco", spec).position[-1, 1:, 2], (0.1, 0.3), atol=1e-3)


@pytest.mark.parametrize("speed", [50.0, 100.0, 150.0, 200.0])
def test_a_fast_ball_is_stopped_by_a_thin_wall(engine, speed):
    """google-deepmind/mujoco/issues/441."""
    wall = body("wall", Box(half_extents=(0.01, 1.0, 1.0)), 0.5, 0.0, is_static=True, position=(2.0, 0.0, 3.0))
    ball = solid("ball", Sphere(radius=0.05), (0.0, 0.0, 3.0), linear_velocity=(speed, 0.0, 0.0))
    spec = on_floor(wall, ball, num_frames=13, frame_rate=24.0, gravity=WEIGHTLESS)
    assert run(engine, spec).position[-1, 2, 0] == pytest.approx(1.94, abs=0.04)


def test_what_no_step_is_fine_enough_for_is_refused(engine):
    wall = body("sheet", Box(half_extents=(0.0005, 1.0, 1.0)), 0.5, 0.0, is_static=True, position=(2.0, 0.0, 3.0))
    ball = solid("shot", Sphere(radius=0.005), (0.0, 0.0, 3.0), linear_velocity=(900.0, 0.0, 0.0))
    spec = on_floor(wall, ball, num_frames=3)
    with pytest.raises(EngineError, match=r"at most 32 steps.*'shot' at up to 900 m/s towards 'sheet'.*physics_rate"):
        ENGINES.get(engine)().supports(spec)


def test_a_ball_that_loses_nothing_never_rises_above_its_start(engine):
    """bulletphysics/bullet3/issues/1530."""
    for height in (1.0, 10.0):
        ball = body("ball", Sphere(radius=0.2), 0.0, 1.0, position=(0.0, 0.0, height))
        top = run(engine, on_floor(ball, num_frames=361, frame_rate=24.0)).position[-120:, 1, 2].max()
        assert 0.99 * height < top <= height + 1e-9


@pytest.mark.parametrize("place", [(0.0, 0.2), (0.1, 0.33)])
@pytest.mark.parametrize(("radius", "half"), [(0.06, 0.06), (0.1, 0.03), (0.05, 0.12)])
def test_a_cylinder_dropped_upright_stays_where_it_lands(engine, place, radius, half):
    """google-deepmind/mujoco/issues/420."""
    table = body("table", Box(half_extents=(0.3, 0.6, 0.3)), 0.5, 0.0, is_static=True)
    dropped = solid("cylinder", Cylinder(radius=radius, half_height=half), (*place, 0.45 + half))
    end = run(engine, on_floor(table, dropped, num_frames=17)).position[-1, 2]
    np.testing.assert_allclose(end, (*place, 0.3 + half), atol=1e-3)


def test_a_peg_on_a_smaller_cube_and_a_box_on_a_slope_stay_at_rest(engine):
    """google-deepmind/mujoco/issues/2356, /issues/3328."""
    stand = body("cube", cube(0.025), 0.5, 0.0, is_static=True, position=(0.0, 0.0, 0.025))
    peg = solid("peg", Box(half_extents=(0.048, 0.01, 0.01)), (0.0, 0.0, 0.06))
    rest = run(engine, on_floor(stand, peg, num_frames=33))
    assert np.abs(rest.angular_velocity[-16:, 2]).max() < 1e-3
    turn = Rotation.from_euler("y", 15.0, degrees=True)
    up, tilt = turn.apply((0.0, 0.0, 1.0)), tuple(turn.as_quat(scalar_first=True).tolist())
    ramp = body(
        "ramp",
        Box(half_extents=(2.0, 1.0, 0.1)),
        0.5,
        0.0,
        is_static=True,
        position=tuple((-0.1 * up + (0.0, 0.0, 2.0)).tolist()),
        orientation=tilt,
    )
    box = solid("box", cube(), tuple((0.1 * up + (0.0, 0.0, 2.0)).tolist()), orientation=tilt)
    spec = on_floor(ramp, box, num_frames=49)
    creep = np.linalg.norm(np.diff(run(engine, spec).position[[16, 48], 2], axis=0)) / 2.0
    assert creep < 1e-6, "less than a micrometre a second"


def test_a_box_on_a_turntable_keeps_its_radius(engine):
    """godotengine/godot/issues/16450: ω² r = 2 m/s² < μ g = 4.9 m/s²."""
    keys = [(0.25 * k, (0.0, 0.0, 0.05), about((0.0, 0.0, 1.0), 0.5 * k)) for k in range(18)]
    disc = scripted("disc", Cylinder(radius=1.5, half_height=0.05), *keys)
    rider = solid(
        "box", cube(0.05), (0.5, 0.0, 0.15), linear_velocity=(0.0, 1.0, 0.0), angular_velocity=(0.0, 0.0, 2.0)
    )
    end = run(engine, on_floor(disc, rider, num_frames=65)).position[-1, 2]
    assert math.hypot(*end[:2]) == pytest.approx(0.5, abs=2e-5)


def test_two_boxes_on_a_turntable_keep_their_radii(engine):
    keys = [(0.25 * k, (0.0, 0.0, 0.05), about((0.0, 0.0, 1.0), 0.5 * k)) for k in range(6)]
    disc = scripted("disc", Cylinder(radius=1.5, half_height=0.05), *keys)
    spin = {"angular_velocity": (0.0, 0.0, 2.0)}
    first = solid("first", cube(0.05), (0.5, 0.0, 0.15), linear_velocity=(0.0, 1.0, 0.0), **spin)
    second = solid("second", cube(0.05), (0.0, -0.4, 0.15), linear_velocity=(0.8, 0.0, 0.0), **spin)
    ends = run(engine, on_floor(disc, first, second, num_frames=17)).position[-1, 2:]
    np.testing.assert_allclose(np.linalg.norm(ends[:, :2], axis=1), (0.5, 0.4), atol=2e-3)


@pytest.mark.parametrize("rate", [480.0, 960.0])
@pytest.mark.parametrize("shape", [Cylinder(radius=0.3, half_height=0.3), Capsule(radius=0.2, half_height=0.3)])
def test_what_rolls_on_a_level_floor_keeps_its_speed(engine, shape, rate):
    roller = solid(
        "roller",
        shape,
        (0.0, 0.0, shape.radius),
        0.6,
        orientation=LYING,
        linear_velocity=(1.0, 0.0, 0.0),
        angular_velocity=(0.0, 1.0 / shape.radius, 0.0),
    )
    spec = on_floor(roller, friction=0.6, restitution=0.0, num_frames=33, physics_rate=rate)
    np.testing.assert_allclose(run(engine, spec).linear_velocity[:, 1, 0], 1.0, atol=1e-4)


def test_ordinary_scenes_take_the_steps_that_they_ask_for():
    spec = on_floor(body("ball", position=(0.0, 0.0, 3.0)), num_frames=33)
    assert finer(spec, "any") == 1
    assert finer(spec.model_copy(update={"physics_rate": 480.0}), "any", min_rate=960.0) == 2


def test_a_speck_that_mujoco_cannot_hold_is_refused_in_a_sentence():
    speck = solid("speck", Sphere(radius=1e-4), (0.0, 0.0, 1e-4), mass=4e-9)
    with pytest.raises(EngineError, match="mjMINVAL.*'speck'.*heavier"):
        run("mujoco", on_floor(speck, num_frames=2))


@pytest.mark.parametrize(
    "shape",
    [
        Capsule(radius=0.06, half_height=0.15),
        Cylinder(radius=0.1, half_height=0.01),
        Box(half_extents=(0.2, 0.2, 0.02)),
        Box(half_extents=(0.02, 0.02, 0.3)),
    ],
)
@pytest.mark.parametrize("turn", [(35.0, 20.0), (10.0, 5.0), (60.0, 0.0)])
def test_rough_blows_beside_the_middle_make_no_energy(shape, turn):
    """Newton's law of restitution with friction would: by 86 % for the coin (Kane & Levinson's paradox)."""
    tilted = tuple(Rotation.from_euler("xy", turn, degrees=True).as_quat(scalar_first=True).tolist())
    spec = on_floor(
        solid("body", shape, (0.0, 0.0, 1.3), 0.4, 1.0, orientation=tilted),
        friction=0.4,
        num_frames=73,
        frame_rate=24.0,
    )
    trajectory = run("mujoco", spec)
    energy = kinetic_energy(spec, trajectory) + potential_energy(spec, trajectory)
    assert energy.max() < 1.02 * energy[0]


@pytest.mark.parametrize("restitution", [0.0, 0.5])
@pytest.mark.parametrize("speed", [50.0, 100.0, 200.0, 400.0])
def test_a_fast_ball_does_not_sink_into_thick_ground(engine, speed, restitution):
    """It was pushed out again at up to 7 m/s."""
    ball = solid("ball", Sphere(radius=0.05), (0.0, 0.0, 2.0), 0.5, restitution, linear_velocity=(0.0, 0.0, -speed))
    trajectory = run(engine, on_floor(ball, restitution=restitution, num_frames=7, frame_rate=24.0))
    assert np.abs(trajectory.linear_velocity[1, 1, 2] - restitution * speed) < 0.01 * speed + 0.5


@pytest.mark.parametrize(
    "shape",
    [
        Cylinder(radius=0.1, half_height=0.1),
        Cylinder(radius=0.3, half_height=0.2),
        Capsule(radius=0.06, half_height=0.15),
        Compound(parts=(Part(shape=Cylinder(radius=0.1, half_height=0.1)),)),
    ],
)
def test_a_cylinder_on_its_side_stays_at_rest(engine, shape):
    """Bullet's rolled off by itself, 15 cm in 20 s."""
    radius = getattr(shape, "radius", 0.1)
    spec = on_floor(
        solid("log", shape, (0.0, 0.0, radius), orientation=LYING), friction=0.5, num_frames=241, frame_rate=24.0
    )
    trajectory = run(engine, spec)
    assert np.linalg.norm(trajectory.position[-1, 1] - trajectory.position[24, 1]) < 5e-4
