"""Every engine of the table against closed forms. One engine step at 960 Hz is 1.04 ms."""

import math
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from physics_data.core.conventions import clip_generator
from physics_data.core.mechanics import kinetic_energy, momentum
from physics_data.core.scene import Box, Cylinder, Sphere
from physics_data.engines import ENGINES
from physics_data.engines.engine import Engine
from physics_data.scenarios import SCENARIOS
from physics_data.scenarios.shared.scenario import SceneSettings
from tests.physics_data.engines.lab import BODY, FLOOR, RADIUS, G, body, digest, head_on, on_floor

STEP = 1.0 / 960.0


@pytest.fixture(params=list(ENGINES))
def engine(request) -> Engine:
    return ENGINES.get(request.param)()


def test_it_has_the_name_of_its_line_and_a_version(engine):
    assert type(engine) is ENGINES.get(engine.name)
    assert engine.version()[0].isdigit()


@pytest.mark.parametrize("velocity", [(0.0, 0.0, 0.0), (2.3, -0.4, 3.9)])
def test_free_flight_is_the_closed_form_to_rounding(engine, velocity):
    # The time scheme is exact for constant acceleration; 960 additions leave a rounding error near 1e-13.
    spec = on_floor(body(position=(-1.2, 0.0, 9.0), linear_velocity=velocity))
    trajectory = engine.simulate(spec)
    seconds = np.array(spec.seconds)[:, None]
    gravity = np.array([0.0, 0.0, -G])
    start, v = np.array(spec.bodies[BODY].position), np.array(velocity)
    np.testing.assert_allclose(
        trajectory.position[:, BODY], start + v * seconds + 0.5 * gravity * seconds**2, atol=1e-11
    )
    np.testing.assert_allclose(trajectory.linear_velocity[:, BODY], v + gravity * seconds, atol=1e-11)
    assert len(trajectory.contacts) == 0
    assert trajectory.airborne()[:, BODY].all()


def test_range_and_apex_of_a_throw(engine):
    vx, vz, height = 2.0, 4.0, 1.0
    spec = on_floor(body(position=(-1.5, 0.0, height), linear_velocity=(vx, 0.0, vz)), frame_rate=96.0, num_frames=97)
    trajectory = engine.simulate(spec)
    apex = trajectory.position[:, BODY, 2].max()
    # The highest of frames 1/96 s apart misses the apex by at most g (1/192 s)² / 2.
    assert height + vz**2 / (2 * G) - apex <= G / 2 / 192**2 + 1e-9
    assert apex <= height + vz**2 / (2 * G) + 1e-9
    landing = (vz + math.sqrt(vz**2 + 2 * G * (height - RADIUS))) / G
    contact = trajectory.contacts
    # The point of contact is found in the first step that overlaps, at most one step late.
    assert vx * landing - 1e-9 <= contact.point[0, 0] + 1.5 <= vx * (landing + STEP) + 1e-9
    assert contact.frame_index[0] == math.ceil(landing * 96)
    np.testing.assert_allclose(contact.normal[0], (0.0, 0.0, 1.0), atol=1e-12)
    assert (contact.body_a[0], contact.body_b[0]) == (FLOOR, BODY)


def test_a_free_spin_stays(engine):
    spec = on_floor(body(position=(0.0, 0.0, 9.0), angular_velocity=(0.0, 3.0, 0.0)))
    trajectory = engine.simulate(spec)
    np.testing.assert_allclose(trajectory.angular_velocity[:, BODY], [[0.0, 3.0, 0.0]] * 17, atol=1e-9)
    angle = 3.0 * np.array(spec.seconds) / 2
    expected = np.stack([np.cos(angle), 0 * angle, np.sin(angle), 0 * angle], axis=1)
    alignment = np.abs((trajectory.orientation[:, BODY] * expected).sum(axis=1))
    np.testing.assert_allclose(alignment, 1.0, atol=1e-6)


@pytest.mark.parametrize(
    ("shape", "spin", "energy"),
    [
        (Sphere(radius=0.3), (2.0, 0.0, 0.0), 0.5 * 4 * 0.4 * 0.09),
        (Box(half_extents=(0.1, 0.2, 0.3)), (2.0, 0.0, 0.0), 0.5 * 4 * (0.04 + 0.09) / 3),
        (Cylinder(radius=0.2, half_height=0.3), (0.0, 0.0, 2.0), 0.5 * 4 * 0.5 * 0.04),
        (Cylinder(radius=0.2, half_height=0.3), (0.0, 2.0, 0.0), 0.5 * 4 * (0.04 / 4 + 0.09 / 3)),
    ],
)
def test_a_push_at_the_rim_spins_each_shape_by_its_own_inertia(engine, shape, spin, energy):
    """A spin about a principal axis stays, and its energy is the textbook's for a homogeneous solid."""
    spec = on_floor(body(shape=shape, position=(0.0, 0.0, 9.0), angular_velocity=spin), gravity=(0.0, 0.0, 0.0))
    trajectory = engine.simulate(spec)
    np.testing.assert_allclose(trajectory.angular_velocity[:, BODY], [spin] * 17, atol=1e-6)
    np.testing.assert_allclose(kinetic_energy(spec, trajectory), energy, rtol=1e-6)


