"""Counterfactual skill: how much of a change's effect a model shows that is told of the change."""

import csv
import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import UInt8

from eval.inputs import System, load_aligned
from eval.statistics import Interval, bootstrap_mean
from physics_data.core.clip import Clip
from physics_data.core.counterfactual import pairs_of, read_sets
from physics_data.core.dataset import ShardDataset
from physics_data.core.errors import DataError, VideoError


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


@dataclass(frozen=True)
class Answer:
    """What a model's video of one counterfactual is worth.

    told, ignoring:  errors of the model and of one that ignores the change (``changed_error``), sRGB bytes
    skill:           ``counterfactual_skill`` of the two; None where the change shows in no picture
    status:          "ok", or what is wrong with the video, which then counts as black
    """

    set_name: str
    change: str
    key: str
    told: float
    ignoring: float
    skill: float | None
    status: str = "ok"


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
    known = {member.key for _, member in pairs_of(read_sets(data.folder))}
    if unknown := sorted(set(told) - known):
        raise DataError(f"{unknown[0]} is no counterfactual of {dataset}; the keys are {', '.join(sorted(known))}.")

    def asked(key: str, clip: Clip) -> tuple[np.ndarray, str]:
        return _video(told, key, clip), "ok"

    def without(key: str, clip: Clip) -> np.ndarray:
        return clip.rgb if ignoring is None else _video(ignoring, key, clip)

    return skill_rows(_answers(data, asked, without), np.random.default_rng(0))


def answers_of(dataset: ShardDataset, system: System) -> list[Answer]:
    """Score the videos of a system, each named after its counterfactual, on the frames and size of the clips.

    Without a video, or with one that cannot be read or is short, what is missing counts as black.

    Raises:
        DataError: the dataset has no sets.
    """

    def asked(key: str, clip: Clip) -> tuple[np.ndarray, str]:
        meta = clip.meta
        if key not in system.files:
            return np.zeros_like(clip.rgb), "missing"
        try:
            found = load_aligned(system.files[key], meta.num_frames, meta.frame_rate, *clip.rgb.shape[1:3])
        except VideoError as error:
            return np.zeros_like(clip.rgb), " ".join(str(error).split())
        status = "ok" if found.covered.all() else f"ends after {int(found.covered.sum())} of {meta.num_frames} frames"
        return found.rgb, status

    return _answers(dataset, asked, lambda _, clip: clip.rgb)


def skill_rows(answers: Sequence[Answer], generator: np.random.Generator) -> list[SkillRow]:
    """Return the mean skill of each change and of "all", with 95 % bootstrap intervals over the sets.

    The counterfactuals of one set share a scene, so "all" is the mean over sets of the mean of each.

    Raises:
        DataError: no change shows in the pictures.
    """
    shown = [answer for answer in answers if answer.skill is not None]
    if not shown:
        raise DataError("no change of these sets shows in their pictures; make other sets.")
    changes = {answer.change: None for answer in shown}
    groups = {name: [answer for answer in shown if answer.change == name] for name in changes} | {"all": shown}
    rows = []
    for name, members in groups.items():
        by_set: dict[str, list[float]] = {}
        for answer in members:
            by_set.setdefault(answer.set_name, []).append(answer.skill or 0.0)
        means = np.array([np.mean(values) for values in by_set.values()])
        rows.append(SkillRow(name, bootstrap_mean(means, generator)))
    return rows


def answers_as_csv(answers: Mapping[str, Sequence[Answer]]) -> str:
    """Return the rows of each system as CSV; the skill is empty where the change shows in no picture."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["system", "set", "change", "key", "error_told", "error_ignoring", "skill", "status"])
    for system, rows in answers.items():
        for row in rows:
            skill = "" if row.skill is None else f"{row.skill:.9g}"
            figures = [f"{row.told:.9g}", f"{row.ignoring:.9g}", skill]
            writer.writerow([system, row.set_name, row.change, row.key, *figures, row.status])
    return text.getvalue()


def _answers(
    data: ShardDataset,
    asked: Callable[[str, Clip], tuple[np.ndarray, str]],
    without: Callable[[str, Clip], np.ndarray],
) -> list[Answer]:
    found = []
    for one in read_sets(data.folder):
        factual = data.load(data.find(one.factual))
        base = without(one.factual, factual)
        for member in one.counterfactuals:
            truth, frame = data.load(data.find(member.key)), member.action.frame
            ignoring = changed_error(base, truth, factual, frame)
            video, status = asked(member.key, truth)
            error = changed_error(video, truth, factual, frame)
            skill = counterfactual_skill(error, ignoring) if ignoring > 0 else None  # 0: the body is out of view
            found.append(Answer(one.name, member.change, member.key, error, ignoring, skill, status))
    return found


def _video(videos: Mapping[str, np.ndarray], key: str, clip: Clip) -> np.ndarray:
    if key not in videos:
        raise DataError(f"there is no video of {key}; give one for each counterfactual.")
    if (video := videos[key]).shape != clip.rgb.shape:
        raise DataError(f"the video of {key} has shape {video.shape}, its clip {clip.rgb.shape}; resize it.")
    return video
