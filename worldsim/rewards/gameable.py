"""Rewards of the kind that public work trains on and that a generator learns to game. Controls, not advice.

What each pays for is in its docstring; ``python -m benchmarks rewards`` shows how each is gamed.
"""

from itertools import pairwise
from typing import ClassVar

import cv2
import numpy as np

from worldsim.rewards.reward import Judged

_FULL_FLOW = 0.06
"""Optical flow that is worth 1, image heights per frame."""


class OpticalFlow:
    """Pays for motion of any kind: the mean of the fastest 5 % of the flow. Flicker and stray objects pay.

    Source: as the dynamic terms of rewards for video models, e.g. RVM (arXiv 2608.23664), here with Farnebäck's flow.
    """

    measures: ClassVar[tuple[str, ...]] = ()

    def __call__(self, video: Judged) -> float:
        """Return the value."""
        grey = [cv2.cvtColor(np.ascontiguousarray(frame), cv2.COLOR_RGB2GRAY) for frame in video.rgb]
        speeds = []
        for before, after in pairwise(grey):
            flow = cv2.calcOpticalFlowFarneback(before, after, None, 0.5, 2, 9, 2, 5, 1.1, 0)  # pyright: ignore[reportCallIssue, reportArgumentType]
            length = np.linalg.norm(flow, axis=-1).ravel()
            speeds.append(float(np.mean(np.sort(length)[-max(1, len(length) // 20) :])))
        return float(np.clip(np.mean(speeds) / (_FULL_FLOW * video.rgb.shape[1]), 0.0, 1.0))


class Stillness:
    """Pays for frames that resemble each other, as measures of temporal flicker do. A frozen video pays most."""

    measures: ClassVar[tuple[str, ...]] = ()

    def __call__(self, video: Judged) -> float:
        """Return 1 - the mean change from frame to frame / 16 grey levels."""
        change = np.abs(np.diff(video.rgb.astype(np.int16), axis=0)).mean()
        return float(np.clip(1.0 - change / 16.0, 0.0, 1.0))


class Overlap:
    """Pays for overlap of found and true areas, only in frames in which the object is found.

    Source: the intersection over union of PISA (arXiv 2503.09595) with frames without a mask dropped.
    """

    measures: ClassVar[tuple[str, ...]] = ("position_skill",)

    def __call__(self, video: Judged) -> float:
        """Return the mean intersection over union of objects in the frames that show them; 1 if none is found."""
        rendering = video.reference.clip.rendering
        assert rendering is not None
        values = []
        for number, name in video.reference.present_at_start.items():
            found = video.tracks.labels == 1 + [track.name for track in video.tracks.tracks].index(name)
            true = rendering.instance_ids == number
            shown = found.any((1, 2)) & true.any((1, 2)) & video.reference.scored
            both, either = (found & true).sum((1, 2))[shown], (found | true).sum((1, 2))[shown]
            values.extend((both / either).tolist())
        return float(np.mean(values)) if values else 1.0


class VisiblePath:
    """Pays for short distances to the true path, and leaves out what has vanished, as public benchmarks do.

    Source: the trajectory errors of RigidBench (arXiv 2608.15555), which average over what both videos show.
    """

    measures: ClassVar[tuple[str, ...]] = ("position_skill",)

    def __call__(self, video: Judged) -> float:
        """Return 1 - the mean distance / a quarter of the picture's height; 1 if nothing is found."""
        distances = []
        for number, name in video.reference.present_at_start.items():
            away = video.tracks.of(name).centroid - video.reference.silhouette(number).centroid
            distance = np.linalg.norm(away, axis=-1)
            distances.extend(distance[np.isfinite(distance) & video.reference.scored].tolist())
        if not distances:
            return 1.0
        return float(np.clip(1 - np.mean(distances) / (video.rgb.shape[1] / 4), 0.0, 1.0))
