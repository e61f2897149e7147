"""The pictures that an audit looks at, with their true times: repeats and cuts are found before anything is tracked."""

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
from jaxtyping import Bool, Float, UInt8

from physics_data.core.errors import ConfigError, DataError, VideoError
from physics_data.core.trajectory import true_intervals
from physics_data.core.video import iterate_frames

WINDOW, OVERLAP = 12.0, 2.0
"""A longer video is looked at in windows of this many seconds, of which the first ones were in the window before."""

SIDE = 640
"""Larger pictures are shrunk to this many pixels on their longer side."""


@dataclass(frozen=True)
class AuditOptions:
    """How a video is looked at.

    Units:
        side:              pixels of the longer side
        start, duration:   of the stretch that is looked at, s; None = to the end
        frame_rate:        Hz, taken instead of the file's times, as for slow motion; None = the file's times
        metres_per_pixel:  m, of the file's pixels in the plane of motion; None = no scale is known
        overlay:           whether a folder of results gets every video with its tracks drawn
    """

    side: int = SIDE
    start: float = 0.0
    duration: float | None = None
    frame_rate: float | None = None
    metres_per_pixel: float | None = None
    overlay: bool = False

    def __post_init__(self) -> None:
        """Refuse what is no stretch, rate or scale.

        Raises:
            ConfigError: a negative start, or another value that is not positive.
        """
        for name in ("side", "duration", "frame_rate", "metres_per_pixel"):
            value = getattr(self, name)
            if value is not None and not 0 < value < math.inf:
                raise ConfigError(f"{name} is {value}; give a positive number.")
        if not 0 <= self.start < math.inf:
            raise ConfigError(f"start is {self.start}; give a time from 0 s on.")


_FASTEST = 31.0  # Hz; faster videos are read at their pictures nearest to 30 a second
_SAME = (0.1, 4.0)  # of the usual change, on average and anywhere, or grey levels: less is a repeated picture
_SWING = 0.3  # of the usual change: it moves before and after a held picture; a thing at rest is not held
_LONGEST_HOLD = 0.5  # s; longer is rest
_CUT = (25.0, 6.0)  # grey levels on average, and times the change around it


@dataclass(frozen=True)
class Footage:
    """The pictures that are looked at.

    Units:
        seconds:        of each picture, s
        height, width:  of the file, pixels
        given:          first pictures that are looked at, but not judged: conditioning frames, or those of the window
                        before
        first:          number of the first picture among all that are looked at
    """

    rgb: UInt8[np.ndarray, "t h w 3"]
    seconds: Float[np.ndarray, "t"]
    height: int
    width: int
    given: int = 0
    first: int = 0


def read_footage(
    path: Path,
    start: float = 0.0,
    duration: float | None = None,
    *,
    num_conditioning_frames: int = 0,
    side: int = SIDE,
    frame_rate: float | None = None,
) -> Footage:
    """Read a stretch of a video whole; see ``footage_windows``."""
    (footage,) = footage_windows(
        path,
        start,
        duration,
        num_conditioning_frames=num_conditioning_frames,
        side=side,
        frame_rate=frame_rate,
        window=math.inf,
    )
    return footage


def footage_windows(
    path: Path,
    start: float = 0.0,
    duration: float | None = None,
    *,
    num_conditioning_frames: int = 0,
    side: int = SIDE,
    frame_rate: float | None = None,
    window: float = WINDOW,
) -> Iterator[Footage]:
    """Read a stretch of a video, at most about 30 pictures a second and ``side`` pixels long, window after window.

    Each window but the first begins ``OVERLAP`` before the end of the one before, in pictures that are not judged
    again. Memory does not grow with the length of the video.

    Units:
        start, duration:          s; None = to the end
        num_conditioning_frames:  first frames of the file that were given to a model
        side:                     pixels
        frame_rate:               Hz, taken instead of the file's times; None = the file's times
        window:                   s; the last one lasts up to ``OVERLAP`` longer

    Raises:
        VideoError: see ``iterate_frames``; or the stretch holds no picture.
    """
    frames: list[np.ndarray] = []
    seconds: list[float] = []
    size, given, first, begin = (0, 0), 0, 0, 0.0

    def looked_at(count: int) -> Footage:
        if len({frame.shape for frame in frames}) > 1:
            raise VideoError(f"{path} changes its picture size in the middle; convert it to one size first.")
        return Footage(
            np.stack(frames[:count]), np.array(seconds[:count]) - begin, size[0], size[1], min(given, count), first
        )

    for number, (moment, rgb) in enumerate(iterate_frames(path)):
        moment = moment if frame_rate is None else number / frame_rate
        if moment < start - 1e-6:
            continue
        if duration is not None and moment >= start + duration - 1e-6:
            break
        if seconds and moment - seconds[-1] < 1 / _FASTEST - 1e-4:
            continue
        if not seconds:
            begin = moment
        size = rgb.shape[:2]
        frames.append(_shrunk(rgb, side))
        seconds.append(moment)
        given += number < num_conditioning_frames
        if moment - seconds[0] >= window + OVERLAP:
            count = int(np.searchsorted(seconds, seconds[0] + window))
            yield looked_at(count)
            kept = int(np.searchsorted(seconds, seconds[count - 1] - OVERLAP))
            given, first = max(count - kept, given - kept), first + kept
            del frames[:kept], seconds[:kept]
    if not frames:
        raise VideoError(f"{path} has no picture from {start} s on; give an earlier start.")
    yield looked_at(len(frames))


