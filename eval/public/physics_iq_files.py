"""Physics-IQ from files as its official program computes it.

Masks are made at each video's own size and stored as lossy MPEG-4, which moves a score by up to a point; then masks and
pictures are brought to a quarter of the recording's size. Small videos are not enlarged. Equal to the official program
to 0.01 points (docs/validity.md).

Source: google-deepmind/physics-IQ-benchmark, code/binary_mask_generator.py, calculate_and_write_metrics_to_csv.py and
fps_changer.py.
"""

import itertools
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from jaxtyping import Bool, UInt8

from eval.public.physics_iq import SHRINK, SceneValues, ViewValues, frame_error, iterate_masks, view_values
from physics_data.core.errors import StorageError
from physics_data.core.video import iterate_frames

_PROBED = 32  # frames from whose times the rate is read
_SAME_RATE = 0.02  # relative difference of two rates that are taken for one
_LEVEL = 127  # of 255, above which a pixel of a stored mask is set


@dataclass(frozen=True)
class _Take:
    """One video at the size that is compared."""

    masks: Bool[np.ndarray, "t h w"]
    frames: UInt8[np.ndarray, "t h w 3"]


def compare_files(
    first: Path, second: Path | None, video: Path, *, start: float = 0.0, seconds: float | None = None
) -> SceneValues:
    """Compare a generated video with a recording, and a second recording with the first.

    The generated video's rate counts: recordings of another rate are brought to it by mixing neighbouring frames. (The
    official program then encodes them once more, which is left out.) Where the generated video ends too early it counts
    as black; what is longer than the recording is left out.

    Args:
        first: recording
        second: second recording of the same event; None = the first one again, so that a perfect copy is the ceiling
        video: generated video
        start: what comes before is left out of all videos, s
        seconds: length that is compared from there, s; None = to the end of the recording

    Raises:
        VideoError: a file that cannot be read.
        StorageError: masks cannot be stored.
    """
    rate = _rate(video)
    black = np.zeros_like(next(iterate_frames(first)).rgb)
    size = (black.shape[1] // SHRINK, black.shape[0] // SHRINK)
    most = None if seconds is None else round(seconds * rate)
    recording = _take(itertools.islice(_frames(first, rate, start), most), size, rate)

    def against(path: Path) -> ViewValues:
        frames = _until(_frames(path, rate, start), len(recording.masks), black)
        return _compared(recording, _take(frames, size, rate))

    variance = _compared(recording, recording) if second is None else against(second)
    return SceneValues((against(video),), (variance,))


def _compared(first: _Take, second: _Take) -> ViewValues:
    pairs = zip(first.frames, second.frames, strict=True)
    return view_values(first.masks, second.masks, [frame_error(a / 255.0, b / 255.0) for a, b in pairs])


def _rate(path: Path) -> float:
    """Return the rate of a file from the times of its first frames, Hz."""
    times = [frame.seconds for frame in itertools.islice(iterate_frames(path), _PROBED)]
    return (len(times) - 1) / (times[-1] - times[0]) if len(times) > 1 else 1.0


def _frames(path: Path, rate: float, start: float) -> Iterator[UInt8[np.ndarray, "h w 3"]]:
    """Yield the frames from a time on; those of another rate are mixed from their neighbours."""
    own = _rate(path)
    frames = (frame.rgb for frame in itertools.islice(iterate_frames(path), round(start * own), None))
    if abs(own / rate - 1) < _SAME_RATE:
        yield from frames
        return
    before, at = next(frames, None), 0
    after = before
    for number in itertools.count():
        place = number * own / rate
        while at < place and after is not None:
            before, after, at = after, next(frames, None), at + 1
        if after is None or before is None:
            return
        share = place - (at - 1) if at else 1.0
        yield ((1 - share) * before.astype(np.float32) + share * after.astype(np.float32)).astype(np.uint8)


def _until(
    frames: Iterable[UInt8[np.ndarray, "h w 3"]], count: int, black: UInt8[np.ndarray, "h2 w2 3"]
) -> Iterator[UInt8[np.ndarray, "h w 3"]]:
    """Yield so many frames; black ones where there are too few."""
    for frame in itertools.islice(frames, count):
        count, black = count - 1, np.zeros_like(frame)
        yield frame
    yield from itertools.repeat(black, count)


def _take(frames: Iterable[UInt8[np.ndarray, "h w 3"]], size: tuple[int, int], rate: float) -> _Take:
    """Read the frames once; only small ones are held."""
    small: list[UInt8[np.ndarray, "h w 3"]] = []

    def seen() -> Iterator[UInt8[np.ndarray, "h w 3"]]:
        for frame in frames:
            small.append(cv2.resize(frame, size))
            yield frame

    masks = [cv2.resize(mask, size) > _LEVEL for mask in _stored(iterate_masks(seen()), rate)]
    return _Take(np.stack(masks), np.stack(small))


def _stored(masks: Iterable[UInt8[np.ndarray, "h w"]], rate: float) -> Iterator[UInt8[np.ndarray, "h w"]]:
    """Store masks as MPEG-4 and read them again, as the official program does; an odd last row or column is cut off."""
    with tempfile.TemporaryDirectory() as folder:
        path, writer = str(Path(folder) / "masks.mp4"), None
        for mask in masks:
            height, width = (side - side % 2 for side in mask.shape)
            if writer is None:
                code = cv2.VideoWriter.fourcc(*"mp4v")
                writer = cv2.VideoWriter(path, code, round(rate), (width, height), isColor=False)
                if not writer.isOpened():
                    raise StorageError(f"OpenCV cannot write {path} as MPEG-4; give it a place with TMPDIR.")
            writer.write(mask[:height, :width])
        if writer is not None:
            writer.release()
        reader = cv2.VideoCapture(path)
        while True:
            read, picture = reader.read()
            if not read:
                break
            yield picture[..., 0]
        reader.release()
