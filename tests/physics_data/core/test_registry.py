import pytest

from physics_data.core.conventions import clip_generator
from physics_data.core.errors import Registry, UnknownNameError

SHAPES: Registry[object] = Registry("shape", {"sphere": "physics_data.core.scene:Sphere", "box": "no.such.module:Box"})


def test_members_are_imported_only_when_asked_for():
    assert list(SHAPES) == ["box", "sphere"]
    assert SHAPES.check("box") == "box"
    assert SHAPES.get("sphere").__name__ == "Sphere"
    with pytest.raises(UnknownNameError, match="unknown shape 'spere': known are box, sphere. Did you mean 'sphere'"):
        SHAPES.get("spere")


def test_the_former_name_of_a_member_is_answered_with_the_present_one():
    shapes: Registry[object] = Registry("shape", {"sphere": "physics_data.core.scene:Sphere"}, {"ball": "sphere"})
    with pytest.raises(UnknownNameError, match="the shape 'ball' was renamed; write 'sphere'"):
        shapes.get("ball")


def test_generators_depend_on_seed_scenario_and_index_alone():
    draw = lambda *key: clip_generator(*key).random(4).tolist()  # noqa: E731
    assert draw(0, "free_drop", 1) == draw(0, "free_drop", 1)
    others = [draw(1, "free_drop", 1), draw(0, "collide", 1), draw(0, "free_drop", 2)]
    assert all(other != draw(0, "free_drop", 1) for other in others)
