import numpy as np
import pytest

from physics_data.core.errors import EngineError
from physics_data.engines.recorder import Touch, TrajectoryRecorder
from tests.physics_data.engines.lab import body, on_floor

SPEC = on_floor(body("a"), body("b", position=(2.0, 0.0, 2.0)), num_frames=3)  # 60 steps a frame
UP = (0.0, 0.0, 1.0)


def finished(*steps):
    recorder = TrajectoryRecorder(SPEC)
    recorder.position[:], recorder.orientation[:] = 1.0, 0.5
    for step_index, touches in steps:
        recorder.add_touches(step_index, touches)
    return recorder.finish("test").contacts


def test_points_of_one_interval_are_merged_by_impulse():
    contacts = finished(
        (0, [Touch(0, 1, (1.0, 0.0, 0.0), UP, 1.0), Touch(0, 1, (4.0, 0.0, 0.0), UP, 2.0)]),
        (59, [Touch(0, 1, (0.0, 3.0, 0.0), UP, 3.0)]),
    )
    assert contacts.frame_index.tolist() == [1]
    assert contacts.impulse.tolist() == [6.0]
    np.testing.assert_allclose(contacts.point, [[1.5, 1.5, 0.0]])
    np.testing.assert_allclose(contacts.normal, [UP])


def test_steps_fall_into_the_interval_before_their_frame_and_the_extra_step_is_dropped():
    touch = [Touch(0, 1, UP, UP, 1.0)]
    assert finished((59, touch), (60, touch), (119, touch), (120, touch)).frame_index.tolist() == [1, 2]


def test_pairs_are_ordered_and_their_normal_turned_with_them():
    contacts = finished(
        (3, [Touch(2, 1, UP, UP, 1.0), Touch(2, 0, UP, UP, 1.0), Touch(1, 0, UP, (1.0, 0.0, 0.0), 1.0)])
    )
    assert list(zip(contacts.body_a.tolist(), contacts.body_b.tolist(), strict=True)) == [(0, 1), (0, 2), (1, 2)]
    np.testing.assert_allclose(contacts.normal, [(-1.0, 0.0, 0.0), (0.0, 0.0, -1.0), (0.0, 0.0, -1.0)])


def test_a_touch_without_push_is_no_contact():
    assert len(finished((3, [Touch(0, 1, UP, UP, 0.0)]))) == 0


def test_values_that_are_not_finite_are_refused():
    recorder = TrajectoryRecorder(SPEC)
    recorder.position[:], recorder.orientation[:] = np.nan, 0.0
    with pytest.raises(EngineError, match=r"'test' ended with values that are not finite.*raise physics_rate=960 Hz"):
        recorder.finish("test")
