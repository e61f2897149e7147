"""From a table of scores to everything that is said of a model on twins."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np

from eval.statistics import Interval
from eval.twins.agreement import auroc, mean_pairwise, preference_errors
from eval.twins.scores import ClipScore, Meaning, read_scores
from eval.twins.sets import TwinSet, read_sets
from eval.twins.surprise import timing
from physics_data.core.config import StrictModel
from physics_data.core.dataset import ShardDataset


class TwinEstimate(StrictModel):
    """A figure with its 95 % interval over sets; see ``eval.statistics.Interval`` for method."""

    mean: float
    low: float | None
    high: float | None
    sets: int
    method: str


class TwinFigures(StrictModel):
    """What numbers say of some sets.

    pairwise:          share of pairs ordered rightly inside sets, ties half; 0.5 is chance
    auroc:             the same over clips of all sets, which asks for one scale
    preference_error:  LikePhys' mean over scenarios and editors of the share of pairs ordered wrongly, ties half
    """

    pairwise: TwinEstimate
    auroc: TwinEstimate
    preference_error: float


class SurpriseTiming(StrictModel):
    """See ``eval.twins.surprise.Timing``."""

    in_time: float
    chance: float
    distance: float
    clips: int


class TwinSummary(StrictModel):
    """A model on the sets of a dataset. by: grouping → value → figures; missing: clips without a finite number."""

    system: str
    meaning: Meaning
    clips: int
    missing: int
    overall: TwinFigures
    by: dict[str, dict[str, TwinFigures]]
    surprise: SurpriseTiming | None


_GROUPINGS: Mapping[str, Callable[[TwinSet], str]] = {
    "setting": lambda twins: twins.setting,
    "editor": lambda twins: twins.editor,
    "severity": lambda twins: f"{twins.severity:g}",
    "scenario": lambda twins: twins.scenario,
    "engine": lambda twins: twins.engine,
}


def score_twins(
    dataset: Path,
    scores_file: Path,
    *,
    split: str | None = None,
    meaning: Meaning = "plausibility",
    name: str | None = None,
    seed: int = 0,
) -> TwinSummary:
    """Hold a model's scores (see ``read_scores``) against the sets of twins of a dataset.

    Args:
        dataset: folder of 'python -m physics_data build' with twins
        split: of the dataset; None takes all
        meaning: "loss" for numbers that are smaller for more plausible clips, as denoising losses are
        name: of the model; default: the file's
        seed: of the bootstrap

    Raises:
        DataError: no twins in the dataset, or a table that is not as it must be.
    """
    sets = read_sets(ShardDataset(dataset), split)
    keys = {clip.key for twins in sets for clip in twins.clips}
    return summarise_twins(sets, read_scores(scores_file, keys, meaning), name or Path(scores_file).stem, meaning, seed)


def summarise_twins(
    sets: Sequence[TwinSet],
    scores: Mapping[str, ClipScore],
    system: str,
    meaning: Meaning = "plausibility",
    seed: int = 0,
) -> TwinSummary:
    """Return all figures; equal sets, scores and seed give equal ones."""
    groups: dict[str, dict[str, list[TwinSet]]] = {grouping: {} for grouping in _GROUPINGS}
    for twins in sets:
        for grouping, value_of in _GROUPINGS.items():
            groups[grouping].setdefault(value_of(twins), []).append(twins)
    found = timing(sets, scores)
    keys = [clip.key for twins in sets for clip in twins.clips]
    return TwinSummary(
        system=system,
        meaning=meaning,
        clips=len(keys),
        missing=sum(scores[key].score is None for key in keys),
        overall=_figures(sets, scores, seed),
        by={
            grouping: {value: _figures(members, scores, seed) for value, members in sorted(values.items())}
            for grouping, values in groups.items()
        },
        surprise=None if found is None else SurpriseTiming(**vars(found)),
    )


def _figures(sets: Sequence[TwinSet], scores: Mapping[str, ClipScore], seed: int) -> TwinFigures:
    return TwinFigures(
        pairwise=_estimate(mean_pairwise(sets, scores, np.random.default_rng(seed))),
        auroc=_estimate(auroc(sets, scores, np.random.default_rng(seed))),
        preference_error=float(np.mean(list(preference_errors(sets, scores).values()))),
    )


def _estimate(interval: Interval) -> TwinEstimate:
    return TwinEstimate(
        mean=interval.mean, low=interval.low, high=interval.high, sets=interval.scenes, method=interval.method
    )
