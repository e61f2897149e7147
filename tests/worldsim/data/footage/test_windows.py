"""Shots, resampling by seconds and framing, on frames whose content says which they are."""

from collections.abc import Iterator

import cv2
import numpy as np
import pytest

from physics_data.core.errors import DataError
from worldsim.data.footage.framing import crop, scale_to_cover
from worldsim.data.footage.shots import split_shots
from worldsim.data.footage.windows import Window, cut_windows


def numbered(seconds: list[float], shot: list[int] | None = None) -> Iterator[tuple[int, float, np.ndarray]]:
    """Frames whose grey level is their number."""
    for number, moment in enumerate(seconds):
        yield (shot[number] if shot else 0), moment, np.full((4, 4, 3), number, dtype=np.uint8)


def levels(window: Window) -> list[int]:
    return window.rgb[:, 0, 0, 0].tolist()


def test_the_nearest_frame_by_time_is_taken() -> None:
    seconds = [0.0, 0.3, 0.45, 1.2, 1.3, 2.2]
    window = next(cut_windows(numbered(seconds), num_frames=5, frame_rate=2.0))
    # grid 0, 0.5, 1.0, 1.5, 2.0 s
    assert levels(window) == [0, 2, 3, 4, 5]
    assert window.repeats == 0


def test_a_slow_source_repeats_frames_and_says_so() -> None:
    window = next(cut_windows(numbered([0.0, 0.5, 1.0, 1.5]), num_frames=7, frame_rate=4.0))
    assert levels(window) == [0, 0, 1, 1, 2, 2, 3]
    assert window.repeats == 3
    assert window.flaw(0.25) == "slow_source"


def test_windows_follow_each_other_and_never_cross_a_shot() -> None:
    seconds = [n / 8 for n in range(20)]
    windows = list(cut_windows(numbered(seconds, shot=[0] * 9 + [1] * 11), num_frames=4, frame_rate=8.0))
    assert [levels(window) for window in windows] == [[0, 1, 2, 3], [4, 5, 6, 7], [9, 10, 11, 12], [13, 14, 15, 16]]
    assert [window.start_seconds for window in windows] == pytest.approx([0, 0.5, 9 / 8, 13 / 8])


def scene(rng: np.random.Generator, brightness: float, num_frames: int) -> list[np.ndarray]:
    """A smooth texture that slides by one pixel a frame."""
    texture = cv2.GaussianBlur(rng.normal(0, 1, (48, 200, 3)), (0, 0), 3)
    wide = np.clip(brightness + 25 * texture / texture.std(), 0, 255).astype(np.uint8)
    return [wide[:, k : k + 48] for k in range(num_frames)]


def test_cuts_are_found_and_motion_is_not_a_cut() -> None:
    rng = np.random.default_rng(0)
    frames = scene(rng, 70, 20) + scene(rng, 180, 15) + scene(rng, 90, 10)
    shots = [shot for shot, _, _ in split_shots((n / 16, frame) for n, frame in enumerate(frames))]
    assert shots == [0] * 20 + [1] * 15 + [2] * 10


def test_a_change_of_size_is_a_cut() -> None:
    frames = [np.zeros((4, 4, 3), dtype=np.uint8)] * 3 + [np.zeros((4, 6, 3), dtype=np.uint8)] * 2
    assert [shot for shot, _, _ in split_shots((float(n), frame) for n, frame in enumerate(frames))] == [0, 0, 0, 1, 1]


def test_still_and_black_windows_are_flawed() -> None:
    rng = np.random.default_rng(0)
    still = np.repeat(rng.integers(0, 255, (1, 32, 32, 3), dtype=np.uint8), 5, axis=0)
    assert Window(0.0, still, 0).flaw(0.25) == "still"
    assert Window(0.0, still // 32, 0).flaw(0.25) == "black"
    moving = still.copy()
    moving[2, 4:8, 4:8] = 0
    assert Window(0.0, moving, 0).flaw(0.25) is None


def test_scaling_keeps_proportions_and_the_mean() -> None:
    checkers = (np.indices((90, 160)).sum(axis=0) % 2 * 255).astype(np.uint8)[..., None].repeat(3, axis=-1)
    small = scale_to_cover(checkers, 18, 18)
    assert small.shape == (18, 32, 3)
    assert abs(small.astype(float) - 127.5).max() <= 20  # an aliased picture would be black and white


def test_cropping_takes_the_part_that_is_asked_for() -> None:
    video = np.broadcast_to(np.arange(10, dtype=np.uint8)[None, None, :, None], (2, 4, 10, 3))
    assert crop(video, 4, 4, across=0.5, down=0.5)[0, 0, :, 0].tolist() == [3, 4, 5, 6]
    assert crop(video, 4, 4, across=1.0, down=0.0)[0, 0, :, 0].tolist() == [6, 7, 8, 9]


def test_small_pictures_are_not_enlarged() -> None:
    with pytest.raises(DataError, match="32x20 is smaller than 64x64"):
        scale_to_cover(np.zeros((20, 32, 3), dtype=np.uint8), 64, 64)
