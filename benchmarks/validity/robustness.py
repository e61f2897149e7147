"""Nuisances: does a score move with what breaks no law, by more than its own uncertainty?"""

import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.validity.cases import ENGINE, RENDERER, Case, Scorer, make_case
from benchmarks.validity.nuisances import PICTURE_NUISANCES
from eval.inputs import load_aligned
from eval.statistics import bootstrap_mean
from physics_data.core.clip import Clip
from physics_data.core.conventions import clip_generator
from physics_data.core.video import write_video
from physics_data.engines import ENGINES
from physics_data.renderers import RENDERERS
from physics_data.scenarios.shared.scenario import SceneSettings

SAMPLE = ("vanish", "hidden_vanish", "color_swap", "teleport", "wrong_g", "pass_through")
"""The violations whose scenes are used, two of each, each once lawful and once violated."""

RATES = (8.0, 30.0)


@dataclass(frozen=True)
class Shift:
    """How far a nuisance moves a metric's mean over videos, and how uncertain that mean is without it.

    shift:      mean of (score with - score without), higher is better
    half_width: half of the 95 % interval of the mean without the nuisance, over the same videos
    """

    shift: float
    half_width: float
    videos: int

    @property
    def is_small(self) -> bool:
        """Whether the nuisance decides less than chance does."""
        return abs(self.shift) <= self.half_width


def shifts(
    settings: SceneSettings, per_violation: int = 2, progress: Callable[[str], None] | None = None
) -> dict[str, dict[str, Shift]]:
    """Return, by nuisance and metric, how far the scores of lawful and violated videos move.

    Rates are changed for the lawful videos alone: 8 Hz leaves frames out, 30 Hz is simulated and drawn anew.
    """
    before: dict[str, list[dict[str, float]]] = {}
    after: dict[str, list[dict[str, float]]] = {}
    usual: list[dict[str, float]] = []
    with tempfile.TemporaryDirectory() as folder:
        for case in _cases(per_violation, settings):
            if progress is not None:
                progress(f"nuisances of {case.violation}")
            scorer = Scorer(case.reference, case.resimulation)
            for video in (case.reference.rgb, case.wrong):
                clean = _scored(scorer, Path(folder), video, settings.frame_rate)
                usual.append(clean)
                rng = clip_generator(0, f"nuisance/{case.violation}", len(usual))
                for name, nuisance in PICTURE_NUISANCES.items():
                    before.setdefault(name, []).append(clean)
                    rate = settings.frame_rate
                    after.setdefault(name, []).append(_scored(scorer, Path(folder), nuisance(video, rng), rate))
            for rate, video in _other_rates(case.reference):
                before.setdefault(f"{rate:g} Hz", []).append(usual[-2])
                after.setdefault(f"{rate:g} Hz", []).append(_scored(scorer, Path(folder), video, rate))
    return {name: _shifts(before[name], after[name], usual) for name in before}


def _cases(per_violation: int, settings: SceneSettings) -> Iterator[Case]:
    for violation in SAMPLE:
        for number in range(per_violation):
            case = make_case(violation, number, settings)
            if case is not None:
                yield case


def _scored(scorer: Scorer, folder: Path, video: np.ndarray, rate: float) -> dict[str, float]:
    """Score a video by way of a file, as users' videos are."""
    meta = scorer.reference.clip.meta
    path = folder / "video.mp4"
    write_video(path, video, rate)
    return scorer.aligned(load_aligned(path, meta.num_frames, meta.frame_rate, meta.height, meta.width))


def _other_rates(clip: Clip) -> Iterator[tuple[float, np.ndarray]]:
    """Yield the clip at 8 and 30 Hz, where its motion is what the engine makes of its scene."""
    spec, _, trajectory = clip.labelled
    simulate = ENGINES.get(ENGINE)().simulate
    if trajectory.present is not None or np.abs(simulate(spec).position - trajectory.position).max() > 1e-6:
        return
    for rate in RATES:
        if (spec.frame_rate / rate).is_integer():
            yield rate, clip.rgb[:: int(spec.frame_rate / rate)]
        else:
            frames = int(spec.seconds[-1] * rate) + 1
            other = spec.model_copy(update={"frame_rate": rate, "num_frames": frames})
            yield rate, RENDERERS.get(RENDERER)().render(other, simulate(other), ()).rgb


def _shifts(
    before: list[dict[str, float]], after: list[dict[str, float]], usual: list[dict[str, float]]
) -> dict[str, Shift]:
    found = {}
    for metric in sorted(set().union(*before)):
        pairs = [(a[metric], b[metric]) for b, a in zip(before, after, strict=True) if metric in b]
        values = np.array([scores[metric] for scores in usual if metric in scores])
        interval = bootstrap_mean(values, np.random.default_rng(0))
        width = 0.0 if interval.low is None or interval.high is None else (interval.high - interval.low) / 2
        found[metric] = Shift(float(np.mean([a - b for a, b in pairs])), width, len(pairs))
    return found
