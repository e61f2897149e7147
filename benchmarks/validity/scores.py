"""Every number that we and others would give a video: our metrics, and the public measures, on the same tracks."""

from functools import cached_property

import numpy as np
from jaxtyping import UInt8

from eval.inputs import AlignedVideo
from eval.metrics.metric import Metric
from eval.perception.tracks import Tracks
from eval.public import PUBLIC_MEASURES, Comparison
from eval.reference import Reference
from eval.scoring import metric_table, track_video
from physics_data.core.clip import Clip

NUM_CONDITIONING_FRAMES = 1
"""The violations are made from the first frame on; that one is what an image-to-video model is given."""


class Scorer:
    """Scores videos of one reference clip.

    Values are turned so that a higher one is better, whatever the measure's own direction, and an undefined one (a
    public measure may give NaN, and its program then forgets the video) is NaN.
    """

    def __init__(self, clip: Clip, second_take: UInt8[np.ndarray, "t h w 3"]) -> None:
        self.reference = Reference(clip, num_conditioning_frames=NUM_CONDITIONING_FRAMES)
        self._second_take = second_take
        self._metrics = {
            name: metric for name, metric in metric_table().items() if metric.refuses(self.reference) is None
        }

    def ours(self, video: UInt8[np.ndarray, "t h w 3"]) -> dict[str, float]:
        """Return our metrics that apply to the scene."""
        return self._ours(self._track(video))

    def all(self, video: UInt8[np.ndarray, "t h w 3"]) -> dict[str, float]:
        """Return our metrics that apply to the scene and all public measures."""
        tracks = self._track(video)
        return self._ours(tracks) | self._public(video, tracks)

    def aligned(self, video: AlignedVideo) -> dict[str, float]:
        """Return our metrics for a video that was read from a file."""
        return self._ours(track_video(self.reference, video))

    def _track(self, video: np.ndarray) -> Tracks:
        seconds = np.arange(len(video)) / self.reference.clip.meta.frame_rate
        return track_video(self.reference, AlignedVideo(video, seconds, np.ones(len(video), bool), ""))

    def _ours(self, tracks: Tracks) -> dict[str, float]:
        found = {}
        for name, metric in self._metrics.items():
            value = float(metric.score(self.reference, tracks))
            found[name] = _upward(value, metric)
        return found

    def _public(self, video: np.ndarray, tracks: Tracks) -> dict[str, float]:
        reference = self.reference.clip.rgb
        arrays = (reference, self._second_take, video, self._true_ids, self._found_ids(tracks))
        pair = Comparison(*(array[NUM_CONDITIONING_FRAMES:] for array in arrays), subject=self._subject)
        found = {}
        for name in PUBLIC_MEASURES:
            measure = PUBLIC_MEASURES.get(name)()
            sign = 1.0 if measure.info.direction == "higher" else -1.0
            found[name] = sign * measure.measure(pair)
        return found

    @cached_property
    def _true_ids(self) -> UInt8[np.ndarray, "t h w"]:
        """The reference's objects; what cannot move is background."""
        _, rendering, _ = self.reference.clip.labelled
        return np.where(np.isin(rendering.instance_ids, list(self.reference.tracked)), rendering.instance_ids, 0)

    @cached_property
    def _subject(self) -> int:
        """The object of the measures that follow one: the first that can move and is seen at the start."""
        known = self.reference.present_at_start or self.reference.tracked
        return min(known)

    def _found_ids(self, tracks: Tracks) -> UInt8[np.ndarray, "t h w"]:
        """The video's objects under the reference's numbers; strangers keep the tracker's number for them."""
        numbers = {name: number for number, name in self.reference.present_at_start.items()}
        table = np.arange(256, dtype=np.uint8)
        for place, track in enumerate(tracks.tracks, start=1):
            table[place] = numbers[track.name]
        return table[tracks.labels]


def _upward(value: float, metric: Metric) -> float:
    return value if metric.info.direction == "higher" else -value
