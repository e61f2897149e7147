"""Motion that gravity does not allow, from paths alone: hovering, staying up, turning back, falling too slowly.

No scale is needed: a thing is held against its own motion before, and against what else falls in the clip. Everything
rests on gravity pointing down the picture, which a thing must have shown by falling before anything is said of it.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from eval.audit.laws import unrest_of
from eval.audit.motion import Segment, TrackMotion, is_rigid, judged_frames, path_of
from eval.audit.result import MotionKind, ramp
from eval.perception.tracks import Track, Tracks

GRAVITY = 9.81
"""m/s², where ``--metres-per-pixel`` gives a scale."""

_REST = 0.35  # s; a thrown thing stands at its apex, within half a diameter, for 2 sqrt(d / g): 0.2 s for 10 cm
_PLACE = 0.25  # diameters within which a thing keeps its place; at its apex, it would have fallen by 1 meanwhile
_LEAP = 2.0  # diameters from one frame to the next, from which on the path is another one
_FALL = 1.5  # diameters that it must have fallen before, accelerating: outlines tremble by 0.1
_TURNED = (0.12, 0.3)  # rad before the lowest point: a camera that is not level errs by a few degrees
_SWUNG = (0.08, 0.2)  # rad that it must swing before and after
_SWING = 0.7  # diameters that it must have fallen and risen before it stays up
_GAP = 3  # frames in which it touches something or is not seen, without an end to what is said of it
_MISSED = (1.0, 3.0)  # diameters that it would have fallen while it rested in the air
_PAUSED = 0.8  # strength of a pause in mid-fall: a ledge as narrow as the thing is rare, but there are some
_STOPPED = 0.45  # strength of a dead stop, below the alarm: a bean bag lands like this
_SLOWER = (0.5, 0.25)  # acceleration of a fall over that of the fastest in the clip: depth may explain a factor of 2
_STEEP = 0.25  # sideways over downward acceleration: beyond it something slides or swings
_QUICK = 1.5  # picture heights/s² from which a fall is taken for free: on Earth a view of at most 6.5 m
_SURE = 4.0  # standard errors of an acceleration
_WRONG = (float(np.log(1.3)), float(np.log(1.8)))  # logarithm of g over 9.81: scale and tilt err by 10 to 20 %


@dataclass(frozen=True)
class MotionEvent:
    """Something that a thing did against gravity. frame: where it begins; text: the figures."""

    kind: MotionKind
    track: int
    frame: int
    strength: float
    text: str


Touched = Callable[[int, int], bool]
"""Whether anything else that moves is near enough to touch thing i in frame k."""


def find_motion_events(
    tracks: Tracks,
    motions: Mapping[str, TrackMotion | None],
    height: int,
    touched: Touched,
    metres_per_pixel: float | None = None,
    given: int = 0,
) -> list[MotionEvent]:
    """Return what hovers, stays up, stops dead, turns back on its way down, or falls too slowly.

    Units:
        height:            of the picture, pixels
        metres_per_pixel:  m, in the plane of motion; None leaves out the comparison with 9.81 m/s²
        given:             first frames that are not judged
    """
    events: list[MotionEvent] = []
    falls: list[tuple[int, Segment]] = []
    for index, track in enumerate(tracks.tracks):
        motion = motions[track.name]
        if motion is None:
            continue
        events += _rests_in_the_air(tracks, track, index, touched, given)
        if is_rigid(track, given):
            events += _turns_back(tracks, track, index, touched, given)
        falls += [(index, segment) for segment in motion.segments if _falls(track, segment, index, touched)]
    events += _slow_falls(falls, height)
    return events if metres_per_pixel is None else events + _wrong_gravity(falls, metres_per_pixel)


def _smooth(values: np.ndarray) -> np.ndarray:
    """Mean of three neighbours; the first and the last stay."""
    found = values.copy()
    found[1:-1] = (values[:-2] + values[1:-1] + values[2:]) / 3
    return found


def _stretches(track: Track, given: int = 0) -> list[np.ndarray]:
    """Frames of the stretches of 8 and more in which it can be judged, but for gaps of up to ``_GAP``, and jumps."""
    frames = np.flatnonzero(judged_frames(track, given))
    path, diameter = path_of(track)
    steps = np.linalg.norm(np.diff(path[frames], axis=0), axis=1)
    ends = (np.diff(frames) > _GAP + 1) | (steps > _LEAP * diameter * np.diff(frames))
    return [part for part in np.split(frames, np.flatnonzero(ends) + 1) if len(part) >= 8]


def _rests(time: np.ndarray, place: np.ndarray, diameter: float) -> list[tuple[int, int]]:
    """First picture and end of the stretches of ``_REST`` and more in which it keeps its place, the longest first."""
    span, runs, a = max(_PLACE * diameter, 2 * unrest_of(diameter)), [], 0
    for b in range(1, len(time) + 1):
        while np.ptp(place[a:b], axis=0).max() > span:
            a += 1
        if time[b - 1] - time[a] >= _REST:
            runs.append((a, b))
    found: list[tuple[int, int]] = []
    for a, b in sorted(runs, key=lambda run: run[0] - run[1]):
        if all(b <= first or a >= end for first, end in found):
            found.append((a, b))
    return found


def _rests_in_the_air(tracks: Tracks, track: Track, index: int, touched: Touched, given: int) -> list[MotionEvent]:
    """Rests above where gravity would have brought the thing, after it has shown that it falls."""
    (path, diameter), found = path_of(track), []
    for frames in _stretches(track):
        time, place = tracks.seconds[frames], path[frames]
        level = _smooth(place[:, 1])
        for a, b in _rests(time, place, diameter):
            if frames[b - 1] < given or a < 3:
                continue
            event = _judged(time, level, a, b, diameter)
            held = (a + (b - a) // 4, (a + b) // 2, b - 1 - (b - a) // 4)
            if event is None or any(touched(index, int(frames[k])) for k in held):
                continue
            kind, strength, text = event
            found.append(MotionEvent(kind, index, int(frames[a]), strength, text))
    return found


def _turns_back(tracks: Tracks, track: Track, index: int, touched: Touched, given: int) -> list[MotionEvent]:
    """A thing on an arc around a point above it turns back before its lowest place, where a pendulum is fastest."""
    (path, diameter), found = path_of(track), []
    for frames in _stretches(track, given):
        if len(frames) < 12:
            continue
        x, y = path[frames].T
        spread = np.linalg.svd(np.stack([x - x.mean(), y - y.mean()]), compute_uv=False) / np.sqrt(len(frames))
        if spread[1] < max(0.1 * diameter, 3 * unrest_of(diameter)):
            continue  # a line has no pivot
        basis = np.stack([x, y, np.ones_like(x)], axis=1)
        half_x, half_y, rest = np.linalg.lstsq(basis, x**2 + y**2, rcond=None)[0]
        radius = float(np.sqrt(max(rest + (half_x**2 + half_y**2) / 4, 0.0)))
        off = np.abs(np.hypot(x - half_x / 2, y - half_y / 2) - radius)
        if radius < 1.5 * diameter or radius > 20 * diameter or off.mean() > 0.15 * diameter + 0.5:
            continue
        angle = _smooth(np.unwrap(np.arctan2(x - half_x / 2, y - half_y / 2)))  # 0 at the lowest place
        tilt = np.abs(angle)
        speed = np.abs(np.gradient(angle, tracks.seconds[frames]))
        for k in range(2, len(tilt) - 2):
            if tilt[k] > tilt[max(0, k - 3) : k + 4].min() or np.ptp(angle) > np.pi:
                continue
            if speed[k - 1 : k + 2].min() > 0.5 * np.median(speed):
                continue  # it meets something
            before, later = float(tilt[:k].max()) - tilt[k], float(tilt[k:].max()) - tilt[k]
            sure = ramp(float(tilt[k]), _TURNED) * ramp(min(before, later), _SWUNG)
            if sure > 0.05 and not any(touched(index, int(frames[j])) for j in (k - 1, k, k + 1)):
                text = f"turns back {np.degrees(tilt[k]):.0f} degrees before the lowest point of its arc"
                found.append(MotionEvent("turns_back", index, int(frames[k]), sure, text))
    return sorted(found, key=lambda one: -one.strength)[:1]


def _judged(
    time: np.ndarray, level: np.ndarray, a: int, b: int, diameter: float
) -> tuple[MotionKind, float, str] | None:
    """Say what a rest from picture a to b - 1 is: up after a fall and a rise, in mid-fall, or a dead stop."""
    before, here, rest = level[: a + 1], float(np.median(level[a:b])), float(time[b - 1] - time[a])
    lowest = int(before.argmax())
    start = int(before[: lowest + 1].argmin())
    fallen = float(before[lowest] - before[start])
    # a bob slows its descent near the bottom, so the upper half of the fall tells the pull
    half = start + 1 + int(np.argmax(before[start : lowest + 1] - before[start] >= 0.5 * fallen))
    half = min(max(half, start + 5), lowest + 1)
    pull = _pull(time[start:half], level[start:half], diameter)
    if fallen < _SWING * diameter or pull is None:
        return None
    missed = 0.5 * pull * rest**2 / diameter
    if before[lowest] - here > max(_SWING * diameter, 0.2 * fallen):
        text = f"rises by {(before[lowest] - here) / diameter:.1f} diameters and stays up for {rest:.2f} s"
        return "stays_up", ramp(missed, _MISSED), text
    if fallen < _FALL * diameter:
        return None
    later = float(level[b:].max(initial=-np.inf)) - here
    if later > _FALL * diameter:
        text = f"pauses in mid-fall for {rest:.2f} s and falls on by {later / diameter:.1f} diameters"
        return "hover", _PAUSED * ramp(missed, _MISSED), text
    arriving = max((level[k] - level[k - 2]) / (time[k] - time[k - 2]) for k in range(max(2, a - 2), a + 1))
    if lowest >= a - 2 and arriving > 0.5 * np.sqrt(2 * pull * fallen):
        text = f"stops dead after a fall of {fallen / diameter:.1f} diameters"
        return "dead_stop", _STOPPED * ramp(missed, _MISSED), text
    return None


def _pull(time: np.ndarray, level: np.ndarray, diameter: float) -> float | None:
    """Downward acceleration of a descent, pixels/s²; None where it is not sure."""
    if len(time) < 4:
        return None
    centered = time - time.mean()
    basis = np.vander(centered, 3)
    values = np.linalg.lstsq(basis, level, rcond=None)[0]
    spread = max(float(np.sqrt(((level - basis @ values) ** 2).mean())), unrest_of(diameter))
    error = 2 * spread * float(np.sqrt(np.linalg.pinv(basis.T @ basis)[0, 0]))
    return 2 * float(values[0]) if 2 * float(values[0]) > 2 * error else None


def _falls(track: Track, segment: Segment, index: int, touched: Touched) -> bool:
    """Whether a segment is a fall: constant acceleration straight down, over more than a diameter, untouched."""
    across, down = segment.acceleration
    if segment.law != "constant_acceleration" or down < _SURE * segment.error or abs(across) > _STEEP * down:
        return False
    place, diameter = path_of(track)
    if np.ptp(place[segment.first : segment.end, 1]) < _FALL * diameter:
        return False
    return not any(touched(index, k) for k in (segment.first, (segment.first + segment.end) // 2, segment.end - 1))


def _slow_falls(falls: list[tuple[int, Segment]], height: int) -> list[MotionEvent]:
    """Falls much slower than the fastest free one of the clip: gravity is the same for all that falls at one depth."""
    free = [segment for _, segment in falls if segment.acceleration[1] > _QUICK * height]
    if not free:
        return []
    fastest = max(free, key=lambda segment: float(segment.acceleration[1]) - 2 * segment.error)
    most = float(fastest.acceleration[1]) - 2 * fastest.error
    found = []
    for index, segment in falls:
        fraction = (float(segment.acceleration[1]) + 2 * segment.error) / most
        strength = ramp(fraction, _SLOWER)
        if segment is not fastest and strength > 0.05:
            text = f"falls with {fraction:.2f} of the acceleration of the fastest fall in the clip"
            found.append(MotionEvent("slow_fall", index, segment.first, strength, text))
    return found


def _wrong_gravity(falls: list[tuple[int, Segment]], metres_per_pixel: float) -> list[MotionEvent]:
    """Falls with another acceleration than 9.81 m/s²."""
    found = []
    for index, segment in falls:
        down, error = float(segment.acceleration[1]) * metres_per_pixel, segment.error * metres_per_pixel
        strength = ramp(abs(float(np.log(down / GRAVITY))) - 2 * error / down, _WRONG)
        if strength > 0.05:
            text = f"falls with {down:.2f} ± {error:.2f} m/s²"
            found.append(MotionEvent("wrong_gravity", index, segment.first, strength, text))
    return found
