import numpy as np
import pytest

from physics_data.core.geometry import rotation_matrix, view_of
from physics_data.core.scene import Camera


def test_quarter_turn_about_z_takes_x_to_y():
    half = np.sqrt(0.5)
    np.testing.assert_allclose(rotation_matrix(np.array([half, 0, 0, half])) @ [1, 0, 0], [0, 1, 0], atol=1e-12)


def test_camera_axes_are_right_down_forward():
    view = view_of(Camera(position=(0, -5, 1), target=(0, 0, 1)), 64, 48)
    np.testing.assert_allclose(view.world_from_camera, np.array([[1, 0, 0], [0, 0, 1], [0, -1, 0]]), atol=1e-12)
    assert np.linalg.det(view.world_from_camera) == pytest.approx(1.0)


def test_target_projects_to_the_centre_and_field_of_view_to_the_edge():
    view = view_of(Camera(position=(0, -5, 1), target=(0, 0, 1), fov_y=40), 64, 48)
    half_height = 5 * np.tan(np.radians(20))
    pixels = view.project(np.array([[0, 0, 1.0], [0, 0, 1 + half_height]]))
    np.testing.assert_allclose(pixels, [[32, 24, 5], [32, 0, 5]], atol=1e-9)


def test_unproject_undoes_project():
    rng = np.random.default_rng(0)
    view = view_of(Camera(position=(1, -6, 2), target=(0, 0.2, 1)), 64, 64)
    points = np.stack([rng.uniform(-1, 1, 20), np.full(20, 0.3), rng.uniform(0, 2, 20)], axis=1)
    back = view.unproject_to_plane(view.project(points)[:, :2], np.array([0, 0.3, 0]), np.array([0, 1.0, 0]))
    np.testing.assert_allclose(back, points, atol=1e-9)
