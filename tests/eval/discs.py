"""Drawn discs whose places are known exactly."""

import cv2
import numpy as np

BACK = (70, 110, 90)


def drawn(places, colors, size=96, radius=7, back=None):
    """Discs at [t n 2] on a plain or given ground; NaN = not drawn."""
    frames = []
    for row in places:
        picture = np.full((size, size, 3), BACK, np.uint8) if back is None else back.copy()
        for (x, y), color in zip(row, colors, strict=True):
            if np.isfinite(x):
                center = (round(float(x) * 16 - 8), round(float(y) * 16 - 8))
                cv2.circle(picture, center, radius * 16, color, cv2.FILLED, cv2.LINE_AA, shift=4)
        frames.append(picture)
    return np.stack(frames)
