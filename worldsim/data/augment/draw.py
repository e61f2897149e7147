"""``Augment``: which changes a run makes to its clips, and the random choice of them."""

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Annotated, ClassVar, Literal

import numpy as np
from pydantic import Field, model_validator

from physics_data.core.config import StrictModel
from worldsim.data.augment.space import mirror, resize, upside_down
from worldsim.data.augment.time import every, reverse
from worldsim.data.sources import PixelClip

Share = Annotated[float, Field(ge=0, le=1)]

_SIDES = {"left": "right", "leftward": "rightward", "leftwards": "rightwards", "leftmost": "rightmost"}
_OTHER_SIDE = _SIDES | {right: left for left, right in _SIDES.items()}
_SIDED = re.compile(r"\b(" + "|".join(_OTHER_SIDE) + r")\b", re.IGNORECASE)


class Augment(StrictModel):
    """Random changes of clips; every label, the camera and the direction of gravity follow. All are off at first.

    A lower frame rate and a smaller picture show the same world and may be used freely. The others do not: a mirrored
    world has another hand, its texts are unreadable and its captions wrong; backwards, things gather speed from
    friction and the second law is broken; upside down, things fall upwards.

    strides:          every k-th frame, k drawn evenly from these that leave enough frames
    min_scale:      the picture is shrunk by a factor drawn evenly from this to 1, as far as it stays large enough
    mirror:           chance of left and right exchanged
    sided_captions:   where a caption says left or right: ``keep`` does not mirror, ``swap`` exchanges the words
    reverse_time:     chance of frames in reverse order
    upside_down:      chance of top and bottom exchanged
    """

    renamed_keys: ClassVar[Mapping[str, str]] = {"least_scale": "min_scale"}

    strides: Annotated[tuple[Annotated[int, Field(ge=1)], ...], Field(min_length=1)] = (1,)
    min_scale: Annotated[float, Field(gt=0, le=1)] = 1.0
    mirror: Share = 0.0
    sided_captions: Literal["keep", "swap"] = "keep"
    reverse_time: Share = 0.0
    upside_down: Share = 0.0

    @model_validator(mode="after")
    def _has_a_full_rate(self) -> "Augment":
        if min(self.strides) != 1:
            raise ValueError(f"strides {list(self.strides)} must hold 1, for clips that are too short for the others")
        return self

    @property
    def is_off(self) -> bool:
        """Whether nothing is changed."""
        return self == Augment()

    def shrink(self, clip: PixelClip, num_frames: int, height: int, width: int, rng: np.random.Generator) -> PixelClip:
        """Return the clip at a rate and a size that still hold the part that is to be cut out of it."""
        if self.strides != (1,):
            fitting = [k for k in self.strides if (clip.meta.num_frames - 1) // k + 1 >= num_frames]
            if fitting:
                clip = every(clip, int(rng.choice(fitting)))
        if self.min_scale < 1:
            smallest = max(self.min_scale, height / clip.meta.height, width / clip.meta.width)
            scale = rng.uniform(min(smallest, 1.0), 1.0)
            size = (max(height, round(clip.meta.height * scale)), max(width, round(clip.meta.width * scale)))
            if size[0] <= clip.meta.height and size[1] <= clip.meta.width:
                clip = resize(clip, *size)
        return clip

    def turn(self, clip: PixelClip, rng: np.random.Generator) -> PixelClip:
        """Return the clip mirrored, reversed or upside down, each by its chance."""
        if self.mirror > 0 and rng.random() < self.mirror:
            sided = _SIDED.search(clip.meta.caption) is not None
            if not sided or self.sided_captions == "swap":
                clip = mirror(clip)
                caption = exchange_sides(clip.meta.caption)
                clip = replace(clip, meta=clip.meta.model_copy(update={"caption": caption, "captions": None}))
        if self.reverse_time > 0 and rng.random() < self.reverse_time:
            clip = reverse(clip)
        if self.upside_down > 0 and rng.random() < self.upside_down:
            clip = upside_down(clip)
        return clip


def exchange_sides(caption: str) -> str:
    """Return a caption with left for right and right for left."""

    def other(match: re.Match[str]) -> str:
        word = _OTHER_SIDE[match[0].lower()]
        return word.capitalize() if match[0][0].isupper() else word

    return _SIDED.sub(other, caption)