def test_torque_of_friction_uses_the_right_inertia(engine):
    # A cylinder lying along y that slides ends up rolling at v = v0 / (1 + I / m r²) = 2/3 v0; a ball at 5/7 v0.
    lying = (math.sqrt(0.5), math.sqrt(0.5), 0.0, 0.0)
    for shape, orientation, share in (
        (Sphere(radius=0.3), (1.0, 0.0, 0.0, 0.0), 5 / 7),
        (Cylinder(radius=0.3, half_height=0.3), lying, 2 / 3),
    ):
        slider = body(
            shape=shape,
            friction=0.4,
            restitution=0.0,
            position=(0.0, 0.0, 0.3),
            orientation=orientation,
            linear_velocity=(2.0, 0.0, 0.0),
        )
        trajectory = engine.simulate(on_floor(slider, friction=0.4))
        # Bullet's rounded cylinder edge and the engines' finite impedance leave 1 %.
        assert trajectory.linear_velocity[-1, BODY, 0] == pytest.approx(share * 2.0, rel=0.01)


@pytest.mark.parametrize("friction", [0.15, 0.3])
def test_a_sliding_box_decelerates_by_friction_times_gravity(engine, friction):
    box = Box(half_extents=(0.3, 0.3, 0.1))
    slider = body(
        shape=box, friction=friction, restitution=0.0, position=(0.0, 0.0, 0.1), linear_velocity=(2.6, 0.0, 0.0)
    )
    trajectory = engine.simulate(on_floor(slider, friction=friction))
    speed = trajectory.linear_velocity[:, BODY, 0]
    assert (speed[2] - speed[10]) / 0.5 == pytest.approx(friction * G, rel=0.005)
    assert np.abs(trajectory.position[:, BODY, 2] - 0.1).max() < 1e-3, "it neither hops nor sinks"


def test_uniform_motion_on_a_smooth_floor(engine):
    # A ball that starts in touch settles by a few micrometres in its first steps.
    spec = on_floor(body(position=(-1.5, 0.0, RADIUS), linear_velocity=(3.0, 0.0, 0.0), restitution=0.5))
    trajectory = engine.simulate(spec)
    expected = np.array([[-1.5 + 3.0 * second, 0.0, RADIUS] for second in spec.seconds])
    np.testing.assert_allclose(trajectory.position[:, BODY], expected, atol=2e-5)
    weight = spec.bodies[BODY].mass * G / spec.frame_rate
    np.testing.assert_allclose(trajectory.contacts.impulse[1:], weight, rtol=1e-3)
    np.testing.assert_array_equal(trajectory.contacts.frame_index, np.arange(1, 17))


@pytest.mark.parametrize("masses", [(1.0, 1.0), (1.0, 2.5), (3.0, 0.7)])
@pytest.mark.parametrize("restitution", [1.0, 0.8])
def test_head_on_impacts_follow_the_textbook(engine, masses, restitution):
    m1, m2 = masses
    for v1, v2 in ((2.4, 0.0), (1.5, -1.0)):
        impulse = (1 + restitution) * (v1 - v2) * m1 * m2 / (m1 + m2)
        expected = [v1 - impulse / m1, v2 + impulse / m2]
        # The balls meet up to one step late on the floor's solver noise; 0.5 % of the closing speed.
        np.testing.assert_allclose(head_on(engine, restitution, (v1, v2), masses), expected, atol=0.005 * (v1 - v2))


def test_equal_masses_exchange_their_velocities(engine):
    np.testing.assert_allclose(head_on(engine, 1.0, (2.0, -1.0), (1.0, 1.0)), [-1.0, 2.0], atol=0.015)


SMOOTH = ("free_drop", "projectile", "collide", "occluder_pass")
"""Scenarios without friction, joints and scripts, whose contacts' normal impulses are all that acts on a body."""


@pytest.mark.parametrize("scenario", SMOOTH)
def test_impulses_account_for_every_change_of_momentum(engine, scenario):
    """Newton's second and third law: the change of momentum is gravity's plus that of the contacts, with both signs."""
    spec = SCENARIOS.get(scenario)().sample(clip_generator(3, scenario, 0), SceneSettings(), 3, 0)
    trajectory = engine.simulate(spec)
    contacts = trajectory.contacts
    for index, moving in enumerate(spec.bodies):
        if moving.is_static:
            continue
        pushes = contacts.normal * contacts.impulse[:, None]
        received = pushes[contacts.body_b == index].sum(axis=0) - pushes[contacts.body_a == index].sum(axis=0)
        velocity = trajectory.linear_velocity[:, index]
        change = moving.mass * (velocity[-1] - velocity[0])
        expected = moving.mass * np.array(spec.gravity) * spec.seconds[-1] + received
        # Velocities of touching bodies are those half a step earlier: up to m g dt of momentum at each end.
        np.testing.assert_allclose(change, expected, atol=moving.mass * G * STEP)


