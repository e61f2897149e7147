"""Audit one video."""

import hashlib
from dataclasses import dataclass, replace
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Literal

import cv2
import numpy as np

from eval.audit.evidence import Evidence
from eval.audit.footage import AuditOptions, Footage, Hold, find_cuts, footage_windows, without_repeats
from eval.audit.motion import TrackMotion, describe, is_rigid
from eval.audit.motion_events import find_motion_events
from eval.audit.permanence import audit_permanence
from eval.audit.result import PERMANENCE_KINDS, Event, Finding, FindingKind, Measure, MotionRecord, VideoAudit, merged
from eval.perception.free_tracker import tracks_in
from eval.perception.scene import Scene, colour_drift, take_apart
from eval.perception.tracks import Tracks

ALARM = 0.5
"""Strength of an event from which on it is an alarm; possible simulated clips stay below it (docs/perception.md)."""

_SHORTEST = 6  # pictures
_STILL = 0.02  # picture heights that all things together must move
_LAG = 0.2  # s over which a thing must move by a pixel; outlines tremble, things go somewhere
_CROWDED = 0.5  # share of the picture that may be foreground
_DRIFT = 8.0  # grey levels of tint; of real clips at most 1, also where a camera halves its exposure
_SLIGHT = 0.3  # of the area of a thing: less hits nothing
_DESCRIBED = 0.8  # fraction of a thing's frames that laws describe, from which it moves as it should
MIN_REALISM_COVERAGE = 0.25
"""Fraction of the followed time that rigid things must fill; below it realism has no verdict, in either direction."""


def audit_video(
    path: Path,
    *,
    num_conditioning_frames: int = 0,
    options: AuditOptions | None = None,
    evidence: Evidence | None = None,
) -> VideoAudit:
    """Audit one video, or a stretch of it, without any reference.

    Conditioning frames are the first frames of the file, which were given to the model: things are followed through
    them, so that what vanishes right after them is seen, but nothing that happens in them is judged. evidence writes
    tracks and stills.

    Raises:
        VideoError: the file cannot be read.
    """
    path, options = Path(path), options or AuditOptions()
    windows = footage_windows(
        path,
        options.start,
        options.duration,
        num_conditioning_frames=num_conditioning_frames,
        side=options.side,
        frame_rate=options.frame_rate,
    )
    audits = [audit_footage(window, path.name, "", options.metres_per_pixel, evidence) for window in windows]
    digest = hashlib.sha256(path.read_bytes()).hexdigest()  # once it is known to be a file: a pipe would never end
    return merged(audits).model_copy(update={"sha256": digest, "num_conditioning_frames": num_conditioning_frames})


