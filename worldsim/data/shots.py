"""Where one shot ends and the next begins."""

from collections.abc import Iterator

import numpy as np
from jaxtyping import Float, UInt8

_BINS = 32
_HISTOGRAM_CUT = 0.35
_LUMA_CUT = 40.0
_LUMA_CHANGE = 10.0
_STARTLE = 4.0
_MEMORY = 0.8

TimedFrame = tuple[float, UInt8[np.ndarray, "h w 3"]]


def luma(rgb: UInt8[np.ndarray, "*any h w 3"]) -> Float[np.ndarray, "*any h w"]:
    """Return brightness in grey levels 0 to 255, with the weights of ITU-R BT.601."""
    return rgb @ np.array([0.299, 0.587, 0.114], dtype=np.float32)


def split_shots(frames: Iterator[TimedFrame]) -> Iterator[tuple[int, float, UInt8[np.ndarray, "h w 3"]]]:
    """Yield (shot number, seconds, rgb).

    A cut is a frame whose pixels changed by more than 40 grey levels on average, or by more than 10 while the
    brightness histogram moved by more than 35 % of the pixels, and in both cases by four times more than the frames
    before it did: fast motion and camera pans change every frame, a cut changes one. A change of the picture size is
    a cut. Fades are not found.
    """
    shot, usual, before, histogram_before = 0, 0.0, None, None
    for seconds, rgb in frames:
        now = luma(rgb)
        histogram = np.histogram(now, bins=_BINS, range=(0, 256))[0] / now.size
        if before is not None and before.shape != now.shape:
            shot, usual = shot + 1, 0.0
        elif before is not None and histogram_before is not None:
            change = float(np.abs(now - before).mean())
            moved = 0.5 * float(np.abs(histogram - histogram_before).sum())
            other_scene = change > _LUMA_CUT or (moved > _HISTOGRAM_CUT and change > _LUMA_CHANGE)
            if other_scene and change > _STARTLE * usual:
                shot, usual = shot + 1, 0.0
            else:
                usual = _MEMORY * usual + (1 - _MEMORY) * change
        before, histogram_before = now, histogram
        yield shot, seconds, rgb
