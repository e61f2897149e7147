import numpy as np
import pytest
from pydantic import ValidationError

from physics_data.core.geometry import rotation_matrix, views_at
from physics_data.core.paths import camera_at, scripted_pose, scripted_velocity, shake_at
from physics_data.core.scene import Appearance, Body, Box, Camera, CameraKey, PoseKey, Shake

HALF = float(np.sqrt(0.5))


def door(ease: str) -> Body:
    """A box that waits until 1 s, then moves 2 m along x and turns by 90 degrees about z within 2 s."""
    keys = (
        PoseKey(seconds=1.0, position=(0, 0, 1)),
        PoseKey(seconds=3.0, position=(2, 0, 1), orientation=(HALF, 0, 0, HALF), ease=ease),
    )
    look = Appearance(color_name="grey", albedo=(0.5, 0.5, 0.5))
    return Body(name="door", shape=Box(half_extents=(1, 0.1, 1)), appearance=look, position=(0, 0, 1), path=keys)


@pytest.mark.parametrize("ease", ["linear", "smooth"])
def test_a_scripted_body_waits_passes_half_way_and_stays(ease):
    body = door(ease)
    for seconds, x, angle in (
        (0.0, 0.0, 0.0),
        (1.0, 0.0, 0.0),
        (2.0, 1.0, np.pi / 4),
        (3.0, 2.0, np.pi / 2),
        (9.0, 2.0, np.pi / 2),
    ):
        position, orientation = scripted_pose(body, seconds)
        np.testing.assert_allclose(position, (x, 0, 1), atol=1e-12)
        turned = rotation_matrix(orientation) @ (1, 0, 0)
        np.testing.assert_allclose(turned, (np.cos(angle), np.sin(angle), 0), atol=1e-12)


@pytest.mark.parametrize("ease", ["linear", "smooth"])
@pytest.mark.parametrize("seconds", [0.5, 1.3, 2.0, 2.9, 4.0])
def test_velocity_is_the_derivative_of_the_pose(ease, seconds):
    body, step = door(ease), 1e-6
    before, after = (scripted_pose(body, seconds + sign * step) for sign in (-1, 1))
    linear, angular = scripted_velocity(body, seconds)
    np.testing.assert_allclose(linear, (after[0] - before[0]) / (2 * step), atol=1e-6)
    change = rotation_matrix(after[1]) @ rotation_matrix(before[1]).T
    np.testing.assert_allclose(angular[2], change[1, 0] / (2 * step), atol=1e-6)


def test_a_smooth_way_starts_and_ends_at_rest():
    for seconds in (1.0, 3.0 - 1e-12):
        linear, angular = scripted_velocity(door("smooth"), seconds)
        assert np.abs(linear).max() < 1e-9 and np.abs(angular).max() < 1e-9


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"is_static": True}, "static and has a path"),
        ({"linear_velocity": (1.0, 0, 0)}, "has an initial velocity"),
        ({"position": (0.0, 0, 2.0)}, "first key and its own pose differ"),
        ({"path": tuple(reversed(door("smooth").path))}, "rising order"),
    ],
)
def test_contradictory_paths_are_refused(changes, message):
    with pytest.raises(ValidationError, match=message):
        Body.model_validate(door("smooth").model_dump() | changes)


def panning() -> Camera:
    ways = ((0.0, (0.0, 0.0, 1.0)), (1.0, (2.0, 0.0, 1.0)), (2.0, (0.0, 0.0, 1.0)))
    keys = tuple(CameraKey(seconds=seconds, position=(0, -5, 1), target=target) for seconds, target in ways)
    return Camera(position=(0, -5, 1), target=(0, 0, 1), path=keys)


def test_a_camera_passes_through_its_keys_without_overshooting():
    seconds = np.linspace(-1, 3, 81)
    positions, targets = camera_at(panning(), seconds)
    np.testing.assert_allclose(positions, np.tile((0.0, -5.0, 1.0), (81, 1)))
    assert targets[:, 0].min() >= 0 and targets[:, 0].max() <= 2
    np.testing.assert_allclose(targets[[20, 40, 60], 0], (0, 2, 0), atol=1e-12)


def test_the_target_stays_in_the_middle_while_the_camera_moves():
    for view, target in zip(
        views_at(panning(), np.array([0.3, 1.0]), 64, 48), camera_at(panning(), np.array([0.3, 1.0]))[1], strict=True
    ):
        np.testing.assert_allclose(view.project(target)[:2], (32, 24), atol=1e-9)


def test_shake_has_the_asked_strength_and_never_repeats_for_another_seed():
    seconds = np.linspace(0, 200, 20001)
    turns = np.degrees(shake_at(Shake(amplitude=0.5, seed=3), seconds))
    np.testing.assert_allclose(np.sqrt((turns**2).mean(axis=0)), 0.5, rtol=0.05)
    assert not np.allclose(turns, np.degrees(shake_at(Shake(amplitude=0.5, seed=4), seconds)))


def test_a_shaken_camera_still_has_right_angles():
    camera = Camera(position=(0, -5, 1), target=(0, 0, 1), shake=Shake(amplitude=2.0))
    for view in views_at(camera, np.array([0.0, 0.7]), 64, 48):
        np.testing.assert_allclose(view.world_from_camera.T @ view.world_from_camera, np.eye(3), atol=1e-12)
