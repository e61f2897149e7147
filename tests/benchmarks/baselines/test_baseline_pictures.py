"""Baselines made of pictures, on frames whose blends can be worked out by hand."""

from dataclasses import replace

import numpy as np
import pytest

from benchmarks.baselines import BASELINES
from benchmarks.baselines.controls import PAN_SPEED
from physics_data.core.clip import Clip, ClipMeta


@pytest.fixture
def clip() -> Clip:
    """Five frames of 8 x 16 pixels at 4 Hz: frame k is grey 10 k, and its left column is white."""
    rgb = np.zeros((5, 8, 16, 3), np.uint8) + (10 * np.arange(5, dtype=np.uint8))[:, None, None, None]
    rgb[:, :, 0] = 255
    meta = ClipMeta(
        key="toy",
        source="footage",
        split="test",
        caption="",
        frame_rate=4.0,
        num_frames=5,
        height=8,
        width=16,
    )
    return Clip(meta, rgb)


def made(name: str, clip: Clip) -> np.ndarray:
    renderer: object = None  # these draw nothing
    video = BASELINES.get(name)().make(clip, renderer, 2)  # pyright: ignore[reportArgumentType]
    assert video.shape == clip.rgb.shape and video.dtype == np.uint8
    return video


def test_blends(clip):
    assert made("frozen_last_frame", clip)[:, 0, 5, 0].tolist() == [40] * 5
    assert made("cross_fade", clip)[:, 0, 5, 0].tolist() == [0, 10, 20, 30, 40]
    assert made("mean_video", clip)[:, 0, 5, 0].tolist() == [20] * 5


def test_blur_spreads_and_keeps_the_sum(clip):
    flat = replace(clip, rgb=np.full_like(clip.rgb, 77))
    assert (made("blurred_truth", flat) == 77).all()
    assert made("blurred_truth", clip)[0, 4, 1, 0] > 20


def test_pan_moves_the_first_frame_by_whole_pixels(clip):
    columns = np.arange(16, dtype=np.uint8) * 10
    wide = replace(clip, rgb=np.broadcast_to(columns[:, None], clip.rgb.shape).copy())
    video = made("camera_pan", wide)
    step = round(PAN_SPEED * 16 / 4)
    assert [int(frame[0, 0, 0]) for frame in video] == [10 * step * k for k in range(5)]


def test_noise_is_seeded_by_the_key(clip):
    assert np.array_equal(made("noise", clip), made("noise", clip))
    other = replace(clip, meta=clip.meta.model_copy(update={"key": "other"}))
    assert not np.array_equal(made("noise", clip), made("noise", other))
