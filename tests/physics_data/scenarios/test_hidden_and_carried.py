"""Scenarios in which bodies are guided, hidden or carried, against what each of them promises."""

import math

import numpy as np
import pytest

from physics_data.core.conventions import clip_generator
from physics_data.core.geometry import view_of, views_of
from physics_data.core.scene import Box, SceneSpec
from physics_data.core.trajectory import Trajectory
from physics_data.engines import ENGINES
from physics_data.scenarios import SCENARIOS
from physics_data.scenarios.guided_falls import exit_bin
from physics_data.scenarios.moving_surfaces import DISC_RADIUS, _expected
from physics_data.scenarios.shared.measures import crossing, first_contact_seconds
from physics_data.scenarios.shared.parts import cover, open_box, room
from physics_data.scenarios.shared.scenario import SceneSettings, ball_radius

SETTINGS = SceneSettings()
CROWDED_HELD_OUT = SceneSettings(ranges="held_out", distractors=(2, 3))
NAMES = (
    "funnel",
    "plinko",
    "containment",
    "carry",
    "rotating_screen",
    "tunnel",
    "look_away",
    "conveyor",
    "turntable",
    "occluder_multi",
)


def draw(name: str, index: int, settings: SceneSettings = SETTINGS) -> SceneSpec:
    return SCENARIOS.get(name)().sample(clip_generator(0, name, index), settings, 0, index)


@pytest.fixture(params=list(ENGINES))
def run(request):
    engine = ENGINES.get(request.param)()

    def simulate(name: str, indices=range(4), settings: SceneSettings = SETTINGS) -> list[tuple[SceneSpec, Trajectory]]:
        return [(spec, engine.simulate(spec)) for spec in (draw(name, index, settings) for index in indices)]

    return simulate


@pytest.mark.parametrize("name", NAMES)
def test_held_out_scenes_with_bystanders_keep_the_law(run, name):
    scenario = SCENARIOS.get(name)()
    for spec, trajectory in run(name, range(2), CROWDED_HELD_OUT):
        residuals = scenario.residuals(spec, trajectory)
        assert residuals.keys() == scenario.tolerances.keys()
        for law, value in residuals.items():
            assert value <= scenario.tolerances[law], law


@pytest.mark.parametrize(
    ("name", "outcome"),
    [
        ("containment", lambda spec, truth: "covered_seconds" in truth),
        ("rotating_screen", lambda spec, truth: truth["is_stopped"] == 1.0),
        ("tunnel", lambda spec, truth: spec.bodies[2].linear_velocity != spec.bodies[3].linear_velocity),
        ("look_away", lambda spec, truth: truth["velocity"] != 0.0),
        ("conveyor", lambda spec, truth: truth["as_fast_after_seconds"] < spec.seconds[-1]),
        ("turntable", lambda spec, truth: truth["load"] > 1.0),
        ("carry", lambda spec, truth: truth["lift"] > 0.0),
        ("funnel", lambda spec, truth: truth["first_side"] > 0.0),
    ],
)
def test_both_outcomes_are_drawn_equally_often(name, outcome):
    scenario = SCENARIOS.get(name)()
    specs = [draw(name, index) for index in range(400, 550)]
    share = np.mean([outcome(spec, scenario.ground_truth(spec)) for spec in specs])
    assert 0.5 - 3 * 0.5 / math.sqrt(150) < share < 0.5 + 3 * 0.5 / math.sqrt(150)


def test_a_funnel_is_hit_on_the_drawn_side_first_and_left_through_its_mouth(run):
    for spec, trajectory in run("funnel"):
        truth = SCENARIOS.get("funnel")().ground_truth(spec)
        first, other = (2, 3) if truth["first_side"] < 0 else (3, 2)
        seconds = first_contact_seconds(trajectory, 1, (first,))
        later = first_contact_seconds(trajectory, 1, (other,))
        assert math.isnan(later) or later > seconds
        _, leaving = crossing(spec, trajectory, 1, 1.0)
        assert seconds < leaving < first_contact_seconds(trajectory, 1, (0,)), "plank, mouth, floor"


def test_plinko_balls_end_in_many_bins_and_hit_the_upper_pegs_first():
    engine = ENGINES.get("mujoco")()
    bins = []
    for index in range(40):
        spec = draw("plinko", index)
        trajectory = engine.simulate(spec)
        bins.append(exit_bin(spec, trajectory))
        upper = first_contact_seconds(trajectory, 1, range(2, 5))
        lower = first_contact_seconds(trajectory, 1, range(5, 9))
        assert math.isnan(lower) or upper < lower
    assert {0, 1, 2, 3, 4} <= set(bins)
    assert bins.count(None) <= 4, "nearly all are seen to get there"
    assert max(bins.count(number) for number in range(5)) < 24


