"""Audit one video, or a folder of them."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
from jaxtyping import Float, UInt8

from eval.audit.motion import TrackMotion, describe
from eval.audit.permanence import audit_permanence
from eval.audit.result import Event, Measure, MotionRecord, VideoAudit
from eval.perception.free import tracks_in
from eval.perception.scene import Scene, take_apart
from eval.perception.tracks import Tracks
from physics_data.core.errors import DataError, VideoError
from physics_data.core.video import VIDEO_SUFFIXES, iterate_frames
from physics_data.core.workers import worker_pool

ALARM = 0.5
"""Strength of an event from which on it is an alarm; possible simulated clips stay below it (docs/perception.md)."""

SIDE = 320
"""Larger pictures are shrunk to this many pixels on their longer side."""

_FASTEST = 31.0  # Hz; faster videos are read at their pictures nearest to 30 a second
_SHORTEST = 6  # frames
_STILL = 0.02  # picture heights that all things together must move
_CROWDED = 0.5  # share of the picture that may be foreground


@dataclass(frozen=True)
class Footage:
    """The pictures that are looked at. seconds: of each picture, s; height, width: of the file, pixels."""

    rgb: UInt8[np.ndarray, "t h w 3"]
    seconds: Float[np.ndarray, "t"]
    height: int
    width: int


def read_footage(path: Path, start: float = 0.0, duration: float | None = None) -> Footage:
    """Read a stretch of a video, at most about 30 pictures a second and 320 pixels long.

    Units:
        start, duration:  s; None = to the end

    Raises:
        VideoError: see ``iterate_frames``; or the stretch holds no picture.
    """
    frames: list[np.ndarray] = []
    seconds: list[float] = []
    size = (0, 0)
    for moment, rgb in iterate_frames(path):
        if moment < start - 1e-6:
            continue
        if duration is not None and moment >= start + duration - 1e-6:
            break
        if seconds and moment - seconds[-1] < 1 / _FASTEST - 1e-4:
            continue
        size = rgb.shape[:2]
        frames.append(_shrunk(rgb))
        seconds.append(moment)
    if not frames:
        raise VideoError(f"{path} has no picture from {start} s on; give an earlier start.")
    if len({frame.shape for frame in frames}) > 1:
        raise VideoError(f"{path} changes its picture size in the middle; convert it to one size first.")
    return Footage(np.stack(frames), np.array(seconds) - seconds[0], *size)


def _shrunk(rgb: np.ndarray) -> np.ndarray:
    scale = SIDE / max(rgb.shape[:2])
    return rgb if scale >= 1 else cv2.resize(rgb, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)


def audit_video(path: Path, start: float = 0.0, duration: float | None = None) -> VideoAudit:
    """Audit one video, or a stretch of it, without any reference.

    Units:
        start, duration:  s

    Raises:
        VideoError: the file cannot be read.
    """
    path = Path(path)
    footage = read_footage(path, start, duration)
    return audit_footage(footage, path.name, hashlib.sha256(path.read_bytes()).hexdigest())


def audit_footage(footage: Footage, name: str = "", sha256: str = "") -> VideoAudit:
    """Audit pictures in memory; see ``audit_video``."""
    cv2.setRNGSeed(0)
    rate = 1 / float(np.median(np.diff(footage.seconds))) if len(footage.seconds) > 1 else 1.0
    if len(footage.rgb) < _SHORTEST:
        return _abstain(footage, name, sha256, rate, f"{len(footage.rgb)} pictures; at least {_SHORTEST} are needed")
    scene = take_apart(footage.rgb)
    tracks = tracks_in(scene, footage.seconds, on_canvas=True)
    busy = float(np.median(scene.foreground.mean((1, 2))))
    unknown = not scene.camera.moving and bool((~scene.camera.known).mean() > 0.5)
    if busy > _CROWDED:
        return _abstain(footage, name, sha256, rate, "most of the picture moves; nothing stands still to compare with")
    events, permanence = audit_permanence(scene, tracks)
    motions = {track.name: describe(track, footage.seconds) for track in tracks.tracks}
    moved, moving = _motion_gate(scene, tracks)
    events += _gains(scene, tracks, motions)
    realism = _realism(tracks, motions, events)
    if moved < _STILL:
        nothing = Measure(value=None, coverage=0.0, reason="nothing moves; standing still proves nothing")
        permanence, realism, events = nothing, nothing, [e for e in events if e.strength > ALARM]
    judged = sum(motion.seconds for motion in motions.values() if motion is not None)
    kinks = sum(motion.kinks for motion in motions.values() if motion is not None)
    records = tuple(
        MotionRecord(track=name, model=m.law, residual=m.residual, seconds=m.seconds)
        for name, m in motions.items()
        if m is not None
    )
    return VideoAudit(
        file=name,
        sha256=sha256,
        seconds=float(footage.seconds[-1]),
        frame_rate=rate,
        height=footage.height,
        width=footage.width,
        things=len(tracks.tracks),
        camera="moving" if scene.camera.moving else "unknown" if unknown else "still",
        moved=moved,
        moving=moving,
        permanence=permanence,
        realism=realism,
        flicker=_flicker(scene),
        kinks_per_second=kinks / judged if judged > 0 else 0.0,
        events=tuple(sorted(events, key=lambda event: -event.strength)),
        motions=records,
        alarm=any(event.strength >= ALARM for event in events),
    )


def _abstain(footage: Footage, name: str, sha256: str, rate: float, reason: str) -> VideoAudit:
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
    )


def _motion_gate(scene: Scene, tracks: Tracks) -> tuple[float, float]:
    """Path length of all things, picture heights; share of the frames in which one of them moves."""
    height = scene.size[0]
    moved, moving = 0.0, np.zeros(len(scene.video), dtype=bool)
    for track in tracks.tracks:
        step = np.linalg.norm(np.diff(track.centroid, axis=0), axis=-1)
        diameter = 2 * np.sqrt(max(track.size, 1.0) / np.pi)
        real = np.isfinite(step) & (step > max(0.3, 0.01 * diameter)) & (step < 3 * diameter)
        moved += float(step[real].sum()) / height
        moving[1:] |= real
    return moved, float(moving[1:].mean())


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
    """Whether something else that moves is near enough to hit the thing: a hand, a foot, another thing."""
    track = tracks.tracks[index]
    assert track.box is not None
    reach = 0.5 * 2 * np.sqrt(track.size / np.pi) + 2
    for k in range(max(0, frame - 1), min(len(tracks.labels), frame + 2)):
        if not track.presence[k]:
            return True
        left, top = np.maximum(track.box[k][:2] - reach, 0).astype(int)
        right, bottom = np.ceil(track.box[k][2:] + reach).astype(int)
        window = np.s_[k, top:bottom, left:right]
        others = (scene.foreground[window] > 0) & (tracks.labels[window] != index + 1)
        if others.sum() > 0.1 * track.size:
            return True
    return False


def _realism(tracks: Tracks, motions: dict[str, TrackMotion | None], events: list[Event]) -> Measure:
    """One minus the worst of energy gains; covers the share of followed time that some law describes."""
    followed = sum(int(track.presence.sum()) for track in tracks.tracks)
    if not followed:
        return Measure(value=None, coverage=0.0, reason="nothing moves that could be followed")
    rate = len(tracks.seconds) / max(float(tracks.seconds[-1]), 1e-9)
    lawful = sum(m.seconds for m in motions.values() if m is not None and m.law != "none") * rate
    coverage = min(1.0, lawful / followed)
    if coverage < 0.1:
        return Measure(
            value=None, coverage=coverage, reason="nothing moves like an unaided thing (people, hands, cloth)"
        )
    worst = max((e.strength for e in events if e.kind == "energy_gain"), default=0.0)
    return Measure(value=1 - worst, coverage=coverage)


def _flicker(scene: Scene) -> float:
    quiet = ~cv2.dilate(scene.foreground.max(0), np.ones((5, 5), np.uint8)).astype(bool)
    if scene.valid is not None:
        quiet &= scene.valid.all(0)
    if not quiet.any():
        return 0.0
    change = [cv2.absdiff(a, b)[quiet].mean() for a, b in pairwise(scene.video)]
    return float(np.mean(change))


def audit_videos(source: Path, workers: int = 1) -> Iterator[VideoAudit]:
    """Audit a video, or every one of a folder by name; one that cannot be read says so and is an alarm.

    Raises:
        DataError: no such file or folder, or no video in it.
    """
    source = Path(source)
    if not source.exists():
        raise DataError(f"no file or folder {source}; give a video or a folder of videos.")
    found = source.iterdir() if source.is_dir() else [source]
    paths = sorted(p for p in found if p.suffix.lower() in VIDEO_SUFFIXES and p.name[0] != ".")
    if not paths:
        what = "holds" if source.is_dir() else "is"
        raise DataError(f"{source} {what} no video ({', '.join(sorted(VIDEO_SUFFIXES))}).")
    if workers == 1:
        yield from map(_audit_or_say, paths)
        return
    with worker_pool(workers) as pool:
        yield from pool.map(_audit_or_say, paths)


def _audit_or_say(path: Path) -> VideoAudit:
    cv2.setNumThreads(1)
    try:
        return audit_video(path)
    except VideoError as error:
        nothing = Measure(value=0.0, coverage=0.0, reason="cannot be read")
        empty = Footage(np.zeros((1, 1, 1, 3), np.uint8), np.zeros(1), 0, 0)
        audit = _abstain(empty, path.name, "", 0.0, "cannot be read")
        return audit.model_copy(update={"permanence": nothing, "realism": nothing, "alarm": True, "error": str(error)})
