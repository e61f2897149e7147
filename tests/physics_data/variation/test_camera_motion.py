"""Moving cameras, by what they see."""

import numpy as np
import pytest

from physics_data.core.conventions import clip_generator
from physics_data.core.errors import SceneSpecError
from physics_data.core.geometry import PinholeView, views_at
from physics_data.core.paths import camera_at
from physics_data.core.scene import Camera, CameraKey
from physics_data.scenarios import SCENARIOS
from physics_data.scenarios.shared.scenario import SceneSettings
from physics_data.variation.cameras import sample_camera

ACTION = np.stack(np.meshgrid(np.linspace(-1.9, 1.9, 9), [0.0], np.linspace(0.0, 3.0, 7)), axis=-1).reshape(-1, 3)
"""Where things happen: the part of the plane y = 0 that the side view shows."""


def cameras(motion: str, **changes: object) -> list[Camera]:
    settings = SceneSettings.model_validate({"camera_motion": motion, "layout": "centred"} | changes)
    return [sample_camera(np.random.default_rng(seed), settings) for seed in range(12)]


def share_seen(view: PinholeView, width: int = 64, height: int = 64) -> float:
    x, y, depth = np.moveaxis(view.project(ACTION), -1, 0)
    return float(((depth > 0) & (x > 0) & (x < width) & (y > 0) & (y < height)).mean())


def views(camera: Camera, width: int = 64, height: int = 64) -> list[PinholeView]:
    return views_at(camera, np.linspace(0, 1, 31), width, height)


@pytest.mark.parametrize(("width", "height"), [(64, 64), (96, 54)])
def test_a_camera_that_looks_away_sees_nothing_of_the_action_and_comes_back(width, height) -> None:
    for camera in cameras("look_away", width=width, height=height):
        seen = np.array([share_seen(view, width, height) for view in views(camera, width, height)])
        still = views_at(camera.model_copy(update={"path": ()}), np.zeros(1), width, height)[0]
        assert seen[0] > 0.8
        outer = np.r_[0:11, 20:31]
        np.testing.assert_allclose(seen[outer], share_seen(still, width, height))
        assert (seen[13:17] == 0).all()
        assert not camera.shake


def test_a_camera_of_the_wide_layout_looks_away_at_other_times_each_time() -> None:
    turned = []
    for camera in cameras("look_away", layout="wide"):
        seen = np.array([share_seen(view) for view in views(camera)])
        away = np.flatnonzero(seen == 0)
        assert len(away) >= 3 and seen[0] > 0.7 and seen[-1] > 0.7
        turned.append(int(away[0]))
    assert len(set(turned)) >= 4


def test_a_camera_of_the_wide_layout_sees_the_action_from_elsewhere() -> None:
    drawn = cameras("fixed", layout="wide")
    for camera in drawn:
        assert share_seen(views(camera)[0]) > 0.7
        assert camera.position[2] > 0.39
    away = np.array([np.subtract(camera.position, camera.target) for camera in drawn])
    assert np.degrees(np.arctan2(away[:, 0], -away[:, 1])).std() > 5
    assert np.std([camera.fov_y for camera in drawn]) > 2
    assert len({camera.position for camera in cameras("fixed", layout="wide", camera_jitter=0)}) == 1


def test_an_orbit_keeps_distance_height_and_target() -> None:
    for camera in cameras("orbit"):
        drawn = views(camera)
        offset = np.array([view.origin for view in drawn]) - np.array(camera.target)
        distance = np.hypot(offset[:, 0], offset[:, 1])
        np.testing.assert_allclose(distance, distance[0], rtol=2e-3)
        assert np.ptp(offset[:, 2]) < 1e-9
        angle = np.degrees(np.unwrap(np.arctan2(offset[:, 1], offset[:, 0])))
        assert 24 < abs(angle[-1] - angle[0]) < 61
        assert angle.mean() == pytest.approx(-90, abs=1.0)
        x, y, _ = np.moveaxis(np.array([view.project(np.array(camera.target)) for view in drawn]), -1, 0)
        np.testing.assert_allclose((x, y), 32, atol=0.01)


