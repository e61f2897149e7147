"""Lawful and violated videos of one scene, and every score that we and public measures give them."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import UInt8

from benchmarks.baselines.resimulation import resimulated
from benchmarks.validity.nuisances import as_a_model_would
from eval.inputs import AlignedVideo
from eval.metrics.metric import Metric
from eval.perception.tracks import Tracks
from eval.public import PUBLIC_MEASURES, Comparison
from eval.reference import Reference
from eval.scoring import metric_table, track_video
from physics_data.core.clip import Clip
from physics_data.core.conventions import clip_generator
from physics_data.core.errors import ClipRejectedError
from physics_data.editors import EDITORS
from physics_data.pipeline.generate import FIRST_TEST_INDEX
from physics_data.pipeline.pairs import PairTask, make_pairs
from physics_data.renderers import RENDERERS
from physics_data.scenarios.shared.scenario import SceneSettings

ENGINE = "mujoco"
RENDERER = "raycast"

LAWFUL_SPREAD = 0.02
"""Relative spread of the first velocities of lawful videos: a good generator reads speeds to about two percent."""


@dataclass(frozen=True)
class Case:
    """One scene and what may become of it.

    reference:  the lawful clip that is scored against
    resimulation:  the lawful event recorded once more, well: what public measures count as chance
    lawful:     the lawful event as a good generator would show it: with all that is slightly wrong and breaks no law
    wrong:      the video that breaks the law, undisturbed
    violated:   the same as the same generator would show it
    """

    violation: str
    scenario: str
    reference: Clip
    resimulation: UInt8[np.ndarray, "t h w 3"]
    lawful: UInt8[np.ndarray, "t h w 3"]
    wrong: UInt8[np.ndarray, "t h w 3"]
    violated: UInt8[np.ndarray, "t h w 3"]


def violations() -> list[str]:
    """Return all editors, by category."""
    infos = [EDITORS.get(name).info for name in EDITORS]
    return [info.name for info in sorted(infos, key=lambda info: (info.category, info.name))]


def make_case(violation: str, number: int, settings: SceneSettings, severity: float = 1.0) -> Case | None:
    """Make one scene with a violation of a severity from just above 0 to 1; None where no scene has room for it.

    What severity means: permanence is all or nothing, so there it is the share of the frames after the switch that show
    the wrong world; elsewhere it is the editor's severity.
    """
    info = EDITORS.get(violation).info
    names = info.scenarios
    is_timed = info.is_switch and info.category == "permanence"
    editor_severity = 1.0 if is_timed else severity
    task = PairTask(violation, ENGINE, FIRST_TEST_INDEX + number, editor_severity, names[number % len(names)])
    try:
        made = make_pairs(task, settings, 0, RENDERER, ())
        clips = {clip.meta.pair.role: clip for clip in made if clip.meta.pair is not None}
    except ClipRejectedError:
        return None
    reference, broken = (clips["AA"], clips["AB"]) if info.is_switch else (clips["possible"], clips["impossible"])
    wrong = timed(reference.rgb, broken.rgb, severity) if is_timed else broken.rgb
    renderer, rng = RENDERERS.get(RENDERER)(), clip_generator(0, f"validity/{violation}", number)
    resimulation = resimulated(reference, renderer, rng)
    lawful = as_a_model_would(resimulated(reference, renderer, rng, LAWFUL_SPREAD), rng)
    return Case(violation, task.scenario or "", reference, resimulation, lawful, wrong, as_a_model_would(wrong, rng))


def timed(
    right: UInt8[np.ndarray, "t h w 3"], wrong: UInt8[np.ndarray, "t h w 3"], severity: float
) -> UInt8[np.ndarray, "t h w 3"]:
    """Return the right video, in which a share of the frames that differ, from the first one on, is the wrong one's."""
    differing = np.flatnonzero((right != wrong).any((1, 2, 3)))
    shown = differing[: max(1, round(severity * len(differing)))]
    mixed = right.copy()
    mixed[shown] = wrong[shown]
    return mixed


NUM_CONDITIONING_FRAMES = 1
"""The violations are made from the first frame on; that one is what an image-to-video model is given."""


class Scorer:
    """Scores videos of one reference clip.

    Values are turned so that a higher one is better, whatever the measure's own direction, and an undefined one (a
    public measure may give NaN, and its program then forgets the video) is NaN.
    """

    def __init__(self, clip: Clip, resimulation: UInt8[np.ndarray, "t h w 3"]) -> None:
        self.reference = Reference(clip, num_conditioning_frames=NUM_CONDITIONING_FRAMES)
        self._resimulation = resimulation
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
        arrays = (reference, self._resimulation, video, self._true_ids, self._found_ids(tracks))
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
