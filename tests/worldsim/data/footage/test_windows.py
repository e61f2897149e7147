"""Shots, resampling by seconds and framing, on frames whose content says which they are."""

from collections.abc import Iterator

import cv2
import numpy as np
import pytest

from physics_data.core.errors import DataError
from physics_data.core.video import TimedFrame
from worldsim.data.footage.cutter import split_shots
from worldsim.data.footage.windows import Window, crop, cut_windows, padding, scale_to_cover


def numbered(
    seconds: list[float], shot: list[int] | None = None, last: float | None = None
) -> Iterator[tuple[int, TimedFrame]]:
    """Frames whose grey level is their number; the last one is shown as long as the one before, or for ``last`` s."""
    ends = [*seconds[1:], seconds[-1] + (last or seconds[-1] - seconds[-2])]
    for number, (moment, end) in enumerate(zip(seconds, ends, strict=True)):
        yield (shot[number] if shot else 0), TimedFrame(moment, end, np.full((4, 4, 3), number, dtype=np.uint8))


def timed(frames: list[np.ndarray], rate: float = 16.0) -> Iterator[TimedFrame]:
    return (TimedFrame(n / rate, (n + 1) / rate, frame) for n, frame in enumerate(frames))


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
    shots = [shot for shot, _ in split_shots(timed(frames))]
    assert shots == [0] * 20 + [1] * 15 + [2] * 10


def test_a_change_of_size_is_a_cut() -> None:
    frames = [np.zeros((4, 4, 3), dtype=np.uint8)] * 3 + [np.zeros((4, 6, 3), dtype=np.uint8)] * 2
    assert [shot for shot, _ in split_shots(timed(frames))] == [0, 0, 0, 1, 1]


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


def test_a_held_picture_is_shown_until_the_next_one() -> None:
    seconds = [0.0, 0.1, 0.2, 0.8, 0.9]
    window = next(cut_windows(numbered(seconds), num_frames=10, frame_rate=10.0))
    assert levels(window) == [0, 1, 2, 2, 2, 2, 2, 2, 3, 4]
    assert window.repeats == 5


def test_a_gap_ends_a_shot_and_a_bogus_time_stamp_takes_no_time() -> None:
    frames = [frame for _, frame in numbered([n / 8 for n in range(12)])]
    with_hole = [(0, frame) for n, frame in enumerate(frames) if n != 5]
    windows = list(cut_windows(iter(with_hole), num_frames=3, frame_rate=8.0))
    assert [levels(window) for window in windows] == [[0, 1, 2], [6, 7, 8], [9, 10, 11]]
    seconds = [0.0, 0.125, 0.25, 1e12, 1e12 + 0.125, 1e12 + 0.25]
    windows = list(cut_windows(numbered(seconds), num_frames=3, frame_rate=8.0))
    assert [levels(window) for window in windows][::2] == [[0, 1, 2], [3, 4, 5]] and len(windows) == 3


@pytest.mark.parametrize(("source", "rate"), [(24, 30), (25, 30), (12, 60), (15, 30)])
def test_padding_is_found_and_rest_is_none(source: int, rate: int) -> None:
    def picture(moment: float) -> np.ndarray:
        frame = np.full((48, 96, 3), 70, dtype=np.uint8)
        x = 8 + round(60 * moment)
        frame[10:24, x : x + 14] = (220, 60, 50)
        return frame

    noise = np.random.default_rng(0)
    moments = np.floor(np.arange(34) * source / rate + 1e-9) / source
    rgb = np.stack([picture(moment) for moment in moments])
    rgb = np.clip(rgb + noise.integers(-1, 2, rgb.shape), 0, 255).astype(np.uint8)  # as coding does
    repeated = np.diff(moments, prepend=-1) == 0
    inner = slice(6, -6)  # both sides must have been seen moving
    assert (padding(rgb)[inner] == repeated[inner]).mean() > 0.95
    at_rest = np.stack([picture(moment) for moment in np.minimum(np.arange(34) / rate, 0.5)])
    assert not padding(at_rest).any()
