"""``Augment``: random changes of clips with their labels, and of time: a stretch, every k-th frame, backwards."""

import math
import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Annotated, ClassVar, Literal

import numpy as np
from jaxtyping import Bool, Float
from pydantic import Field, model_validator

from physics_data.core.clip import Event
from physics_data.core.config import StrictModel
from physics_data.core.errors import DataError
from worldsim.data.labels import PER_PAIR
from worldsim.data.sources import PixelClip
from worldsim.data.spatial_augmentation import mirror, resize, upside_down

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


_SAME_SURFACE = 0.5
"""Flows of neighbouring pixels that differ by more (pixels) belong to two surfaces; nothing is read between them."""

FlowAndSeen = tuple[Float[np.ndarray, "h w 2"], Bool[np.ndarray, "h w"]]


def stretch(clip: PixelClip, start: int, num_frames: int) -> PixelClip:
    """Return ``num_frames`` frames from frame ``start`` on; events outside are gone.

    Raises:
        DataError: the clip has not so many.
    """
    if start < 0 or start + num_frames > clip.meta.num_frames:
        raise DataError(
            f"clip '{clip.meta.key}' has {clip.meta.num_frames} frames; asked for were {start} to "
            f"{start + num_frames - 1}."
        )
    pairs, frames = slice(start, start + num_frames - 1), slice(start, start + num_frames)
    labels = {name: array[pairs if name in PER_PAIR else frames] for name, array in clip.labels.items()}
    return _with_frames(clip, clip.rgb[frames], labels, start, 1)


def every(clip: PixelClip, stride: int) -> PixelClip:
    """Return every ``stride``-th frame: the same motion at a lower frame rate.

    Flow from one kept frame to the next follows the flows between; where it passes an edge or a hidden point, it is
    marked as unseen. Without its ``seen`` mask a flow cannot be followed, and the label is then gone.
    """
    if stride == 1:
        return clip
    labels = {name: array[::stride] for name, array in clip.labels.items() if name not in PER_PAIR}
    count = (clip.meta.num_frames - 1) // stride
    for name in ("optical_flow", "backward_flow"):
        if name in clip.labels and f"{name}_seen" in clip.labels:
            order = range(stride) if name == "optical_flow" else range(stride - 1, -1, -1)
            flows, masks = clip.labels[name], clip.labels[f"{name}_seen"]
            followed = [
                _follow([(flows[pair * stride + k], masks[pair * stride + k]) for k in order]) for pair in range(count)
            ]
            if followed:
                labels[name], labels[f"{name}_seen"] = (np.stack(part) for part in zip(*followed, strict=True))
            else:
                labels[name], labels[f"{name}_seen"] = flows[:0], masks[:0]
    return _with_frames(clip, clip.rgb[::stride], labels, 0, stride)


def reverse(clip: PixelClip) -> PixelClip:
    """Return the clip backwards; its events are gone, since a bounce or a rest is none backwards."""
    labels = {name: array[::-1] for name, array in clip.labels.items()}
    for here, there in (("optical_flow", "backward_flow"), ("optical_flow_seen", "backward_flow_seen")):
        forwards, backwards = labels.pop(here, None), labels.pop(there, None)
        labels |= {} if backwards is None else {here: backwards}
        labels |= {} if forwards is None else {there: forwards}
    meta = clip.meta.model_copy(update={"events": (), "spec": None})
    return replace(clip, meta=meta, rgb=clip.rgb[::-1], labels=labels)


def _follow(hops: list[FlowAndSeen]) -> FlowAndSeen:
    """Return where the points of the first picture are after all hops, minus where they began."""
    (flow, seen), *further = hops
    height, width = seen.shape
    columns, rows = np.meshgrid(np.arange(width, dtype=np.float64), np.arange(height, dtype=np.float64))
    total, kept = flow.astype(np.float64), seen.copy()
    for next_flow, next_seen in further:
        x, y = columns + total[..., 0], rows + total[..., 1]  # places of pixel centres, counted from the first centre
        kept &= (x >= 0) & (x <= width - 1) & (y >= 0) & (y <= height - 1)
        left, top = np.clip(x, 0, width - 1), np.clip(y, 0, height - 1)
        x0, y0 = np.minimum(left.astype(int), max(width - 2, 0)), np.minimum(top.astype(int), max(height - 2, 0))
        x1, y1 = np.minimum(x0 + 1, width - 1), np.minimum(y0 + 1, height - 1)
        across, down = (left - x0)[..., None], (top - y0)[..., None]
        corners = [next_flow[y0, x0], next_flow[y0, x1], next_flow[y1, x0], next_flow[y1, x1]]
        upper = corners[0] * (1 - across) + corners[1] * across
        lower = corners[2] * (1 - across) + corners[3] * across
        total = total + upper * (1 - down) + lower * down
        kept &= next_seen[y0, x0] & next_seen[y0, x1] & next_seen[y1, x0] & next_seen[y1, x1]
        kept &= (np.max(corners, axis=0) - np.min(corners, axis=0)).max(axis=-1) <= _SAME_SURFACE
    return total.astype(np.float32), kept


def _with_frames(clip: PixelClip, rgb: np.ndarray, labels: dict[str, np.ndarray], start: int, stride: int) -> PixelClip:
    meta = clip.meta
    events = [_shifted(event, start, stride, meta.frame_rate) for event in meta.events]
    kept = tuple(event for event in events if event is not None and event.frame_index < len(rgb))
    update = {"num_frames": len(rgb), "frame_rate": meta.frame_rate / stride, "events": kept, "spec": None}
    return replace(clip, meta=meta.model_copy(update=update), rgb=rgb, labels=labels)


def _shifted(event: Event, start: int, stride: int, frame_rate: float) -> Event | None:
    seconds = event.seconds - start / frame_rate
    if seconds < 0:
        return None
    frame_index = math.ceil((event.frame_index - start) / stride)
    return event.model_copy(update={"seconds": seconds, "frame_index": frame_index})
