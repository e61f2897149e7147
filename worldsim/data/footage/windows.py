"""A stream of frames at any times to windows of equally spaced frames, each inside one shot."""

import itertools
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from jaxtyping import UInt8

_DARK = 16.0
_STILL_LEVELS = 12.0
_STILL_SHARE = 0.004
_LUMA = np.array([0.299, 0.587, 0.114], dtype=np.float32)
"""Brightness of red, green and blue. Source: ITU-R BT.601."""


@dataclass(frozen=True)
class Window:
    """A stretch of one shot, resampled.

    start_seconds is the time of its first frame; repeats counts frames that show the same source frame as the one
    before, because the source is slower than the window.
    """

    start_seconds: float
    rgb: UInt8[np.ndarray, "t h w 3"]
    repeats: int

    def flaw(self, max_repeated_share: float, *, is_still: bool = False) -> str | None:
        """Return why the window teaches nothing, or None: ``slow_source``, ``black`` or, for a video, ``still``.

        black: mean brightness under 16 of 255. still: fewer than 0.4 % of the pixels ever change by 12 grey levels.
        """
        if self.repeats > max_repeated_share * (len(self.rgb) - 1):
            return "slow_source"
        brightness = self.rgb @ _LUMA
        if brightness.mean() < _DARK:
            return "black"
        if is_still:
            return None
        swing = brightness.max(axis=0) - brightness.min(axis=0)
        return "still" if (swing >= _STILL_LEVELS).mean() < _STILL_SHARE else None


def cut_windows(
    shots: Iterator[tuple[int, float, UInt8[np.ndarray, "h w 3"]]], num_frames: int, frame_rate: float
) -> Iterator[Window]:
    """Yield the windows of a video one after the other, without overlap.

    Frame n of a shot's grid is the source frame nearest to (start of the shot) + n / frame_rate by presentation time,
    the earlier of two that are equally near. What is left of a shot at its end and fills no window is not used.

    Units:
        frame_rate:  Hz
    """
    for shot in _by_shot(shots):
        pictures: list[np.ndarray] = []
        sources: list[int] = []
        start = 0.0
        for moment, source, rgb in _resample(shot, frame_rate):
            if not pictures:
                start = moment
            pictures.append(rgb)
            sources.append(source)
            if len(pictures) == num_frames:
                repeats = sum(a == b for a, b in itertools.pairwise(sources))
                yield Window(start, np.stack(pictures), repeats)
                pictures, sources = [], []


def _by_shot(
    shots: Iterator[tuple[int, float, UInt8[np.ndarray, "h w 3"]]],
) -> Iterator[Iterator[tuple[float, UInt8[np.ndarray, "h w 3"]]]]:
    following = next(shots, None)

    def one_shot() -> Iterator[tuple[float, np.ndarray]]:
        nonlocal following
        assert following is not None
        number = following[0]
        while following is not None and following[0] == number:
            yield following[1], following[2]
            following = next(shots, None)

    while following is not None:
        yield one_shot()


def _resample(
    frames: Iterator[tuple[float, UInt8[np.ndarray, "h w 3"]]], frame_rate: float
) -> Iterator[tuple[float, int, UInt8[np.ndarray, "h w 3"]]]:
    """Yield (grid time, number of the source frame, rgb) for each grid time up to the last frame."""
    start, held = next(frames)
    earlier, count, source = start, 0, 0
    for source, (moment, rgb) in enumerate(frames, start=1):
        middle = 0.5 * (earlier + moment) + 1e-9
        while start + count / frame_rate <= middle:
            yield start + count / frame_rate, source - 1, held
            count += 1
        earlier, held = moment, rgb
    while start + count / frame_rate <= earlier + 1e-9:
        yield start + count / frame_rate, source, held
        count += 1