def audit_footage(
    footage: Footage,
    name: str = "",
    sha256: str = "",
    metres_per_pixel: float | None = None,
    evidence: Evidence | None = None,
) -> VideoAudit:
    """Audit pictures in memory; see ``audit_video``."""
    cv2.setRNGSeed(0)
    whole, rate = footage, 1 / float(np.median(np.diff(footage.seconds))) if len(footage.seconds) > 1 else 1.0
    footage, holds, even = without_repeats(whole)
    footage, begin, findings = _longest_shot(footage)
    given, left = footage.given, len(footage.rgb) - footage.given
    blank = partial(abstain, whole, name, sha256, rate, tuple(findings))
    if left < _SHORTEST:
        after = " after the conditioning frames" if whole.given else ""
        return blank(f"{left} pictures{after}; at least {_SHORTEST} are needed")
    if (drift := colour_drift(footage.rgb)) > _DRIFT:
        text = f"the tint of the whole picture drifts by {drift:.0f} grey levels"
        findings.append(Finding(kind="drift", seconds=float(footage.seconds[0]), text=text))
    scene = take_apart(footage.rgb)
    if scene.camera.too_far:
        return blank("the camera travels too far for one background; give shorter stretches by --start and --duration")
    tracks = tracks_in(scene, footage.seconds, on_canvas=True)
    if whole.first:
        names = (replace(track, name=f"{whole.seconds[0]:.0f}s.{track.name}") for track in tracks.tracks)
        tracks = replace(tracks, tracks=tuple(names))
    held = [_held(hold, begin, tracks) for hold in holds if begin < hold.before < begin + len(footage.rgb) - 1]
    if even is not None and sum(one.if_padded for one in held) <= sum(one.if_lost for one in held):
        seconds = even[begin : begin + len(footage.rgb)]
        footage, tracks = replace(footage, seconds=seconds), replace(tracks, seconds=seconds)
        rate = 1 / float(np.median(np.diff(seconds)))
        text = f"of {len(whole.rgb)} pictures {len(even)} differ: padded by repeats from about {rate:.3g} Hz"
        findings.append(Finding(kind="padded", seconds=0.0, text=text))
    else:
        findings += [one.finding for one in held if one.finding.seconds >= float(footage.seconds[max(given - 1, 0)])]
    busy = float(np.median(scene.foreground[given:].mean((1, 2))))
    if busy > _CROWDED:
        return blank("most of the picture moves; nothing stands still to compare with")
    events, permanence = audit_permanence(scene, tracks, given)
    motions = {track.name: describe(track, footage.seconds, given) for track in tracks.tracks}
    moved, moving = _motion_gate(scene, tracks, given)
    shrink = footage.width / footage.rgb.shape[2]  # pixels of the file for one that is looked at
    events += _gains(scene, tracks, motions)
    events += _motion_events(scene, tracks, motions, given, metres_per_pixel and metres_per_pixel * shrink)
    realism = _realism(tracks, motions, events, given)
    if moved < _STILL:
        nothing = Measure(value=None, coverage=0.0, reason="nothing moves; standing still proves nothing")
        events = [event for event in events if event.strength >= ALARM]
        permanence, realism = permanence if events else nothing, nothing
        findings.append(Finding(kind="still", seconds=0.0, text="nothing moves"))
    judged = sum(motion.seconds for motion in motions.values() if motion is not None)
    kinks = sum(motion.kinks for motion in motions.values() if motion is not None)
    records = tuple(_record(n, m, shrink, metres_per_pixel) for n, m in motions.items() if m is not None)
    audit = VideoAudit(
        file=name,
        sha256=sha256,
        seconds=float(whole.seconds[-1]),
        frame_rate=rate,
        height=footage.height,
        width=footage.width,
        things=len(tracks.tracks),
        camera=_camera(scene),
        moved=moved,
        moving=moving,
        permanence=permanence,
        realism=realism,
        flicker=_flicker(scene, given),
        kinks_per_second=kinks / judged if judged > 0 else 0.0,
        events=tuple(sorted(events, key=lambda event: -event.strength)),
        motions=records,
        alarm=_alarm(events, permanence, realism),
        findings=tuple(sorted(findings, key=lambda finding: finding.seconds)),
    )
    if evidence is not None:
        evidence.write(footage, scene, tracks, audit)
    return audit


def _camera(scene: Scene) -> Literal["still", "shaking", "moving", "unknown"]:
    camera = scene.camera
    if camera.moving or camera.shaking:
        return "moving" if camera.moving else "shaking"
    return "unknown" if (~camera.known).mean() > 0.5 else "still"


def _record(track: str, motion: TrackMotion, shrink: float, metres_per_pixel: float | None) -> MotionRecord:
    scale, main = shrink * (metres_per_pixel or 1.0), motion.main
    return MotionRecord(
        track=track,
        model=motion.law,
        residual=motion.residual,
        seconds=motion.seconds,
        restitutions=tuple(float(np.sqrt(impact.ratio)) for impact in motion.impacts),
        acceleration=(float(main.acceleration[0]) * scale, float(main.acceleration[1]) * scale),
        error=main.error * scale,
        unit="px/s²" if metres_per_pixel is None else "m/s²",
        period=main.period,
    )


def _motion_events(
    scene: Scene, tracks: Tracks, motions: dict[str, TrackMotion | None], given: int, metres_per_pixel: float | None
) -> list[Event]:
    """Motion against gravity, of things that nothing else touches."""
    height, width = scene.video.shape[1:3]
    found = find_motion_events(
        tracks,
        motions,
        scene.size[0],
        lambda index, frame: _is_hit(scene, tracks, index, frame),
        metres_per_pixel,
        given,
    )
    events = []
    for one in found:
        track = tracks.tracks[one.track]
        x, y = track.centroid[one.frame]
        seconds = float(tracks.seconds[one.frame])
        events.append(
            Event(
                kind=one.kind,
                seconds=seconds,
                track=track.name,
                x=float(x) / width,
                y=float(y) / height,
                strength=one.strength,
                text=one.text,
            )
        )
    return events


