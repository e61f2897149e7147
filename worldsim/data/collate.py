"""Batches of samples: collated at one size, or packed into rows of tokens."""

import heapq
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float, Int64, UInt8

from physics_data.core.errors import ConfigError, DataError
from worldsim.data.augmentation import Augment, stretch
from worldsim.data.labels import LABELS, PER_INSTANCE, present_labels
from worldsim.data.sources import PixelClip
from worldsim.data.spatial_augmentation import crop


@dataclass(frozen=True)
class VideoBatch:
    """One batch of clips.

    ``labels`` holds arrays of ``labels.LABELS`` that at least one clip has, and ``present`` says for each label which
    clips have it: where it is False the array holds zeros that mean nothing. A label that no clip has is in neither.
    Instances that a clip does not have are empty in ``amodal_masks``.

    Units:
        video:         [-1, 1]
        domain:        0 = not told, 1 = physics, 2 = real
        frame_rate:    Hz
        labels:        array name → tensor, b first
        present:       label → True = the clip has it
    """

    video: Float[torch.Tensor, "b 3 t h w"]
    caption: list[str]
    domain: Int64[torch.Tensor, "b"]
    frame_rate: Float[torch.Tensor, "b"]
    labels: dict[str, torch.Tensor]
    present: dict[str, Bool[torch.Tensor, "b"]]

    def __len__(self) -> int:
        return len(self.caption)

    @property
    def instance_ids(self) -> UInt8[torch.Tensor, "b t h w"] | None:
        """0 = background; all 0 where ``labelled`` is False. None if no clip has ids."""
        return self.labels.get("instance_ids")

    @property
    def labelled(self) -> Bool[torch.Tensor, "b"]:
        """True = the clip has instance ids."""
        return self.has("instance_ids")

    def has(self, label: str) -> Bool[torch.Tensor, "b"]:
        """Return which clips have a label."""
        return self.present.get(label, torch.zeros(len(self), dtype=torch.bool, device=self.video.device))

    def to(self, device: torch.device) -> "VideoBatch":
        """Return the batch on another device."""
        labels = {name: array.to(device) for name, array in self.labels.items()}
        present = {label: there.to(device) for label, there in self.present.items()}
        domain, frame_rate = self.domain.to(device), self.frame_rate.to(device)
        return VideoBatch(self.video.to(device), self.caption, domain, frame_rate, labels, present)


def to_tensor(rgb: UInt8[np.ndarray, "*b t h w 3"]) -> Float[torch.Tensor, "*b 3 t h w"]:
    """Turn sRGB bytes into [-1, 1], channels first."""
    return torch.from_numpy(np.ascontiguousarray(np.moveaxis(rgb, -1, -4))).float().div_(127.5).sub_(1)


def to_rgb(video: Float[torch.Tensor, "*b 3 t h w"]) -> UInt8[np.ndarray, "*b t h w 3"]:
    """Undo ``to_tensor``; values outside [-1, 1] become the nearest colour that exists."""
    levels = video.detach().float().cpu().add(1).mul(127.5).round().clamp(0, 255).to(torch.uint8)
    return np.ascontiguousarray(np.moveaxis(levels.numpy(), -4, -1))


@dataclass(frozen=True)
class Crop:
    """The part of a clip that goes into a batch; ``centre_probability`` of those with labels are around an instance."""

    num_frames: int
    height: int
    width: int
    centre_probability: float = 0.0


def collate(
    clips: Sequence[PixelClip], *, part: Crop, rng: np.random.Generator, augment: Augment | None = None
) -> VideoBatch:
    """Stack a random part of each clip.

    Args:
        clips: no smaller than the part
        part: size of the batch; where a clip is larger, its place is random
        rng: chooses the places and the changes
        augment: what is changed at random; None changes nothing

    Raises:
        DataError: a clip is smaller than the part.
    """
    changes = augment or Augment()
    parts = []
    for whole in clips:
        clip = changes.shrink(whole, part.num_frames, part.height, part.width, rng)
        start, top, left = _place(clip, part, rng)
        cut = crop(stretch(clip, start, part.num_frames), top, left, part.height, part.width)
        parts.append(changes.turn(cut, rng))
    labels, present = stack_labels(parts)
    return VideoBatch(
        video=to_tensor(np.stack([clip.rgb for clip in parts])),
        caption=[clip.meta.caption for clip in parts],
        domain=torch.tensor([clip.meta.domain for clip in parts], dtype=torch.int64),
        frame_rate=torch.tensor([clip.meta.frame_rate for clip in parts], dtype=torch.float32),
        labels=labels,
        present=present,
    )


def stack_labels(clips: Sequence[PixelClip]) -> tuple[dict[str, torch.Tensor], dict[str, torch.Tensor]]:
    """Return array name → tensor and label → which clips have it, for clips of one size.

    Raises:
        DataError: an array has another shape in another clip, e.g. another number of tracks.
    """
    has = [present_labels(clip.labels) for clip in clips]
    there = [label for label in LABELS if any(label in one for one in has)]
    arrays: dict[str, torch.Tensor] = {}
    for label in there:
        for name in LABELS[label]:
            column = [clip.labels[name] if label in one else None for clip, one in zip(clips, has, strict=True)]
            arrays[name] = torch.from_numpy(_stacked(name, column))
    return arrays, {label: torch.tensor([label in one for one in has]) for label in there}


