"""Where one shot ends and the next begins."""

from collections import deque
from collections.abc import Iterator

import cv2
import numpy as np
from jaxtyping import UInt8
from scenedetect import FrameTimecode
from scenedetect.detectors import AdaptiveDetector

from physics_data.core.video import TimedFrame

_LOOK_AHEAD = 2
"""Frames that the detector wants to see after a cut before it says so."""

_MIN_SHOT = 5
_WORKING_HEIGHT = 96
"""Cuts are looked for in pictures of this height, pixels; more would only cost time."""


def split_shots(frames: Iterator[TimedFrame]) -> Iterator[tuple[int, TimedFrame]]:
    """Yield (shot number, frame).

    A cut is a frame that differs from the one before in hue, saturation and brightness by much more than its
    neighbours do: fast motion and pans change every frame, a cut changes one. A change of the picture size is a cut.
    Fades are not found, nor cuts within two frames of the start or the end.

    Source: the adaptive detector of PySceneDetect, with its default thresholds.
    """
    shot, size = 0, None
    detector, waiting = _detector(), deque[tuple[int, TimedFrame]]()
    for number, frame in enumerate(frames):
        if frame.rgb.shape != size:
            for _, held in waiting:
                yield shot, held
            waiting.clear()
            shot += size is not None
            size, detector = frame.rgb.shape, _detector()
        waiting.append((number, frame))
        cuts = {cut.frame_num for cut in detector.process_frame(FrameTimecode(number, 25.0), _small(frame.rgb))}
        if len(waiting) > _LOOK_AHEAD:
            oldest, held = waiting.popleft()
            shot += oldest in cuts
            yield shot, held
    for _, held in waiting:
        yield shot, held


def _detector() -> AdaptiveDetector:
    return AdaptiveDetector(min_scene_len=_MIN_SHOT, window_width=_LOOK_AHEAD)


def _small(rgb: UInt8[np.ndarray, "h w 3"]) -> np.ndarray:
    """Return a small picture with the channels in the order that OpenCV expects."""
    height, width = rgb.shape[:2]
    if height > _WORKING_HEIGHT:
        size = (max(1, round(width * _WORKING_HEIGHT / height)), _WORKING_HEIGHT)
        rgb = np.asarray(cv2.resize(rgb, size, interpolation=cv2.INTER_AREA))
    return np.ascontiguousarray(rgb[..., ::-1])
