"""Video files to frames: which stream is read, when each frame is shown, and what is refused."""

import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple, cast

import av
import av.container
import numpy as np
from av.stream import Disposition
from jaxtyping import UInt8
from PIL import Image

from physics_data.core.errors import VideoError
from physics_data.core.frame_conversion import FrameConverter, separate_fields

WRITABLE_SUFFIXES = frozenset({".mp4", ".m4v", ".mov", ".mkv", ".webm", ".avi", ".gif"})
VIDEO_SUFFIXES = WRITABLE_SUFFIXES | {".ts", ".mts", ".m2ts", ".mpg", ".mpeg", ".wmv", ".flv", ".3gp", ".ogv", ".apng"}
"""Files that are read as videos."""

ANIMATION_SUFFIXES = frozenset({".webp", ".png", ".apng", ".avif"})
"""Pictures that may hold several frames, which Pillow decodes."""

MAX_PIXELS = 2**26
"""Pixels of a frame that are decoded unless more are asked for: 8192 x 8192."""

_DEMUXERS = "mov,matroska,avi,gif,mpegts,mpeg,mpegvideo,asf,flv,ogg,image2,jpeg_pipe,bmp_pipe,tiff_pipe,webp_pipe"
"""Formats that are opened, whatever the suffix says; playlists, which name other files, are none of them."""


class DecodedFrame(NamedTuple):
    """A decoded picture; duration is 0 where the file gives none, interval the nominal one, s."""

    seconds: float
    duration: float
    interval: float
    rgb: UInt8[np.ndarray, "h w 3"]


def decode(path: Path, max_pixels: int) -> Iterator[DecodedFrame]:
    """Yield the frames of a video, or of a picture that may hold several.

    Raises:
        VideoError: no picture stream, larger than max_pixels, or cut off in the middle.
        FFmpegError, OSError, ValueError: it cannot be decoded.
    """
    return _animation(path, max_pixels) if path.suffix.lower() in ANIMATION_SUFFIXES else _stream(path, max_pixels)


def _stream(path: Path, max_pixels: int) -> Iterator[DecodedFrame]:
    options = {"format_whitelist": _DEMUXERS} | ({"min_delay": "1"} if path.suffix.lower() == ".gif" else {})
    with av.open(f"file:{path}", options=options, metadata_errors="replace") as container:
        stream = _picture_stream(container, path)
        stream.thread_type = "AUTO"
        convert = FrameConverter(stream.sample_aspect_ratio)
        require_size(path, convert.size(stream.width, stream.height), max_pixels)
        require_size(path, (stream.width, stream.height), max_pixels)
        interval = 1 / float(stream.average_rate or stream.guessed_rate or 25)
        count, first, last = 0, 0.0, 0.0
        for frame in separate_fields(_frames(container, stream), stream):
            require_size(path, convert.size(frame.width, frame.height), max_pixels)
            seconds = frame.time
            if count == 0:
                first = last = seconds or 0.0
            elif seconds is None or seconds <= last:  # no time stamp, or decoding order (H.264 in AVI)
                seconds = last + interval
            else:
                even = first + _unrounded(seconds - first, interval, float(frame.time_base or 0))
                seconds = even if even > last else seconds  # two stamps of a damaged file may round to one time
            last = first if count == 0 else seconds
            count += 1
            yield DecodedFrame(
                last - first, float((frame.duration or 0) * (frame.time_base or 0)), interval, convert(frame)
            )
        declared = _declared_frames(container, stream)
    if 0 < count < declared - 2:
        raise VideoError(f"{path} is cut off: it declares {declared} frames, {count} could be decoded.")
    if not _has_its_end(path):
        raise VideoError(f"{path} is cut off: {count} frames could be decoded, and its end is missing.")


def _unrounded(seconds: float, interval: float, tick: float) -> float:
    """Return a time at the nominal rate, where the file's ticks (1 ms in MKV, WebM, FLV) rounded it; else as it is."""
    even = round(seconds / interval) * interval
    return even if abs(even - seconds) <= 1.001 * tick < min(interval / 3, 2e-3) else seconds


def _frames(container: av.container.InputContainer, stream: av.VideoStream) -> Iterator[av.VideoFrame]:
    """Decode a stream; VP8 and VP9 whose transparency lies beside the pictures by the decoder that reads it."""
    decoder = {"vp8": "libvpx", "vp9": "libvpx-vp9"}.get(stream.codec_context.name)
    if decoder is None or stream.metadata.get("alpha_mode", stream.metadata.get("ALPHA_MODE")) != "1":
        yield from container.decode(stream)
        return
    context = cast(av.VideoCodecContext, av.CodecContext.create(decoder, "r"))
    for packet in container.demux(stream):
        for frame in context.decode(packet if packet.size else None):
            frame.time_base = frame.time_base or stream.time_base
            yield frame


