import dataclasses
import math

import numpy as np
import pytest

from physics_data.core.clip import Rendering
from physics_data.core.scene import Body, Box, Camera, Cylinder, Plane, SceneSpec, Sphere
from physics_data.core.trajectory import Contacts, Trajectory
from physics_data.pipeline.events import events
from tests.conftest import GREY, RED

RATE = 16.0


def contacts(*rows) -> Contacts:
    """Build contacts from (frame, a, b, impulse[, seconds]); without a time they begin with the interval."""
    table = np.array([row if len(row) == 5 else (*row, (row[0] - 1) / RATE) for row in rows]).reshape(-1, 5)
    frame, a, b = table[:, :3].astype(np.int64).T
    up, zero = np.tile([0.0, 0.0, 1.0], (len(table), 1)), np.zeros(len(table))
    return Contacts(frame, a, b, np.zeros((len(table), 3)), up, table[:, 3], table[:, 4], zero, zero)


@pytest.fixture
def picture(falling_ball):
    """Return a function that makes a 1 × 2 pixel rendering: the screen in one pixel, the ball as told in the other."""

    def make(ball_visible, ball_inside=None) -> Rendering:
        frames = len(ball_visible)
        amodal = np.zeros((frames, 2, 1, 2), dtype=bool)
        amodal[:, 0, 0, 0] = True
        amodal[:, 1, 0, 1] = True if ball_inside is None else ball_inside
        ids = np.ones((frames, 1, 2), dtype=np.uint8)
        ids[:, 0, 1] = np.where(ball_visible, 2, 1)
        return Rendering(np.zeros((frames, 1, 2, 3), np.uint8), ids, np.ones((frames, 1, 2)), amodal)

    return make


def found(spec, trajectory, rendering, kind):
    return [event for event in events(spec, trajectory, rendering) if event.kind == kind]


def test_a_resting_contact_is_one_event(falling_ball, closed_form_fall, picture):
    first = int(closed_form_fall.contacts.frame_index[0])
    (event,) = found(falling_ball, closed_form_fall, picture([True] * 17), "contact")
    assert (event.frame_index, event.bodies, event.is_first) == (first, ("floor", "ball"), True)
    assert event.impulse == pytest.approx(2 * 9.81 / 16), "the first touch and the interval after it"
    assert event.seconds == pytest.approx((first - 1) / 16)


def test_each_touch_is_an_event_and_an_impact_across_a_frame_is_one(falling_ball, closed_form_fall, picture):
    bouncing = dataclasses.replace(closed_form_fall, contacts=contacts((4, 0, 2, 5.0), (9, 0, 2, 2.0), (10, 0, 2, 1.0)))
    listed = found(falling_ball, bouncing, picture([True] * 17), "contact")
    assert [(event.frame_index, event.impulse, event.is_first) for event in listed] == [(4, 5.0, True), (9, 3.0, False)]


def test_two_impacts_in_intervals_in_a_row_are_two(falling_ball, closed_form_fall, picture):
    """The second begins 40 ms into its interval: the ball was in the air at the frame between."""
    quick = dataclasses.replace(
        closed_form_fall, contacts=contacts((9, 0, 2, 2.0, 0.53), (10, 0, 2, 1.0, 9 / 16 + 0.04))
    )
    listed = found(falling_ball, quick, picture([True] * 17), "contact")
    assert [(event.frame_index, event.seconds) for event in listed] == [(9, 0.53), (10, pytest.approx(0.6025))]


def test_touching_from_the_start_is_no_event(falling_ball, closed_form_fall, picture):
    rows = contacts(*[(frame, 0, 2, 0.6) for frame in range(1, 17)])
    resting = dataclasses.replace(closed_form_fall, contacts=rows)
    assert found(falling_ball, resting, picture([True] * 17), "contact") == []
    resting.linear_velocity[0, 2, 2] = -2.0
    assert len(found(falling_ball, resting, picture([True] * 17), "contact")) == 1, "it came with 2 m/s"
    late = dataclasses.replace(resting, contacts=contacts((1, 0, 2, 0.6, 0.05)))
    late.linear_velocity[0] = 0.0
    assert len(found(falling_ball, late, picture([True] * 17), "contact")) == 1, "it touches after 50 ms"


