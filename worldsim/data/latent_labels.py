"""What is known of clips on the grid of their latents, for losses that look at predicted latents.

A latent frame j stands for the video frames k (j - 1) + 1 to k j (k: temporal factor), the first one for frame 0 alone;
a latent position stands for a square of pixels. Masks are pooled to that grid. States stay at video frames: a latent
frame holds several of them.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Int64

from physics_data.core.errors import DataError
from worldsim.data.object_states import object_looks, object_states
from worldsim.data.sources import PixelClip

ARRAYS: dict[str, tuple[str, str]] = {
    "counted": ("masks", "n"),
    "seen_share": ("masks", "n t h w"),
    "in_sight": ("masks", "n f"),
    "covered_share": ("amodal", "n t h w"),
    "exists": ("states", "n f"),
    "place": ("states", "n f 2"),
    "distance": ("states", "n f"),
    "velocity": ("states", "n f 3"),
    "touching": ("states", "n f"),
    "free": ("states", "n p"),
    "quiet": ("states", "n p"),
    "resting": ("states", "n p"),
    "meeting": ("states", "n n p"),
    "rubbing": ("states", "n p"),
    "energy_growth": ("states", "n p"),
    "mass": ("states", "n"),
    "inner_radius": ("states", "n"),
    "gravity": ("states", "3"),
    "seconds": ("states", "1"),
    "tangent": ("states", "2"),
    "world_from_camera": ("states", "f 4 4"),
    "ground": ("states", "g 4"),
    "color": ("looks", "n"),
    "shape": ("looks", "n"),
    "size": ("looks", "n"),
}
"""Array: the group it belongs to, and its axes for one clip; a group is there as a whole or not at all.

Axes: n objects (instances by id), t h w latent grid, f video frames, p = f - 1 pairs
of them, g planes.

    counted:            True = the clip has this object
    seen_share:         share of the pixels of a latent position, over its video frames, that show the object
    covered_share:      the same, whether or not something is in front
    in_sight:           visible pixels / largest number of pixels that the object covers in any frame
    exists:             False = the object is nowhere in this frame, which only edited clips have
    place:              the body's origin in shares of the picture, (0, 0) top left, (1, 1) bottom right
    distance:           of the origin along the optical axis, m
    velocity:           m/s, world frame
    touching:           True = touched anything since the frame before
    free:               nothing but gravity acts on it between the frames
    quiet:              it touches nothing that moves or drives, and no joint holds it: its energy cannot grow
    resting:            it is quiet, supported, and still at both frames
    meeting:            the two touch each other and nothing else that moves, and nothing still pushes them aside
    rubbing:            what friction with still bodies may take of its momentum, N s
    energy_growth:      by how much its energy of motion and height grows in the engine's own states, J/kg; >= 0.
                        Spin that becomes speed is such a growth
    mass, inner_radius: kg; radius of a ball around the origin that is inside the body, m, 0 = not known
    gravity:            m/s², world frame
    seconds:            between two video frames, s
    tangent:            of half the field of view, across and down
    world_from_camera:  m; the camera frame is x right, y down, z forward
    ground:             planes: unit normal, offset (m)
    color, shape:       numbers in ``COLOR_CLASSES`` and ``SHAPE_CLASSES``
    size:               log of the radius of a ball around the origin that holds the body, log m
