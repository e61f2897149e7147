"""Pictures of any size and shape to the size a model is trained on: scale to cover, then crop."""

import functools

import numpy as np
from jaxtyping import UInt8
from PIL import Image

from physics_data.core.errors import DataError


def scale_to_cover(rgb: UInt8[np.ndarray, "h w 3"], height: int, width: int) -> UInt8[np.ndarray, "h2 w2 3"]:
    """Shrink a picture until it just covers height x width; every source pixel counts by its area (no aliasing).

    One side of the result is exact, the other is at least as long as asked and keeps the proportions to half a pixel.

    Raises:
        DataError: the picture is smaller than asked; enlarging would teach blur.
    """
    source_height, source_width = rgb.shape[:2]
    if source_height < height or source_width < width:
        raise DataError(
            f"a picture of {source_width}x{source_height} is smaller than {width}x{height}; ask for a smaller "
            "--height and --width, or leave this file out."
        )
    scale = max(height / source_height, width / source_width)
    size = (max(width, round(source_width * scale)), max(height, round(source_height * scale)))
    if size == (source_width, source_height):
        return rgb
    return np.asarray(Image.fromarray(rgb).resize(size, Image.Resampling.BOX, reducing_gap=2.0))


@functools.lru_cache
def kept_shape(size: tuple[int, int], num_pixels: int, multiple: int) -> tuple[int, int]:
    """Return the (height, width) in multiples of ``multiple`` that best keep a picture's proportions and pixel count.

    Proportions come first: among all sides for which about ``num_pixels`` are kept (within a factor of 1.5), the pair
    whose proportions are nearest, and of those the one whose pixel count is. Never larger than the picture.

    Raises:
        DataError: the picture has not even ``multiple`` pixels along a side.
    """
    largest = [length // multiple for length in size]
    if min(largest) < 1:
        raise DataError(f"a picture of {size[1]}x{size[0]} has a side below {multiple} pixels; leave this file out.")
    best, shape = (np.inf, np.inf), (multiple, multiple)
    for rows in range(1, largest[0] + 1):
        nearest = round(rows * size[1] / size[0])
        for columns in range(max(1, nearest - 1), min(largest[1], nearest + 1) + 1):
            excess = abs(np.log(rows * columns * multiple * multiple / num_pixels))
            stretch = abs(np.log(rows / columns * size[1] / size[0]))
            off = (max(excess - np.log(1.5), 0.0) + round(stretch, 2), excess)
            if off < best:
                best, shape = off, (rows * multiple, columns * multiple)
    return shape


def crop(
    video: UInt8[np.ndarray, "t h2 w2 3"], height: int, width: int, *, across: float, down: float
) -> UInt8[np.ndarray, "t h w 3"]:
    """Cut a part out of every frame; ``across`` and ``down`` place it: 0 left or top, 0.5 centre, 1 right or bottom."""
    top = round(down * (video.shape[1] - height))
    left = round(across * (video.shape[2] - width))
    return video[:, top : top + height, left : left + width]