def bounce(spec, restitution: float) -> Trajectory:
    """A ball of 0.3 m that falls from 2 m and bounces once, in closed form."""
    hit = math.sqrt(2 * 1.7 / 9.81)
    seconds = np.array(spec.seconds)
    after = np.maximum(seconds - hit, 0.0)
    up = restitution * 9.81 * hit
    position = np.tile(np.array([body.position for body in spec.bodies]), (17, 1, 1))
    flying = seconds < hit
    position[:, 2, 2] = np.where(flying, 2.0 - 0.5 * 9.81 * seconds**2, 0.3 + up * after - 0.5 * 9.81 * after**2)
    velocity = np.zeros_like(position)
    velocity[:, 2, 2] = np.where(flying, -9.81 * seconds, up - 9.81 * after)
    frame = int(np.argmax(~flying))
    touch = contacts((frame, 0, 2, 9.81 * hit * (1 + restitution), hit))
    touch = dataclasses.replace(touch, point=np.array([[0.0, 0.0, 0.0]]))
    orientation = np.tile(np.array([1.0, 0, 0, 0]), (17, 3, 1))
    return Trajectory(position, orientation, velocity, np.zeros_like(position), touch)


@pytest.mark.parametrize("restitution", [0.3, 0.8, 1.0])
def test_a_bounce_measures_its_restitution(falling_ball, picture, restitution):
    motion = bounce(falling_ball, restitution)
    (event,) = found(falling_ball, motion, picture([True] * 17), "bounce")
    assert event.restitution == pytest.approx(restitution, rel=1e-9)
    assert event.seconds == pytest.approx(math.sqrt(2 * 1.7 / 9.81))
    assert event.bodies == ("floor", "ball")


def test_what_cannot_be_measured_is_none(falling_ball, picture):
    motion = bounce(falling_ball, 0.8)
    motion.contacts.impulse[0] *= 1.3  # as of two impacts between the frames
    (event,) = found(falling_ball, motion, picture([True] * 17), "bounce")
    assert event.restitution is None
    off_centre = bounce(falling_ball, 0.8)
    off_centre.contacts.point[0] = (0.2, 0.0, 0.0)
    (event,) = found(falling_ball, off_centre, picture([True] * 17), "bounce")
    assert event.restitution is None


def test_a_dead_landing_is_no_bounce_and_ends_in_rest(falling_ball, closed_form_fall, picture):
    assert found(falling_ball, closed_form_fall, picture([True] * 17), "bounce") == []
    (rest,) = found(falling_ball, closed_form_fall, picture([True] * 17), "rest")
    landed = int(closed_form_fall.contacts.frame_index[0])
    assert rest.bodies == ("ball",)
    assert rest.frame_index == landed
    assert (landed - 1) / 16 < rest.seconds <= landed / 16


def test_hanging_in_the_air_at_the_top_is_no_rest(falling_ball, closed_form_fall, picture):
    thrown = dataclasses.replace(closed_form_fall, contacts=Contacts.none())
    assert found(falling_ball, thrown, picture([True] * 17), "rest") == []


def tilting(shape, angle_per_frame: float, speed: float = 0.0) -> tuple[SceneSpec, Trajectory]:
    """A body that stands on the floor and turns about y from frame 1 on."""
    spec = SceneSpec(
        scenario="test",
        root_seed=0,
        index=0,
        bodies=(
            Body(name="floor", shape=Plane(), is_static=True, role="ground", appearance=GREY),
            Body(name="post", noun="post", shape=shape, appearance=RED, position=(0.0, 0.0, 0.5)),
        ),
        camera=Camera(position=(0.0, -5.0, 1.0), target=(0.0, 0.0, 1.0)),
    )
    half = 0.5 * angle_per_frame * np.maximum(np.arange(17) - 1, 0)
    position = np.tile(np.array([body.position for body in spec.bodies]), (17, 1, 1))
    orientation = np.tile(np.array([1.0, 0, 0, 0]), (17, 2, 1))
    orientation[:, 1] = np.column_stack([np.cos(half), 0 * half, np.sin(half), 0 * half])
    linear = np.zeros_like(position)
    linear[:, 1, 0] = speed
    standing = contacts(*[(frame, 0, 1, 0.5) for frame in range(1, 17)])
    return spec, Trajectory(position, orientation, linear, np.zeros_like(position), standing)