def footage_of(
    frames: UInt8[np.ndarray, "t h w 3"], frame_rate: float, *, num_conditioning_frames: int = 0, side: int = SIDE
) -> Footage:
    """Return pictures in memory as they are looked at; see ``read_footage``.

    Units:
        frames:      sRGB
        frame_rate:  Hz; above 31 Hz pictures are left out evenly

    Raises:
        DataError: other frames than uint8 [t h w 3], none, or a rate that is no positive number.
    """
    if frames.dtype != np.uint8 or frames.ndim != 4 or frames.shape[-1] != 3 or not frames.size:
        raise DataError(f"frames are uint8 [t h w 3] with at least one picture; given {frames.dtype} {frames.shape}.")
    if not isinstance(frame_rate, int | float | np.number) or not 0 < frame_rate < math.inf:
        raise DataError(f"frame_rate={frame_rate!r} is no positive number of Hz; give one, e.g. frame_rate=16.")
    step = 1 if frame_rate <= _FASTEST else math.ceil(frame_rate / _FASTEST)
    kept = np.stack([_shrunk(frame, side) for frame in frames[::step]])
    given = len(range(0, num_conditioning_frames, step))
    return Footage(kept, np.arange(len(kept)) * step / frame_rate, frames.shape[1], frames.shape[2], given)


def _shrunk(rgb: np.ndarray, side: int) -> np.ndarray:
    scale = side / max(rgb.shape[:2])
    return rgb if scale >= 1 else cv2.resize(rgb, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)


@dataclass(frozen=True)
class Hold:
    """A picture that was shown again while things moved. before, after: pictures on either side, in what is kept."""

    before: int
    after: int
    pictures: int


def without_repeats(footage: Footage) -> tuple[Footage, list[Hold], Float[np.ndarray, "n"] | None]:
    """Drop exact repeats of pictures in full motion; the others keep their times.

    A thing at rest repeats its picture too: what is followed or preceded by slow change, or lasts for more than half a
    second, is kept.

    Returns:
        footage: without repeats
        holds: where they were
        even: even times of the pictures, if repeats may have padded a lower frame rate to that of the file; else None
    """
    change, most = _changes(footage.rgb)
    if len(change) < 3 or not change.any():
        return footage, [], None
    usual = float(np.quantile(change, 0.95))
    same = (change < _SAME[0] * usual) & (most <= max(_SAME[0] * float(np.quantile(most, 0.95)), _SAME[1]))
    repeats = true_intervals(same)  # pictures a + 1 .. b repeat picture a
    held = [
        (a, b)
        for a, b in repeats
        if a > 0 and b < len(same) and footage.seconds[b + 1] - footage.seconds[a] <= _LONGEST_HOLD
        if min(change[a - 1], change[b]) >= _SWING * usual
    ]
    if not held:
        return footage, [], None
    # padding repeats pictures of a slow beginning too
    all_runs = [(a, b) for a, b in repeats if b - a <= max(late - early for early, late in held)]
    for chosen in (all_runs, held):
        shorter = _without(footage, chosen)
        even = np.linspace(shorter.seconds[0], shorter.seconds[-1], len(shorter.seconds))
        slot = float(np.median(np.diff(footage.seconds)))
        if (np.abs(shorter.seconds - even) < 1.001 * slot).all():
            return shorter, _holds(held, chosen), even
    return shorter, _holds(held, held), None


def _holds(held: list[tuple[int, int]], dropped: list[tuple[int, int]]) -> list[Hold]:
    """Number the pictures around each held one among those that are kept."""
    before = [a - sum(late - early for early, late in dropped if late <= a) for a, _ in held]
    return [Hold(k, k + 1, b - a) for k, (a, b) in zip(before, held, strict=True)]


def _without(footage: Footage, dropped: list[tuple[int, int]]) -> Footage:
    """Leave out pictures a + 1 .. b of each run."""
    keep = np.ones(len(footage.rgb), bool)
    for a, b in dropped:
        keep[a + 1 : b + 1] = False
    given = int(keep[: footage.given].sum())
    return replace(footage, rgb=footage.rgb[keep], seconds=footage.seconds[keep], given=given)


def _changes(rgb: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean change from picture to picture, and the largest one after a 3x3 mean, grey levels."""
    mean, most = [], []
    for first, second in pairwise(rgb):
        difference = cv2.absdiff(first, second)
        mean.append(float(difference.mean()))
        most.append(float(cv2.blur(difference, (3, 3)).max()))
    return np.array(mean), np.array(most)


def find_cuts(rgb: UInt8[np.ndarray, "t h w 3"]) -> Bool[np.ndarray, "t"]:
    """Return which pictures are the first of another shot: all of the picture changes, far more than around it."""
    small = [cv2.resize(picture, (32, 32), interpolation=cv2.INTER_AREA).astype(np.float32) for picture in rgb]
    change = np.array([0.0] + [float(np.abs(b - a).mean()) for a, b in pairwise(small)])
    cuts = np.zeros(len(rgb), bool)
    for k in np.flatnonzero(change > _CUT[0]):
        around = np.delete(change[max(1, k - 8) : k + 9], min(k - 1, 8))
        cuts[k] = change[k] > _CUT[1] * float(np.median(around)) if len(around) else False
    return cuts
