"""Video files in and out, through PyAV; codecs come with its wheel."""

import io
import itertools
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Literal, cast

import av
import av.container
import av.error
import numpy as np
from av.video.reformatter import VideoReformatter
from jaxtyping import Float, UInt8
from PIL import Image

from physics_data.core.atomic import atomic_path
from physics_data.core.errors import StorageError, VideoError

VIDEO_SUFFIXES = frozenset({".mp4", ".m4v", ".mov", ".mkv", ".webm", ".avi", ".gif"})
PixelFormat = Literal["yuv444p", "yuv420p"]


@dataclass(frozen=True)
class VideoFile:
    """A decoded video.

    Units:
        rgb:         sRGB
        seconds:     presentation time of each frame from the first one, s
        frame_rate:  mean rate, Hz
    """

    rgb: UInt8[np.ndarray, "t h w 3"]
    seconds: Float[np.ndarray, "t"]
    frame_rate: float


def iterate_frames(path: Path) -> Iterator[tuple[float, UInt8[np.ndarray, "h w 3"]]]:
    """Yield (seconds from the first frame, upright rgb) without holding the whole video.

    Raises:
        VideoError: missing, not a video, without a picture stream, or cut off in the middle.
    """
    path = Path(path)
    if not path.is_file():
        raise VideoError(f"no video file {path}.")
    try:
        with av.open(str(path)) as container:
            if not container.streams.video:
                raise VideoError(f"{path} has no picture stream; give a video file ({_suffixes()}).")
            stream = container.streams.video[0]
            stream.thread_type = "AUTO"
            declared, count, first, last = stream.frames, 0, 0.0, 0.0
            interval = 1 / float(stream.average_rate or 25)
            reformatter = VideoReformatter()  # kept: setting one up costs more than converting a small frame
            for frame in container.decode(stream):
                seconds = frame.time
                if count == 0:
                    first = last = seconds or 0.0
                elif seconds is None or seconds <= last:  # no time stamp, or decoding order (H.264 in AVI)
                    seconds = last + interval
                last = first if count == 0 else seconds
                count += 1
                yield last - first, _upright(frame, reformatter)
    except (av.error.FFmpegError, OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise VideoError(f"cannot read {path} as a video ({reason}); give a whole file ({_suffixes()}).") from error
    if count == 0:
        raise VideoError(f"{path} holds no frame; give a whole video file ({_suffixes()}).")
    if count < declared - 2:
        raise VideoError(f"{path} is cut off: it declares {declared} frames, {count} could be decoded.")


def read_video(path: Path, max_frames: int | None = None) -> VideoFile:
    """Decode a video into memory, at most its first ``max_frames`` frames.

    Raises:
        VideoError: see ``iterate_frames``.
    """
    frames: list[np.ndarray] = []
    seconds: list[float] = []
    for moment, rgb in iterate_frames(path):
        frames.append(rgb)
        seconds.append(moment)
        if max_frames is not None and len(frames) == max_frames:
            break
    if len({frame.shape for frame in frames}) > 1:
        raise VideoError(f"{path} changes its picture size in the middle; convert it to one size first.")
    span = seconds[-1] - seconds[0]
    frame_rate = (len(frames) - 1) / span if span > 0 else 1.0
    return VideoFile(np.stack(frames), np.array(seconds), frame_rate)


def write_video(
    path: Path, rgb: UInt8[np.ndarray, "t h w 3"], frame_rate: float, pixel_format: PixelFormat = "yuv444p"
) -> None:
    """Write a video atomically; the suffix chooses the container (.mp4, .mkv, .mov, .avi, .webm, .gif).

    H.264 at crf 12 keeps colours to about one grey level. ``yuv444p`` keeps full colour resolution, which matters for
    small objects; ``yuv420p`` plays in every player and needs an even width and height. A GIF has 256 colours and
    shows each frame for a whole number of 1/100 s, as that format does.

    Units:
        rgb:         sRGB
        frame_rate:  Hz

    Raises:
        VideoError: an unknown suffix, no frame, or an odd size with yuv420p.
        StorageError: the disk refused.
    """
    if rgb.ndim != 4 or rgb.shape[-1] != 3 or rgb.dtype != np.uint8 or len(rgb) == 0:
        raise VideoError(f"cannot write {path}: given {rgb.dtype} {rgb.shape}, needed uint8 (t, h, w, 3) with t >= 1.")
    write_frames(path, rgb, frame_rate, pixel_format)


def write_frames(
    path: Path, frames: Iterable[UInt8[np.ndarray, "h w 3"]], frame_rate: float, pixel_format: PixelFormat = "yuv444p"
) -> None:
    """Write a video of any length, frame by frame as they come; see ``write_video``. A GIF is collected first.

    Raises:
        VideoError: an unknown suffix, no frame, or an odd size with yuv420p.
        StorageError: the disk refused.
    """
    path = Path(path)
    if path.suffix.lower() not in VIDEO_SUFFIXES:
        raise VideoError(f"cannot write {path}: the suffix '{path.suffix}' is no video; use {_suffixes()}.")
    coming = iter(frames)
    first = next(coming, None)
    if first is None:
        raise VideoError(f"cannot write {path}: there is no frame.")
    frames = itertools.chain([first], coming)
    if path.suffix.lower() == ".gif":
        return _write_gif(path, frames, frame_rate)
    height, width = first.shape[:2]
    codec, chosen, options = _encoding(path.suffix.lower(), pixel_format)
    if chosen == "yuv420p" and (height % 2 or width % 2):
        raise VideoError(f"cannot write {path}: {width}x{height} is odd and yuv420p halves it; use yuv444p (.mp4).")
    with atomic_path(path) as partial:
        try:
            with av.open(str(partial), "w") as container:
                _mux(container, frames, (height, width), frame_rate, codec, chosen, options)
        except av.error.FFmpegError as error:
            if isinstance(error, OSError) and error.errno is not None and error.errno > 0:
                raise  # the disk: atomic_path words it
            raise StorageError(f"cannot encode {path}: {error}") from error


def encode_video(rgb: UInt8[np.ndarray, "t h w 3"], frame_rate: float) -> bytes:
    """Return an MP4 of H.264 4:4:4 at crf 12, which keeps colours to about one grey level; equal input, equal bytes.

    Units:
        rgb:         sRGB
        frame_rate:  Hz
    """
    buffer = io.BytesIO()
    codec, pixel_format, options = _encoding(".mp4", "yuv444p")
    with av.open(buffer, "w", format="mp4") as container:
        _mux(container, rgb, rgb.shape[1:3], frame_rate, codec, pixel_format, options)
    return buffer.getvalue()


def decode_video(data: bytes, *, what: str) -> UInt8[np.ndarray, "t h w 3"]:
    """Return the frames of a video in memory; ``what`` names it in the error.

    Raises:
        VideoError: the bytes are no whole video.
    """
    try:
        with av.open(io.BytesIO(data), "r") as container:
            reformatter = VideoReformatter()
            stream = container.streams.video[0]
            stream.codec_context.thread_count = 1
            frames = [reformatter.reformat(f, format="rgb24", threads=1).to_ndarray() for f in container.decode(stream)]
    except (av.error.FFmpegError, IndexError, ValueError) as error:
        raise VideoError(f"{what} cannot be decoded ({error}); make the dataset again.") from error
    if not frames:
        raise VideoError(f"{what} hold no frame; make the dataset again.")
    return np.stack(frames)


def _mux(
    container: av.container.OutputContainer,
    frames: Iterable[UInt8[np.ndarray, "h w 3"]],
    size: tuple[int, ...],
    frame_rate: float,
    codec: str,
    pixel_format: str,
    options: dict[str, str],
) -> None:
    rate = Fraction(frame_rate).limit_denominator(1001)
    stream = cast(av.VideoStream, container.add_stream(codec, rate=rate, options=options))
    stream.height, stream.width, stream.pix_fmt = *size, pixel_format
    stream.codec_context.thread_count = 1
    for picture in frames:
        container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
    container.mux(stream.encode())


def _encoding(suffix: str, pixel_format: PixelFormat) -> tuple[str, str, dict[str, str]]:
    if suffix == ".webm":
        return "libvpx-vp9", pixel_format, {"crf": "16", "b": "0"}
    # AVI keeps no presentation times, so frames must be stored in the order in which they are shown.
    order = {"bf": "0"} if suffix == ".avi" else {}
    return "libx264", pixel_format, {"crf": "12", "preset": "veryfast", **order}


def _write_gif(path: Path, frames: Iterable[np.ndarray], frame_rate: float) -> None:
    pictures = [Image.fromarray(frame) for frame in frames]
    with atomic_path(path) as partial:
        pictures[0].save(partial, save_all=True, append_images=pictures[1:], duration=1000 / frame_rate, loop=0)


def _upright(frame: av.VideoFrame, reformatter: VideoReformatter) -> np.ndarray:
    rgb = reformatter.reformat(frame, format="rgb24", threads=1).to_ndarray()
    quarter_turns = round((frame.rotation or 0) / 90) % 4
    return np.ascontiguousarray(np.rot90(rgb, quarter_turns)) if quarter_turns else rgb


def _suffixes() -> str:
    return ", ".join(sorted(VIDEO_SUFFIXES))
