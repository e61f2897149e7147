"""Clips to the tensors of one training batch."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float, Int64, UInt8

from physics_data.core.errors import DataError
from worldsim.data.sources import PixelClip


@dataclass(frozen=True)
class VideoBatch:
    """One batch of clips.

    Units:
        video:         [-1, 1]
        domain:        0 = not told, 1 = physics, 2 = real
        frame_rate:    Hz
        instance_ids:  0 = background; all 0 where ``labelled`` is False. None if no clip has labels
        labelled:      True = the clip has instance ids
    """

    video: Float[torch.Tensor, "b 3 t h w"]
    caption: list[str]
    domain: Int64[torch.Tensor, "b"]
    frame_rate: Float[torch.Tensor, "b"]
    instance_ids: UInt8[torch.Tensor, "b t h w"] | None
    labelled: Bool[torch.Tensor, "b"]

    def __len__(self) -> int:
        return len(self.caption)

    def to(self, device: torch.device) -> "VideoBatch":
        """Return the batch on another device."""
        ids = None if self.instance_ids is None else self.instance_ids.to(device)
        domain, frame_rate, labelled = (x.to(device) for x in (self.domain, self.frame_rate, self.labelled))
        return VideoBatch(self.video.to(device), self.caption, domain, frame_rate, ids, labelled)


def to_tensor(rgb: UInt8[np.ndarray, "*b t h w 3"]) -> Float[torch.Tensor, "*b 3 t h w"]:
    """Turn sRGB bytes into [-1, 1], channels first."""
    return torch.from_numpy(np.ascontiguousarray(np.moveaxis(rgb, -1, -4))).float().div_(127.5).sub_(1)


def to_rgb(video: Float[torch.Tensor, "*b 3 t h w"]) -> UInt8[np.ndarray, "*b t h w 3"]:
    """Undo ``to_tensor``; values outside [-1, 1] become the nearest colour that exists."""
    levels = video.detach().float().cpu().add(1).mul(127.5).round().clamp(0, 255).to(torch.uint8)
    return np.ascontiguousarray(np.moveaxis(levels.numpy(), -4, -1))


@dataclass(frozen=True)
class Crop:
    """The part of a clip that goes into a batch; ``centre_share`` of those with labels are around an instance."""

    num_frames: int
    height: int
    width: int
    centre_share: float = 0.0


def collate(
    clips: Sequence[PixelClip], *, part: Crop, rng: np.random.Generator, flip_probability: float = 0.0
) -> VideoBatch:
    """Stack a random part of each clip.

    Args:
        clips: no smaller than the part
        part: size of the batch; where a clip is larger, its place is random
        rng: chooses the places and flips
        flip_probability: chance to mirror a clip left to right. Mirroring makes "from the left" in a caption wrong, so
            a clip whose caption says left or right is refused instead of mirrored.

    Raises:
        DataError: a clip is smaller than the part, or would be mirrored against its caption.
    """
    rgb: list[np.ndarray] = []
    ids: list[np.ndarray | None] = []
    for clip in clips:
        place = _place(clip, part, rng)
        mirror = flip_probability > 0 and rng.random() < flip_probability
        if mirror and _names_a_side(clip.meta.caption):
            raise DataError(
                f"clip '{clip.meta.key}' cannot be mirrored: its caption says '{clip.meta.caption}'. "
                "Set data.flip_probability to 0."
            )
        columns = slice(None, None, -1) if mirror else slice(None)
        rgb.append(clip.rgb[place][:, :, columns])
        ids.append(None if clip.instance_ids is None else clip.instance_ids[place][:, :, columns])
    return VideoBatch(
        video=to_tensor(np.stack(rgb)),
        caption=[clip.meta.caption for clip in clips],
        domain=torch.tensor([clip.meta.domain for clip in clips], dtype=torch.int64),
        frame_rate=torch.tensor([clip.meta.frame_rate for clip in clips], dtype=torch.float32),
        instance_ids=_stack_ids(ids, rgb[0].shape[:3]),
        labelled=torch.tensor([one is not None for one in ids]),
    )


def _place(clip: PixelClip, part: Crop, rng: np.random.Generator) -> tuple[slice, slice, slice]:
    """Return the frames, rows and columns of a random part of a clip."""
    size = (part.num_frames, part.height, part.width)
    spare = [there - needed for there, needed in zip(clip.rgb.shape[:3], size, strict=True)]
    if min(spare) < 0:
        raise DataError(
            f"clip '{clip.meta.key}' has {clip.meta.num_frames} frames of {clip.meta.width}x{clip.meta.height}, the "
            f"batch needs {part.num_frames} of {part.width}x{part.height}."
        )
    start, top, left = (int(rng.integers(room + 1)) for room in spare)
    if part.centre_share > 0 and clip.instance_ids is not None and rng.random() < part.centre_share:
        seen = clip.instance_ids[start : start + part.num_frames]
        present = np.unique(seen[seen > 0])
        if len(present):
            pixels = np.argwhere(seen == rng.choice(present))
            _, row, column = pixels[rng.integers(len(pixels))]
            top = int(np.clip(row - rng.integers(part.height), 0, spare[1]))
            left = int(np.clip(column - rng.integers(part.width), 0, spare[2]))
    return slice(start, start + size[0]), slice(top, top + size[1]), slice(left, left + size[2])


def _names_a_side(caption: str) -> bool:
    return any(word.strip(".,;:") in ("left", "right", "leftward", "rightward") for word in caption.lower().split())


def _stack_ids(ids: Sequence[np.ndarray | None], shape: tuple[int, ...]) -> torch.Tensor | None:
    if all(one is None for one in ids):
        return None
    empty = np.zeros(shape, dtype=np.uint8)
    return torch.from_numpy(np.stack([empty if one is None else one for one in ids]))