def test_a_pan_stands_and_keeps_the_middle_in_view() -> None:
    for camera in cameras("pan"):
        drawn = views(camera)
        assert len({tuple(view.origin) for view in drawn}) == 1
        middle = np.array([view.project(np.array([0.0, 0.0, 1.45]))[0] for view in drawn])
        assert 0 < middle.min() < 32 < middle.max() < 64
        assert np.ptp(middle) > 10


def test_a_hand_shakes_a_little() -> None:
    for camera in cameras("handheld"):
        center = np.array([view.project(np.array([0.0, 0.0, 1.45]))[:2] for view in views(camera)])
        assert 0.1 < np.linalg.norm(center.std(axis=0)) < 4
        assert share_seen(views(camera)[15]) > 0.7


def test_a_fixed_camera_takes_the_same_draws_as_before() -> None:
    camera = cameras("fixed")[3]
    rng = np.random.default_rng(3)
    x, z = rng.uniform(-0.05, 0.05, size=2)
    assert camera == Camera(position=(x, -5.5, 1.8 + z), target=(x, 0.0, 1.45 + z), fov_y=40.0)
    assert not camera.is_moving


def test_of_several_motions_one_is_drawn_for_each_scene() -> None:
    """All occur, each scene keeps its own, and what happens stays as with any other camera."""
    scenario = SCENARIOS.get("collide")()
    motions = ("fixed", "orbit", "handheld")
    several = SceneSettings(camera_motion=motions)
    found = set()
    for index in range(12):
        spec = scenario.sample(clip_generator(0, "collide", index), several, 0, index)
        again = scenario.sample(clip_generator(0, "collide", index), several, 0, index)
        fixed = scenario.sample(clip_generator(0, "collide", index), SceneSettings(), 0, index)
        assert spec == again and spec.bodies == fixed.bodies
        found.add("orbit" if spec.camera.path else "handheld" if spec.camera.shake else "fixed")
    assert found == set(motions)
    with pytest.raises(ValueError, match="at least 1 item"):
        SceneSettings(camera_motion=())


def test_a_cut_is_one_jump_to_a_view_beside_the_first() -> None:
    for camera in cameras("cut"):
        first, second = camera.path
        assert second.cut and 0.35 <= second.seconds <= 0.65
        places = {tuple(view.origin) for view in views(camera)}
        assert places == {first.position, second.position}
        before, after = np.subtract(first.position, first.target), np.subtract(second.position, second.target)
        level = before[:2] @ after[:2] / np.linalg.norm(before[:2]) / np.linalg.norm(after[:2])
        assert 39 < np.degrees(np.arccos(level)) < 101


def test_shots_do_not_blend_and_each_moves_by_its_own_keys() -> None:
    keys = [(0.0, 0.0, False), (0.25, 1.0, False), (0.5, 5.0, True), (1.0, 6.0, False)]
    path = tuple(CameraKey(seconds=t, position=(x, -4.0, 1.0), target=(0, 0, 1), cut=cut) for t, x, cut in keys)
    camera = Camera(position=path[0].position, target=path[0].target, path=path)
    places = camera_at(camera, np.array([0.0, 0.25, 0.49, 0.5, 0.75, 1.0, 2.0]))[0][:, 0]
    np.testing.assert_allclose(places, [0, 1, 1, 5, 5.5, 6, 6], atol=1e-12)
    assert "cut" not in path[0].model_dump() and path[2].model_dump()["cut"] is True
    with pytest.raises(SceneSpecError, match="first key has cut"):
        Camera(position=path[2].position, target=(0, 0, 1), path=path[2:])


def test_clips_with_a_cut_are_built_from_scenarios() -> None:
    from physics_data.pipeline.generate import ClipTask, generate_clip

    for name in ("collide", "occluder_pass"):
        task = ClipTask(name, "mujoco", 0)
        clip = generate_clip(task, SceneSettings(camera_motion="cut", width=32, height=32), 0, "raycast").clip
        (cut,) = clip.meta.cuts
        jumps = np.abs(np.diff(clip.rgb.astype(float), axis=0)).mean(axis=(1, 2, 3))
        assert int(jumps.argmax()) + 1 == cut
