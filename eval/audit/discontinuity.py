"""Changes from one picture to the next that motion does not explain, against pieces that the tracker loses."""

import cv2
import numpy as np
from jaxtyping import UInt8

from eval.audit.result import ramp
from eval.perception.scene import Scene
from eval.perception.tracks import Tracks

_UNLIKE = 24.0  # grey levels from every colour near by, from which on a pixel is not found again
_SUDDEN = (0.25, 0.6)  # share of a thing's pixels that are found on one side in time and not on the other
_REACH = 0.12  # diameters, beside half of the thing's own motion, within which a pixel is looked for
_LATER = 3  # frames for which a change must last; a flash does not
_LEAP = 1.0  # diameters, beside its own motion, within which a thing that starts or turns may be found again
_SAME = 24.0  # grey levels between the mean colours of a thing and of what is taken for it
_BLURRED = 0.4  # share of its contrast to the background that motion leaves of a thing
_PART = 0.4  # diameters; side of the patches that are compared


def discontinuity(scene: Scene, tracks: Tracks, index: int, frame: int) -> float:
    """Return how sure it is that a thing's pixels change at once at a frame, and stay changed, 0 to 1.

    The pixels of its outline are looked for in the pictures before and after, near where it goes. What is continued on
    one side and not on the other has come, gone or changed between two pictures. What moves fast, flickers or is
    blurred is found on neither side; what the tracker merely loses is found on both.
    """
    track = tracks.tracks[index]
    outline = np.nonzero(tracks.labels[frame] == index + 1)
    if not len(outline[0]):
        return 0.0
    diameter = 2 * np.sqrt(len(outline[0]) / np.pi)
    missing = []
    for side in (-1, 1):
        behind = frame - side
        seen = 0 <= behind < len(track.presence) and track.presence[behind]
        speed = track.centroid[frame] - track.centroid[behind] if seen else np.zeros(2)
        reach = max(2, round(_REACH * diameter + 0.5 * float(np.linalg.norm(speed))))
        shares = [
            _missing(scene.video[frame], scene.video[frame + side * lag], outline, lag * speed, reach)
            for lag in (1, _LATER)
            if 0 <= frame + side * lag < len(scene.video)
        ]
        if not shares:
            return 0.0
        near = min(shares) > 0 and _is_near(scene, frame, frame + side, outline, speed, diameter)
        missing.append(0.0 if near else min(shares))
    return ramp(max(missing) - min(missing), _SUDDEN)


def _missing(
    here: UInt8[np.ndarray, "h w 3"],
    there: UInt8[np.ndarray, "h w 3"],
    outline: tuple[np.ndarray, ...],
    step: np.ndarray,
    reach: int,
) -> float:
    """Share of the pixels of a thing whose colour is found neither near where they were nor near where they would be.

    outline:  rows and columns of these pixels
    """
    rows, columns = outline
    height, width = here.shape[:2]
    pixels = here[rows, columns].astype(np.int16)
    found = np.zeros(len(rows), bool)
    for across, down in {(0, 0), (round(float(step[0])), round(float(step[1])))}:
        y, x = np.clip(rows + down, 0, height - 1), np.clip(columns + across, 0, width - 1)
        top, left = max(int(y.min()) - reach, 0), max(int(x.min()) - reach, 0)
        window = there[top : int(y.max()) + reach + 1, left : int(x.max()) + reach + 1]
        square = np.ones((2 * reach + 1, 2 * reach + 1), np.uint8)
        low = cv2.erode(window, square)[y - top, x - left].astype(np.int16)
        high = cv2.dilate(window, square)[y - top, x - left].astype(np.int16)
        found |= np.maximum(low - pixels, pixels - high).max(-1) < _UNLIKE
    return 1 - float(found.mean())


def _is_near(
    scene: Scene, frame: int, other: int, outline: tuple[np.ndarray, ...], step: np.ndarray, diameter: float
) -> bool:
    """Whether something has the thing's contrast to the background, blurred by motion or not, where it may be now."""
    rows, columns = outline
    reach = _LEAP * diameter + float(np.linalg.norm(step))
    side = 2 * round(0.5 * _PART * diameter) + 1
    low = np.maximum(np.array([rows.mean(), columns.mean()]) - reach, 0).astype(int)
    high = np.ceil(np.array([rows.mean(), columns.mean()]) + reach + 1).astype(int)
    window = np.s_[low[0] : high[0], low[1] : high[1]]
    contrast = (scene.video[frame][rows, columns] - scene.background.picture[rows, columns]).mean(0)
    there = cv2.blur(scene.video[other][window] - scene.background.picture[window], (side, side))
    share = there @ contrast / max(float(contrast @ contrast), 1.0)
    unlike = np.linalg.norm(there - share[..., None] * contrast, axis=-1)
    return bool(((share > _BLURRED) & (unlike < _SAME)).any())
