"""What the scenarios of impacts, stacks and chains promise, against closed forms and on every engine."""

import math

import numpy as np
import pytest

from physics_data.core.conventions import clip_generator
from physics_data.core.mechanics import kinetic_energy, solid_inertia
from physics_data.core.scene import Appearance, Body, Box, SceneSpec
from physics_data.core.trajectory import Contacts, Trajectory
from physics_data.engines import ENGINES
from physics_data.scenarios import SCENARIOS
from physics_data.scenarios.shared.measures import (
    first_contact_seconds,
    impulse_on,
    tilt,
    velocities_after,
    way_while_untouched,
)
from physics_data.scenarios.shared.pendulums import pivot_seconds, seconds_at, support_margins
from physics_data.scenarios.shared.scenario import Scenario, SceneSettings, make_ball
from physics_data.scenarios.shared.staging import describe_group, from_above, members, triangle

SETTINGS = SceneSettings()
BLUE = Appearance(color_name="blue", albedo=(0.02, 0.12, 0.75))
TWO_WAYS = {
    "domino_chain": lambda truth: truth["topples"] == truth["dominoes"],
    "stack_topple": lambda truth: truth["stands"] == 1.0,
    "overhang_edge": lambda truth: truth["tips"] == 1.0,
    "ramp_to_target": lambda truth: truth["hits"] == 1.0,
    "bowling": lambda truth: truth["meets"] == 1.0,
}


def scenario(name: str) -> Scenario:
    return SCENARIOS.get(name)()


def draw(name: str, index: int, settings: SceneSettings = SETTINGS) -> SceneSpec:
    return scenario(name).sample(clip_generator(0, name, index), settings, 0, index)


@pytest.fixture(params=list(ENGINES))
def simulate(request):
    return ENGINES.get(request.param)().simulate


@pytest.mark.parametrize("name", TWO_WAYS)
def test_both_outcomes_are_drawn_equally_often(name):
    outcomes = [TWO_WAYS[name](scenario(name).ground_truth(draw(name, index))) for index in range(120)]
    assert 0.35 < np.mean(outcomes) < 0.65


def test_a_light_striker_comes_back_and_a_heavy_one_goes_on(simulate):
    name, seen = "collide_mass_ratio", set()
    for index in range(12):
        spec = draw(name, index, SETTINGS.model_copy(update={"ranges": "train"}))
        striker, target = spec.bodies[1:]
        if target.linear_velocity[0] != 0.0:
            continue
        after = simulate(spec).linear_velocity[-1, 1, 0] / striker.linear_velocity[0]
        # v1' / v1 = (m1 - e m2) / (m1 + m2)
        restitution, ratio = striker.surface.restitution, target.mass / striker.mass
        assert after == pytest.approx((1.0 - restitution * ratio) / (1.0 + ratio), abs=0.02)
        seen.add(after > 0.0)
    assert seen == {False, True}


def test_equal_balls_part_at_a_right_angle_where_nothing_is_lost(simulate):
    name, elastic = "collide_oblique", 0
    for index in range(6):
        spec = draw(name, index)
        after = simulate(spec).linear_velocity[-1, 1:]
        cosine = after[0] @ after[1] / np.linalg.norm(after[0]) / np.linalg.norm(after[1])
        angle = math.degrees(math.acos(cosine))
        assert angle == pytest.approx(scenario(name).ground_truth(spec)["angle_degrees"], abs=0.5)
        if spec.bodies[1].surface.restitution == 1.0:
            elastic += 1
            assert angle == pytest.approx(90.0, abs=0.5)
        else:
            assert angle < 90.0
    assert elastic


def test_a_break_moves_every_row_and_keeps_within_its_bounds(simulate):
    name = "billiards_break"
    spec = draw(name, 1)
    trajectory, truth = simulate(spec), scenario(name).ground_truth(spec)
    kinetic = kinetic_energy(spec, trajectory)
    assert kinetic[0] == pytest.approx(truth["kinetic_energy"], rel=0.5), "and the spin of a rolling ball"
    assert truth["least_kinetic_energy"] < kinetic[-1] < kinetic[0]
    moved = np.linalg.norm(trajectory.position[-1] - trajectory.position[0], axis=1)
    assert (moved[members(spec, "ball")] > 0.05).sum() >= 2
    assert moved[members(spec, "ball")[0]] > 0.01


