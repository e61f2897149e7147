"""Videos in a notebook: an HTML element with the file inside, so that a saved notebook keeps it."""

import base64
import html
import tempfile
from pathlib import Path

import numpy as np
from jaxtyping import UInt8

from physics_data.core.video import write_video

_SHOWN_SIDE = 256
_INLINE_BYTES = 16_000_000


def video_html(rgb: UInt8[np.ndarray, "t h w 3"], frame_rate: float, caption: str = "") -> str:
    """Return a ``<figure>`` that plays a video in a loop; small pictures are enlarged without smoothing.

    An odd edge is repeated by one pixel, since the colours of browsers' H.264 come in pairs of pixels. Videos of more
    than 16 MB are not shown; the text says to save them.

    Units:
        rgb:         sRGB
        frame_rate:  Hz
    """
    height, width = rgb.shape[1:3]
    facts = f"{len(rgb)} frames of {width}x{height} at {frame_rate:g} Hz"
    even = np.pad(rgb, ((0, 0), (0, height % 2), (0, width % 2), (0, 0)), mode="edge")
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "video.mp4"
        write_video(file, even, frame_rate, "yuv420p")
        data = file.read_bytes()
    text = html.escape(f"{caption} ({facts})" if caption else facts)
    if len(data) > _INLINE_BYTES:
        return f"<p>{text}: {len(data) / 1e6:.0f} MB are too much for a notebook; save it as a file.</p>"
    shown = max(width, round(width * _SHOWN_SIDE / max(height, width)))
    source = f"data:video/mp4;base64,{base64.b64encode(data).decode()}"
    return (
        f'<figure style="margin: 0"><video src="{source}" width="{shown}" controls loop autoplay muted playsinline '
        f'style="image-rendering: pixelated"></video><figcaption>{text}</figcaption></figure>'
    )
