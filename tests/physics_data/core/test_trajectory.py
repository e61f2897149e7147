import dataclasses

import numpy as np
import pytest

from physics_data.core.errors import DataError
from physics_data.core.trajectory import Trajectory


def test_arrays_round_trip(closed_form_fall):
    again = Trajectory.from_arrays(closed_form_fall.to_arrays())
    for name, array in closed_form_fall.to_arrays().items():
        np.testing.assert_array_equal(again.to_arrays()[name], array)


def test_airborne_ends_one_frame_before_the_first_contact(closed_form_fall):
    first_contact = closed_form_fall.contacts.frame_index.min()
    airborne = closed_form_fall.airborne()
    assert airborne[: first_contact - 1, 2].all()
    assert not airborne[first_contact - 1 :, 2].any()
    assert airborne[:, 1].all()


def test_without_drops_the_body_and_its_contacts(closed_form_fall):
    no_screen = closed_form_fall.without(1)
    assert no_screen.position.shape[1] == 2
    assert set(no_screen.contacts.body_b) == {1}
    assert len(closed_form_fall.without(2).contacts) == 0


def test_a_trajectory_of_another_scene_is_refused(falling_ball, closed_form_fall):
    closed_form_fall.check_fits(falling_ball)
    with pytest.raises(DataError, match=r"\(17, 2\).*needs \(17, 3\)"):
        closed_form_fall.without(1).check_fits(falling_ball)
    broken = dataclasses.replace(closed_form_fall, position=np.full_like(closed_form_fall.position, np.nan))
    with pytest.raises(DataError, match="position of the trajectory holds values that are not finite"):
        broken.check_fits(falling_ball)
