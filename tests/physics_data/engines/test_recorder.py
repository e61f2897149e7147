import numpy as np
import pytest

from physics_data.core.errors import EngineError
from physics_data.core.scene import Box, Compound, Part, PoseKey, Sphere
from physics_data.engines import ENGINES
from physics_data.engines.recorder import Touches, TrajectoryRecorder, merged_contacts
from tests.physics_data.engines.lab import body, on_floor

SPEC = on_floor(body("a"), body("b", position=(2.0, 0.0, 2.0)), num_frames=3)  # 60 steps a frame
UP = (0.0, 0.0, 1.0)


def touch(step_index, a, b, point=UP, normal=UP, impulse=1.0, slip=0.0, depth=0.0):
    return step_index, a, b, point, normal, impulse, slip, depth


def touches(*rows):
    columns = list(zip(*rows, strict=True))
    whole, real = [np.array(column, dtype=np.int64) for column in columns[:3]], [np.array(c) for c in columns[3:]]
    return Touches(*whole, *(column.astype(np.float64) for column in real))


def merged(*rows):
    return merged_contacts(SPEC, touches(*rows))


def test_points_of_one_interval_are_merged_by_impulse():
    contacts = merged(
        touch(0, 0, 1, (1.0, 0.0, 0.0), impulse=1.0, slip=0.3, depth=0.01),
        touch(0, 0, 1, (4.0, 0.0, 0.0), impulse=2.0, slip=0.5),
        touch(59, 0, 1, (0.0, 3.0, 0.0), impulse=3.0, slip=0.1),
    )
    assert contacts.frame_index.tolist() == [1]
    assert contacts.impulse.tolist() == [6.0]
    assert (contacts.slip.tolist(), contacts.depth.tolist()) == ([0.5], [0.01]), "the largest of each"
    np.testing.assert_allclose(contacts.point, [[1.5, 1.5, 0.0]])
    np.testing.assert_allclose(contacts.normal, [UP])


def test_steps_fall_into_the_interval_before_their_frame_and_the_extra_step_is_dropped():
    contacts = merged(*(touch(step, 0, 1) for step in (59, 60, 119, 120)))
    assert contacts.frame_index.tolist() == [1, 2]
    np.testing.assert_allclose(contacts.seconds, [59 / 960, 60 / 960])


def test_pairs_are_ordered_and_their_normal_turned_with_them():
    contacts = merged(touch(3, 2, 1), touch(3, 2, 0), touch(3, 1, 0, normal=(1.0, 0.0, 0.0)))
    assert list(zip(contacts.body_a.tolist(), contacts.body_b.tolist(), strict=True)) == [(0, 1), (0, 2), (1, 2)]
    np.testing.assert_allclose(contacts.normal, [(-1.0, 0.0, 0.0), (0.0, 0.0, -1.0), (0.0, 0.0, -1.0)])


def test_a_touch_without_push_is_no_contact():
    assert len(merged(touch(3, 0, 1, impulse=0.0))) == 0


def test_pushes_in_two_directions_are_two_contacts_that_keep_their_sum():
    """A ball in a corner: one row would say the sum of both sizes, and a point inside the ball."""
    across, up = (-0.8, 0.0, 0.6), UP
    contacts = merged(
        touch(0, 0, 1, (0.0, 0.0, 0.0), up, impulse=2.0),
        touch(1, 0, 1, (0.5, 0.0, 0.4), across, impulse=1.0),
        touch(2, 0, 1, (0.0, 0.0, 0.0), up, impulse=2.0),
        touch(60, 0, 1, (0.5, 0.0, 0.4), across, impulse=1.0),
    )
    assert contacts.frame_index.tolist() == [1, 1, 2]
    np.testing.assert_allclose(contacts.impulse, [4.0, 1.0, 1.0])
    np.testing.assert_allclose(contacts.point, [(0.0, 0.0, 0.0), (0.5, 0.0, 0.4), (0.5, 0.0, 0.4)])
    np.testing.assert_allclose((contacts.impulse[:2, None] * contacts.normal[:2]).sum(axis=0), (-0.8, 0.0, 4.6))
    np.testing.assert_allclose(contacts.seconds[:2], [0.0, 1 / 960])


def test_a_push_that_turns_slowly_is_one_contact_of_the_length_of_its_sum():
    turned = [(np.sin(angle), 0.0, np.cos(angle)) for angle in (0.0, 0.1, 0.2)]
    contacts = merged(*(touch(step, 0, 1, normal=normal) for step, normal in enumerate(turned)))
    assert len(contacts) == 1
    np.testing.assert_allclose(contacts.impulse * contacts.normal[0], np.sum(turned, axis=0))


def test_a_contact_of_a_compound_lies_where_it_touches():
    feet = tuple(Part(shape=Sphere(radius=0.1), position=(x, 0.0, 0.0)) for x in (-0.5, 0.5))
    spec = on_floor(body("a", shape=Compound(parts=feet)), num_frames=3)
    rows = touches(touch(0, 0, 1, (-0.5, 0.0, 0.0), impulse=1.0), touch(0, 0, 1, (0.5, 0.0, 0.0), impulse=1.5))
    np.testing.assert_allclose(merged_contacts(spec, rows).point, [(0.5, 0.0, 0.0)])


def test_two_bodies_that_nothing_can_push_have_no_contacts():
    """A scripted disc on the floor, in both engines: PyBullet's floor slab once pushed it with 46 N s."""
    disc = body(
        "disc",
        shape=Box(half_extents=(0.5, 0.5, 0.1)),
        position=(0.0, 0.0, 0.099),
        path=(PoseKey(seconds=0.0, position=(0.0, 0.0, 0.099)), PoseKey(seconds=1.0, position=(0.3, 0.0, 0.099))),
    )
    spec = on_floor(disc, body("box", shape=Box(half_extents=(0.1, 0.1, 0.1)), position=(0.0, 0.0, 0.299)))
    for name in ENGINES:
        contacts = ENGINES.get(name)().simulate(spec).contacts
        assert set(zip(contacts.body_a.tolist(), contacts.body_b.tolist(), strict=True)) == {(1, 2)}, name


def test_values_that_are_not_finite_are_refused():
    recorder = TrajectoryRecorder(SPEC)
    recorder.position[:] = np.nan
    with pytest.raises(EngineError, match=r"'test' ended with values that are not finite.*raise physics_rate=960 Hz"):
        recorder.finish("test", touches(touch(0, 0, 1)))
