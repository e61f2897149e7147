"""Counterfactual skill: how much of a change's effect a model shows that is told of the change."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import UInt8

from eval.statistics import Interval, bootstrap_mean
from physics_data.core.clip import Clip
from physics_data.core.counterfactual import pairs_of, read_sets
from physics_data.core.dataset import ShardDataset
from physics_data.core.errors import DataError


def counterfactual_skill(told: float, ignoring: float) -> float:
    """Return ``1 - told / ignoring``: 1 = exact, 0 = no better than ignoring the change, below 0 = worse.

    Args:
        told: error of the model that is told of the change, against the counterfactual
        ignoring: error of a model that ignores it

    Raises:
        ValueError: ``ignoring`` is not above 0, where no skill can be measured.
    """
    if not ignoring > 0:
        raise ValueError(f"the error of the model that ignores the change is {ignoring:g}; the change shows nowhere.")
    return 1.0 - told / ignoring


def changed_error(video: UInt8[np.ndarray, "t h w 3"], truth: Clip, factual: Clip, frame: int) -> float:
    """Return the root mean square error of a video against a counterfactual, sRGB bytes.

    It is taken at the pixels where the two clips differ, in the frames after the change.

    Args:
        video: on the frames and size of the clips
        truth: the counterfactual
        factual: the clip without the change
        frame: after which the change happens
    """
    rows = slice(frame + 1, None)
    differs = (truth.rgb[rows] != factual.rgb[rows]).any(axis=-1)
    error = (video[rows].astype(np.float64) - truth.rgb[rows]) ** 2
    return float(np.sqrt(error[differs].mean())) if differs.any() else 0.0


@dataclass(frozen=True)
class SkillRow:
    """Skill of one change, over all sets that have it."""

    change: str
    skill: Interval


def score_counterfactuals(
    dataset: str | Path,
    told: Mapping[str, UInt8[np.ndarray, "t h w 3"]],
    ignoring: Mapping[str, UInt8[np.ndarray, "t h w 3"]] | None = None,
) -> list[SkillRow]:
    """Score a model's videos of counterfactuals; changes that show in no picture are left out.

    Args:
        dataset: folder of counterfactual sets
        told: key of a counterfactual → video of the model that is told of the change
        ignoring: key of a factual clip → the same model's video without the change; default: the factual clip itself,
            the best that a model can do that ignores the change

    Returns:
        A row for each kind of change, and "all".

    Raises:
        DataError: the dataset has no sets, a video is missing or has another size, or a key belongs to none of them.
    """
    data = ShardDataset(Path(dataset))
    sets = read_sets(data.folder)
    known = {member.key for _, member in pairs_of(sets)}
    if unknown := sorted(set(told) - known):
        raise DataError(f"{unknown[0]} is no counterfactual of {dataset}; the keys are {', '.join(sorted(known))}.")
    skills: dict[str, list[float]] = {}
    for key, member in pairs_of(sets):
        factual, truth = data.load(data.find(key)), data.load(data.find(member.key))
        frame = member.action.frame
        base = factual.rgb if ignoring is None else _video(ignoring, key, factual)
        floor, video = changed_error(base, truth, factual, frame), _video(told, member.key, truth)
        if floor > 0:  # 0: the body is out of view
            skill = counterfactual_skill(changed_error(video, truth, factual, frame), floor)
            skills.setdefault(member.change, []).append(skill)
    if not skills:
        raise DataError(f"no change of {dataset} shows in its pictures; make other sets.")
    every = [value for values in skills.values() for value in values]
    return [
        SkillRow(name, bootstrap_mean(np.array(values), np.random.default_rng(0)))
        for name, values in {**skills, "all": every}.items()
    ]


def _video(videos: Mapping[str, np.ndarray], key: str, clip: Clip) -> np.ndarray:
    if key not in videos:
        raise DataError(f"there is no video of {key}; give one for each counterfactual.")
    if (video := videos[key]).shape != clip.rgb.shape:
        raise DataError(f"the video of {key} has shape {video.shape}, its clip {clip.rgb.shape}; resize it.")
    return video
