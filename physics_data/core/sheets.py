"""Contact sheets: one row per video, one column per moment."""

import math
from collections.abc import Sequence

import numpy as np
from jaxtyping import UInt8
from PIL import Image, ImageDraw, ImageFont

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
