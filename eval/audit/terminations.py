"""Where things begin and end: at a border, behind something, in a crowd, or in the middle of nothing."""

from dataclasses import dataclass

import cv2
import numpy as np
from jaxtyping import Float

from eval.audit.discontinuity import discontinuity
from eval.audit.result import ramp
from eval.perception.scene import Scene
from eval.perception.tracks import Track, Tracks
from physics_data.core.trajectory import true_intervals

LIFE = 4  # frames a thing must have been followed for its end to count
_SOLID = (0.55, 0.85)  # last area over the usual one: below the first it was going, above the second it was whole
_FAST = (0.7, 1.3)  # diameters per frame: above, it may have gone behind something between two frames
_LEFT = (0.5, 0.15)  # foreground that is left around, over the area: above the first it is still there
_VISIBLE = (18.0, 40.0)  # grey levels between the thing and what is behind it: below, it may be there unseen
_MARGIN = 0.15  # diameters from the border within which a thing may leave the picture
_CUT_OFF = 0.4  # share of a thing that may leave by the next frame: less, and the rest should be seen
_ASTRAY = 1.0  # diameters off its course from one frame to the next: its number was given to another thing


@dataclass(frozen=True)
class End:
    """One end of an unbroken run of sightings.

    Units:
        track:     index of the thing
        frame:     the last frame in which it is seen (of a beginning: the first)
        begins:    True = a beginning
        strength:  how sure it is that it did not go (or come) by any lawful way, 0..1
        replaced:  how sure it is that something else is in its place in the next frame, 0..1
        judged:    False = nothing can be said: in a crowd, too fast, too like its background
        diameter:  pixels
    """

    track: int
    frame: int
    begins: bool
    strength: float
    replaced: float
    judged: bool
    centroid: Float[np.ndarray, "2"]
    diameter: float


def unbroken_runs(track: Track, seconds: Float[np.ndarray, "t"]) -> list[tuple[int, int]]:
    """First and last frame of every run in which it is seen and stays on its course.

    A thing that is suddenly elsewhere has jumped, or is gone and its number was given to another one. A thing that
    turns round at its own speed has met something.
    """
    diameter = max(2 * float(np.sqrt(track.size / np.pi)), 1.0)
    found = []
    for first, end in true_intervals(track.presence):
        begin, final = first, end - 1
        for frame in range(first + 1, final + 1):
            last, back, ahead = frame - 1, max(begin, frame - 4), min(final, frame + 1)
            interval = seconds[frame] - seconds[last]
            step = track.centroid[frame] - track.centroid[last]
            course = (track.centroid[last] - track.centroid[back]) / max(seconds[last] - seconds[back], 1e-9)
            off = float(np.linalg.norm(step - course * interval))
            around = [(max(begin, last - 1), last), (frame, ahead)]
            speeds = [
                np.linalg.norm(track.centroid[b] - track.centroid[a]) / (seconds[b] - seconds[a])
                for a, b in around
                if b > a
            ]
            turned = np.linalg.norm(step) < 1.2 * max(speeds, default=0.0) * interval + 0.25 * diameter
            if not turned and off > _ASTRAY * diameter + float(np.linalg.norm(course)) * interval:
                found.append((begin, frame - 1))
                begin = frame
        found.append((begin, final))
    return found


def find_ends(scene: Scene, tracks: Tracks, given: int = 0) -> list[End]:
    """Judge every beginning and end of a run of sightings inside the video; tracks on the scene's canvas.

    An end between two of the first ``given`` frames is not judged; one from the last of them to the next frame is.
    """
    last = len(scene.video) - 1
    found = []
    for index, track in enumerate(tracks.tracks):
        for first, final in unbroken_runs(track, tracks.seconds):
            if final - first + 1 < LIFE:
                continue
            if given <= final + 1 <= last:
                found.append(_judge(scene, tracks, index, list(range(first, final + 1)), final + 1))
            if first > 0 and first >= given:
                found.append(_judge(scene, tracks, index, list(range(final, first - 1, -1)), first - 1))
    return found


