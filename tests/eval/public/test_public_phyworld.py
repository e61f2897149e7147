"""PhyWorld's errors on balls drawn where one knows them to be."""

import numpy as np
import pytest

from benchmarks.phyworld.world import BallScene, draw, make_scene
from eval.public.phyworld import (
    MISSING_ERROR,
    collision_errors,
    official_balls,
    parabola_errors,
    unbiased_balls,
    unbiased_error,
    uniform_error,
)


def uniform(radius: float = 1.0, speed: float = 2.0) -> tuple[BallScene, np.ndarray]:
    scene = make_scene("uniform", (radius,), (speed,), np.random.default_rng(0))
    assert scene is not None
    return scene, draw(scene)


def test_published_reading_is_short_by_one_in_256():
    scene, frames = uniform()
    read = official_balls(frames, "red", 10.0)
    true = scene.positions[:, 0]
    inside = true[:, 0] < 8.9
    assert read[inside, :2] == pytest.approx(true[inside] * 255 / 256, abs=4e-3)
    assert uniform_error(frames, true, 1.0, 2.0) == pytest.approx(2.0 / 256, abs=2e-3)
    assert read[0, 2] == pytest.approx(1.0, abs=0.02)


def test_unbiased_reading_is_right_and_survives_resizing():
    import cv2

    scene, frames = uniform()
    true = scene.positions[:, 0]
    inside = true[:, 0] < 8.9
    assert unbiased_balls(frames, "red")[inside, :2] == pytest.approx(true[inside], abs=2e-3)
    small = np.array([cv2.resize(frame, (128, 128)) for frame in frames])
    assert unbiased_balls(small, "red")[inside, :2] == pytest.approx(true[inside], abs=3e-3)
    assert unbiased_error(frames, scene.positions, (1.0,)).error < 1e-3


def test_errors_of_a_wrong_speed_are_the_difference():
    scene, _ = uniform()
    slow = scene.positions.copy()
    slow[:, 0, 0] = scene.positions[0, 0, 0] + 0.75 * (slow[:, 0, 0] - slow[0, 0, 0])
    frames = draw(scene, slow)
    assert unbiased_error(frames, scene.positions, (1.0,)).velocity == pytest.approx(0.5, abs=2e-3)
    assert uniform_error(frames, scene.positions[:, 0], 1.0, 2.0) == pytest.approx(0.5, abs=2e-2)


def test_a_missing_ball_waits_at_the_wall_or_costs():
    scene, frames = uniform()
    frames = frames.copy()
    frames[8:] = 255
    read = official_balls(frames, "red", 10.0)
    assert read[8:, 0] == pytest.approx(10.0) and (read[8:, 1] == read[7, 1]).all()
    own = unbiased_error(frames, scene.positions, (1.0,))
    assert own.missing > 0.5 and own.error > 0.5 * MISSING_ERROR
    assert np.isnan(official_balls(np.full_like(frames, 255), "red", 10.0)[0, 1])


def test_parabola_errors_are_errors_of_position():
    scene = make_scene("parabola", (0.8,), (1.5,), np.random.default_rng(1))
    assert scene is not None
    true = scene.positions[:, 0]
    frames = draw(scene, scene.positions + np.array([0.3, 0.2]))
    assert parabola_errors(frames, true, 0.8) == pytest.approx((0.3, 0.2), abs=0.05)
    assert np.diff(true[:, 1], 2)[3] == pytest.approx(-2.5 * 0.1**2, rel=1e-9)


def test_collision_errors_before_and_after():
    scene = make_scene("collision", (0.9, 0.7), (2.0, 1.5), np.random.default_rng(2))
    assert scene is not None
    frames, radii = draw(scene), (0.9, 0.7)
    before, after = collision_errors(frames, scene.positions, radii)
    assert before < 0.012 and after < 0.015
    assert unbiased_error(frames, scene.positions, radii, "impact").error < 0.01
    still = np.repeat(frames[:4], [1, 1, 1, 29], axis=0)
    before, after = collision_errors(still, scene.positions, radii)
    assert before == pytest.approx((2.0 + 1.5) / 2, abs=0.02)


def test_no_scored_frame_is_an_error():
    scene, frames = uniform()
    with pytest.raises(ValueError, match="cannot be scored"):
        unbiased_error(frames, scene.positions + 100.0, (1.0,))
