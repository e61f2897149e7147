"""Permanence without a reference: do things vanish, appear, double, jump, or change what they look like?"""

from itertools import pairwise

import numpy as np
from jaxtyping import Float

from eval.audit.discontinuity import discontinuity
from eval.audit.outlines import find_outline_events
from eval.audit.result import Event, EventKind, Measure, ramp
from eval.audit.terminations import LIFE, End, find_ends, unbroken_runs
from eval.perception.scene import Scene
from eval.perception.tracks import Track, Tracks

MIN_COVERAGE = 0.25
"""Share of the moving foreground that must be judged; below it there is no verdict, in either direction."""

_ALIKE = 40.0  # grey levels between the mean colours of one thing, seen twice
_SEEN = (2e-4, 8e-4)  # share of the picture: below, a thing is too small to be judged
_SWAP = (28.0, 60.0)  # grey levels that a mean colour may not jump
_GROWTH = (0.45, 0.9)  # logarithm of the area that may not jump
_FEW_ENDS = 6  # beginnings and ends in a clip among which one that has no reason stands out
_GAP = 0.2  # s for which a thing may be seen in part or in a crowd while its colour changes
_JUMP = (1.0, 2.0)  # diameters that a thing may not be off its course


def audit_permanence(scene: Scene, tracks: Tracks, given: int = 0) -> tuple[list[Event], Measure]:
    """Return the events that break permanence, and the measure: one minus the strongest; tracks on the canvas.

    Coverage is the share of the moving foreground, in pixels, that belongs to things whose beginnings and ends could be
    judged; below ``MIN_COVERAGE`` there is no verdict. What happens within the first ``given`` frames is not judged.
    """
    if not tracks.tracks:
        return [], Measure(value=None, coverage=0.0, reason="nothing moves that could be followed")
    ends, lit = find_ends(scene, tracks, given), _exposures(scene)
    events = _ends_to_events(scene, tracks, [end for end in ends if end.strength > 0.05])
    events += _replacements(scene, tracks, [end for end in ends if end.replaced > 0.05], lit)
    for index, track in enumerate(tracks.tracks):
        events += _changes(scene, track, tracks, index, lit, given)
        events += find_outline_events(scene, tracks, index, given)
    events = _weighed(scene, events, tracks, given)
    coverage = _coverage(scene, tracks, ends, given)
    if coverage < MIN_COVERAGE:
        why = f"{coverage:.0%} of what moves belongs to things whose beginnings and ends could be judged"
        return events, Measure(value=None, coverage=coverage, reason=why)
    reason = "" if coverage >= 0.5 else "most of what moves is not followed, or begins or ends in crowds or unseen"
    return events, Measure(value=1 - max((e.strength for e in events), default=0.0), coverage=coverage, reason=reason)


def _weighed(scene: Scene, events: list[Event], tracks: Tracks, given: int) -> list[Event]:
    """Weaken events in clips in which pieces of that size come and go all the time: there one more means little.

    People, animals and cloth fall into pieces for the tracker; a ball that vanishes does so among few. Where the pixels
    change at once, only what comes and goes like that counts: pieces that the tracker loses or finds go on in the
    picture.
    """
    lived = [n for n, track in enumerate(tracks.tracks) if np.count_nonzero(track.presence) >= LIFE]
    last = len(tracks.seconds) - 1
    ends = []
    for number in lived:
        frames = np.flatnonzero(tracks.tracks[number].presence)
        ends += [(number, int(frames[0]))] * int(frames[0] > given + 1)
        ends += [(number, int(frames[-1]))] * int(frames[-1] < last - 1)
    sizes = np.array([tracks.tracks[number].size for number, _ in ends])
    index_of = {track.name: index for index, track in enumerate(tracks.tracks)}
    abrupt: np.ndarray | None = None
    weighed = []
    for event in events:
        index = index_of[event.track]
        alike = sizes >= 0.5 * tracks.tracks[index].size
        weight = _rarity(int(alike.sum()))
        if weight < 1 and event.strength > 0.05:
            frame = int(np.abs(tracks.seconds - event.seconds).argmin())
            sudden = discontinuity(scene, tracks, index, frame)
            if sudden > weight:
                if abrupt is None:
                    abrupt = np.array([discontinuity(scene, tracks, *end) > 0.5 for end in ends])
                weight = max(weight, sudden * _rarity(int((alike & abrupt).sum())))
        weighed.append(event.model_copy(update={"strength": event.strength * weight}))
    return weighed


def _rarity(comings_and_goings: int) -> float:
    return min(1.0, _FEW_ENDS / max(comings_and_goings, 1)) ** 1.5