def test_a_ball_in_a_box_stays_and_a_covered_one_is_enclosed_and_unmoved(run):
    kinds = set()
    for spec, trajectory in run("containment", range(8)):
        ball, container = spec.bodies[1], spec.bodies[2]
        low, high = room(container)
        local = trajectory.position[:, 1] - trajectory.position[:, 2]
        seconds, radius = np.array(spec.seconds), ball_radius(ball)
        kinds.add(container.is_scripted)
        if container.is_scripted:
            during = (seconds >= container.path[1].seconds) & (seconds <= container.path[2].seconds)
            assert during.sum() >= 3
            assert (local[during] - radius > low - 0.02).all() and (local[during] + radius < high).all()
            np.testing.assert_allclose(trajectory.position[:, 1], np.tile(ball.position, (17, 1)), atol=1e-3)
        else:
            assert (local[-1, :2] - radius > low[:2] - 1e-3).all() and (local[-1, :2] + radius < high[:2] + 1e-3).all()
            assert low[2] + radius - 1e-3 < local[-1, 2] < high[2], "it is in the box at the end"
    assert kinds == {True, False}


def test_containers_enclose_the_asked_room_and_stand_where_asked():
    for make, bottom in ((open_box, 0.08), (cover, 0.01)):
        body = make((0.3, 0.25, 0.6), "container", (0.5, 0.1, bottom))
        low, high = room(body) + np.array(body.position)
        np.testing.assert_allclose(low, (0.2, -0.15, bottom), atol=1e-12)
        np.testing.assert_allclose(high, (0.8, 0.35, bottom + 0.6), atol=1e-12)


def test_a_carried_ball_goes_where_its_box_goes(run):
    for spec, trajectory in run("carry"):
        truth = SCENARIOS.get("carry")().ground_truth(spec)
        way = trajectory.position[-1, 1, 0] - trajectory.position[0, 1, 0]
        assert abs(truth["way"]) > 1.2
        assert way == pytest.approx(truth["way"], abs=truth["play"] + 0.003)
        highest = trajectory.position[:, 1, 2].max() - trajectory.position[0, 1, 2]
        assert highest == pytest.approx(truth["lift"], abs=0.02)


def test_a_screen_stops_at_the_edge_of_the_box_behind_it():
    scenario = SCENARIOS.get("rotating_screen")()
    for index in range(30):
        spec = draw("rotating_screen", index)
        truth, (screen, box) = scenario.ground_truth(spec), spec.bodies[1:3]
        hinge = np.array(spec.joints[0].anchor)
        assert isinstance(screen.shape, Box) and isinstance(box.shape, Box)
        corner = np.array([0.0, -box.shape.half_extents[1], box.shape.half_extents[2]])
        edge = np.array(box.position) + corner - hinge
        if truth["is_stopped"]:
            # The plate's lower face holds the edge: its normal distance from the hinge line is half a thickness.
            normal = np.array([0.0, math.sin(truth["stop_angle"]), math.cos(truth["stop_angle"])])
            assert abs(edge @ normal) == pytest.approx(0.04, abs=1e-9)
            assert np.linalg.norm(edge[1:]) < 2 * screen.shape.half_extents[1]
            assert math.pi / 2 < truth["stop_angle"] < math.pi
        else:
            assert edge[1] > 2 * screen.shape.half_extents[1] + 0.1, "it falls flat in front of the box"


def test_balls_meet_in_the_tunnel_out_of_sight_and_all_leave_in_their_order(run):
    for spec, trajectory in run("tunnel", range(8)):
        balls = [index for index, body in enumerate(spec.bodies) if body.name.startswith("ball_")]
        half = spec.bodies[1].shape.parts[0].shape.half_extents[0]
        between = np.isin(trajectory.contacts.body_a, balls) & np.isin(trajectory.contacts.body_b, balls)
        is_meeting = len({spec.bodies[index].linear_velocity for index in balls}) > 1
        assert between.any() == is_meeting
        assert (np.abs(trajectory.contacts.point[between, 0]) < half).all()
        x, radius = trajectory.position[:, balls, 0], ball_radius(spec.bodies[2])
        assert (np.abs(x[[0, -1]]) > half + radius).all(), "all outside at the start and the end"
        assert (np.sign(x[0]) == -np.sign(x[-1])).all()
        assert (np.abs(x[[0, -1]]) < 1.9).all(), "and in the picture"
        wholly_inside = (np.abs(x) < half - radius).all(axis=1)
        assert (np.sign(np.diff(x[-1])) == np.sign(np.diff(x[0]))).all()
        assert wholly_inside.any() or len(balls) == 3


