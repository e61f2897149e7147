"""Where one shot ends and the next begins."""

from collections import deque
from collections.abc import Iterator

import cv2
import numpy as np
from jaxtyping import UInt8
from scenedetect import FrameTimecode
from scenedetect.detectors import AdaptiveDetector

_LOOK_AHEAD = 2
"""Frames that the detector wants to see after a cut before it says so."""

_MIN_SHOT = 5
_WORKING_HEIGHT = 96
"""Cuts are looked for in pictures of this height, pixels; more would only cost time."""

TimedFrame = tuple[float, UInt8[np.ndarray, "h w 3"]]


def split_shots(frames: Iterator[TimedFrame]) -> Iterator[tuple[int, float, UInt8[np.ndarray, "h w 3"]]]:
    """Yield (shot number, seconds, rgb).

    A cut is a frame that differs from the one before in hue, saturation and brightness by much more than its
    neighbours do: fast motion and pans change every frame, a cut changes one. A change of the picture size is a cut.
    Fades are not found, nor cuts within two frames of the start or the end.

    Source: the adaptive detector of PySceneDetect, with its default thresholds.
    """
    shot, size = 0, None
    detector, waiting = _detector(), deque[tuple[int, float, np.ndarray]]()
    for number, (seconds, rgb) in enumerate(frames):
        if rgb.shape != size:
            for _, earlier, held in waiting:
                yield shot, earlier, held
            waiting.clear()
            shot += size is not None
            size, detector = rgb.shape, _detector()
        waiting.append((number, seconds, rgb))
        cuts = {cut.frame_num for cut in detector.process_frame(FrameTimecode(number, 25.0), _small(rgb))}
        if len(waiting) > _LOOK_AHEAD:
            oldest, earlier, held = waiting.popleft()
            shot += oldest in cuts
            yield shot, earlier, held
    for _, seconds, rgb in waiting:
        yield shot, seconds, rgb


def _detector() -> AdaptiveDetector:
    return AdaptiveDetector(min_scene_len=_MIN_SHOT, window_width=_LOOK_AHEAD)


def _small(rgb: UInt8[np.ndarray, "h w 3"]) -> np.ndarray:
    """Return a small picture with the channels in the order that OpenCV expects."""
    height, width = rgb.shape[:2]
    if height > _WORKING_HEIGHT:
        size = (max(1, round(width * _WORKING_HEIGHT / height)), _WORKING_HEIGHT)
        rgb = np.asarray(cv2.resize(rgb, size, interpolation=cv2.INTER_AREA))
    return np.ascontiguousarray(rgb[..., ::-1])