def _coverage(scene: Scene, tracks: Tracks, ends: list[End], given: int) -> float:
    """Share of the foreground in unbroken runs, each weighed by the share of its ends that is judged."""
    judged = {(end.track, end.begins, end.frame): end.judged for end in ends}
    explained = 0.0
    for index, track in enumerate(tracks.tracks):
        for first, final in unbroken_runs(track, tracks.seconds):
            known = [judged[key] for key in ((index, True, first), (index, False, final)) if key in judged]
            if final - first + 1 >= LIFE:
                pixels = float(track.area[max(first, given) : final + 1].sum())
                explained += pixels * (float(np.mean(known)) if known else 1.0)
    moving = sum(
        int(np.count_nonzero(foreground | labels))
        for foreground, labels in zip(scene.foreground[given:], tracks.labels[given:], strict=True)
    )
    return explained / max(moving, 1)


def _event(
    scene: Scene, tracks: Tracks, kind: EventKind, frame: int, index: int, place: np.ndarray, sure: float
) -> Event:
    height, width = scene.video.shape[1:3]
    x, y = float(place[0]) / width, float(place[1]) / height
    return Event(
        kind=kind, seconds=float(tracks.seconds[frame]), track=tracks.tracks[index].name, x=x, y=y, strength=sure
    )


def _near(track: Track, frame: int, side: int) -> list[int]:
    """Up to four sightings from a frame on: forwards (1), backwards (-1) or both ways (0)."""
    low, high = (-3 if side <= 0 else 0), (3 if side >= 0 else 0)
    return [k for k in range(max(0, frame + low), min(len(track.presence), frame + high + 1)) if track.presence[k]]


def _color(track: Track, frame: int, side: int = 0) -> Float[np.ndarray, "3"]:
    assert track.color is not None
    return np.median(track.color[_near(track, frame, side)], axis=0)


def _unrest(track: Track, frame: int, side: int) -> float:
    assert track.color is not None
    return _spread(track.color[_near(track, frame, side)])


def _ends_to_events(scene: Scene, tracks: Tracks, ends: list[End]) -> list[Event]:
    """Pair ends with beginnings: what ends here and begins elsewhere at once, and looks the same, has jumped."""
    events, used = [], set()
    for gone in (end for end in ends if not end.begins):
        for number, come in enumerate(ends):
            if not come.begins or number in used or not come.frame - gone.frame > 0:
                continue
            same = np.abs(_color(tracks.tracks[gone.track], gone.frame) - _color(tracks.tracks[come.track], come.frame))
            alike = same.max() < _ALIKE and 0.6 < come.diameter / gone.diameter < 1.6
            if alike and come.frame - gone.frame <= 2 + 0.5 * _rate(tracks):
                near = np.linalg.norm(come.centroid - gone.centroid) < 1.5 * gone.diameter
                sure = max(gone.strength, come.strength)
                kind: EventKind = "blink" if near or come.frame - gone.frame > 3 else "teleport"
                events.append(_event(scene, tracks, kind, gone.frame, gone.track, gone.centroid, sure))
                used.add(number)
                break
        else:
            events.append(_event(scene, tracks, "vanish", gone.frame, gone.track, gone.centroid, gone.strength))
    for number, come in enumerate(ends):
        if come.begins and number not in used:
            copies = [
                index
                for index, other in enumerate(tracks.tracks)
                if index != come.track
                and other.presence[come.frame]
                and np.abs(_color(other, come.frame) - _color(tracks.tracks[come.track], come.frame)).max() < _ALIKE
            ]
            kind = "duplicate" if copies else "appear"
            events.append(_event(scene, tracks, kind, come.frame, come.track, come.centroid, come.strength))
    return events


def _replacements(scene: Scene, tracks: Tracks, ends: list[End], lit: np.ndarray) -> list[Event]:
    """What ends where something of the same size and another colour begins at once has been given another colour."""
    events = []
    for gone in (end for end in ends if not end.begins):
        for come in (end for end in ends if end.begins and 0 < end.frame - gone.frame <= 2):
            near = np.linalg.norm(come.centroid - gone.centroid) < gone.diameter
            if not near or not 0.7 < come.diameter / gone.diameter < 1.4:
                continue
            old, new = tracks.tracks[gone.track], tracks.tracks[come.track]
            change = _color(new, come.frame, 1) - _color(old, gone.frame, -1)
            change -= lit[come.frame] - lit[gone.frame]
            unrest = max(_unrest(old, gone.frame, -1), _unrest(new, come.frame, 1))
            sure = min(gone.replaced, come.replaced) * ramp(float(np.abs(change).max()) - 2 * unrest, _SWAP)
            if sure > 0.05:
                events.append(_event(scene, tracks, "color_swap", come.frame, come.track, come.centroid, sure))
    return events


def _exposures(scene: Scene) -> Float[np.ndarray, "t 3"]:
    """How much brighter the empty scene is in each frame than in the first, grey levels."""
    step = max(1, int(np.sqrt(scene.video.shape[1] * scene.video.shape[2] / 4000)))
    sample, quiet = scene.video[:, ::step, ::step].astype(np.int16), scene.foreground[:, ::step, ::step] == 0
    if scene.valid is not None:
        quiet &= scene.valid[:, ::step, ::step]
    levels = [np.zeros(3)]
    for frame, (first, second) in enumerate(pairwise(sample)):
        change = (second - first)[quiet[frame] & quiet[frame + 1]]
        levels.append(levels[-1] + (np.median(change, axis=0) if len(change) else 0.0))
    return np.array(levels)


