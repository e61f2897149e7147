"""Video files in and out, through PyAV; codecs come with its wheel."""

import io
import itertools
import warnings
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, Literal, cast

import av
import av.container
import av.error
import numpy as np
from av.video.reformatter import ColorPrimaries, ColorRange, Colorspace, ColorTrc, VideoReformatter
from jaxtyping import Float, UInt8
from PIL import Image

from physics_data.core.atomic import atomic_path
from physics_data.core.errors import StorageError, VideoError
from physics_data.core.video_decoding import (
    MAX_PIXELS,
    VIDEO_SUFFIXES,
    WRITABLE_SUFFIXES,
    DecodedFrame,
    decode,
    known_suffixes,
)

__all__ = [
    "DETERMINISTIC_X264",
    "MAX_PIXELS",
    "VIDEO_SUFFIXES",
    "TimedFrame",
    "VideoFile",
    "decode_video",
    "encode_video",
    "iterate_frames",
    "read_video",
    "sample_frames",
    "write_frames",
    "write_video",
]

PixelFormat = Literal["yuv444p", "yuv420p"]

DETERMINISTIC_X264 = {"x264-params": "mbtree=0"}
"""Options for libx264 whose bytes depend on its input alone.

Its macroblock tree (``mbtree``) computes in floating point: on an Intel Xeon with AVX-512, 1 to 33 of 48 files differed
between two writes. Without it, crf 13 gives what crf 12 gave with it: footage 42.2 dB at 1.24 times the size in the
same time. ``asm=0`` keeps the size but takes 3.6 times as long.
"""

MAX_BYTES = 2**32
"""Bytes that ``read_video`` decodes into memory at most: 4 GiB, 2.6 minutes of 640 x 480 at 30 Hz."""


@dataclass(frozen=True)
class VideoFile:
    """A decoded video.

    Units:
        rgb:         sRGB
        seconds:     presentation time of each frame from the first one, s
        frame_rate:  mean rate, Hz
        duration:    time from the first frame until the last one is no longer shown, s
    """

    rgb: UInt8[np.ndarray, "t h w 3"]
    seconds: Float[np.ndarray, "t"]
    frame_rate: float
    duration: float


@dataclass(frozen=True)
class TimedFrame:
    """A picture, shown from ``seconds`` until ``end``, both from the first frame, s. Unpacks into (seconds, rgb)."""

    seconds: float
    end: float
    rgb: UInt8[np.ndarray, "h w 3"]

    def __iter__(self) -> Iterator[Any]:
        """Yield seconds and rgb."""
        return iter((self.seconds, self.rgb))


def iterate_frames(path: Path, *, max_pixels: int = MAX_PIXELS) -> Iterator[TimedFrame]:
    """Yield the upright sRGB pictures of a video and when they are shown, without holding the whole video.

    A frame is shown until the next one, the last one for its own duration or, where the file gives none, as long as
    the one before. Of several streams FFmpeg's best one is read, never cover art. Trims by edit list are obeyed, both
    fields of interlaced frames are pictures, HDR is mapped to SDR, rotation, mirroring and the shape of the pixels are
    applied (``frame_conversion``). Time stamps that are missing or run backwards are replaced by the nominal interval.

    Raises:
        VideoError: missing, not a video, without a picture stream, larger than max_pixels, or cut off in the middle.
    """
    path = Path(path)
    if not path.is_file():
        raise VideoError(f"no video file {path}.")
    held: DecodedFrame | None = None
    gap = 0.0
    try:
        for following in decode(path, max_pixels):
            if held is not None:
                gap = following.seconds - held.seconds
                yield TimedFrame(held.seconds, following.seconds, held.rgb)
            held = following
    except (av.error.FFmpegError, OSError, ValueError, MemoryError) as error:
        reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
        raise VideoError(
            f"cannot read {path} as a video ({reason}); give a whole file ({known_suffixes()})."
        ) from error
    if held is None:
        raise VideoError(f"{path} holds no frame; give a whole video file ({known_suffixes()}).")
    yield TimedFrame(held.seconds, held.seconds + (held.duration or gap or held.interval), held.rgb)


def sample_frames(frames: Iterable[TimedFrame], frame_rate: float) -> Iterator[tuple[int, TimedFrame]]:
    """Yield (number of the frame, frame) for every moment n / frame_rate after the first frame.

    It is the frame that is shown then, or the next one if that begins within half an interval, of the source or of
    the result, whichever is shorter: for a steady source, the nearest one. A picture that is held is taken until the
    next one. The last frame is taken until a quarter of an interval before its end, so that rounded time stamps add no
    frame.

    Units:
        frame_rate:  Hz
    """
    start, count = None, 0
    for number, (frame, following) in enumerate(itertools.pairwise(itertools.chain(frames, [None]))):
        assert frame is not None
        start = frame.seconds if start is None else start
        share = 0.25 if following is None else 0.5
        until = frame.end - share * min(frame.end - frame.seconds, 1 / frame_rate) + 1e-9
        while start + count / frame_rate <= until:
            yield number, frame
            count += 1


def read_video(path: Path, max_frames: int | None = None, *, max_bytes: int = MAX_BYTES) -> VideoFile:
    """Decode a video into memory, at most its first ``max_frames`` frames.

    Raises:
        VideoError: see ``iterate_frames``; or it takes more than max_bytes.
    """
    frames: list[TimedFrame] = []
    size = 0
    for frame in itertools.islice(iterate_frames(path), max_frames):
        frames.append(frame)
        size += frame.rgb.nbytes
        if size > max_bytes:
            raise VideoError(
                f"{path} takes more than {max_bytes / 2**30:.3g} GiB of memory (after {frame.seconds:.1f} s); cut it "
                "into shorter videos, or make its pictures smaller."
            )
    if len({frame.rgb.shape for frame in frames}) > 1:
        raise VideoError(f"{path} changes its picture size in the middle; convert it to one size first.")
    seconds = np.array([frame.seconds for frame in frames])
    frame_rate = (len(frames) - 1) / seconds[-1] if seconds[-1] > 0 else 1.0
    return VideoFile(np.stack([frame.rgb for frame in frames]), seconds, float(frame_rate), frames[-1].end)


