import pytest
from pydantic import ValidationError

from physics_data.core.config import validate_config
from physics_data.core.errors import ConfigError, SceneSpecError
from physics_data.core.scene import Appearance, Body, Camera, Mesh, Plane, SceneSpec, Sphere


def test_json_round_trip_is_exact(falling_ball):
    assert SceneSpec.model_validate_json(falling_ball.model_dump_json()) == falling_ball


def test_json_schema_refuses_unknown_keys(falling_ball):
    schema = SceneSpec.model_json_schema()
    assert schema["additionalProperties"] is False
    assert set(schema["required"]) == {"scenario", "root_seed", "index", "bodies", "camera"}


def test_unknown_key_names_the_nearest_one(falling_ball):
    raw = falling_ball.model_dump(mode="json")
    raw["bodies"][2]["linear_velocty"] = [0, 0, 0]
    with pytest.raises(ConfigError, match="bodies.2.linear_velocty.*Did you mean 'linear_velocity'"):
        validate_config(SceneSpec, raw, source="scene")


def test_unknown_key_of_a_shape_lists_the_keys_of_shapes(falling_ball):
    raw = falling_ball.model_dump(mode="json")
    raw["bodies"][2]["shape"]["radios"] = 1.0
    with pytest.raises(ConfigError, match="Did you mean 'radius'"):
        validate_config(SceneSpec, raw, source="scene")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"physics_rate": 100.0}, r"physics_rate=100.0 Hz is not a multiple of frame_rate=16.0 Hz.*use 96 Hz"),
        ({"num_frames": 0}, "num_frames"),
        ({"format": "worldsim.scene/99"}, "format"),
        ({"gravity": (0.0, 0.0, float("nan"))}, "gravity"),
    ],
)
def test_contradictions_are_refused(falling_ball, changes, message):
    with pytest.raises(ValidationError, match=message):
        SceneSpec.model_validate(falling_ball.model_dump() | changes)


def test_bodies_need_different_names(falling_ball):
    twice = (falling_ball.bodies[2], falling_ball.bodies[2])
    with pytest.raises(ValidationError, match=r"\['ball'\] occur twice"):
        SceneSpec.model_validate(falling_ball.model_dump() | {"bodies": [b.model_dump() for b in twice]})


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"orientation": (2.0, 0, 0, 0)}, "norm 2"),
        ({"shape": Plane()}, "is a plane and dynamic"),
        ({"is_static": True, "linear_velocity": (1.0, 0, 0)}, "has an initial velocity"),
        ({"mass": 0.0}, "greater than 0"),
    ],
)
def test_impossible_bodies_are_refused(changes, message):
    good = {"name": "ball", "shape": Sphere(radius=0.1), "appearance": Appearance(color_name="red", albedo=(1, 0, 0))}
    Body(**good)
    with pytest.raises(SceneSpecError, match=message):
        Body(**(good | changes))


def test_camera_must_not_look_straight_down():
    with pytest.raises(SceneSpecError, match="straight up or down"):
        Camera(position=(0, 0, 5), target=(0, 0, 0))


def test_instances_are_the_bodies_that_are_not_planes(falling_ball):
    assert [body.name for body in falling_ball.instances] == ["screen", "ball"]
    assert [body.name for body in falling_ball.without("screen").bodies] == ["floor", "ball"]
    with pytest.raises(SceneSpecError, match="no body 'bal'.*floor, screen, ball"):
        falling_ball.without("bal")


def test_joints_hold_bodies_that_exist(falling_ball):
    joint = {"kind": "ball", "body": "bell", "anchor": (0, 0, 3)}
    with pytest.raises(ValidationError, match="a joint holds 'bell', the scene has floor"):
        SceneSpec.model_validate(falling_ball.model_dump() | {"joints": [joint]})


def test_a_scene_without_a_body_loses_its_joints(falling_ball):
    joint = {"kind": "hinge", "body": "ball", "anchor": (0, 0, 3), "axis": (0, 1, 0)}
    hung = SceneSpec.model_validate(falling_ball.model_dump() | {"joints": [joint]})
    assert hung.without("ball").joints == ()


def test_an_image_belongs_to_the_image_pattern():
    with pytest.raises(SceneSpecError, match="give an image with pattern: image only"):
        Appearance(color_name="red", albedo=(1, 0, 0), pattern="image")


def test_a_mesh_names_only_vertices_it_has():
    with pytest.raises(SceneSpecError, match="the mesh has 0 to 3"):
        Mesh(
            vertices=((0, 0, 0), (1, 0, 0), (0, 1, 0), (0, 0, 1)),
            triangles=((0, 1, 2), (0, 1, 3), (0, 2, 3), (1, 2, 4)),
        )


def test_a_wrong_field_in_python_is_named_with_the_nearest_known_one(falling_ball):
    ball = falling_ball.bodies[2]
    with pytest.raises(SceneSpecError, match=r"Body: masss: no such key; .*Did you mean 'mass'"):
        Body(name="x", shape=Sphere(radius=1.0), appearance=ball.appearance, masss=2.0)
    with pytest.raises(SceneSpecError, match=r"Sphere: radius: given -1.0.*greater than 0"):
        Sphere(radius=-1.0)
    with pytest.raises(SceneSpecError, match=r"SceneSpec: widht: no such key; .*Did you mean 'width'"):
        falling_ball.edited(widht=5)
    with pytest.raises(SceneSpecError, match="mass: given -2.0"):
        ball.edited(mass=-2.0)
    with pytest.raises(SceneSpecError, match="not a multiple of frame_rate"):
        falling_ball.edited(physics_rate=100.0)
    assert falling_ball.edited(width=96) == falling_ball.model_copy(update={"width": 96})
