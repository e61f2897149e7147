"""``Reward``: how good a video of a scene is, and sums of rewards with their parts."""

import importlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, ClassVar, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float, UInt8
from pydantic import Field

from eval.inputs import AlignedVideo
from eval.perception.tracks import Tracks
from eval.reference import Reference
from eval.scoring import track_video
from physics_data.core.clip import Clip
from physics_data.core.config import StrictModel
from physics_data.core.errors import ConfigError, WorldsimError
from worldsim.cards import CARD_NAME


class RewardError(WorldsimError):
    """A reward returned something else than one number from 0 to 1 for each video, or the same for all."""


@dataclass(frozen=True, eq=False)
class Judged:
    """A video and the simulated scene that it should show.

    rgb:        of the reference's size, length and rate, sRGB
    reference:  the simulator's clip, its labels, and how many frames were given
    """

    rgb: UInt8[np.ndarray, "t h w 3"]
    reference: Reference
    _found: dict[str, Tracks] = field(default_factory=dict)

    @classmethod
    def of(cls, rgb: UInt8[np.ndarray, "t h w 3"], clip: Clip, num_conditioning_frames: int) -> "Judged":
        """Put a video beside the clip it continues."""
        return cls(rgb, Reference(clip, num_conditioning_frames=num_conditioning_frames))

    @cached_property
    def tracks(self) -> Tracks:
        """Tracks from pixels, shared by all rewards of this video."""
        meta = self.reference.clip.meta
        seconds = np.arange(meta.num_frames) / meta.frame_rate
        return track_video(self.reference, AlignedVideo(self.rgb, seconds, np.ones(meta.num_frames, bool), ""))


@runtime_checkable
class Reward(Protocol):
    """A number from 0 (worst) to 1 (best) for each video. What vanished or cannot be measured is worth 0.

    measures:  names of the measures of ``eval`` that it looks at; a report calls none of them held out
    """

    measures: ClassVar[tuple[str, ...]]

    def __call__(self, video: Judged) -> float:
        """Return the value of a video."""
        ...


class RewardTerm(StrictModel):
    """One reward of a sum.

    weight:  its share of the sum; shares are divided by their total
    """

    weight: Annotated[float, Field(gt=0)] = 1.0


class RewardSum:
    """The weighted mean of rewards, with each part."""

    def __init__(self, terms: Mapping[str, RewardTerm]) -> None:
        """Build the rewards.

        Raises:
            ConfigError: no rewards, or a dotted path that leads nowhere.
            UnknownNameError: no such reward.
        """
        if not terms:
            raise ConfigError("`reward` names none; write for instance reward: {permanence: {weight: 1}}.")
        self.rewards: dict[str, Callable[[Judged], float]] = {name: _named(name) for name in terms}
        total = sum(term.weight for term in terms.values())
        self.weights = {name: term.weight / total for name, term in terms.items()}

    @property
    def measures(self) -> frozenset[str]:
        """The measures that any of its rewards looks at."""
        return frozenset(name for reward in self.rewards.values() for name in getattr(reward, "measures", ()))

    def __call__(self, videos: Sequence[Judged]) -> dict[str, Float[np.ndarray, "n"]]:
        """Return "reward", the sum, and each part by name.

        Raises:
            RewardError: a part is no number from 0 to 1; names the clip.
        """
        parts = {name: np.array([self._value(name, video) for video in videos]) for name in self.rewards}
        return {"reward": sum(self.weights[name] * part for name, part in parts.items()), **parts}  # pyright: ignore[reportReturnType]

    def _value(self, name: str, video: Judged) -> float:
        value: Any = self.rewards[name](video)
        key = video.reference.clip.meta.key
        if np.ndim(value) != 0:
            raise RewardError(
                f"reward '{name}' returned an array of shape {np.shape(value)} for a video of clip '{key}'; return one "
                "number."
            )
        if not 0.0 <= float(value) <= 1.0:  # NaN compares false
            raise RewardError(
                f"reward '{name}' returned {float(value)} for a video of clip '{key}'; return a number from 0 to 1, "
                "and 0 for what cannot be measured."
            )
        return float(value)


def _named(name: str) -> Callable[[Judged], float]:
    """Return a reward of the table, a model learned from votes in a folder, or the callable at a dotted path."""
    if (Path(name) / CARD_NAME).is_file():
        from worldsim.rewards.preference_model import PreferenceModel

        return PreferenceModel.load(Path(name))
    if ":" not in name:
        from worldsim.rewards import REWARDS

        return REWARDS.get(name)()
    module, _, attribute = name.partition(":")
    try:
        found = getattr(importlib.import_module(module), attribute)
    except (ImportError, AttributeError) as error:
        raise ConfigError(f"reward '{name}' cannot be imported ({error}); write package.module:function.") from None
    made: Any = found() if isinstance(found, type) else found
    if not callable(made):
        raise ConfigError(f"reward '{name}' is no function; write package.module:function.")
    judge: Callable[[Judged], float] = made  # pyright: ignore[reportAssignmentType]
    return judge