def test_the_ball_is_out_of_view_in_the_middle_and_in_view_before_and_after(run):
    for spec, trajectory in run("look_away"):
        inside = []
        for frame, view in enumerate(views_of(spec)):
            x, y, depth = view.project(trajectory.position[frame, 1])
            inside.append(bool(depth > 0 and 0 < x < spec.width and 0 < y < spec.height))
        assert inside[0] and inside[-1] and not inside[8]
        away = np.flatnonzero(~np.array(inside))
        assert (np.diff(away) == 1).all(), "it looks away once"
        truth = SCENARIOS.get("look_away")().ground_truth(spec)
        assert trajectory.position[-1, 1, 0] == pytest.approx(truth["final_position"], abs=1e-4)


def test_a_belt_brings_a_box_to_its_speed_or_not_yet(run):
    for spec, trajectory in run("conveyor"):
        truth = SCENARIOS.get("conveyor")().ground_truth(spec)
        end = min(truth["acceleration"] * spec.seconds[-1], truth["belt_speed"])
        assert abs(trajectory.linear_velocity[-1, 1, 0]) == pytest.approx(end, rel=0.03)
        assert np.abs(trajectory.position[:, 1, 0]).max() < 1.5, "it stays on the belt and in the picture"


def test_a_box_on_a_disc_stays_or_slips_as_its_load_says(run):
    for spec, trajectory in run("turntable"):
        load = SCENARIOS.get("turntable")().ground_truth(spec)["load"]
        place = np.hypot(*trajectory.position[:, 1, :2].T)
        assert (place[-1] > 1.15 * place[0]) if load > 1 else (abs(place[-1] / place[0] - 1) < 0.03)
        assert place[0] < DISC_RADIUS


def test_without_friction_the_predicted_slip_is_a_straight_line():
    spec = next(
        s for s in (draw("turntable", i) for i in range(20)) if "slips" in SCENARIOS.get(s.scenario)().caption(s)
    )
    smooth = spec.bodies[1].model_copy(update={"surface": spec.bodies[1].surface.model_copy(update={"friction": 1e-9})})
    spec = spec.model_copy(update={"bodies": (spec.bodies[0], smooth, *spec.bodies[2:])})
    seconds = np.array(spec.seconds)[:, None]
    line = np.array(smooth.position[:2]) + seconds * np.array(smooth.linear_velocity[:2])
    np.testing.assert_allclose(_expected(spec), line, atol=1e-6)


def test_a_ball_is_seen_before_between_and_after_its_screens():
    kinds = set()
    for index in range(30):
        spec = draw("occluder_multi", index)
        ball, screens = spec.bodies[1], [body for body in spec.bodies if body.name.startswith("screen_")]
        truth, radius = SCENARIOS.get("occluder_multi")().ground_truth(spec), ball_radius(ball)
        view = view_of(spec.camera, 640, 640)
        shadows = []
        for screen in screens:
            edge = np.array(screen.position)
            half = np.array([screen.shape.half_extents[0], 0.0, 0.0])
            shadows.append([view.project(edge - half)[0], view.project(edge + half)[0]])
        middle = view.project(np.array(ball.position) + np.outer(spec.seconds, ball.linear_velocity))
        wide = radius * view.focal / middle[0, 2]
        hidden = np.array([(middle[:, 0] - wide >= low) & (middle[:, 0] + wide <= high) for low, high in shadows])
        touched = np.array([(middle[:, 0] + wide > low) & (middle[:, 0] - wide < high) for low, high in shadows])
        assert hidden.any(axis=1).all(), "each screen hides all of it in some frame"
        assert not touched[:, 0].any() and not touched[:, -1].any(), "it is in full view at both ends"
        caption = SCENARIOS.get("occluder_multi")().caption(spec)
        kinds.add(caption.split("behind ")[1])
        assert ("slit" in caption) == (truth["gap"] < 2 * radius)
    assert kinds == {"two grey screens", "three grey screens", "a grey screen with a slit"}
