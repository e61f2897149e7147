"""Rewards from tracks of pixels and the simulator's labels, and what a reward does not show.

Losing or not finding an object never pays: each reward is the least of the measures that apply to the scene, on the
scale from 0 (worst) to 1 (best) that the measure declares, and a measure gives its worst value for what it cannot find.
"""

from collections.abc import Sequence
from itertools import combinations
from typing import ClassVar

import numpy as np

from eval.metrics import METRICS
from eval.metrics.metric import Metric
from worldsim.rewards.reward import Judged, RewardSum


def on_scale(metric: Metric, video: Judged) -> float | None:
    """Return a measure of a video from 0 (worst) to 1 (best), None where it does not apply to the scene."""
    if metric.refuses(video.reference) is not None:
        return None
    best, worst = metric.info.best, metric.info.worst
    value = (metric.score(video.reference, video.tracks) - worst) / (best - worst)
    return float(np.clip(value, 0.0, 1.0)) if np.isfinite(value) else 0.0


class _Least:
    """The least of several measures; 1 where none applies, for then no video can do better than another."""

    measures: ClassVar[tuple[str, ...]] = ()

    def __init__(self) -> None:
        self._metrics = [METRICS.get(name)() for name in self.measures]

    def __call__(self, video: Judged) -> float:
        """Return the least value."""
        found = [on_scale(metric, video) for metric in self._metrics]
        return min((value for value in found if value is not None), default=1.0)


class Permanence(_Least):
    """Every object goes on existing, is counted once, and keeps its identity and appearance."""

    measures = ("survival", "reappearance", "containment", "count", "identity", "attributes")


class Path(_Least):
    """Objects are where the simulator has them, and move as fast."""

    measures = ("position_skill", "velocity_skill")


class Impacts(_Least):
    """Objects meet when they should, and part as they should."""

    measures = ("contact_time", "restitution", "momentum")


class Energy(_Least):
    """Energy never grows, and what rests stays."""

    measures = ("energy", "rest")


class Background:
    """The still background stays as it was given: 1 at 40 dB and more, 0 at 20 dB and less.

    It guards appearance: a reward of motion alone is also raised by pictures that fall apart.
    """

    measures: ClassVar[tuple[str, ...]] = ()

    def __call__(self, video: Judged) -> float:
        """Return the value; 1 where objects cover everything at some time."""
        decibels = background_psnr(video)
        return 1.0 if decibels is None else float(np.clip((decibels - 20.0) / 20.0, 0.0, 1.0))


def background_psnr(video: Judged) -> float | None:
    """Return the PSNR of the frames that are scored over the pixels that no instance ever covers, dB."""
    rendering = video.reference.clip.rendering
    assert rendering is not None
    still = ~np.isin(rendering.instance_ids, list(video.reference.tracked)).any(axis=0)
    scored = video.reference.scored
    if not still.any() or video.reference.clip.labelled[0].camera.is_moving:
        return None
    difference = video.rgb[scored][:, still].astype(np.float64) - rendering.rgb[scored][:, still]
    error = float(np.mean(difference**2))
    return 10 * float(np.log10(255.0**2 / max(error, 1e-3)))


_COMPOSITES = {"object_permanence", "motion_realism", "overall"}
"""They hold measures that a reward may see, so they are neither seen nor held out."""

_ERRORS = {"gravity_error", "velocity_error"}
"""Without a worst value on a bounded scale."""


def measure_held_out(judged: Sequence[Sequence[Judged]], reward: RewardSum) -> dict[str, float]:
    """Return means over scenes and samples, by name.

    reward, NAME:                 the reward and its parts
    seen/NAME, held_out/NAME:     measures from 0 (worst) to 1 (best) that the reward looks at, or does not
    held_out:                     mean of the latter
    diversity:                    mean difference of two videos of one scene, grey levels
    background_psnr:              dB
    sharpness, motion:            gradients of the frames, and their change in time / those of the simulator's video

    Args:
        judged: for each scene its samples, two at least
        reward: what the generator was trained on
    """
    videos = [video for scene in judged for video in scene]
    found = {name: float(value.mean()) for name, value in reward(videos).items()}
    apart = []
    for name in METRICS:
        if name in _COMPOSITES or name in _ERRORS:
            continue
        metric = METRICS.get(name)()
        values = [value for video in videos if (value := on_scale(metric, video)) is not None]
        if values:
            is_seen = name in reward.measures
            found[f"{'seen' if is_seen else 'held_out'}/{name}"] = float(np.mean(values))
            apart += [] if is_seen else [float(np.mean(values))]
    if apart:
        found["held_out"] = float(np.mean(apart))
    found["diversity"] = float(np.mean([_difference(a, b) for scene in judged for a, b in combinations(scene, 2)]))
    decibels = [value for video in videos if (value := background_psnr(video)) is not None]
    if decibels:
        found["background_psnr"] = float(np.mean(decibels))
    true = [video.reference.clip.rgb for video in videos]
    for name, measure in (("sharpness", _sharpness), ("motion", _change)):
        own, reference = (float(np.mean([measure(one) for one in group])) for group in ([v.rgb for v in videos], true))
        found[name] = own / max(reference, 1e-9)
    return found


def _difference(a: Judged, b: Judged) -> float:
    scored = a.reference.scored
    return float(np.abs(a.rgb[scored].astype(np.int16) - b.rgb[scored]).mean())


def _sharpness(rgb: np.ndarray) -> float:
    grey = rgb.mean(-1)
    return float(np.hypot(np.diff(grey, axis=1)[:, :, 1:], np.diff(grey, axis=2)[:, 1:]).mean())


def _change(rgb: np.ndarray) -> float:
    return float(np.abs(np.diff(rgb.astype(np.int16), axis=0)).mean())