def write_video(
    path: Path, rgb: UInt8[np.ndarray, "t h w 3"], frame_rate: float, pixel_format: PixelFormat = "yuv444p"
) -> None:
    """Write a video atomically; the suffix chooses the container (.mp4, .mkv, .mov, .avi, .webm, .gif).

    Equal input gives equal bytes, with the same PyAV. H.264 at crf 13 keeps colours to about one grey level.
    ``yuv444p`` keeps full colour resolution: it is for files that programs read (conditioning frames, videos to be
    scored), and browsers do not play it. ``yuv420p`` is for people: it plays everywhere, carries the tags of BT.709,
    and halves the colour resolution (on objects of a clip of 64 x 64 it is off by 10 grey levels on average, 4:4:4 by
    4); of an odd size the last row or column is repeated, with a warning. A GIF has 256 colours and times in whole
    1/100 s: rates above 100 Hz are refused, and other programs than this one slow down what is above 50 Hz.

    Units:
        rgb:         sRGB
        frame_rate:  Hz

    Raises:
        VideoError: an unknown suffix, no frame, or a GIF above 100 Hz.
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
        VideoError: an unknown suffix, no frame, or a GIF above 100 Hz.
        StorageError: the disk refused.
    """
    path = Path(path)
    if path.suffix.lower() not in WRITABLE_SUFFIXES:
        known = ", ".join(sorted(WRITABLE_SUFFIXES))
        raise VideoError(f"cannot write {path}: the suffix '{path.suffix}' is no video that is written; use {known}.")
    coming = iter(frames)
    first = next(coming, None)
    if first is None:
        raise VideoError(f"cannot write {path}: there is no frame.")
    frames = itertools.chain([first], coming)
    if path.suffix.lower() == ".gif":
        return _write_gif(path, frames, frame_rate)
    height, width = first.shape[:2]
    codec, options = _encoding(path.suffix.lower())
    extra = (height % 2, width % 2) if pixel_format == "yuv420p" else (0, 0)
    if any(extra):
        message = f"{path}: {width}x{height} is odd; yuv420p needs even sides, so the last row or column is repeated."
        warnings.warn(message, stacklevel=2)
        frames = (np.pad(frame, ((0, extra[0]), (0, extra[1]), (0, 0)), mode="edge") for frame in frames)
    fast = pixel_format == "yuv420p" and path.suffix.lower() in (".mp4", ".m4v", ".mov")
    muxing = {"fflags": "+bitexact", **({"movflags": "+faststart"} if fast else {})}  # else Matroska has random numbers
    with atomic_path(path) as partial:
        try:
            with av.open(str(partial), "w", options=muxing) as container:
                _mux(container, frames, (height + extra[0], width + extra[1]), frame_rate, codec, pixel_format, options)
        except av.error.FFmpegError as error:
            if isinstance(error, OSError) and error.errno is not None and error.errno > 0:
                raise  # the disk: atomic_path words it
            raise StorageError(f"cannot encode {path}: {error}") from error


def encode_video(rgb: UInt8[np.ndarray, "t h w 3"], frame_rate: float) -> bytes:
    """Return an MP4 of H.264 4:4:4 at crf 13, which keeps colours to about one grey level; equal input, equal bytes.

    Units:
        rgb:         sRGB
        frame_rate:  Hz
    """
    buffer = io.BytesIO()
    codec, options = _encoding(".mp4")
    with av.open(buffer, "w", format="mp4") as container:
        _mux(container, rgb, rgb.shape[1:3], frame_rate, codec, "yuv444p", options)
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
    tagged, reformatter = pixel_format == "yuv420p", VideoReformatter()
    if tagged:
        context = stream.codec_context
        context.colorspace, context.color_range = Colorspace.ITU709, ColorRange.MPEG
        context.color_primaries, context.color_trc = ColorPrimaries.BT709, ColorTrc.BT709
    for picture in frames:
        frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
        if tagged:
            frame = reformatter.reformat(
                frame, format=pixel_format, dst_colorspace=Colorspace.ITU709, dst_color_range=ColorRange.MPEG, threads=1
            )
        container.mux(stream.encode(frame))
    container.mux(stream.encode())


def _encoding(suffix: str) -> tuple[str, dict[str, str]]:
    if suffix == ".webm":
        return "libvpx-vp9", {"crf": "16", "b": "0"}
    # AVI keeps no presentation times, so frames must be stored in the order in which they are shown.
    order = {"bf": "0"} if suffix == ".avi" else {}
    return "libx264", {"crf": "13", "preset": "veryfast", **DETERMINISTIC_X264, **order}


def _write_gif(path: Path, frames: Iterable[np.ndarray], frame_rate: float) -> None:
    """Write a GIF whose times are rounded to 1/100 s each, so that the mean rate is kept."""
    if frame_rate > 100:
        raise VideoError(f"cannot write {path}: a GIF shows at most 100 frames per second, given {frame_rate:g}.")
    pictures = [Image.fromarray(frame) for frame in frames]
    times = np.round(100 * np.arange(len(pictures) + 1) / frame_rate).astype(int)
    durations = (10 * np.diff(times)).tolist()  # ms
    with atomic_path(path) as partial:
        pictures[0].save(partial, save_all=True, append_images=pictures[1:], duration=durations, loop=0)