def test_momentum_of_two_balls_is_kept_to_rounding(engine):
    spec = SCENARIOS.get("collide")().sample(clip_generator(0, "collide", 1), SceneSettings(), 0, 1)
    along = momentum(spec, engine.simulate(spec))[:, 0]
    np.testing.assert_allclose(along, along[0], atol=1e-9)


def test_contacts_are_sorted_merged_and_pushes(engine):
    spec = SCENARIOS.get("collide")().sample(clip_generator(0, "collide", 2), SceneSettings(), 0, 2)
    contacts = engine.simulate(spec).contacts
    keys = list(zip(contacts.frame_index, contacts.body_a, contacts.body_b, strict=True))
    assert keys == sorted(set(keys))
    assert (contacts.body_a < contacts.body_b).all()
    assert (contacts.impulse > 0).all()
    assert contacts.frame_index.min() >= 1
    assert contacts.frame_index.max() < spec.num_frames
    np.testing.assert_allclose(np.linalg.norm(contacts.normal, axis=1), 1.0, atol=1e-12)


def test_static_bodies_stay_where_they_are(engine, falling_ball):
    trajectory = engine.simulate(falling_ball)
    trajectory.check_fits(falling_ball)
    for index, placed in enumerate(falling_ball.bodies):
        if placed.is_static:
            np.testing.assert_array_equal(trajectory.position[:, index], [placed.position] * 17)
            np.testing.assert_array_equal(trajectory.linear_velocity[:, index], 0.0)


def test_a_body_turned_at_the_start_keeps_its_frame(engine):
    turned = (math.cos(0.3), 0.0, 0.0, math.sin(0.3))
    spec = on_floor(
        body(
            shape=Box(half_extents=(0.1, 0.2, 0.3)),
            position=(0.0, 0.0, 9.0),
            orientation=turned,
            angular_velocity=(0.0, 0.0, 1.0),
        )
    )
    trajectory = engine.simulate(spec)
    np.testing.assert_allclose(np.abs(trajectory.orientation[0, BODY] @ turned), 1.0, atol=1e-12)
    angle = 0.3 + 0.5 * spec.seconds[-1]
    np.testing.assert_allclose(
        np.abs(trajectory.orientation[-1, BODY] @ (math.cos(angle), 0.0, 0.0, math.sin(angle))), 1.0, atol=1e-6
    )
    np.testing.assert_allclose(trajectory.angular_velocity[-1, BODY], (0.0, 0.0, 1.0), atol=1e-9)


def test_one_frame_is_the_initial_state(engine):
    spec = on_floor(body(position=(0.1, 0.2, 2.0), linear_velocity=(1.0, 2.0, 3.0)), num_frames=1)
    trajectory = engine.simulate(spec)
    np.testing.assert_allclose(trajectory.position[0, BODY], (0.1, 0.2, 2.0), atol=1e-15)
    np.testing.assert_allclose(trajectory.linear_velocity[0, BODY], (1.0, 2.0, 3.0), atol=1e-12)
    assert len(trajectory.contacts) == 0


_DIGESTS = """
import sys
from tests.physics_data.engines.test_engine_contract import scene_digests
print("\\n".join(scene_digests(sys.argv[1], reverse=True)))
"""


def scene_digests(name: str, reverse: bool = False) -> list[str]:
    """Return the checksums of one scene per scenario, simulated in the given order."""
    names = [s for s in sorted(SCENARIOS, reverse=reverse) if name in SCENARIOS.get(s)().engines]
    settings = SceneSettings(num_frames=9)
    specs = {s: SCENARIOS.get(s)().sample(clip_generator(1, s, 5), settings, 1, 5) for s in names}
    digests = {s: digest(ENGINES.get(name)().simulate(spec)) for s, spec in specs.items()}
    return [digests[s] for s in sorted(digests)]


def test_equal_scenes_give_equal_bytes_in_any_order_and_process(engine):
    here = scene_digests(engine.name)
    assert here == scene_digests(engine.name)
    done = subprocess.run(
        [sys.executable, "-c", _DIGESTS, engine.name], capture_output=True, text=True, check=True, cwd=_repository()
    )
    assert done.stdout.split()[-len(here) :] == here


def _repository() -> str:
    return str(Path(__file__).parents[3])


@pytest.mark.parametrize("scenario", SMOOTH)
def test_all_engines_agree(scenario):
    """Before the first impact between moving bodies or with the floor, to rounding; afterwards within one late step.

    An impact at speed u found one step late displaces a body by (1 + e) u dt: 14 mm at 7 m/s, a quarter of a pixel.
    """
    rng = clip_generator(2, scenario, 0)
    for index in range(3):
        spec = SCENARIOS.get(scenario)().sample(rng, SceneSettings(), 2, index)
        runs = [ENGINES.get(name)().simulate(spec) for name in ENGINES]
        for other in runs[1:]:
            away = np.abs(runs[0].position - other.position).max(axis=(1, 2))
            first = min(
                (int(run.contacts.frame_index.min()) for run in runs if len(run.contacts)), default=spec.num_frames
            )
            assert away[:first].max() < 1e-11
            assert away.max() < 0.015
            np.testing.assert_array_equal(
                np.unique(runs[0].contacts.frame_index), np.unique(other.contacts.frame_index)
            )
