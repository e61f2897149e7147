"""What may happen to a lawful video without making it less lawful: codec, noise, exposure, shake, size, rate."""

from collections.abc import Callable
from fractions import Fraction
from io import BytesIO

import av
import cv2
import numpy as np
from jaxtyping import UInt8

from physics_data.core.video import DETERMINISTIC_X264, decode_video
from physics_data.renderers.sensor import with_grain

Video = UInt8[np.ndarray, "t h w 3"]
Nuisance = Callable[[np.ndarray, np.random.Generator], np.ndarray]


def compressed(rgb: Video, crf: int) -> Video:
    """Return the video after H.264 of full colour resolution at a constant rate factor (18 is fine, 30 is coarse)."""
    buffer, options = BytesIO(), {"crf": str(crf), "preset": "veryfast", **DETERMINISTIC_X264}
    with av.open(buffer, "w", format="mp4") as container:
        stream = container.add_stream("libx264", rate=Fraction(25), options=options)
        stream.width, stream.height, stream.pix_fmt = rgb.shape[2], rgb.shape[1], "yuv444p"
        stream.codec_context.thread_count = 1
        for picture in rgb:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), format="rgb24")))
        container.mux(stream.encode())
    return decode_video(buffer.getvalue(), what="the compressed video")


def noisy(rgb: Video, deviation: float, rng: np.random.Generator) -> Video:
    """Return the video with normal noise, other in every frame; sRGB levels."""
    return with_grain(rgb, deviation, int(rng.integers(2**62)))


def brightened(rgb: Video, factor: float) -> Video:
    """Return the video with all levels times a factor."""
    return np.rint(rgb.astype(np.float32) * factor).clip(0, 255).astype(np.uint8)


def shifted(rgb: Video, offsets: np.ndarray) -> Video:
    """Return the video with every frame moved by (x, y) pixels, to fractions of one; the rim is repeated."""
    height, width = rgb.shape[1:3]
    moves = [np.array([[1, 0, x], [0, 1, y]], np.float32) for x, y in offsets]
    frames = [
        cv2.warpAffine(f, m, (width, height), borderMode=cv2.BORDER_REPLICATE) for f, m in zip(rgb, moves, strict=True)
    ]
    return np.array(frames)


def shaken(rgb: Video, pixels: float, rng: np.random.Generator) -> Video:
    """Return the video from a camera that shakes: other offsets in every frame, at most so many pixels."""
    offsets = rng.uniform(-pixels, pixels, (len(rgb), 2))
    offsets[0] = 0.0
    return shifted(rgb, offsets)


def resized(rgb: Video, side: int) -> Video:
    """Return the video in another size, the shorter side given."""
    scale = side / min(rgb.shape[1:3])
    size = (round(rgb.shape[2] * scale), round(rgb.shape[1] * scale))
    return np.array([cv2.resize(f, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR) for f in rgb])


PICTURE_NUISANCES: dict[str, Nuisance] = {
    "codec, crf 28": lambda rgb, rng: compressed(rgb, 28),
    "noise, 6 levels": lambda rgb, rng: noisy(rgb, 6.0, rng),
    "brightness +10 %": lambda rgb, rng: brightened(rgb, 1.1),
    "brightness -10 %": lambda rgb, rng: brightened(rgb, 0.9),
    "shake, 1 pixel": lambda rgb, rng: shaken(rgb, 1.0, rng),
    "two thirds of the size": lambda rgb, rng: resized(rgb, round(min(rgb.shape[1:3]) * 2 / 3)),
    "twice the size": lambda rgb, rng: resized(rgb, 2 * min(rgb.shape[1:3])),
}
"""Nuisances that keep the rate, by name."""


def as_a_model_would(rgb: Video, rng: np.random.Generator) -> Video:
    """Return the video with what any generator gets slightly wrong: exposure, framing, noise and sharpness.

    Brightness within 8 %, one offset of the whole picture within 1.5 % of its width, noise of up to 5 levels, H.264 at
    a rate factor of 12 to 28. Drawn anew for every video, from the same ranges for lawful and violated ones.
    """
    reach = 0.015 * rgb.shape[2]
    offset = np.tile(rng.uniform(-reach, reach, 2), (len(rgb), 1))
    video = shifted(brightened(rgb, rng.uniform(0.92, 1.08)), offset)
    return compressed(noisy(video, rng.uniform(0.0, 5.0), rng), int(rng.integers(12, 29)))