def _alarm(events: list[Event], permanence: Measure, realism: Measure) -> bool:
    """Whether an event is strong enough, of a kind of which there is a verdict."""
    told = [event for event in events if event.strength >= ALARM]
    return any((permanence if e.kind in PERMANENCE_KINDS else realism).value is not None for e in told)


def _longest_shot(footage: Footage) -> tuple[Footage, int, list[Finding]]:
    """The shot with most pictures that are not conditioning frames, its first picture, and the cuts."""
    firsts = [0, *np.flatnonzero(find_cuts(footage.rgb)).tolist(), len(footage.rgb)]
    if len(firsts) == 2:
        return footage, 0, []
    begin, end = max(pairwise(firsts), key=lambda shot: shot[1] - min(max(shot[0], footage.given), shot[1]))
    shot = replace(
        footage,
        rgb=footage.rgb[begin:end],
        seconds=footage.seconds[begin:end],
        given=min(max(footage.given - begin, 0), end - begin),
    )
    judged = f"judged is the longest shot, {shot.seconds[0]:.2f} to {shot.seconds[-1]:.2f} s"
    found = [
        Finding(kind="cut", seconds=float(footage.seconds[k]), text=f"the whole picture changes at once; {judged}")
        for k in firsts[1:-1]
    ]
    return shot, begin, found


@dataclass(frozen=True)
class _Held:
    """A held picture. if_padded, if_lost: squared misfit of the steps around it if no, or its, pictures were lost."""

    finding: Finding
    if_padded: float
    if_lost: float


def _held(hold: Hold, begin: int, tracks: Tracks) -> _Held:
    """Say whether things jump after a held picture, as when pictures were lost, or go on from where they were.

    If they go on, the steps before and after it are alike; if pictures were lost, they are as the times between them.
    """
    a, b, seconds = hold.before - begin, hold.after - begin, tracks.seconds
    places = [track.centroid[[a - 1, a, b]] for track in tracks.tracks if track.presence[[a - 1, a, b]].all()]
    steps = np.diff(np.array(places).reshape(-1, 3, 2), axis=1)
    times = float(np.log((seconds[b] - seconds[a]) / (seconds[a] - seconds[a - 1])))
    ratio = times
    if len(steps):
        lengths = np.linalg.norm(steps, axis=-1) + 0.1  # pixels; what stands still says nothing
        ratio = float(np.log(lengths[:, 1] / lengths[:, 0])[lengths.max(1).argmax()])
    if_padded, if_lost = ratio**2, (ratio - times) ** 2
    what = "then jumps" if if_lost < if_padded else "then goes on from there"
    text = f"the picture is held for {hold.pictures} more frame{'s' * (hold.pictures > 1)}, {what}"
    kind: FindingKind = "held_then_jumps" if if_lost < if_padded else "held_then_goes_on"
    return _Held(Finding(kind=kind, seconds=float(seconds[a]), text=text), if_padded, if_lost)


def abstain(
    footage: Footage, name: str, sha256: str, rate: float, findings: tuple[Finding, ...], reason: str
) -> VideoAudit:
    """Return an audit that says nothing, and why."""
    nothing = Measure(value=None, coverage=0.0, reason=reason)
    return VideoAudit(
        file=name,
        sha256=sha256,
        seconds=float(footage.seconds[-1]),
        frame_rate=rate,
        height=footage.height,
        width=footage.width,
        things=0,
        camera="unknown",
        moved=0.0,
        moving=0.0,
        permanence=nothing,
        realism=nothing,
        flicker=0.0,
        kinks_per_second=0.0,
        events=(),
        motions=(),
        alarm=False,
        findings=findings,
    )