def test_dominoes_topple_one_after_the_other_up_to_the_gap(simulate):
    name = "domino_chain"
    for index in range(2):
        spec = draw(name, index)
        trajectory, truth = simulate(spec), scenario(name).ground_truth(spec)
        row = members(spec, "domino")
        times = [seconds_at(tilt(trajectory, k), math.radians(30.0), 16.0) for k in row]
        fallen = int(truth["topples"])
        assert (np.diff(times[:fallen]) > 0.0).all()
        assert np.isnan(times[fallen:]).all()


def test_stacks_and_planks_do_as_their_centre_of_mass_says(simulate):
    for name in ("stack_topple", "overhang_edge"):
        for index in range(3):
            spec = draw(name, index)
            residuals = scenario(name).residuals(spec, simulate(spec))
            assert residuals["outcome_error"] == 0.0
            assert residuals["rest_error"] < 0.001


def test_a_body_falls_straight_down_when_its_support_has_gone(simulate):
    name = "support_removal"
    for index in range(3):
        spec = draw(name, index)
        trajectory, truth = simulate(spec), scenario(name).ground_truth(spec)
        landing = first_contact_seconds(trajectory, 1, [0])
        assert landing == pytest.approx(truth["landing_seconds"], abs=0.04)
        falling = (np.array(spec.seconds) > truth["fall_seconds"] + 0.05) & (np.array(spec.seconds) < landing)
        assert (np.diff(trajectory.linear_velocity[falling, 1, 2]) * 16.0) == pytest.approx(-9.81, rel=1e-6)


def test_the_box_that_is_hit_moves_away_from_the_ball(simulate):
    name = "tower_hit"
    for index in range(2):
        spec = draw(name, index)
        trajectory, truth = simulate(spec), scenario(name).ground_truth(spec)
        box = members(spec, "box")[int(truth["box"])]
        frame = math.ceil(truth["hit_seconds"] * 16.0)
        direction = np.array(spec.bodies[1].linear_velocity[:2]) / math.hypot(*spec.bodies[1].linear_velocity[:2])
        assert trajectory.linear_velocity[frame, box, :2] @ direction > 0.3


def test_pins_beside_the_way_of_the_ball_keep_standing(simulate):
    name, seen = "bowling", set()
    for index in range(4):
        spec = draw(name, index)
        trajectory, meets = simulate(spec), bool(scenario(name).ground_truth(spec)["meets"])
        leans = [tilt(trajectory, pin).max() for pin in members(spec, "pin")]
        assert (max(leans) > 0.5) == meets
        assert ("past" in scenario(name).caption(spec)) != meets
        seen.add(meets)
    assert seen == {False, True}


def test_the_predicted_ride_is_that_of_five_sevenths_of_g(simulate):
    name = "ramp_to_target"
    spec = draw(name, 0)
    trajectory, truth = simulate(spec), scenario(name).ground_truth(spec)
    frame = int(truth["end_seconds"] * 16.0)
    fallen = trajectory.position[0, 1, 2] - trajectory.position[frame, 1, 2]
    start = np.linalg.norm(spec.bodies[1].linear_velocity)
    speed = np.linalg.norm(trajectory.linear_velocity[frame, 1])
    assert speed**2 == pytest.approx(start**2 + 10.0 / 7.0 * 9.81 * fallen, rel=0.01)


def test_velocities_after_an_impact_of_one_and_three_kilograms():
    first = make_ball("first", 0.3, BLUE, 0.5, (0.0, 0.0, 0.3), (4.0, 0.0, 0.0))
    second = make_ball("second", 0.3, BLUE, 0.5, (1.0, 0.0, 0.3), density=3.0 / 0.3**3)
    v1, v2 = velocities_after(first, second, np.array([1.0, 0.0, 0.0]), 0.5)
    # J = 1.5 * 4 m/s * 0.75 kg = 4.5 N s
    np.testing.assert_allclose(v1, [-0.5, 0.0, 0.0], atol=1e-12)
    np.testing.assert_allclose(v2, [1.5, 0.0, 0.0], atol=1e-12)


