"""A camera that a hand holds: pictures are brought to one place before anything is compared."""

import cv2
import numpy as np
import pytest

from eval.audit.footage import Footage
from eval.audit.video import audit_footage
from eval.perception.camera import estimate_camera
from eval.perception.scene import take_apart

RATE, HEIGHT, WIDTH, COUNT = 24.0, 240, 320, 48


def wall() -> np.ndarray:
    """Return a brick wall, larger than the picture by 10 pixels on each side."""
    rng = np.random.default_rng(3)
    picture = np.full((HEIGHT + 20, WIDTH + 20, 3), 190.0)
    for row in range(0, HEIGHT + 20, 14):
        for column in range(-(row // 14 % 2) * 15, WIDTH + 20, 30):
            brick = picture[row + 2 : row + 14, max(column + 2, 0) : column + 30]
            brick[:] = np.array([120, 60, 50]) + rng.normal(0, 12)
    return cv2.GaussianBlur(picture, (0, 0), 0.7)


def shaken(amplitude: float, *, vanishes: bool = False, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Return a clip in which a ball crosses a wall, and the shift of each picture (right, down), pixels."""
    rng = np.random.default_rng(seed)
    shifts = amplitude * np.stack([np.sin(np.arange(COUNT) * w + p) for w, p in ((0.7, 0.3), (0.45, 1.1))], axis=1)
    background, video = wall(), []
    for frame, (right, down) in enumerate(shifts):
        scene = background.copy()
        if not (vanishes and frame >= 24):
            place = (round(16 * (50 + 4.5 * frame)), 16 * 90)
            cv2.circle(scene, place, 16 * 11, (60, 200, 80), -1, cv2.LINE_AA, 4)
        matrix = np.array([[1, 0, right - 10], [0, 1, down - 10]])
        moved = cv2.warpAffine(scene, matrix, (WIDTH, HEIGHT), flags=cv2.INTER_CUBIC)
        video.append(np.clip(moved + rng.normal(0, 2, moved.shape), 0, 255))
    return np.array(video).astype(np.uint8), shifts


def test_the_shifts_of_a_shaking_camera_are_found_to_a_fifth_of_a_pixel():
    rgb, shifts = shaken(1.5)
    camera = estimate_camera(rgb)
    assert camera.shaking and not camera.moving
    found = -camera.to_first[:, :2, 2]
    expected = shifts - shifts[COUNT // 2]
    np.testing.assert_allclose(found - found[COUNT // 2], expected, atol=0.2)


@pytest.mark.parametrize("amplitude", [0.5, 1.0, 2.0])
def test_edges_of_what_stands_still_are_no_foreground(amplitude: float):
    rgb, _ = shaken(amplitude)
    scene = take_apart(rgb)
    ball = np.pi * 11**2 / (HEIGHT * WIDTH)
    assert np.median(scene.foreground[:, 8:-8, 8:-8].mean((1, 2))) < 1.5 * ball


def test_a_camera_on_a_stand_is_left_alone():
    rgb, _ = shaken(0.0)
    assert not estimate_camera(rgb).shaking


@pytest.mark.parametrize("vanishes", [False, True])
def test_only_what_vanishes_before_a_shaking_camera_is_an_alarm(vanishes: bool):
    rgb, _ = shaken(1.5, vanishes=vanishes)
    audit = audit_footage(Footage(rgb, np.arange(COUNT) / RATE, HEIGHT, WIDTH))
    assert audit.alarm == vanishes
    assert audit.permanence.value is not None
