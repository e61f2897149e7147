"""The free tracker and its parts on drawn discs, whose places are known exactly."""

import cv2
import numpy as np
import pytest
from discs import BACK, drawn

from eval.perception.background_model import model_free_background
from eval.perception.camera import apply, estimate_camera
from eval.perception.free_tracker import track_freely


def crossing(n=32):
    """One disc to the right, one to the left, 40 px apart in height."""
    x = np.linspace(12, 84, n)
    return np.stack([np.stack([x, np.full(n, 28.0)], -1), np.stack([x[::-1], np.full(n, 68.0)], -1)], axis=1)


def test_places_of_two_discs():
    places = crossing()
    rgb = drawn(places, [(220, 40, 40), (40, 60, 230)])
    disc = (np.abs(rgb[0, :48].astype(int) - BACK).max(-1) > 75).sum()  # half of its contrast of 150
    tracks = track_freely(rgb, 16.0)
    assert len(tracks.tracks) == 2
    for k in range(2):
        track = min(tracks.tracks, key=lambda t: np.linalg.norm(t.centroid[0] - places[0, k]))
        assert track.presence.all()
        assert np.linalg.norm(track.centroid - places[:, k], axis=-1).max() < 0.8
        assert track.size == pytest.approx(disc, rel=0.1)
    assert tracks.initiations.sum() == 0


def test_colour_is_recorded_over_time():
    places = crossing()
    rgb = drawn(places, [(220, 40, 40), (40, 60, 230)])
    track = min(track_freely(rgb, 16.0).tracks, key=lambda t: np.linalg.norm(t.centroid[0] - places[0, 0]))
    np.testing.assert_allclose(track.color, np.tile((220, 40, 40), (32, 1)), atol=3)


def test_a_hidden_disc_keeps_its_number():
    places = crossing()[:, :1].copy()
    places[13:19] = np.nan
    tracks = track_freely(drawn(places, [(220, 40, 40)]), 16.0)
    assert len(tracks.tracks) == 1
    assert np.flatnonzero(~tracks.tracks[0].presence).tolist() == list(range(13, 19))


def test_a_disc_that_rests_most_of_the_time_is_not_the_background():
    x = np.concatenate([np.linspace(12, 70, 12), np.full(36, 70.0)])
    places = np.stack([x, np.full(48, 50.0)], -1)[:, None]
    rgb = drawn(places, [(220, 40, 40)])
    assert np.abs(model_free_background(rgb).picture - BACK).max(-1).mean() < 2.0
    assert track_freely(rgb, 16.0).tracks[0].presence.all()


def test_nothing_moves_nothing_is_followed():
    rgb = drawn(np.tile([[[30.0, 30.0]]], (20, 1, 1)), [(220, 40, 40)])
    assert track_freely(rgb, 16.0).tracks == ()


def test_a_shift_of_a_textured_picture_is_the_camera():
    ground = cv2.GaussianBlur(np.random.default_rng(0).integers(0, 255, (140, 140, 3), dtype=np.uint8), (5, 5), 0)
    rgb = np.stack([ground[10:106, k : k + 96] for k in range(0, 20, 2)])
    camera = estimate_camera(rgb)
    assert camera.moving
    np.testing.assert_allclose(apply(camera.to_first[-1], np.array([48.0, 48.0])), [66.0, 48.0], atol=0.5)
    assert not estimate_camera(np.repeat(rgb[:1], 8, axis=0)).moving


def test_discs_are_followed_under_a_moving_camera():
    ground = cv2.GaussianBlur(np.random.default_rng(1).integers(60, 140, (140, 160, 3), dtype=np.uint8), (7, 7), 0)
    n = 24
    places = np.stack([np.linspace(20, 76, n), np.full(n, 48.0)], -1)[:, None]
    frames = [drawn(places[k : k + 1], [(250, 20, 20)], back=ground[20:116, 2 * k : 2 * k + 96])[0] for k in range(n)]
    tracks = track_freely(np.stack(frames), 16.0)
    longest = max(tracks.tracks, key=lambda t: t.presence.sum())
    assert tracks.camera is not None
    assert longest.presence.sum() >= n - 3
    seen = longest.presence & longest.whole
    assert np.linalg.norm(longest.centroid - places[:, 0], axis=-1)[seen].max() < 2.0
