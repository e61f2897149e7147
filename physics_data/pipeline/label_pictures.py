"""Labels as pictures, for previews and documentation."""

import numpy as np
from jaxtyping import Float, UInt8

_ID_COLORS = np.array(
    [(30, 30, 34), (230, 75, 60), (70, 130, 230), (90, 190, 90), (240, 190, 60), (160, 100, 210), (70, 200, 210)],
    dtype=np.uint8,
)


def id_color(number: int) -> tuple[int, int, int]:
    """Return the colour of an instance id; 0 is the dark background."""
    red, green, blue = _ID_COLORS[0 if number == 0 else (number - 1) % (len(_ID_COLORS) - 1) + 1].tolist()
    return (red, green, blue)


def id_picture(instance_ids: UInt8[np.ndarray, "t h w"]) -> UInt8[np.ndarray, "t h w 3"]:
    """Colour instance ids; the background is dark, colours repeat after six instances."""
    ids = instance_ids.astype(int)
    return _ID_COLORS[np.where(ids == 0, 0, (ids - 1) % (len(_ID_COLORS) - 1) + 1)]


def depth_picture(depth_map: Float[np.ndarray, "t h w"]) -> UInt8[np.ndarray, "t h w 3"]:
    """Draw depth as grey, near = light, on one scale of inverse depth for the whole clip; the sky is black.

    Units:
        depth_map:  m, +inf = sky
    """
    inverse = 1 / depth_map
    grey = np.sqrt(inverse / max(float(inverse.max()), 1e-12)) * 255
    return np.repeat(grey.astype(np.uint8)[..., None], 3, axis=-1)
