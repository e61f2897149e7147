"""Contact sheets: one row per video, one column per moment."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import UInt8
from PIL import Image, ImageDraw, ImageFont

_GAP = 2
_BACKGROUND = (250, 250, 250)
_INK = (40, 40, 40)


def contact_sheet(
    videos: Sequence[UInt8[np.ndarray, "_ _ _ 3"]],
    captions: Sequence[str] | None = None,
    *,
    columns: int = 9,
    cell_height: int = 96,
) -> UInt8[np.ndarray, "h w 3"]:
    """Draw videos as rows of evenly spaced frames, first and last included, with an optional caption above each row.

    Videos may differ in size and length; every frame is scaled to ``cell_height`` pixels, small ones without smoothing.

    Raises:
        ValueError: no video, or another number of captions than videos.
    """
    if not videos:
        raise ValueError("a contact sheet needs at least one video, none was given.")
    if captions is not None and len(captions) != len(videos):
        raise ValueError(f"{len(captions)} captions were given for {len(videos)} videos; give one for each.")
    rows = [_row(video, columns, cell_height) for video in videos]
    bar = 16 if captions else 0
    width = max(row.shape[1] for row in rows)
    sheet = Image.new("RGB", (width, len(rows) * (cell_height + bar + _GAP)), _BACKGROUND)
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(size=11)
    for number, row in enumerate(rows):
        top = number * (cell_height + bar + _GAP)
        if captions:
            draw.text((2, top + 1), captions[number], fill=_INK, font=font)
        sheet.paste(Image.fromarray(row), (0, top + bar))
    return np.asarray(sheet)


def _row(video: np.ndarray, columns: int, cell_height: int) -> np.ndarray:
    moments = np.linspace(0, len(video) - 1, min(columns, len(video))).round().astype(int)
    height, width = video.shape[1:3]
    size = (max(1, round(width * cell_height / height)), cell_height)
    resample = Image.Resampling.NEAREST if height < cell_height else Image.Resampling.BOX
    cells = [np.asarray(Image.fromarray(video[moment]).resize(size, resample)) for moment in moments]
    gap = np.full((cell_height, _GAP, 3), _BACKGROUND, dtype=np.uint8)
    return np.concatenate([part for cell in cells for part in (cell, gap)][:-1], axis=1)
