"""Videos for people: contact sheets, and players inside a notebook."""

import base64
import html
import math
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from jaxtyping import UInt8
from PIL import Image, ImageDraw, ImageFont

from physics_data.core.video import write_video

_GAP, _BLOCK_GAP = 2, 12
_BACKGROUND = (250, 250, 250)
_INK = (40, 40, 40)


def contact_sheet(
    videos: Sequence[UInt8[np.ndarray, "_ _ _ 3"]],
    captions: Sequence[str] | None = None,
    *,
    columns: int = 9,
    cell_height: int = 96,
    across: int | None = 1,
    together: int = 1,
) -> UInt8[np.ndarray, "h w 3"]:
    """Draw videos as rows of evenly spaced frames, first and last included, with an optional caption above each row.

    With ``across`` there are so many rows side by side, filled from top to bottom and then to the right; None takes as
    many as make the sheet about as wide as high. ``together`` rows in a row are kept below each other. Videos may
    differ in size and length; every frame is scaled to ``cell_height`` pixels, small ones without smoothing.

    Raises:
        ValueError: no video, or another number of captions than videos.
    """
    if not videos:
        raise ValueError("a contact sheet needs at least one video, none was given.")
    if captions is not None and len(captions) != len(videos):
        raise ValueError(f"{len(captions)} captions were given for {len(videos)} videos; give one for each.")
    rows = [_row(video, columns, cell_height) for video in videos]
    bar = 16 if captions else 0
    width, height = max(row.shape[1] for row in rows), cell_height + bar + _GAP
    across = across or max(1, round(math.sqrt(len(rows) * height / width)))
    per_block = math.ceil(len(rows) / together / across) * together
    across = math.ceil(len(rows) / per_block)
    sheet = Image.new("RGB", (across * (width + _BLOCK_GAP) - _BLOCK_GAP, per_block * height), _BACKGROUND)
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(size=11)
    for number, row in enumerate(rows):
        block, place = divmod(number, per_block)
        left, top = block * (width + _BLOCK_GAP), place * height
        if captions:
            draw.text((left + 2, top + 1), captions[number], fill=_INK, font=font)
        sheet.paste(Image.fromarray(row), (left, top + bar))
    return np.asarray(sheet)


def _row(video: np.ndarray, columns: int, cell_height: int) -> np.ndarray:
    moments = np.linspace(0, len(video) - 1, min(columns, len(video))).round().astype(int)
    height, width = video.shape[1:3]
    size = (max(1, round(width * cell_height / height)), cell_height)
    resample = Image.Resampling.NEAREST if height < cell_height else Image.Resampling.BOX
    cells = [np.asarray(Image.fromarray(video[moment]).resize(size, resample)) for moment in moments]
    gap = np.full((cell_height, _GAP, 3), _BACKGROUND, dtype=np.uint8)
    return np.concatenate([part for cell in cells for part in (cell, gap)][:-1], axis=1)


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