"""

GROUPS = tuple(dict.fromkeys(group for group, _ in ARRAYS.values()))

_READ: dict[str, tuple[str, ...]] = {
    "masks": ("instance_ids", "amodal_masks"),
    "amodal": ("instance_ids", "amodal_masks"),
    "states": ("amodal_masks",),
    "looks": ("instance_ids",),
}
"""What is read of clips (``labels.LABELS``) for each group, where a clip has it. More than ids brings trajectories."""

ClipLabels = Mapping[str, np.ndarray]
"""Arrays of one clip, without b."""


def has_groups(clip: ClipLabels, groups: Iterable[str]) -> bool:
    """Return whether a clip has labels of all these groups."""
    return set(groups) <= {ARRAYS[name][0] for name in clip}


@dataclass(frozen=True)
class LatentLabels:
    """Labels of b clips on one latent grid.

    ``arrays`` holds those of ``ARRAYS`` of which at least one clip has the group, b first; ``present`` says for each
    group which clips have it. Where it is False the arrays hold zeros that mean nothing. Objects and planes that a clip
    does not have are zeros, too; ``counted`` is False for them.
    """

    arrays: dict[str, torch.Tensor]
    present: dict[str, Bool[torch.Tensor, "b"]]

    def __getitem__(self, name: str) -> torch.Tensor:
        return self.arrays[name]

    def has(self, groups: Sequence[str]) -> bool:
        """Return whether there are arrays of all these groups."""
        return all(group in self.present for group in groups)

    def known(self, groups: Sequence[str]) -> Bool[torch.Tensor, "b"]:
        """Return which clips have all these groups."""
        return torch.stack([self.present[group] for group in groups]).all(0)

    def rows(self, start: int, step: int) -> "LatentLabels":
        """Return every ``step``-th clip from ``start`` on."""
        arrays = {name: array[start::step] for name, array in self.arrays.items()}
        return LatentLabels(arrays, {group: there[start::step] for group, there in self.present.items()})

    def at(self, clips: Int64[torch.Tensor, "k"]) -> "LatentLabels":
        """Return some of the clips, by number."""
        arrays = {name: array[clips] for name, array in self.arrays.items()}
        return LatentLabels(arrays, {group: there[clips] for group, there in self.present.items()})

    def to(self, device: torch.device) -> "LatentLabels":
        """Return the labels on another device."""
        arrays = {name: array.to(device) for name, array in self.arrays.items()}
        return LatentLabels(arrays, {group: there.to(device) for group, there in self.present.items()})


def labels_read_for(groups: Iterable[str]) -> tuple[str, ...]:
    """Return the labels of clips (``labels.LABELS``) from which groups are made."""
    return tuple(dict.fromkeys(label for group in GROUPS if group in set(groups) for label in _READ[group]))


def stack_latent_labels(clips: Sequence[ClipLabels]) -> LatentLabels:
    """Stack the labels of clips that have one latent grid.

    Raises:
        DataError: an array has another shape in another clip, apart from the numbers of objects and planes.
    """
    has = [{group for group in GROUPS if all(n in one for n, (g, _) in ARRAYS.items() if g == group)} for one in clips]
    most: dict[str, int] = {axis: max((_length(one, axis) for one in clips), default=0) for axis in "ng"}
    arrays: dict[str, torch.Tensor] = {}
    for name, (group, axes) in ARRAYS.items():
        known = [one[name] for one, there in zip(clips, has, strict=True) if group in there]
        if not known:
            continue
        shape = [most.get(a, int(length)) for a, length in zip(axes.split(), known[0].shape, strict=True)]
        stacked = np.zeros((len(clips), *shape), dtype=known[0].dtype)
        for place, one, there in zip(stacked, clips, has, strict=True):
            if group in there:
                own = tuple(slice(0, length) for length in one[name].shape)
                grows = [axis in most for axis in axes.split()]
                if any(a != b for a, b, free in zip(one[name].shape, shape, grows, strict=True) if not free):
                    raise DataError(
                        f"label '{name}' has shape {one[name].shape} in one clip, the batch has {shape}; clips of one "
                        "batch need one size and length."
                    )
                place[own] = one[name]
        arrays[name] = torch.from_numpy(stacked)
    groups = [group for group in GROUPS if any(group in there for there in has)]
    return LatentLabels(arrays, {group: torch.tensor([group in there for there in has]) for group in groups})


def latent_labels(
    clip: PixelClip, temporal_factor: int, spatial_factor: int, groups: Iterable[str] = GROUPS
) -> dict[str, np.ndarray]:
    """Return the arrays of some groups, as far as a clip has them.

    Exact for physics clips; of footage, masks come from pseudo-labels where it has them.

    Raises:
        DataError: frames or size do not fit the grid.
    """
    num_frames, height, width = clip.meta.num_frames, clip.meta.height, clip.meta.width
    if (num_frames - 1) % temporal_factor or height % spatial_factor or width % spatial_factor:
        raise DataError(
            f"clip '{clip.meta.key}' has {num_frames} frames of {width}x{height}; its latents need {temporal_factor} "
            f"k + 1 frames and sides in multiples of {spatial_factor} px."
        )
    arrays: dict[str, np.ndarray] = {}
    if (ids := clip.labels.get("instance_ids")) is not None:
        amodal = clip.labels.get("amodal_masks")
        count = amodal.shape[1] if amodal is not None else int(ids.max())
        seen = ids[:, None] == np.arange(1, count + 1, dtype=np.uint8)[:, None, None]
        area = (seen if amodal is None else amodal).sum((2, 3)).max(0, initial=0)
        arrays["counted"] = np.ones(count, dtype=bool)
        arrays["seen_share"] = _pooled(seen, temporal_factor, spatial_factor)
        arrays["in_sight"] = (seen.sum((2, 3)) / np.maximum(area, 1)).T.astype(np.float32)
        if amodal is not None:
            arrays["covered_share"] = _pooled(amodal, temporal_factor, spatial_factor)
    if clip.meta.spec is not None and clip.trajectory is not None:
        arrays |= object_states(clip.meta.spec, clip.trajectory, num_frames)
    if clip.meta.spec is not None:
        arrays |= object_looks(clip.meta.spec)
    wanted = set(groups)
    return {name: array for name, array in arrays.items() if ARRAYS[name][0] in wanted}


def _pooled(maps: np.ndarray, temporal_factor: int, size: int) -> np.ndarray:
    """Return means over blocks of frames and squares of pixels of [f h w] or [f n h w]; objects then come first."""
    *front, height, width = maps.shape
    squares = maps.reshape(*front, height // size, size, width // size, size).mean((-3, -1), dtype=np.float64)
    later = squares[1:].reshape(-1, temporal_factor, *squares.shape[1:]).mean(1)
    pooled = np.concatenate([squares[:1], later]).astype(np.float32)
    return pooled if maps.ndim == 3 else pooled.swapaxes(0, 1)


def _length(clip: ClipLabels, axis: str) -> int:
    """Return how many objects (n) or planes (g) a clip has."""
    lengths = (
        clip[name].shape[axes.split().index(axis)]
        for name, (_, axes) in ARRAYS.items()
        if name in clip and axis in axes.split()
    )
    return max(lengths, default=0)