def test_a_pivoting_rod_takes_the_time_of_an_inverted_pendulum():
    rod = Body(name="rod", shape=Box(half_extents=(0.001, 0.1, 0.5)), appearance=BLUE)
    # A thin rod of 1 m about its end: w'' = (3 g / 2 L) sin(angle), linear while the angle is small.
    growth, start, end = math.sqrt(1.5 * 9.81), 0.001, 0.05
    expected = math.acosh(end / start) / growth
    ahead, above = 0.5 * math.sin(start), 0.5 * math.cos(start)
    assert pivot_seconds(rod, ahead, above, end - start) == pytest.approx(expected, rel=2e-3)
    # Without gravity it turns at its first rate.
    assert pivot_seconds(rod, ahead, above, 0.3, rate=2.0, gravity=0.0) == pytest.approx(0.15)
    assert solid_inertia(rod)[1] == pytest.approx(1.0 / 12.0, rel=1e-3)


def test_margins_of_a_stack_of_three():
    places, half, mass = np.array([0.0, 0.1, 0.4]), np.array([0.3, 0.3, 0.2]), np.array([2.0, 1.0, 1.0])
    # Above joint 0: (0.1 + 0.4) / 4 = 0.125 in [-0.3, 0.3]; above 1: 0.25 in [-0.2, 0.3]; above 2: 0.4 = end of box 1.
    np.testing.assert_allclose(support_margins(places, half, mass), [0.175, 0.05, 0.0], atol=1e-12)


def test_the_time_of_a_level_lies_between_frames():
    assert seconds_at(np.array([0.0, 0.1, 0.5, 0.9]), 0.3, 10.0) == pytest.approx(0.15)
    assert math.isnan(seconds_at(np.array([0.0, 0.1]), 0.3, 10.0))
    assert seconds_at(np.array([0.4, 0.5]), 0.3, 10.0) == 0.0


def test_contacts_give_impulse_time_and_who_was_touched_first():
    names = ("floor", "pusher", "pushed")
    vector, scalar = np.array([[1.0, 0.0, 0.0], [1.0, 0.0, 0.0]]), np.array([2.0, 3.0])
    contacts = Contacts(
        np.array([2, 3]),
        np.array([1, 1]),
        np.array([2, 2]),
        0.0 * vector,
        vector,
        scalar,
        np.array([0.11, 0.15]),
        0.0 * scalar,
        0.0 * scalar,
    )
    position = np.zeros((4, len(names), 3))
    position[1:, 2, 0] = [0.01, 0.3, 0.9]
    turns = np.broadcast_to(np.array([1.0, 0.0, 0.0, 0.0]), (4, len(names), 4))
    trajectory = Trajectory(position, turns, 0.0 * position, 0.0 * position, contacts)
    np.testing.assert_allclose(impulse_on(trajectory, 2, [1], last_frame=2), [2.0, 0.0, 0.0])
    np.testing.assert_allclose(impulse_on(trajectory, 1, [2], last_frame=3), [-5.0, 0.0, 0.0])
    assert first_contact_seconds(trajectory, 2, [1]) == 0.11
    assert math.isnan(first_contact_seconds(trajectory, 2, [0]))
    assert way_while_untouched(trajectory, [2], [0]) == pytest.approx(0.01)
    assert way_while_untouched(trajectory, [2], [0, 1]) == pytest.approx(0.9)
    assert tilt(trajectory, 1).max() == 0.0


def test_groups_are_counted_and_placed():
    balls = [make_ball(f"ball_{k}", 0.2, BLUE, 0.5, (0.0, 0.0, 0.2)) for k in range(3)]
    assert describe_group(balls) == "three small blue balls"
    assert describe_group(balls[:1]) == "one small blue ball"
    assert describe_group([ball.model_copy(update={"noun": "domino"}) for ball in balls]) == "three small blue dominoes"
    spots = np.array(triangle(4, 0.5))
    apart = np.linalg.norm(spots[:, None] - spots[None], axis=-1) + np.eye(10)
    assert len(spots) == 10
    np.testing.assert_allclose(apart.min(axis=1), 0.5)


def test_the_camera_from_above_keeps_its_distance():
    raised = from_above(SETTINGS, 50.0)
    away = math.hypot(raised.camera_distance, raised.camera_height - raised.camera_target_height)
    assert away == pytest.approx(math.hypot(5.5, 0.35))
    assert raised.camera_height - raised.camera_target_height == pytest.approx(away * math.sin(math.radians(50.0)))
