"""Windows of a shot: time spans at the training frame rate, scaled to cover the picture and cropped."""

import dataclasses
import functools
import itertools
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, UInt8
from PIL import Image

from physics_data.core.errors import DataError
from physics_data.core.video import TimedFrame, sample_frames

_DARK = 16.0
_STILL_LEVELS = 12.0
_STILL_SHARE = 0.004
_LUMA = np.array([0.299, 0.587, 0.114], dtype=np.float32)
"""Brightness of red, green and blue. Source: ITU-R BT.601."""

_NOISE = 6
"""Grey levels by which a pixel may differ between two frames of a picture that is shown again."""

_PADDED = 5
"""Frames before and after that tell a repeated frame from rest: 12 Hz padded to 60 Hz repeats four times."""


@dataclass(frozen=True)
class Window:
    """A stretch of one shot, resampled.

    start_seconds is the time of its first frame; repeats counts frames that show the same as the one before, because
    the source is slower than the window or was padded to its rate.
    """

    start_seconds: float
    rgb: UInt8[np.ndarray, "t h w 3"]
    repeats: int

    def flaw(self, max_repeated_fraction: float, *, is_still: bool = False) -> str | None:
        """Return why the window teaches nothing, or None: ``slow_source``, ``black`` or, for a video, ``still``.

        black: mean brightness under 16 of 255. still: fewer than 0.4 % of the pixels ever change by 12 grey levels.
        """
        if self.repeats > max_repeated_fraction * (len(self.rgb) - 1):
            return "slow_source"
        brightness = self.rgb @ _LUMA
        if brightness.mean() < _DARK:
            return "black"
        if is_still:
            return None
        swing = brightness.max(axis=0) - brightness.min(axis=0)
        return "still" if (swing >= _STILL_LEVELS).mean() < _STILL_SHARE else None


def cut_windows(shots: Iterator[tuple[int, TimedFrame]], num_frames: int, frame_rate: float) -> Iterator[Window]:
    """Yield the windows of a video one after the other, without overlap.

    Frame n of a shot's grid is the frame that ``sample_frames`` takes at (start of the shot) + n / frame_rate. A
    stretch in which nothing is shown, or one picture for longer than two windows, ends a shot. What is left of a shot
    at its end and fills no window is not used.

    Units:
        frame_rate:  Hz
    """
    for shot in _by_shot(shots, 2 * num_frames / frame_rate):
        first = next(shot)
        pictures: list[np.ndarray] = []
        sources: list[int] = []
        for count, (source, frame) in enumerate(sample_frames(itertools.chain([first], shot), frame_rate), start=1):
            pictures.append(frame.rgb)
            sources.append(source)
            if len(pictures) == num_frames:
                rgb = np.stack(pictures)
                again = padding(rgb) | (np.diff(sources, prepend=-1) == 0)
                yield Window(first.seconds + (count - num_frames) / frame_rate, rgb, int(again.sum()))
                pictures, sources = [], []


def padding(rgb: UInt8[np.ndarray, "t h w 3"]) -> Bool[np.ndarray, "t"]:
    """Return which frames only repeat the one before, as in video that was padded to a higher rate.

    Such a frame changes by less than 15 % of what changes within five frames both before and after it; coding and
    noise keep repeats from being exact. Rest at the start or the end is no padding.
    """
    again = np.zeros(len(rgb), dtype=bool)
    change = np.zeros(max(len(rgb) - 1, 0))
    for number, (before, after) in enumerate(itertools.pairwise(rgb)):
        difference = np.maximum(before, after) - np.minimum(before, after)
        change[number] = (np.maximum(difference, _NOISE) - _NOISE).mean()
    for number, value in enumerate(change):
        around = change[max(0, number - _PADDED) : number], change[number + 1 : number + 1 + _PADDED]
        again[number + 1] = value < 0.15 * min(part.max(initial=0.0) for part in around)
    return again


def _by_shot(shots: Iterator[tuple[int, TimedFrame]], longest: float) -> Iterator[Iterator[TimedFrame]]:
    def numbered() -> Iterator[tuple[int, TimedFrame]]:
        part, shot_before, end = 0, None, 0.0
        for shot, frame in shots:
            part += shot_before is not None and (shot != shot_before or frame.seconds > end + 1e-6)
            shot_before, end = shot, min(frame.end, frame.seconds + longest)
            yield part, dataclasses.replace(frame, end=end)

    for _, group in itertools.groupby(numbered(), key=lambda pair: pair[0]):
        yield (frame for _, frame in group)


def scale_to_cover(rgb: UInt8[np.ndarray, "h w 3"], height: int, width: int) -> UInt8[np.ndarray, "h2 w2 3"]:
    """Shrink a picture until it just covers height x width; every source pixel counts by its area (no aliasing).

    One side of the result is exact, the other is at least as long as asked and keeps the proportions to half a pixel.

    Raises:
        DataError: the picture is smaller than asked; enlarging would teach blur.
    """
    source_height, source_width = rgb.shape[:2]
    if source_height < height or source_width < width:
        raise DataError(
            f"a picture of {source_width}x{source_height} is smaller than {width}x{height}; ask for a smaller "
            "--height and --width, or leave this file out."
        )
    scale = max(height / source_height, width / source_width)
    size = (max(width, round(source_width * scale)), max(height, round(source_height * scale)))
    if size == (source_width, source_height):
        return rgb
    return np.asarray(Image.fromarray(rgb).resize(size, Image.Resampling.BOX, reducing_gap=2.0))


@functools.lru_cache
def kept_shape(size: tuple[int, int], num_pixels: int, multiple: int) -> tuple[int, int]:
    """Return the (height, width) in multiples of ``multiple`` that best keep a picture's proportions and pixel count.

    Proportions come first: among all sides for which about ``num_pixels`` are kept (within a factor of 1.5), the pair
    whose proportions are nearest, and of those the one whose pixel count is. Never larger than the picture.

    Raises:
        DataError: the picture has not even ``multiple`` pixels along a side.
    """
    largest = [length // multiple for length in size]
    if min(largest) < 1:
        raise DataError(f"a picture of {size[1]}x{size[0]} has a side below {multiple} pixels; leave this file out.")
    best, shape = (np.inf, np.inf), (multiple, multiple)
    for rows in range(1, largest[0] + 1):
        nearest = round(rows * size[1] / size[0])
        for columns in range(max(1, nearest - 1), min(largest[1], nearest + 1) + 1):
            excess = abs(np.log(rows * columns * multiple * multiple / num_pixels))
            stretch = abs(np.log(rows / columns * size[1] / size[0]))
            off = (max(excess - np.log(1.5), 0.0) + round(stretch, 2), excess)
            if off < best:
                best, shape = off, (rows * multiple, columns * multiple)
    return shape


def crop(
    video: UInt8[np.ndarray, "t h2 w2 3"], height: int, width: int, *, across: float, down: float
) -> UInt8[np.ndarray, "t h w 3"]:
    """Cut a part out of every frame; ``across`` and ``down`` place it: 0 left or top, 0.5 centre, 1 right or bottom."""
    top = round(down * (video.shape[1] - height))
    left = round(across * (video.shape[2] - width))
    return video[:, top : top + height, left : left + width]
