"""Best of N: of several videos of one prompt, the one that a judge without a simulator prefers."""

import importlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import UInt8

from eval.audit.footage import Footage
from eval.audit.video import audit_footage
from physics_data.core.errors import ConfigError
from worldsim.cards import CARD_NAME
from worldsim.rewards.reward import RewardError

VideoArray = UInt8[np.ndarray, "t h w 3"]
Judge = Callable[[VideoArray, float, int], float]
"""(rgb, frame rate in Hz, number of conditioning frames) -> a number from 0 (worst) to 1 (best)."""


@dataclass(frozen=True, eq=False)
class Choice:
    """The video that was kept.

    rgb:     its frames
    seed:    of its noise
    values:  what the judge gave to each seed
    """

    rgb: VideoArray
    seed: int
    values: dict[int, float]


def plausibility(rgb: VideoArray, frame_rate: float, num_conditioning_frames: int) -> float:
    """Return the lesser of the audit's permanence and realism, times the share of motion that it could judge.

    It is 0 for a video in which nothing moves, and where the audit abstains: keeping still or showing nothing that can
    be followed does not pay.
    """
    seconds = np.arange(len(rgb)) / frame_rate
    audit = audit_footage(Footage(rgb, seconds, *rgb.shape[1:3], given=num_conditioning_frames))
    verdicts = [measure.value for measure in (audit.permanence, audit.realism) if measure.value is not None]
    if not audit.moved or audit.permanence.value is None:
        return 0.0
    return min(verdicts) * audit.permanence.coverage


def named_judge(name: str) -> Judge:
    """Return ``audit``, the reward model in a folder (``votes --fit``), or the callable at ``package.module:function``.

    Raises:
        ConfigError: none of these.
        CheckpointError: the folder's model is damaged.
    """
    if name == "audit":
        return plausibility
    if (Path(name) / CARD_NAME).is_file():
        from worldsim.rewards.preference_model import PreferenceModel

        preference = PreferenceModel.load(Path(name))
        return lambda rgb, _rate, _given: preference.value(rgb)
    module, _, attribute = name.partition(":")
    if not attribute:
        raise ConfigError(
            f"there is no reward '{name}' for a video without a simulated scene; give audit, a folder that 'votes "
            "--fit' wrote, or package.module:function."
        )
    try:
        found: Any = getattr(importlib.import_module(module), attribute)
    except (ImportError, AttributeError) as error:
        raise ConfigError(f"reward '{name}' cannot be imported ({error}); write package.module:function.") from None
    if not callable(found):
        raise ConfigError(f"reward '{name}' is no function; write package.module:function.")
    return found  # pyright: ignore[reportReturnType]


def best_of(
    draw: Callable[[int], VideoArray],
    seeds: Iterable[int],
    judge: Judge,
    frame_rate: float,
    num_conditioning_frames: int = 0,
) -> Choice:
    """Draw one video for each seed and keep the one of the highest value; of equal ones the first.

    Args:
        draw: seed to video
        seeds: one at least
        judge: see ``named_judge``
        frame_rate: Hz
        num_conditioning_frames: first frames that were given, which are not judged

    Raises:
        RewardError: the judge returned no number from 0 to 1; names the seed.
    """
    kept, values = None, dict[int, float]()
    for seed in seeds:
        rgb = draw(seed)
        value = judge(rgb, frame_rate, num_conditioning_frames)
        if np.ndim(value) != 0 or not 0.0 <= float(value) <= 1.0:  # NaN compares false
            raise RewardError(f"the reward of the video of seed {seed} is {value}; return one number from 0 to 1.")
        values[seed] = float(value)
        if kept is None or values[seed] > values[kept.seed]:
            kept = Choice(rgb, seed, values)
    if kept is None:
        raise ConfigError("no seeds were given; give one at least.")
    return kept