def blank(spec) -> Rendering:
    count = len(spec.instances)
    amodal = np.ones((17, count, 1, count), dtype=bool)
    ids = np.tile(np.arange(1, count + 1, dtype=np.uint8), (17, 1, 1))
    return Rendering(np.zeros((17, 1, count, 3), np.uint8), ids, np.ones((17, 1, count)), amodal)


@pytest.mark.parametrize("shape", [Box(half_extents=(0.1, 0.1, 0.5)), Cylinder(radius=0.1, half_height=0.5)])
def test_a_post_topples_at_45_degrees(shape):
    spec, motion = tilting(shape, math.radians(10))
    (event,) = found(spec, motion, blank(spec), "topple")
    assert event.frame_index == 6, "50 degrees"
    assert event.seconds == pytest.approx(5.5 / 16), "45 degrees lies halfway between 40 and 50"


@pytest.mark.parametrize(
    ("shape", "angle", "speed"),
    [
        (Sphere(radius=0.5), 20, 0.0),
        (Box(half_extents=(0.1, 0.1, 0.5)), 2, 0.0),
        (Box(half_extents=(0.5,) * 3), 20, 1.0),
    ],
    ids=["a ball rolls", "it leans by 30 degrees", "it did not stand still"],
)
def test_what_does_not_topple(shape, angle, speed):
    spec, motion = tilting(shape, math.radians(angle), speed)
    assert found(spec, motion, blank(spec), "topple") == []


def test_hidden_and_revealed(falling_ball, closed_form_fall, picture):
    visible = [True] * 5 + [False] * 3 + [True] * 9
    listed = events(falling_ball, closed_form_fall, picture(visible))
    assert [(e.kind, e.frame_index, e.bodies) for e in listed if e.kind in ("hidden", "revealed")] == [
        ("hidden", 5, ("ball",)),
        ("revealed", 8, ("ball",)),
    ]


def test_hiding_is_timed_by_the_count_of_pixels(falling_ball, closed_form_fall):
    """Of 12 pixels 8 are left, then 4, then none: the edge moves 4 a frame, so the last goes at the frame itself."""
    counts = [12, 12, 8, 4, 0, 0, 6, 12, *[12] * 9]
    amodal = np.zeros((17, 2, 1, 24), dtype=bool)
    amodal[:, 0, 0, :12], amodal[:, 1, 0, 12:] = True, True
    ids = np.ones((17, 1, 24), dtype=np.uint8)
    for frame, count in enumerate(counts):
        ids[frame, 0, 12 : 12 + count] = 2
    rendering = Rendering(np.zeros((17, 1, 24, 3), np.uint8), ids, np.ones((17, 1, 24)), amodal)
    (hidden,) = found(falling_ball, closed_form_fall, rendering, "hidden")
    (revealed,) = found(falling_ball, closed_form_fall, rendering, "revealed")
    assert (hidden.frame_index, hidden.seconds) == (4, pytest.approx(4 / 16))
    assert (revealed.frame_index, revealed.seconds) == (6, pytest.approx(5 / 16))


def test_leaving_the_image_or_not_having_been_seen_is_not_hiding(falling_ball, closed_form_fall, picture):
    gone = [True] * 5 + [False] * 7 + [True] * 5
    rendering = picture(gone, ball_inside=gone)
    assert found(falling_ball, closed_form_fall, rendering, "hidden") == []
    assert [e.frame_index for e in found(falling_ball, closed_form_fall, rendering, "leaves_view")] == [5]
    assert [e.frame_index for e in found(falling_ball, closed_form_fall, rendering, "enters_view")] == [12]
    late = [False] * 5 + [True] * 12
    assert found(falling_ball, closed_form_fall, picture(late), "hidden") == []
    assert found(falling_ball, closed_form_fall, picture(late), "revealed") == []


def test_events_are_in_order_and_lie_in_their_interval(falling_ball, picture):
    listed = events(falling_ball, bounce(falling_ball, 0.8), picture([True] * 12 + [False] * 5))
    assert [event.kind for event in listed] == ["contact", "bounce", "hidden"]
    for event in listed:
        assert (event.frame_index - 1) / 16 <= event.seconds <= event.frame_index / 16