def _judge(scene: Scene, tracks: Tracks, index: int, frames: list[int], after: int) -> End:
    """Judge the end of a run in the direction of ``frames``; ``after`` is the first frame without the thing."""
    track, end = tracks.tracks[index], frames[-1]
    recent = frames[-5:]
    usual = float(np.median(track.area[frames[-12:]]))
    diameter = float(2 * np.sqrt(usual / np.pi))
    # displacement to be expected by the next picture, which may be further off than the last ones were from each other
    elapsed = float(tracks.seconds[recent[-1]] - tracks.seconds[recent[0]])
    share = float(tracks.seconds[after] - tracks.seconds[end]) / elapsed if elapsed else 0.0
    speed = (track.centroid[recent[-1]] - track.centroid[recent[0]]) * share
    pace = float(np.linalg.norm(speed))

    at_border = not bool(track.whole[recent[-2:]].all()) or _leaves(scene, track, end, after, speed, diameter)

    def verdict(strength: float, judged: bool, replaced: float = 0.0) -> End:
        return End(index, end, after < end, strength, replaced, judged or at_border, track.centroid[end], diameter)

    if at_border and not _is_cut_off(scene, tracks, index, end, speed, diameter):
        return verdict(0.0, True)  # it goes out of the picture, or comes in
    if track.crowded is not None and track.crowded[recent[-2:]].any():
        return verdict(0.0, False)
    reach = max(2, round(pace + 0.35 * diameter))
    window = _window(track, end, speed, reach, tracks.labels.shape[1:])
    labels, picture = tracks.labels[end][window], scene.background.picture[window]
    mask = labels == index + 1
    if not mask.any():
        return verdict(0.0, False)
    shifted = _shift(mask, speed)
    around = cv2.dilate((mask | shifted).astype(np.uint8), np.ones((2 * reach + 1, 2 * reach + 1), np.uint8)) > 0
    others = (labels > 0) & ~mask
    if (others & around).sum() > 0.15 * usual:
        return verdict(0.0, False)
    left = float((scene.foreground[after][window] > 0)[around].sum()) / max(float(mask.sum()), 1.0)
    pixels = scene.video[end][window][mask].astype(float)
    lost = np.abs(pixels - picture[mask]).max(-1).mean()
    ahead = shifted if shifted.any() else mask
    hidden = float(np.abs(picture[ahead] - pixels.mean(0)).max(-1).mean())
    visible = ramp(min(float(lost), hidden), _VISIBLE)
    fast = 1 - ramp(pace / max(diameter, 1.0), _FAST)
    if visible * fast < 0.2:
        return verdict(0.0, False)
    solid = ramp(float(track.area[end]) / usual, _SOLID)
    size = ramp(usual / (scene.size[0] * scene.size[1]), (2e-4, 8e-4))
    long = ramp(float(len(frames)), (3.0, 8.0))
    sure = solid * visible * fast * size * long
    return verdict(sure * ramp(left, _LEFT), True, sure * (1 - ramp(left, _LEFT)))


def _window(track: Track, frame: int, speed: np.ndarray, reach: int, size: tuple[int, ...]) -> tuple[slice, slice]:
    """The part of the picture in which a thing is and could be by the next frame."""
    assert track.box is not None
    left, top = np.maximum(track.box[frame][:2] + np.minimum(speed, 0) - reach - 2, 0).astype(int)
    right, bottom = np.ceil(track.box[frame][2:] + np.maximum(speed, 0) + reach + 2).astype(int)
    return slice(top, min(bottom, size[0])), slice(left, min(right, size[1]))


def _leaves(scene: Scene, track: Track, end: int, after: int, speed: np.ndarray, diameter: float) -> bool:
    """Whether the thing may have left the picture by the next frame."""
    assert track.box is not None
    low = track.box[end][:2] + np.minimum(1.5 * speed, 0) - _MARGIN * diameter - 2
    high = track.box[end][2:] + np.maximum(1.5 * speed, 0) + _MARGIN * diameter + 2
    if scene.valid is None:
        return bool((low < 0).any() or high[0] > scene.size[1] or high[1] > scene.size[0])
    rows = np.clip(np.array([low[1], high[1]]).round().astype(int), 0, scene.valid.shape[1] - 1)
    columns = np.clip(np.array([low[0], high[0]]).round().astype(int), 0, scene.valid.shape[2] - 1)
    return not bool(scene.valid[after][np.ix_(rows, columns)].all())


def _is_cut_off(scene: Scene, tracks: Tracks, index: int, frame: int, speed: np.ndarray, diameter: float) -> bool:
    """Whether a thing at the border changes at once although most of it could not have left the picture."""
    if scene.valid is not None:
        return False
    rows, columns = np.nonzero(tracks.labels[frame] == index + 1)
    if not len(rows):
        return False
    margin = _MARGIN * diameter + 2
    out = np.zeros(len(rows), bool)
    for place, step, size in zip((columns, rows), 1.5 * speed, scene.size[::-1], strict=True):
        out |= (place + min(step, 0) < margin) | (place + max(step, 0) > size - margin)
    return bool(out.mean() < _CUT_OFF) and discontinuity(scene, tracks, index, frame) > 0.5


def _shift(mask: np.ndarray, speed: np.ndarray) -> np.ndarray:
    """Move a mask by whole pixels."""
    height, width = mask.shape
    matrix = np.array([[1.0, 0.0, float(speed[0].round())], [0.0, 1.0, float(speed[1].round())]])
    return cv2.warpAffine(mask.astype(np.uint8), matrix, (width, height), flags=cv2.INTER_NEAREST) > 0
