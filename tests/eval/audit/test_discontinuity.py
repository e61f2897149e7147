"""Pixels that change at once, against pieces that the tracker loses."""

import numpy as np
import pytest

from eval.audit.discontinuity import discontinuity
from eval.audit.footage import Footage
from eval.audit.video import audit_footage
from eval.perception.free_tracker import tracks_in
from eval.perception.scene import take_apart

RATE, HEIGHT, WIDTH, COUNT = 24.0, 120, 200, 48
yy, xx = np.mgrid[:HEIGHT, :WIDTH]


def disc(speed: float, *, ends: int = COUNT, fades: int = 0) -> np.ndarray:
    """Return a clip of a red disc of 16 pixels that is gone from a frame on, at once or over some frames."""
    rng = np.random.default_rng(0)
    video = np.full((COUNT, HEIGHT, WIDTH, 3), 120.0)
    for frame in range(min(COUNT, ends + fades)):
        strength = 1.0 if frame < ends else 1 - (frame - ends + 1) / (fades + 1)
        inside = (xx - 20 - speed * frame) ** 2 + (yy - 60) ** 2 < 64
        video[frame, inside] += strength * (np.array([220, 60, 40]) - 120)
    return np.clip(video + rng.normal(0, 2, video.shape), 0, 255).astype(np.uint8)


@pytest.mark.parametrize("speed", [0.5, 3.0])
def test_what_is_gone_at_once_is_a_discontinuity(speed: float):
    scene = take_apart(disc(speed, ends=24))
    tracks = tracks_in(scene, np.arange(COUNT) / RATE)
    last = int(np.flatnonzero(tracks.tracks[0].presence)[-1])
    assert last == 23
    assert discontinuity(scene, tracks, 0, last) > 0.9
    assert discontinuity(scene, tracks, 0, 12) < 0.05


def test_what_fades_is_none():
    scene = take_apart(disc(1.0, ends=20, fades=12))
    tracks = tracks_in(scene, np.arange(COUNT) / RATE)
    last = int(np.flatnonzero(tracks.tracks[0].presence)[-1])
    assert discontinuity(scene, tracks, 0, last) < 0.3


def crowd(*, vanishes: bool) -> np.ndarray:
    """Return people-like dark patches that merge and part all the time, and a disc that crosses, and may vanish."""
    rng = np.random.default_rng(1)
    video = np.full((72, 180, 320, 3), 120.0)
    y, x = np.mgrid[:180, :320]
    for frame in range(72):
        if frame < 36 or not vanishes:
            video[frame, (x - 30 - 3.5 * frame) ** 2 + (y - 30) ** 2 < 100] = (220, 60, 40)
        for k in range(14):
            swing = 14 * np.sin(0.35 * frame + 1.7 * k)
            video[frame, (x - 20 - 20 * k - swing) ** 2 / 49 + (y - 120 - 0.4 * swing) ** 2 / 400 < 1] = (40, 50, 70)
    return np.clip(video + rng.normal(0, 2, video.shape), 0, 255).astype(np.uint8)


@pytest.mark.parametrize("vanishes", [False, True])
def test_among_pieces_that_merge_and_part_only_what_changes_at_once_is_an_alarm(vanishes: bool):
    rgb = crowd(vanishes=vanishes)
    audit = audit_footage(Footage(rgb, np.arange(72) / RATE, 180, 320))
    assert audit.alarm == vanishes, audit.events[:3]
