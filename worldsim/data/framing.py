"""Pictures of any size and shape to the size a model is trained on: scale to cover, then crop."""

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


def crop(
    video: UInt8[np.ndarray, "t h2 w2 3"], height: int, width: int, *, across: float, down: float
) -> UInt8[np.ndarray, "t h w 3"]:
    """Cut a part out of every frame; ``across`` and ``down`` place it: 0 left or top, 0.5 centre, 1 right or bottom."""
    top = round(down * (video.shape[1] - height))
    left = round(across * (video.shape[2] - width))
    return video[:, top : top + height, left : left + width]
