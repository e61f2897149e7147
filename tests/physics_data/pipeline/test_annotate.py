import dataclasses

import numpy as np
import pytest

from physics_data.core.clip import Rendering
from physics_data.core.trajectory import Contacts
from physics_data.pipeline.annotate import events


def contacts(*rows) -> Contacts:
    """Build contacts from (frame, a, b, impulse)."""
    table = np.array(rows, dtype=np.float64).reshape(-1, 4)
    frame, a, b = table[:, :3].astype(np.int64).T
    up, zero = np.tile([0.0, 0.0, 1.0], (len(table), 1)), np.zeros(len(table))
    return Contacts(frame, a, b, np.zeros((len(table), 3)), up, table[:, 3], zero, zero, zero)


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
    assert (event.frame_index, event.bodies) == (first, ("floor", "ball"))
    assert event.impulse == pytest.approx(2 * 9.81 / 16), "the first touch and the interval after it"


def test_each_bounce_is_an_event_and_an_impact_across_a_frame_is_one(falling_ball, closed_form_fall, picture):
    bouncing = dataclasses.replace(closed_form_fall, contacts=contacts((4, 0, 2, 5.0), (9, 0, 2, 2.0), (10, 0, 2, 1.0)))
    listed = found(falling_ball, bouncing, picture([True] * 17), "contact")
    assert [(event.frame_index, event.impulse) for event in listed] == [(4, 5.0), (9, 3.0)]


def test_touching_from_the_start_is_no_event(falling_ball, closed_form_fall, picture):
    rows = contacts(*[(frame, 0, 2, 0.6) for frame in range(1, 17)])
    resting = dataclasses.replace(closed_form_fall, contacts=rows)
    assert len(found(falling_ball, resting, picture([True] * 17), "contact")) == 1, "it starts 1.7 m above the floor"
    resting.position[:, 2, 2] = 0.3
    assert found(falling_ball, resting, picture([True] * 17), "contact") == []


def test_hidden_and_revealed(falling_ball, closed_form_fall, picture):
    visible = [True] * 5 + [False] * 3 + [True] * 9
    listed = events(falling_ball, closed_form_fall, picture(visible))
    assert [(e.kind, e.frame_index, e.bodies) for e in listed if e.kind != "contact"] == [
        ("hidden", 5, ("ball",)),
        ("revealed", 8, ("ball",)),
    ]


def test_leaving_the_image_or_not_having_been_seen_is_not_hiding(falling_ball, closed_form_fall, picture):
    gone = [True] * 5 + [False] * 12
    assert found(falling_ball, closed_form_fall, picture(gone, ball_inside=gone), "hidden") == []
    late = [False] * 5 + [True] * 12
    assert found(falling_ball, closed_form_fall, picture(late), "hidden") == []
    assert found(falling_ball, closed_form_fall, picture(late), "revealed") == []


def test_events_are_in_order(falling_ball, closed_form_fall, picture):
    listed = events(falling_ball, closed_form_fall, picture([True] * 12 + [False] * 5))
    assert [event.frame_index for event in listed] == sorted(event.frame_index for event in listed)
