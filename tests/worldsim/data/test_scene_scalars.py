"""Numbers of scenes: values worked out by hand, and None where a clip does not know."""

import numpy as np
import pytest

from physics_data.core.clip import ClipMeta, PairInfo
from physics_data.core.errors import ConfigError
from physics_data.core.scene import CameraKey, PoseKey, SceneSpec, Surface
from worldsim.data.scalars import SCALARS, read_scalars, require_known

FRAMES = (0, 4, 8)


def meta(spec: SceneSpec | None, twin: PairInfo | None = None) -> ClipMeta:
    source = "footage" if spec is None else "physics"
    facts = {"frame_rate": 16.0, "num_frames": 9, "height": 64, "width": 64}
    return ClipMeta(key="a", source=source, split="train", caption="", spec=spec, pair=twin, **facts)


def with_body(spec: SceneSpec, number: int, **changes: object) -> SceneSpec:
    bodies = list(spec.bodies)
    bodies[number] = bodies[number].model_copy(update=changes)
    return spec.model_copy(update={"bodies": tuple(bodies)})


def test_gravity_mass_friction_and_restitution(falling_ball: SceneSpec) -> None:
    spec = falling_ball.model_copy(update={"gravity": (0.0, -3.0, -4.0)})
    spec = with_body(spec, 0, surface=Surface(friction=0.2, restitution=0.9))
    spec = with_body(spec, 2, surface=Surface(friction=0.8, restitution=0.6), mass=2.5)
    read = read_scalars(meta(spec), ("gravity", "mass", "friction", "restitution", "mass_ratio"), FRAMES)
    assert read.pop("mass_ratio") is None, "there is one ball"
    values = {name: value.item() for name, value in read.items() if value is not None}
    assert values == pytest.approx({"gravity": 5.0, "mass": 2.5, "friction": 0.4, "restitution": 0.6})
    second = spec.bodies[2].model_copy(update={"name": "second", "mass": 10.0, "position": (2.0, 0.0, 2.0)})
    two = spec.model_copy(update={"bodies": (*spec.bodies, second)})
    np.testing.assert_allclose(read_scalars(meta(two), ["mass_ratio"], FRAMES)["mass_ratio"], [[4.0]])


def test_a_camera_that_moves_sideways_does_so_along_its_own_axis(falling_ball: SceneSpec) -> None:
    start, end = (0.0, -5.0, 1.0), (0.5, -5.0, 1.0)
    keys = (
        CameraKey(seconds=0.0, position=start, target=(0.0, 0.0, 1.0)),
        CameraKey(seconds=0.5, position=end, target=(0.5, 0.0, 1.0)),
    )
    camera = falling_ball.camera.model_copy(update={"position": start, "target": (0.0, 0.0, 1.0), "path": keys})
    read = read_scalars(meta(falling_ball.model_copy(update={"camera": camera})), ["camera"], FRAMES)["camera"]
    assert read is not None
    poses = read.reshape(3, 3, 4)
    np.testing.assert_allclose(poses[:, :, :3], np.tile(np.eye(3), (3, 1, 1)), atol=1e-12)
    np.testing.assert_allclose(poses[[0, 2], :, 3], [[0, 0, 0], [0.5, 0, 0]], atol=1e-12)
    assert 0 < poses[1, 0, 3] < 0.5


def test_an_action_is_the_velocity_of_what_is_driven(falling_ball: SceneSpec) -> None:
    assert read_scalars(meta(falling_ball), ["action"], FRAMES)["action"] is None, "nothing is driven"
    home = falling_ball.bodies[1].position
    path = (
        PoseKey(seconds=0.0, position=home),
        PoseKey(seconds=0.5, position=(home[0] - 1.0, home[1], home[2]), ease="linear"),
    )
    spec = with_body(falling_ball, 1, is_static=False, path=path)
    read = read_scalars(meta(spec), ["action"], FRAMES)["action"]
    np.testing.assert_allclose(read, [[0, 0, 0], [-2, 0, 0], [-2, 0, 0]], atol=1e-12)
    single = read_scalars(meta(spec), ["action"], [0])["action"]
    np.testing.assert_array_equal(single, [[0, 0, 0]])


def test_footage_and_what_cannot_happen_know_nothing(falling_ball: SceneSpec) -> None:
    twin = PairInfo(set_id="a", editor="wrong_g", role="impossible", is_possible=False, is_hidden=False)
    for clip in (meta(None), meta(falling_ball, twin)):
        assert set(read_scalars(clip, SCALARS, FRAMES).values()) == {None}
    lawful = twin.model_copy(update={"role": "possible", "is_possible": True})
    assert read_scalars(meta(falling_ball, lawful), ["gravity"], FRAMES)["gravity"] is not None


def test_every_number_has_the_size_it_says(falling_ball: SceneSpec) -> None:
    for name, values in read_scalars(meta(falling_ball), SCALARS, FRAMES).items():
        if values is not None:
            assert values.shape == (len(FRAMES) if SCALARS[name].per_frame else 1, SCALARS[name].size)


def test_wrong_names_and_sizes_are_said_before_training() -> None:
    require_known((name, one.size, one.per_frame) for name, one in SCALARS.items())
    with pytest.raises(ConfigError, match="no clip has 'gravty'.*gravity"):
        require_known([("gravty", 1, False)])
    with pytest.raises(ConfigError, match="write {name: camera, size: 12, per_frame: true}"):
        require_known([("camera", 12, False)])
