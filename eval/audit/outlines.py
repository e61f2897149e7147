"""Outlines that change slowly: a thing that grows, shrinks or splits while nothing touches it."""

from itertools import pairwise

import numpy as np
from jaxtyping import Float

from eval.audit.result import Event, EventKind, ramp
from eval.perception.scene import Scene
from eval.perception.tracks import Track, Tracks
from physics_data.core.trajectory import true_intervals

_GROWTH = (float(np.log(1.5)), float(np.log(2.2)))  # ratio of areas; outlines of lawful things vary by 1.2
_IN_PLACE = 0.7  # diameters that it may move meanwhile: what comes nearer moves away from the vanishing point
_FROM_AFAR = 0.45  # strength of growth that a thing coming nearer or going away could explain: no alarm
_COMPACT = 0.6  # area over that of the box: a disc has 0.79, a walking person 0.4 to 0.6
_STEADY = 0.12  # standard deviation of that, and of the logarithm of the aspect
_ALONE = 8  # frames for which it must have been seen alone before it splits
_PARTS = (0.15, 0.85)  # what a part has of the whole
_SUM = 0.3  # logarithm by which the parts together may differ from the whole
_ALIKE = 40.0  # grey levels between the mean colours of the parts
_APART = 1.0  # diameters of the whole that the parts must come to be apart


def find_outline_events(scene: Scene, tracks: Tracks, index: int, given: int = 0) -> list[Event]:
    """Return growth, shrinking and splitting of one thing, each with its figures."""
    track = tracks.tracks[index]
    if track.box is None or track.color is None:
        return []
    good = track.presence & track.whole
    if track.crowded is not None:
        good &= ~track.crowded
    events = []
    for first, end in true_intervals(good):
        if end - first >= _ALONE and end > given:
            events += _growth(scene, tracks, index, np.arange(max(first, given), end))
    return events + _split(scene, tracks, index, given)


def _fill(track: Track, frames: np.ndarray) -> tuple[Float[np.ndarray, "n"], Float[np.ndarray, "n"]]:
    """Area over that of the box, and the logarithm of the box's aspect."""
    assert track.box is not None
    left, top, right, bottom = track.box[frames].T
    return track.area[frames] / ((right - left) * (bottom - top)), np.log((right - left) / (bottom - top))


def _is_compact(track: Track, frames: np.ndarray) -> bool:
    fill, aspect = _fill(track, frames)
    return bool(np.median(fill) > _COMPACT and fill.std() < _STEADY and aspect.std() < _STEADY)


def _event(scene: Scene, tracks: Tracks, kind: EventKind, frame: int, index: int, strength: float, text: str) -> Event:
    height, width = scene.video.shape[1:3]
    x, y = tracks.tracks[index].centroid[frame]
    return Event(
        kind=kind,
        seconds=float(tracks.seconds[frame]),
        track=tracks.tracks[index].name,
        x=float(x) / width,
        y=float(y) / height,
        strength=strength,
        text=text,
    )


def _growth(scene: Scene, tracks: Tracks, index: int, frames: np.ndarray) -> list[Event]:
    """Growth of a compact thing that keeps its shape.

    It is certain for what travels, but grows in one place or to and fro. Else the thing may come nearer, or be filled,
    as a cup is (04_coffee.mp4).
    """
    track = tracks.tracks[index]
    if len(frames) < _ALONE or not _is_compact(track, frames):
        return []
    if np.median(track.area[frames]) < 2e-4 * scene.size[0] * scene.size[1]:
        return []
    area = np.log(track.area[frames])
    smooth = np.convolve(area, np.ones(5) / 5, mode="valid") if len(area) >= 5 else area
    turns = [0, int(smooth.argmin()), int(smooth.argmax()), len(smooth) - 1]
    steps = [(b, float(smooth[b] - smooth[a]), a) for a, b in pairwise(sorted(turns))]
    at, change, begin = max(steps, key=lambda step: abs(step[1]))
    others = [value for _, value, _ in steps if value * change < 0]
    to_and_fro = bool(others) and max(abs(value) for value in others) > _GROWTH[0]
    diameter = 2 * np.sqrt(float(np.exp(smooth.max())) / np.pi)
    moved = float(np.linalg.norm(track.centroid[frames[at]] - track.centroid[frames[begin]]))
    strength = ramp(abs(change), _GROWTH)
    travel = float(np.linalg.norm(np.ptp(track.centroid[frames], axis=0))) / diameter
    if travel < 1.0 or not (to_and_fro or moved < _IN_PLACE * diameter):
        strength *= _FROM_AFAR
    if strength < 0.05:
        return []
    text = f"its area changes by a factor of {np.exp(change):.2f} within {moved / diameter:.1f} diameters"
    return [_event(scene, tracks, "growth", int(frames[at]), index, strength, text)]


def _split(scene: Scene, tracks: Tracks, index: int, given: int) -> list[Event]:
    """Say whether a thing begins as a part of another one, which has the rest of its area from then on."""
    part = tracks.tracks[index]
    begin = int(np.argmax(part.presence))
    after = [k for k in range(begin, min(begin + 4, len(part.presence))) if part.presence[k]]
    if begin <= max(given, _ALONE) or len(after) < 3:
        return []
    for other, whole in enumerate(tracks.tracks):
        before = np.arange(begin - _ALONE, begin - 1)
        if other == index or not (whole.presence & whole.whole)[before].all() or not whole.presence[after].all():
            continue
        if whole.crowded is not None and whole.crowded[before].any():
            continue
        usual = float(np.median(whole.area[before]))
        diameter = 2 * np.sqrt(usual / np.pi)
        gap = float(np.linalg.norm(part.centroid[begin] - whole.centroid[begin - 1]))
        new, rest = float(np.median(part.area[after])), float(np.median(whole.area[after]))
        fits = abs(np.log((new + rest) / usual)) < _SUM and all(
            _PARTS[0] < one / usual < _PARTS[1] for one in (new, rest)
        )
        assert part.color is not None and whole.color is not None
        alike = np.abs(np.median(part.color[after], axis=0) - np.median(whole.color[before], axis=0)).max() < _ALIKE
        both = np.flatnonzero(part.presence & whole.presence)
        apart = np.linalg.norm(part.centroid[both] - whole.centroid[both], axis=1).max(initial=0.0) / diameter
        if gap < 1.2 * diameter and fits and alike and apart > _APART and usual > 4e-4 * scene.size[0] * scene.size[1]:
            strength = 0.9 if _is_compact(whole, before) else _FROM_AFAR
            text = f"parts of {rest / usual:.2f} and {new / usual:.2f} of its area go {apart:.1f} diameters apart"
            return [_event(scene, tracks, "split", begin, index, strength, text)]
    return []
