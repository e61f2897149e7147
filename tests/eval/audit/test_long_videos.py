"""Long videos in windows, things on rods, dark things and tints."""

import numpy as np
import pytest
from discs import drawn

from eval.audit import footage as footage_module
from eval.audit.footage import OVERLAP, footage_of, footage_windows, read_footage
from eval.audit.motion import is_led, is_rigid, path_of
from eval.audit.video import audit_footage, audit_video
from eval.perception.free_tracker import track_freely
from eval.perception.scene import colour_drift, take_apart
from physics_data.core.video import write_video

RED = (220, 40, 40)


def crossing(seconds: float, rate: float = 10.0) -> np.ndarray:
    """A disc that goes to and fro, 96 pixels square."""
    time = np.arange(round(seconds * rate)) / rate
    return drawn(np.stack([48 + 30 * np.sin(time), np.full_like(time, 48)], -1)[:, None], [RED], size=96, radius=7)


def test_windows_hold_every_picture_once_and_overlap(tmp_path):
    write_video(tmp_path / "a.mp4", crossing(31), 10.0)
    whole = read_footage(tmp_path / "a.mp4")
    windows = list(footage_windows(tmp_path / "a.mp4", window=8.0))
    assert len(windows) > 3 and all(len(window.rgb) <= 101 for window in windows)
    judged = np.concatenate([window.rgb[window.given if window.first else 0 :] for window in windows])
    assert np.array_equal(judged, whole.rgb)
    assert np.allclose(np.concatenate([w.seconds[w.given if w.first else 0 :] for w in windows]), whole.seconds)
    for window in windows[1:]:
        assert window.seconds[window.given - 1] - window.seconds[0] == pytest.approx(OVERLAP, abs=0.11)


def test_what_vanishes_late_in_a_long_video_is_found_once(tmp_path, monkeypatch):
    rgb = crossing(30)
    rgb[225:] = drawn(np.zeros((75, 0, 2)), [], size=96, radius=7)
    write_video(tmp_path / "a.mp4", rgb, 10.0)
    audit = audit_video(tmp_path / "a.mp4")
    assert audit.alarm and audit.seconds == pytest.approx(29.9)
    assert [(e.kind, round(e.seconds, 1)) for e in audit.events if e.strength > 0.5] == [("vanish", 22.4)]
    monkeypatch.setattr(footage_module, "WINDOW", 1e9)


def on_a_rod() -> np.ndarray:
    """A ball of radius 9 on a thin rod swings about (80, 20)."""
    rows, columns = np.mgrid[:160, :160] + 0.5
    video = np.full((48, 160, 160, 3), 120, np.uint8)
    for k in range(48):
        angle = 0.6 * np.cos(5 * k / 24)
        x, y = 80 + 100 * np.sin(angle), 20 + 100 * np.cos(angle)
        along = np.clip(((columns - 80) * (x - 80) + (rows - 20) * (y - 20)) / 1e4, 0, 1)
        rod = (columns - 80 - along * (x - 80)) ** 2 + (rows - 20 - along * (y - 20)) ** 2 < 4
        video[k][rod] = (40, 60, 220)
        video[k][(columns - x) ** 2 + (rows - y) ** 2 < 81] = RED
    return video


def test_a_bob_leads_its_rod():
    tracks = track_freely(on_a_rod(), 24.0)
    bob = max(tracks.tracks, key=lambda track: track.area.sum())
    path, diameter = path_of(bob)
    angle = 0.6 * np.cos(5 * np.arange(48) / 24)
    truth = np.stack([80 + 100 * np.sin(angle), 20 + 100 * np.cos(angle)], 1)
    seen = bob.presence & bob.whole
    assert is_led(bob) and is_rigid(bob, 0) and seen.sum() > 40
    assert np.linalg.norm(path[seen] - truth[seen], axis=1).mean() < 1.2
    assert diameter == pytest.approx(18, abs=2)
    assert not audit_footage(footage_of(on_a_rod(), 24.0)).alarm


def test_a_dark_ball_is_a_thing_and_a_shadow_is_none():
    rows, columns = np.mgrid[:120, :160]
    floor = np.full((30, 120, 160, 3), (150, 140, 120), np.uint8)
    ball, shadow = floor.copy(), floor.copy()
    for k in range(30):
        ball[k][(columns - 30 - 3 * k) ** 2 + (rows - 60) ** 2 < 64] = (60, 56, 48)
        shadow[k][(columns - 30 - 3 * k) ** 2 + (rows - 60) ** 2 < 64] = (105, 98, 84)
    assert take_apart(ball).foreground[15].sum() > 150
    assert take_apart(shadow).foreground[15].sum() == 0


def test_tint_is_told_from_exposure():
    noise = np.random.default_rng(0)
    picture = noise.integers(60, 200, (60, 80, 3))
    steps = np.linspace(0, 1, 12)[:, None, None, None]
    exposed = (picture * (1 - 0.4 * steps)).astype(np.uint8)
    tinted = (picture * (1 - steps * np.array([0.0, 0.1, 0.4]))).astype(np.uint8)
    assert colour_drift(exposed) < 2
    assert colour_drift(tinted) > 15
