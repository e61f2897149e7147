import numpy as np
import pytest

from physics_data.core.scene import Body, Box, Camera, Compound, Part, SceneSpec, Sphere
from physics_data.core.trajectory import Contacts, Trajectory
from physics_data.labels.boxes import contained, containers
from tests.conftest import GREY, RED


def plate(half_extents, position) -> Part:
    return Part(shape=Box(half_extents=half_extents), position=position)


CUP = Compound(
    parts=(
        plate((0.5, 0.5, 0.05), (0.0, 0.0, -0.5)),
        plate((0.05, 0.5, 0.5), (0.5, 0.0, 0.0)),
        plate((0.05, 0.5, 0.5), (-0.5, 0.0, 0.0)),
        plate((0.5, 0.05, 0.5), (0.0, 0.5, 0.0)),
        plate((0.5, 0.05, 0.5), (0.0, -0.5, 0.0)),
    )
)
TABLE = Compound(
    parts=(
        plate((0.5, 0.5, 0.05), (0.0, 0.0, 0.5)),
        *(plate((0.05, 0.05, 0.5), (x, y, 0.0)) for x in (-0.45, 0.45) for y in (-0.45, 0.45)),
    )
)


def is_inside(shape, place, turn=(1.0, 0.0, 0.0, 0.0)) -> bool:
    spec = SceneSpec(
        scenario="test",
        root_seed=0,
        index=0,
        num_frames=1,
        bodies=(
            Body(name="holder", shape=shape, appearance=GREY, position=(2.0, 0.0, 1.0), orientation=turn),
            Body(name="ball", shape=Sphere(radius=0.1), appearance=RED),
        ),
        camera=Camera(position=(0.0, -5.0, 1.0), target=(0.0, 0.0, 1.0)),
    )
    position = np.array([[(2.0, 0.0, 1.0), np.add((2.0, 0.0, 1.0), place)]])
    still = np.zeros_like(position)
    orientation = np.array([[turn, (1.0, 0.0, 0.0, 0.0)]])
    motion = Trajectory(position, orientation, still, still, Contacts.none())
    assert containers(spec) == [0]
    inside = contained(spec, motion, 0)
    assert not inside[0, 0], "nothing is inside itself"
    return bool(inside[0, 1])


HALF_TURN = (0.0, 1.0, 0.0, 0.0)  # upside down
ON_ITS_SIDE = (np.sqrt(0.5), np.sqrt(0.5), 0.0, 0.0)


@pytest.mark.parametrize("turn", [(1.0, 0.0, 0.0, 0.0), HALF_TURN, ON_ITS_SIDE])
def test_a_cup_holds_what_is_in_it_however_it_lies(turn):
    assert is_inside(CUP, (0.0, 0.0, 0.0), turn)
    assert not is_inside(CUP, (0.0, 0.0, 1.0), turn)
    assert not is_inside(CUP, (0.9, 0.0, 0.0), turn)


def test_a_ball_above_the_rim_is_not_inside():
    assert is_inside(CUP, (0.0, 0.0, 0.45))
    assert not is_inside(CUP, (0.0, 0.0, 0.55))


def test_a_table_holds_nothing_under_it():
    assert not is_inside(TABLE, (0.0, 0.0, 0.0))