def _stacked(name: str, column: Sequence[np.ndarray | None]) -> np.ndarray:
    known = [array for array in column if array is not None]
    shape = known[0].shape
    if name in PER_INSTANCE:
        most = max(array.shape[1] for array in known)
        shape = (shape[0], most, *shape[2:])
    stacked = np.zeros((len(column), *shape), dtype=known[0].dtype)
    for place, array in zip(stacked, column, strict=True):
        if array is None:
            continue
        if name in PER_INSTANCE:
            place[:, : array.shape[1]] = array
        elif array.shape != shape:
            raise DataError(
                f"label array '{name}' has shape {shape} in one clip and {array.shape} in another of the same batch; "
                "annotate both data sets with the same settings."
            )
        else:
            place[...] = array
    return stacked


def _place(clip: PixelClip, part: Crop, rng: np.random.Generator) -> tuple[int, int, int]:
    """Return first frame, top and left of a random part of a clip."""
    size = (part.num_frames, part.height, part.width)
    spare = [there - needed for there, needed in zip(clip.rgb.shape[:3], size, strict=True)]
    if min(spare) < 0:
        raise DataError(
            f"clip '{clip.meta.key}' has {clip.meta.num_frames} frames of {clip.meta.width}x{clip.meta.height}, the "
            f"batch needs {part.num_frames} of {part.width}x{part.height}."
        )
    start, top, left = (int(rng.integers(room + 1)) for room in spare)
    if part.centre_probability > 0 and clip.instance_ids is not None and rng.random() < part.centre_probability:
        seen = clip.instance_ids[start : start + part.num_frames]
        present = np.unique(seen[seen > 0])
        if len(present):
            pixels = np.argwhere(seen == rng.choice(present))
            _, row, column = pixels[rng.integers(len(pixels))]
            top = int(np.clip(row - rng.integers(part.height), 0, spare[1]))
            left = int(np.clip(column - rng.integers(part.width), 0, spare[2]))
    return start, top, left


def first_fit_decreasing(lengths: Sequence[int], budget: int) -> list[list[int]]:
    """Put samples into as few rows as this rule finds: longest first, each into the first row with room for it.

    At most 11/9 of the fewest possible rows, plus 6/9. Ties keep the order of the samples.

    Args:
        lengths: tokens of each sample
        budget: tokens of a row

    Raises:
        ConfigError: a sample is longer than a row.

    Source: Johnson (1973), Near-optimal bin packing algorithms; the bound is of Dosa (2007).
    """
    rows: list[list[int]] = []
    room: list[int] = []
    for sample in sorted(range(len(lengths)), key=lambda i: -lengths[i]):
        length = lengths[sample]
        if length > budget:
            raise ConfigError(
                f"a clip has {length} tokens, data.packing.row_tokens is {budget}; write at least {length}, or make "
                "the clips smaller."
            )
        row = next((number for number, left in enumerate(room) if left >= length), len(rows))
        if row == len(rows):
            rows.append([])
            room.append(budget)
        rows[row].append(sample)
        room[row] -= length
    return rows


def balanced_rows(lengths: Sequence[int], budget: int, min_rows: int = 1) -> list[list[int]]:
    """Put samples into as few rows as ``first_fit_decreasing`` needs, but ``min_rows``, all about equally long.

    Rows are padded to the longest of them, so equal rows waste next to nothing, where the last row of first fit may be
    nearly empty.

    Args and Raises: see ``first_fit_decreasing``.

    Source: Graham (1969), Bounds on multiprocessing timing anomalies: longest first, each into the shortest row.
    """
    tight = first_fit_decreasing(lengths, budget)
    for count in range(min(max(len(tight), min_rows), len(lengths)), len(lengths) + 1):
        rows = _longest_into_shortest(lengths, count)
        if max(sum(lengths[sample] for sample in row) for row in rows) <= budget:
            return rows
        if len(tight) >= min_rows:
            return tight
    raise AssertionError("with a row for each sample, all rows are within the budget")


def _longest_into_shortest(lengths: Sequence[int], count: int) -> list[list[int]]:
    shortest = [(0, number) for number in range(count)]
    rows: list[list[int]] = [[] for _ in range(count)]
    for sample in sorted(range(len(lengths)), key=lambda i: -lengths[i]):
        length, number = heapq.heappop(shortest)
        rows[number].append(sample)
        heapq.heappush(shortest, (length + lengths[sample], number))
    return rows


def share_out(rows: Sequence[Sequence[int]], parts: int) -> list[list[list[int]]]:
    """Share rows among ``parts`` steps, in turns, so that their numbers differ by at most one."""
    return [[list(row) for row in rows[part::parts]] for part in range(parts)]


def padding_share(rows: Sequence[Sequence[int]], lengths: Sequence[int]) -> float:
    """Return the share of places that hold no token, when all rows are as long as the longest."""
    sums = [sum(lengths[sample] for sample in row) for row in rows]
    return 1.0 - sum(sums) / (max(sums) * len(sums))