def _motion_gate(scene: Scene, tracks: Tracks, given: int) -> tuple[float, float]:
    """Path length of all things, picture heights; share of the frames in which one of them moves."""
    height = scene.size[0]
    lag = max(1, round(_LAG / float(np.median(np.diff(tracks.seconds)))))
    moved, moving = 0.0, np.zeros(len(scene.video), dtype=bool)
    for track in tracks.tracks:
        diameter = 2 * np.sqrt(max(track.size, 1.0) / np.pi)
        away = np.linalg.norm(track.centroid[lag:] - track.centroid[:-lag], axis=-1)
        goes = np.flatnonzero(away > max(1.0, 0.03 * diameter))  # NaN where it is out of sight
        step = np.linalg.norm(np.diff(track.centroid, axis=0), axis=-1)
        real = np.isfinite(step) & (step < 3 * diameter) & np.isin(np.arange(len(step)), goes[:, None] + np.arange(lag))
        real[:given] = False
        moved += float(step[real].sum()) / height
        moving[1:] |= real
    return moved, float(moving[max(given, 1) :].mean())


def _gains(scene: Scene, tracks: Tracks, motions: dict[str, TrackMotion | None]) -> list[Event]:
    """Impacts that give energy to a thing off something that stands still."""
    height, width = scene.video.shape[1:3]
    events = []
    for index, track in enumerate(tracks.tracks):
        motion = motions[track.name]
        for impact in motion.impacts if motion is not None else ():
            if impact.strength > 0.05 and not _is_hit(scene, tracks, index, impact.frame):
                x, y = track.centroid[impact.frame]
                events.append(
                    Event(
                        kind="energy_gain",
                        seconds=float(tracks.seconds[impact.frame]),
                        track=track.name,
                        x=float(x) / width,
                        y=float(y) / height,
                        strength=impact.strength,
                    )
                )
    return events


def _is_hit(scene: Scene, tracks: Tracks, index: int, frame: int) -> bool:
    """Whether something else that moves is near enough to hit the thing: a hand, a foot, another thing.

    What has less than ``_SLIGHT`` of its area is a part of it: of the string that it hangs on, of its rim.
    """
    track = tracks.tracks[index]
    assert track.box is not None
    large = np.array([False, *(other.size > _SLIGHT * track.size for other in tracks.tracks)])
    reach = 0.5 * 2 * np.sqrt(track.size / np.pi) + 2
    for k in range(max(0, frame - 1), min(len(tracks.labels), frame + 2)):
        if not track.presence[k]:
            return True
        left, top = np.maximum(track.box[k][:2] - reach, 0).astype(int)
        right, bottom = np.ceil(track.box[k][2:] + reach).astype(int)
        window = np.s_[k, top:bottom, left:right]
        labels = tracks.labels[window]
        others = large[labels] & (labels != index + 1)
        unknown = (scene.foreground[window] > 0) & (labels == 0)
        if others.sum() > 0.1 * track.size or unknown.sum() > 0.5 * track.size:
            return True
    return False


def _realism(tracks: Tracks, motions: dict[str, TrackMotion | None], events: list[Event], given: int) -> Measure:
    """One minus the worst event of motion, times the fraction of the frames of rigid things that laws describe.

    Coverage is the share of what is followed, in pixels, that belongs to rigid things: people and dogs move by
    themselves.
    """
    followed, judged, lawful = 0.0, 0.0, 0.0
    for track in tracks.tracks:
        pixels, motion = float(track.area[given:].sum()), motions[track.name]
        followed += pixels
        if motion is not None and is_rigid(track, given):
            judged += pixels
            lawful += pixels * min(1.0, motion.lawful / _DESCRIBED)
    if not followed:
        return Measure(value=None, coverage=0.0, reason="nothing moves that could be followed")
    coverage = judged / followed
    if coverage < MIN_REALISM_COVERAGE:
        why = f"{coverage:.0%} of what is followed keeps its outline (people, hands and cloth do not)"
        return Measure(value=None, coverage=coverage, reason=why)
    worst = max((e.strength for e in events if e.kind not in PERMANENCE_KINDS), default=0.0)
    return Measure(value=(1 - worst) * lawful / judged, coverage=coverage)


def _flicker(scene: Scene, given: int) -> float:
    quiet = ~cv2.dilate(scene.foreground.max(0), np.ones((5, 5), np.uint8)).astype(bool)
    if scene.valid is not None:
        quiet &= scene.valid.all(0)
    if not quiet.any():
        return 0.0
    mask = quiet.astype(np.uint8)
    change = [np.mean(cv2.mean(cv2.absdiff(a, b), mask)[:3]) for a, b in pairwise(scene.video[max(given - 1, 0) :])]
    return float(np.mean(change))
