"""Hovering, staying up, falling slowly, growing, splitting: what gravity and permanence do not allow, from paths."""

import numpy as np
import pytest
from discs import drawn

from eval.audit.footage import footage_of
from eval.audit.laws import fit_pendulum
from eval.audit.motion import describe
from eval.audit.motion_events import find_motion_events
from eval.audit.video import audit_footage
from eval.perception.tracks import Track, Tracks

RATE = 30.0
SECONDS = np.arange(60) / RATE
RED = (200, 40, 40)
DIAMETER = 12.0
GRAVITY = 400.0  # pixels/s²


def tracks_of(*places: np.ndarray) -> Tracks:
    """Tracks of discs at given places, seen whole and alone, with a tracker's noise."""
    noise = np.random.default_rng(0)
    found = []
    for number, place in enumerate(places, start=1):
        seen = np.ones(len(place), bool)
        area = np.full(len(place), np.pi * DIAMETER**2 / 4)
        found.append(Track(str(number), seen, seen, place + noise.normal(0, 0.15, place.shape), area))
    seconds = np.arange(len(places[0])) / RATE
    return Tracks(tuple(found), seconds, np.zeros(len(seconds), int), np.zeros((len(seconds), 1, 1), np.uint8))


def events_of(*places: np.ndarray, scale: float | None = None) -> dict[str, float]:
    tracks = tracks_of(*places)
    motions = {track.name: describe(track, tracks.seconds) for track in tracks.tracks}
    found = find_motion_events(tracks, motions, 240, lambda index, frame: False, scale)
    return {event.kind: event.strength for event in found}


def fall(acceleration: float = GRAVITY, x: float = 50.0, top: float = 20.0) -> np.ndarray:
    return np.stack([np.full(60, x), top + 0.5 * acceleration * SECONDS**2], axis=1)


def bounce(restitution: float = 0.8, floor: float = 180.0) -> np.ndarray:
    y, speed, found = 20.0, 0.0, []
    for _ in SECONDS:
        found.append(y)
        for _ in range(20):
            speed += GRAVITY / RATE / 20
            y += speed / RATE / 20
            if y > floor and speed > 0:
                speed = -restitution * speed
    return np.stack([np.full(60, 50.0), np.array(found)], axis=1)


def swing(amplitude: float, frequency: float = 5.0) -> np.ndarray:
    angle, speed, found = amplitude, 0.0, []
    for _ in SECONDS:
        found.append(angle)
        for _ in range(50):
            speed -= frequency**2 * np.sin(angle) / RATE / 50
            angle += speed / RATE / 50
    return np.stack([150 + 100 * np.sin(found), 50 + 100 * np.cos(found)], axis=1)


@pytest.mark.parametrize("path", [fall(), bounce(), bounce(0.3), swing(0.4), swing(1.5), fall()[::-1]])
def test_lawful_paths_raise_nothing(path):
    assert not events_of(path)


def test_a_ball_that_stays_at_its_apex():
    path = bounce()
    apex = int(path[30:50, 1].argmin()) + 30
    path[apex:] = path[apex]
    assert events_of(path)["stays_up"] > 0.5


def test_a_pendulum_that_stays_up():
    path = swing(1.2)
    top = int(path[10:45, 0].argmin()) + 10
    path[top:] = path[top]
    assert events_of(path)["stays_up"] > 0.5


def test_a_pause_in_mid_fall():
    path = fall()
    held = np.concatenate([path[:15], np.repeat(path[15:16], 20, axis=0), path[15:40]])
    assert events_of(held)["hover"] > 0.5


def test_a_tenth_of_the_gravity_of_the_others():
    assert events_of(fall(), fall(0.1 * GRAVITY, 120.0))["slow_fall"] == 1.0
    assert not events_of(fall(), fall(0.8 * GRAVITY, 120.0))


@pytest.mark.parametrize(("scale", "wrong"), [(9.81 / GRAVITY, False), (0.1 * 9.81 / GRAVITY, True)])
def test_gravity_with_a_scale(scale, wrong):
    assert ("wrong_gravity" in events_of(fall(), scale=scale)) == wrong


@pytest.mark.parametrize("amplitude", [0.3, 1.0, 2.0])
def test_a_pendulum_of_any_amplitude_has_its_period(amplitude):
    place = swing(amplitude) + np.random.default_rng(1).normal(0, 0.2, (60, 2))
    fit = fit_pendulum(SECONDS, place, DIAMETER)
    assert fit is not None
    assert fit.period == pytest.approx(2 * np.pi / 5.0, rel=0.02)
    assert fit.residual < 0.5


def test_acceleration_within_its_error():
    track = tracks_of(fall()).tracks[0]
    motion = describe(track, SECONDS)
    assert motion is not None
    assert motion.main.law == "constant_acceleration"
    assert abs(motion.main.acceleration[1] - GRAVITY) < 4 * motion.main.error
    assert motion.main.error < 0.02 * GRAVITY


def test_a_disc_that_grows_in_place_and_a_drift_of_colours():
    path = np.stack([30 + 0.2 * np.arange(40), np.full(40, 30.0)], axis=1)[:, None]
    video = drawn(path, [RED])
    grown = video.copy()
    rows, columns = np.mgrid[: video.shape[1], : video.shape[2]]
    for frame in range(40):
        x, y = path[frame, 0]
        grown[frame][np.hypot(columns + 0.5 - x, rows + 0.5 - y) < 6 + 0.15 * frame] = RED
    kinds = {event.kind for event in audit_footage(footage_of(grown, RATE)).events}
    assert "growth" in kinds
    assert "growth" not in {event.kind for event in audit_footage(footage_of(video, RATE)).events}
    for channels, kinds in ((np.ones(3), set()), (np.array([1.0, 0.0, 0.0]), {"drift"})):  # exposure, tint
        gains = 1 - channels * np.linspace(0.0, 0.4, 40)[:, None, None, None]
        drifting = audit_footage(footage_of((video * gains).astype(np.uint8), RATE))
        assert {finding.kind for finding in drifting.findings} == kinds
        assert not drifting.alarm