def _rate(tracks: Tracks) -> float:
    return 1 / float(np.median(np.diff(tracks.seconds))) if len(tracks.seconds) > 1 else 1.0


def _changes(scene: Scene, track: Track, tracks: Tracks, index: int, lit: np.ndarray, given: int) -> list[Event]:
    """Jumps of colour, size and place inside a track, between two frames in which it is seen whole and alone."""
    assert track.color is not None
    good = track.presence & track.whole
    if track.crowded is not None:
        good &= ~track.crowded
    frames = np.flatnonzero(good)
    events: list[Event] = []
    if len(frames) < 8:
        return events
    usual = track.size
    weight = ramp(usual / (scene.size[0] * scene.size[1]), _SEEN)
    colors, areas = track.color[frames], np.log(np.maximum(track.area[frames], 1.0))
    inside = [k for k in range(3, len(frames) - 3) if frames[k] >= given]
    span = np.array([frames[k + 2] - frames[k - 3] - 5 for k in inside])  # frames in which it was not seen so
    colors = colors - lit[frames]
    longest_gap = round(_GAP * _rate(tracks))
    for values, limits, kind in ((colors, _SWAP, "color_swap"), (areas[:, None], _GROWTH, "size_jump")):
        steps = np.array(inside)[span <= (longest_gap if kind == "color_swap" else 0)] if inside else np.zeros(0, int)
        if not len(steps):
            continue
        three = np.lib.stride_tricks.sliding_window_view(values, 3, axis=0)  # the k-th begins at k
        middle, spread = np.median(three, axis=-1), np.ptp(three, axis=-1).max(-1)
        before, later, unrest = middle[steps - 3], middle[steps], np.maximum(spread[steps - 3], spread[steps])
        jump = np.abs(later - before).max(-1) - 2.0 * unrest
        if kind == "color_swap":
            jump = np.where(np.abs(areas[steps] - areas[steps - 1]) < 0.5, jump, 0.0)
        sure = weight * np.array([ramp(float(j), limits) for j in jump])
        if kind == "size_jump":  # what grows from a speck has come out from behind something
            specks = np.exp(np.minimum(before, later)[:, 0]) / (scene.size[0] * scene.size[1])
            sure = np.minimum(sure, [ramp(float(share), _SEEN) for share in specks])
        best = int(sure.argmax())
        if sure[best] > 0.05:
            k = int(steps[best])
            frame, strength = int(frames[k]), float(sure[best])
            if frames[k + 2] - frames[k - 3] > 5:  # seen in part or in a crowd meanwhile: its pixels must say it too
                between = np.arange(frames[k - 1], frame + 1)[track.presence[frames[k - 1] : frame + 1]]
                sudden = [discontinuity(scene, tracks, index, int(f)) for f in between]
                frame, strength = int(between[int(np.argmax(sudden))]), strength * max(sudden)
            if strength > 0.05:
                events.append(_event(scene, tracks, kind, frame, index, track.centroid[frame], strength))  # type: ignore[arg-type]
    events += _jumps(scene, track, tracks, index, frames, weight, given)
    return events


def _spread(values: np.ndarray) -> float:
    return float(np.ptp(values, axis=0).max())


def _jumps(
    scene: Scene, track: Track, tracks: Tracks, index: int, frames: np.ndarray, weight: float, given: int
) -> list[Event]:
    """Sudden displacements: far off the course before, and off the course after, taken backwards."""
    diameter = 2 * np.sqrt(track.size / np.pi)
    found: list[Event] = []
    place = track.centroid
    for k in range(3, len(frames) - 3):
        window = frames[k - 3 : k + 3]
        if (
            frames[k] < given
            or window[-1] - window[0] != 5
            or np.ptp(np.log(np.maximum(track.area[window], 1.0))) > 0.5
        ):
            continue
        a, b = frames[k - 1], frames[k]
        seconds, step = tracks.seconds, place[b] - place[a]
        interval = seconds[b] - seconds[a]
        before = (place[a] - place[a - 2]) * (interval / (seconds[a] - seconds[a - 2]))
        later = (place[b + 2] - place[b]) * (interval / (seconds[b + 2] - seconds[b]))
        off = min(np.linalg.norm(step - before), np.linalg.norm(step - later)) / max(float(diameter), 1.0)
        usual = max(np.linalg.norm(before), np.linalg.norm(later)) / max(float(diameter), 1.0)
        sure = weight * ramp(float(off - 1.5 * usual), _JUMP)
        if sure > 0.05:
            found.append(_event(scene, tracks, "teleport", int(b), index, place[b], sure))
    return found[:3]
