import numpy as np
import pytest

from physics_data.core.errors import EngineError
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


def test_values_that_are_not_finite_are_refused():
    recorder = TrajectoryRecorder(SPEC)
    recorder.position[:] = np.nan
    with pytest.raises(EngineError, match=r"'test' ended with values that are not finite.*raise physics_rate=960 Hz"):
        recorder.finish("test", touches(touch(0, 0, 1)))