def _picture_stream(container: av.container.InputContainer, path: Path) -> av.VideoStream:
    """Return the stream to read: the largest of those marked as default, never a cover or thumbnails.

    Source: FFmpeg's documentation, "Automatic stream selection".
    """
    covers = Disposition.attached_pic | Disposition.timed_thumbnails
    streams = [
        stream
        for stream in container.streams.video
        if not stream.disposition & covers and stream.codec_context is not None  # None: an unknown codec
    ]
    if not streams:
        only = " but a cover picture" if container.streams.video else ""
        raise VideoError(f"{path} has no picture stream{only}; give a video file ({known_suffixes()}).")
    return max(
        streams, key=lambda stream: (bool(stream.disposition & Disposition.default), stream.width * stream.height)
    )


def _declared_frames(container: av.container.InputContainer, stream: av.VideoStream) -> int:
    """Return how many frames the file says it shows; 0 where it does not say.

    The index of an MP4 or MOV file marks what an edit list hides; the count in its header does not.
    """
    if "mov" in container.format.name.split(","):
        return sum(not entry.is_discard for entry in stream.index_entries)
    return stream.frames


def _has_its_end(path: Path) -> bool:
    """Return whether a file that says where it ends is there to its end; MPEG-TS, MPEG-PS and FLV do not say it.

    Source: RFC 8794 (EBML element sizes), RFC 9559 (Matroska); GIF89a specification (trailer); RIFF of AVI files.
    """
    with open(path, "rb") as file:
        head = file.read(4096)
        size = file.seek(0, 2)
        if head.startswith(b"GIF8"):
            file.seek(max(0, size - 4096))
            return file.read().rstrip(b"\0").endswith(b";")
    if head.startswith(b"RIFF"):
        return head[4:8] == b"\xff\xff\xff\xff" or 8 + int.from_bytes(head[4:8], "little") <= size
    segment = head.find(b"\x18\x53\x80\x67")
    if not head.startswith(b"\x1aE\xdf\xa3") or segment < 0 or segment + 5 > len(head) or not head[segment + 4]:
        return True
    length = 9 - head[segment + 4].bit_length()
    value = int.from_bytes(head[segment + 4 : segment + 4 + length], "big") & ((1 << 7 * length) - 1)
    unknown = value == (1 << 7 * length) - 1  # a recording whose writer could not go back
    return unknown or segment + 4 + length + value <= size


def _animation(path: Path, max_pixels: int) -> Iterator[DecodedFrame]:
    """Decode an animated or still WebP, PNG or AVIF file; transparent pixels are put on black."""
    try:
        with warnings.catch_warnings():  # not around what is yielded: filters of warnings are global
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            opened = Image.open(path)
        with opened:
            require_size(path, opened.size, max_pixels)
            seconds = 0.0
            for number in range(getattr(opened, "n_frames", 1)):
                opened.seek(number)
                rgba = opened.convert("RGBA")
                rgb = Image.alpha_composite(Image.new("RGBA", rgba.size, (0, 0, 0, 255)), rgba).convert("RGB")
                duration = float(opened.info.get("duration") or 0) / 1000  # Pillow gives it once the frame is loaded
                yield DecodedFrame(seconds, duration, 0.1, np.array(rgb))
                seconds += duration or 0.1
    except (VideoError, GeneratorExit):
        raise
    except Exception as error:  # a decoder of pictures raises whatever it likes about damaged ones
        raise VideoError(f"cannot read {path} ({error or type(error).__name__}); give a whole file.") from error


def require_size(path: Path, size: tuple[int, int], max_pixels: int) -> None:
    """Check that a picture has at most ``max_pixels``.

    Raises:
        VideoError: it has more.
    """
    if size[0] * size[1] > max_pixels:
        raise VideoError(
            f"{path} has pictures of {size[0]}x{size[1]} = {size[0] * size[1] / 1e6:.0f} million pixels, of which at "
            f"most {max_pixels / 1e6:.0f} million are decoded; make them smaller, or raise max_pixels."
        )


def known_suffixes() -> str:
    """Return the suffixes of videos, for messages."""
    return ", ".join(sorted(VIDEO_SUFFIXES))
