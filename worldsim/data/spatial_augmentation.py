"""Crops, scales and mirrors of a clip, with all its labels, its camera and the direction of gravity.

A mirrored picture is the true picture of a mirrored world. That world is the old one with y → -y, in world and body
frames alike; so depth, pose, normals and object coordinates of a mirrored clip still fit each other.
"""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from PIL import Image

from physics_data.core.errors import DataError
from worldsim.data.labels import MAPS, PER_INSTANCE, PER_PAIR
from worldsim.data.sources import PixelClip

_WORLD_MIRROR = np.array([1.0, -1.0, 1.0], dtype=np.float32)


def crop(clip: PixelClip, top: int, left: int, height: int, width: int) -> PixelClip:
    """Return a part of the picture.

    Points outside become invisible, and flow that ends outside becomes unseen, as if the picture had been so small.

    Units:
        top, left, height, width:  pixels

    Raises:
        DataError: the part reaches out of the picture.
    """
    if min(top, left) < 0 or top + height > clip.meta.height or left + width > clip.meta.width:
        raise DataError(
            f"clip '{clip.meta.key}' has {clip.meta.width}x{clip.meta.height} pixels; a crop of {width}x{height} at "
            f"({left}, {top}) reaches out of it."
        )
    rows, columns = slice(top, top + height), slice(left, left + width)
    labels = _over_maps(clip, lambda array: array[:, rows, columns], lambda array: array[:, :, rows, columns])
    if "camera_intrinsics" in labels:
        labels["camera_intrinsics"] = labels["camera_intrinsics"].copy()
        labels["camera_intrinsics"][:, :2, 2] -= np.array([left, top], dtype=np.float32)
    if "track_pixel" in labels:
        labels["track_pixel"] = labels["track_pixel"] - np.array([left, top], dtype=np.float32)
        labels["track_visible"] = labels["track_visible"] & _inside(labels["track_pixel"], height, width)
    for flow in ("optical_flow", "backward_flow"):
        if flow in labels and f"{flow}_seen" in labels:
            ends = labels[flow] + _centres(height, width)
            labels[f"{flow}_seen"] = labels[f"{flow}_seen"] & _inside(ends, height, width)
    return _with_pixels(clip, clip.rgb[:, rows, columns], labels)


def resize(clip: PixelClip, height: int, width: int) -> PixelClip:
    """Return the clip at a smaller size: colours by area, labels of the source pixel under each new pixel's centre.

    Lengths in pixels (flow, tracks, camera) are scaled; lengths in metres stay.

    Raises:
        DataError: the size is larger than the clip's; enlarging would teach blur.
    """
    if height > clip.meta.height or width > clip.meta.width:
        raise DataError(
            f"clip '{clip.meta.key}' of {clip.meta.width}x{clip.meta.height} cannot be enlarged to {width}x{height}; "
            "ask for a smaller size."
        )
    scale = np.array([width / clip.meta.width, height / clip.meta.height], dtype=np.float32)
    rows = ((np.arange(height) + 0.5) / scale[1]).astype(int)
    columns = ((np.arange(width) + 0.5) / scale[0]).astype(int)
    labels = _over_maps(
        clip, lambda array: array[:, rows][:, :, columns], lambda array: array[:, :, rows][..., columns]
    )
    for name in ("optical_flow", "backward_flow", "track_pixel"):
        if name in labels:
            labels[name] = labels[name] * scale
    if "camera_intrinsics" in labels:
        labels["camera_intrinsics"] = labels["camera_intrinsics"] * np.array([*scale, 1.0], dtype=np.float32)[:, None]
    box = Image.Resampling.BOX
    rgb = np.stack([np.asarray(Image.fromarray(frame).resize((width, height), box)) for frame in clip.rgb])
    return _with_pixels(clip, rgb, labels)


def mirror(clip: PixelClip) -> PixelClip:
    """Return the clip with left and right exchanged. The caption stays as it is."""
    return _flip(clip, axis=0, size=clip.meta.width)


def upside_down(clip: PixelClip) -> PixelClip:
    """Return the clip with top and bottom exchanged: a mirrored world seen by a camera that stands on its head."""
    return _flip(clip, axis=1, size=clip.meta.height)


def _flip(clip: PixelClip, axis: int, size: int) -> PixelClip:
    """Exchange the two sides along x (axis 0) or y (axis 1)."""
    sides = (slice(None), slice(None), slice(None, None, -1)) if axis == 0 else (slice(None), slice(None, None, -1))
    labels = _over_maps(clip, lambda array: array[sides], lambda array: array[(slice(None), *sides)])
    camera_mirror = np.ones(3, dtype=np.float32)
    camera_mirror[axis] = -1
    for name in ("optical_flow", "backward_flow"):
        if name in labels:
            labels[name] = labels[name] * camera_mirror[:2]
    for name in ("normal_map", "object_coordinates"):
        if name in labels:
            labels[name] = labels[name] * _WORLD_MIRROR
    if "track_pixel" in labels:
        offset = np.zeros(2, dtype=np.float32)
        offset[axis] = size
        labels["track_pixel"] = labels["track_pixel"] * camera_mirror[:2] + offset
    if "gravity_direction" in labels:
        labels["gravity_direction"] = labels["gravity_direction"] * camera_mirror
    if "camera_intrinsics" in labels:
        labels["camera_intrinsics"] = labels["camera_intrinsics"].copy()
        labels["camera_intrinsics"][:, axis, 2] = size - labels["camera_intrinsics"][:, axis, 2]
    if "world_from_camera" in labels:
        pose = labels["world_from_camera"].copy()
        pose[:, :3, :3] = _WORLD_MIRROR[:, None] * pose[:, :3, :3] * camera_mirror
        pose[:, :3, 3] *= _WORLD_MIRROR
        labels["world_from_camera"] = pose
    return _with_pixels(clip, clip.rgb[sides], labels)


def _over_maps(
    clip: PixelClip,
    on_map: Callable[[np.ndarray], np.ndarray],
    on_instances: Callable[[np.ndarray], np.ndarray],
) -> dict[str, np.ndarray]:
    labels = dict(clip.labels)
    for name, array in clip.labels.items():
        if name in MAPS or name in PER_PAIR:
            labels[name] = on_map(array)
        elif name in PER_INSTANCE:
            labels[name] = on_instances(array)
    return labels


def _with_pixels(clip: PixelClip, rgb: np.ndarray, labels: dict[str, np.ndarray]) -> PixelClip:
    meta = clip.meta.model_copy(update={"height": rgb.shape[1], "width": rgb.shape[2], "spec": None})
    return replace(clip, meta=meta, rgb=rgb, labels=labels)


def _inside(pixel: np.ndarray, height: int, width: int) -> np.ndarray:
    with np.errstate(invalid="ignore"):
        return np.all((pixel >= 0) & (pixel < np.array([width, height])), axis=-1)


def _centres(height: int, width: int) -> np.ndarray:
    columns, rows = np.meshgrid(np.arange(width) + 0.5, np.arange(height) + 0.5)
    return np.stack([columns, rows], axis=-1).astype(np.float32)
