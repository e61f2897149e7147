"""Try the audit on footage: break real videos in known ways with their own tracked things, and see what is noticed."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np
from jaxtyping import UInt8

from eval.audit.footage import Footage
from eval.audit.result import VideoAudit
from eval.audit.video import audit_footage
from eval.perception.free import tracks_in
from eval.perception.scene import Scene, take_apart
from eval.perception.tracks import Track, Tracks

_FEWEST = 5  # frames for which a thing must be seen whole, alone and moving, before and after the edit
_ENOUGH = 30  # frames; longer than this is no better


@dataclass(frozen=True)
class Target:
    """The thing that is edited: track ``index`` of the tracks, from frame ``start`` on."""

    index: int
    start: int


@dataclass(frozen=True)
class Trial:
    """One audit of one version of a video. edit: "none", or a name of EDITS. score: strength of the strongest event."""

    file: str
    edit: str
    score: float
    alarm: bool


def find_target(scene: Scene, tracks: Tracks) -> Target | None:
    """Choose what to edit: the thing that is seen whole, alone and moving, largest and for longest.

    None where no thing is at least 0.1 % of the picture and seen so for ten frames.
    """
    best, most = None, 0.0
    for index, track in enumerate(tracks.tracks):
        good = _editable(scene, track)
        edges = np.flatnonzero(np.diff(np.concatenate([[0], good.astype(np.int8), [0]])))
        for a, b in zip(edges[::2], edges[1::2], strict=True):
            worth = min(int(b - a), _ENOUGH) * np.sqrt(track.size)
            if b - a >= 2 * _FEWEST and worth > most:
                best, most = Target(index, int(a + b) // 2), float(worth)
    return best


def _editable(scene: Scene, track: Track) -> np.ndarray:
    good = track.presence & track.whole
    if track.crowded is not None:
        good &= ~track.crowded
    if track.size < 1e-3 * scene.size[0] * scene.size[1] or track.size > 0.15 * scene.size[0] * scene.size[1]:
        return np.zeros_like(good)
    step = np.linalg.norm(np.diff(track.centroid, axis=0, prepend=track.centroid[:1]), axis=-1)
    slow = np.convolve(np.nan_to_num(step), np.ones(9) / 9, mode="same") < 0.02 * np.sqrt(track.size)
    return good & ~slow


def _masks(tracks: Tracks, target: Target, grow: int) -> np.ndarray:
    """The thing's pixels in every frame from the edit on, with a rim."""
    masks = (tracks.labels == target.index + 1).astype(np.uint8)
    masks[: target.start] = 0
    kernel = np.ones((2 * grow + 1, 2 * grow + 1), np.uint8)
    return np.stack([cv2.dilate(mask, kernel) for mask in masks]) > 0


def erase(scene: Scene, tracks: Tracks, target: Target) -> UInt8[np.ndarray, "t h w 3"]:
    """The thing is gone, its pixels show the empty scene."""
    video = scene.video.copy()
    for frame, mask in enumerate(_masks(tracks, target, 4)):
        video[frame][mask] = scene.plate.picture[mask].round().astype(np.uint8)
    return video


def swap_color(scene: Scene, tracks: Tracks, target: Target) -> UInt8[np.ndarray, "t h w 3"]:
    """Its red, green and blue change places; a grey thing is tinted."""
    video = scene.video.copy()
    masks = _masks(tracks, target, 0)
    color = video[masks].mean(0)
    grey = np.ptp(color) < 40
    for frame, mask in enumerate(masks):
        pixels = video[frame][mask].astype(float)
        changed = pixels * [1.0, 0.35, 0.35] + [60, 0, 0] if grey else pixels[:, [2, 0, 1]]
        video[frame][mask] = changed.clip(0, 255).astype(np.uint8)
    return video


def reverse(scene: Scene, tracks: Tracks, target: Target) -> UInt8[np.ndarray, "t h w 3"]:
    """The video runs backwards."""
    return np.ascontiguousarray(scene.video[::-1])


def teleport(scene: Scene, tracks: Tracks, target: Target) -> UInt8[np.ndarray, "t h w 3"]:
    """It jumps aside by three diameters and goes on from there."""
    return _paste(scene, tracks, target, erase(scene, tracks, target))


def duplicate(scene: Scene, tracks: Tracks, target: Target) -> UInt8[np.ndarray, "t h w 3"]:
    """A copy goes on beside it, three diameters away."""
    return _paste(scene, tracks, target, scene.video.copy())


def _paste(scene: Scene, tracks: Tracks, target: Target, video: np.ndarray) -> np.ndarray:
    track = tracks.tracks[target.index]
    height, width = video.shape[1:3]
    away = 3 * 2 * np.sqrt(track.size / np.pi)
    x, y = track.centroid[target.start]
    ways = [(away, 0.0), (-away, 0.0), (0.0, -away), (0.0, away)]
    room = [min(x + dx, width - x - dx, y + dy, height - y - dy) for dx, dy in ways]
    shift = np.array([[1.0, 0.0, ways[int(np.argmax(room))][0]], [0.0, 1.0, ways[int(np.argmax(room))][1]]])
    for frame, mask in enumerate(_masks(tracks, target, 1)):
        if mask.any():
            moved = cv2.warpAffine(mask.astype(np.uint8), shift, (width, height), flags=cv2.INTER_NEAREST) > 0
            video[frame][moved] = cv2.warpAffine(scene.video[frame], shift, (width, height))[moved]
    return video


EDITS: dict[str, Callable[[Scene, Tracks, Target], UInt8[np.ndarray, "t h w 3"]]] = {
    "erase": erase,
    "swap_color": swap_color,
    "teleport": teleport,
    "duplicate": duplicate,
    "reverse": reverse,
}


def score_of(audit: VideoAudit) -> float:
    """How sure the audit is that something is wrong: the strength of the strongest event."""
    return max((event.strength for event in audit.events), default=0.0)


def try_footage(footage: Footage, name: str) -> list[Trial]:
    """Audit a stretch of footage as it is and with every edit; only as it is where nothing in it can be edited.

    Edits are made on the canvas on which the background stands still, and are shown as they are made there, so the
    camera of an edited video never moves.
    """
    audit = audit_footage(footage)
    trials = [Trial(name, "none", score_of(audit), audit.alarm)]
    scene = take_apart(footage.rgb)
    tracks = tracks_in(scene, footage.seconds, on_canvas=True)
    target = find_target(scene, tracks)
    if target is None or scene.camera.moving:
        return trials
    for edit, make in EDITS.items():
        found = audit_footage(replace(footage, rgb=make(scene, tracks, target)))
        trials.append(Trial(name, edit, score_of(found), found.alarm))
    return trials


def auroc(possible: Sequence[float], broken: Sequence[float]) -> float:
    """Chance that a broken video scores higher than a possible one; ties count half. NaN where either is missing."""
    if not possible or not broken:
        return float("nan")
    gap = np.asarray(broken)[:, None] - np.asarray(possible)[None]
    return float((gap > 0).mean() + 0.5 * (gap == 0).mean())
