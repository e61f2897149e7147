"""Measured motion against made motion, and the flaws that the limits are for."""

import cv2
import numpy as np
import pytest

from worldsim.data.footage.measure import SeenClips, bars_share, measure, text_share, thumbnails

RATE = 16.0


def wide_texture(seed: int = 0) -> np.ndarray:
    noise = cv2.GaussianBlur(np.random.default_rng(seed).normal(0, 1, (140, 400)), (0, 0), 2)
    return np.repeat(np.clip(128 + 60 * noise / noise.std(), 0, 255).astype(np.uint8)[..., None], 3, axis=-1)


def seen_from(shifts: list[tuple[int, int]], height: int = 96, width: int = 128) -> np.ndarray:
    picture = wide_texture()
    return np.stack([picture[10 + y : 10 + y + height, 10 + x : 10 + x + width] for x, y in shifts])


def test_a_pan_has_its_speed_and_no_shake() -> None:
    measures = measure(seen_from([(2 * k, 0) for k in range(17)]), RATE)
    assert measures.camera_motion == pytest.approx(2 * RATE / 96, rel=0.02)
    assert measures.motion == pytest.approx(2 * RATE / 96, rel=0.1)
    assert measures.camera_shake < 0.002


def test_shake_is_told_from_a_pan() -> None:
    jumps = np.random.default_rng(1).integers(1, 12, size=(17, 2))
    video = seen_from([(int(x), int(y)) for x, y in jumps])
    changes = np.diff(jumps, n=2, axis=0)
    expected = float(np.sqrt((changes**2).sum(axis=1).mean())) / 96
    assert measure(video, RATE).camera_shake == pytest.approx(expected, rel=0.05)


def test_an_object_that_moves_is_no_camera_motion() -> None:
    video = seen_from([(0, 0)] * 17)
    for k in range(17):
        video[k, 30:60, 10 + 4 * k : 40 + 4 * k] = wide_texture(1)[:30, :30]
    measures = measure(video, RATE)
    assert measures.camera_motion < 0.01
    assert measures.motion == pytest.approx(30 * 30 / (96 * 128) * 4 * RATE / 96, rel=0.4)


def test_bars_count_only_at_two_opposite_edges() -> None:
    video = seen_from([(0, 0)] * 3)
    assert bars_share(video) == 0.0
    video[:, :12] = 0
    assert bars_share(video) == 0.0
    video[:, -12:] = 3
    assert bars_share(video) == pytest.approx(24 / 96)
    assert bars_share(np.zeros_like(video)) == 0.0


def test_lettering_is_found_and_texture_is_not() -> None:
    video = seen_from([(k, 0) for k in range(17)])
    assert text_share(video) == 0.0
    for frame in video:
        cv2.putText(frame, "SUBSCRIBE NOW", (4, 84), cv2.FONT_HERSHEY_SIMPLEX, 0.5, (255, 255, 255), 1)
    assert text_share(video) > 0.05


def test_a_recoded_clip_is_seen_before_and_a_moved_object_is_new() -> None:
    video = seen_from([(0, 0)] * 5)
    recoded = np.stack([cv2.imdecode(cv2.imencode(".jpg", f, [cv2.IMWRITE_JPEG_QUALITY, 60])[1], 1) for f in video])
    smaller = np.stack([cv2.resize(f, (64, 48), interpolation=cv2.INTER_AREA) for f in video])
    moved = video.copy()
    moved[:, 40:48, 40:48] = 255
    seen = SeenClips(max_difference=6)
    assert [seen.is_new(thumbnails(clip)) for clip in (video, recoded, smaller, moved)] == [True, False, False, True]
    never = SeenClips(max_difference=-1)
    assert never.is_new(thumbnails(video)) and never.is_new(thumbnails(video))
