"""Labels that can stand with the pixels of a clip, exact ones of physics clips and pseudo-labels of footage alike.

A label is a group of arrays that are there together or not at all. Axes: t frames, p = t - 1 pairs of frames, o
instances, n points. Units and frames are those of ``Rendering``, ``PointTracks`` and ``CameraMatrices``.
"""

from collections.abc import Iterable, Mapping

import numpy as np

from physics_data.core.clip import Clip
from physics_data.core.errors import UnknownNameError, suggest
from physics_data.core.geometry import camera_matrices
from physics_data.core.scene import SceneSpec
from physics_data.labels.tables import point_tracks

Arrays = Mapping[str, np.ndarray]

LABELS: dict[str, tuple[str, ...]] = {
    "instance_ids": ("instance_ids",),
    "depth_map": ("depth_map",),
    "relative_depth": ("relative_depth",),
    "amodal_masks": ("amodal_masks",),
    "moving_mask": ("moving_mask",),
    "optical_flow": ("optical_flow", "optical_flow_seen"),
    "backward_flow": ("backward_flow", "backward_flow_seen"),
    "normal_map": ("normal_map",),
    "object_coordinates": ("object_coordinates",),
    "tracks": ("track_pixel", "track_visible"),
    "camera": ("camera_intrinsics", "world_from_camera"),
    "gravity": ("gravity_direction",),
}
"""Label: its arrays.

    relative_depth:     [t h w], farness as a depth network gives it: larger is farther, no unit, no common scale
    moving_mask:        [t h w], True = moves against the background
    track_pixel:        [t n 2], (x, y) pixels, NaN where nothing is known; track_visible [t n]
    camera_intrinsics:  [t 3 3] pixels; world_from_camera [t 4 4] m
    gravity_direction:  [t 3], unit vector in the camera frame (x right, y down, z forward)
"""

PER_PAIR = frozenset({"optical_flow", "optical_flow_seen", "backward_flow", "backward_flow_seen"})
"""Arrays that belong to pairs of frames."""

PER_INSTANCE = frozenset({"amodal_masks"})
"""Arrays [t o h w]; clips of one batch may have different numbers of instances."""

MAPS = frozenset(
    {"instance_ids", "depth_map", "relative_depth", "moving_mask", "normal_map", "object_coordinates", *PER_PAIR}
)
"""Arrays [t or p, h w, ...]."""


def require_known(names: Iterable[str]) -> None:
    """Check names of labels.

    Raises:
        UnknownNameError: there is no such label.
    """
    for name in names:
        if name not in LABELS:
            raise UnknownNameError(f"data.labels: unknown label '{name}': {suggest(name, LABELS)}")


def present_labels(arrays: Arrays) -> set[str]:
    """Return the labels whose arrays are all there."""
    return {label for label, members in LABELS.items() if all(member in arrays for member in members)}


def labels_of(clip: Clip, names: Iterable[str]) -> dict[str, np.ndarray]:
    """Return the arrays of the labels that a clip has; footage has none, and not every build draws every stream."""
    if clip.rendering is None or clip.meta.spec is None:
        return {}
    arrays: dict[str, np.ndarray] = {}
    for name in names:
        if name == "tracks":
            tracks = point_tracks(clip)
            arrays |= {"track_pixel": tracks.pixel.astype(np.float32), "track_visible": tracks.visible}
        elif name in ("camera", "gravity"):
            arrays |= _camera_arrays(clip.meta.spec, name)
        else:
            found = {member: getattr(clip.rendering, member, None) for member in LABELS[name]}
            arrays |= {member: array for member, array in found.items() if array is not None}
    return arrays


def _camera_arrays(spec: SceneSpec, name: str) -> dict[str, np.ndarray]:
    matrices = camera_matrices(spec)
    if name == "camera":
        return {
            "camera_intrinsics": matrices.intrinsics.astype(np.float32),
            "world_from_camera": matrices.world_from_camera.astype(np.float32),
        }
    strength = float(np.linalg.norm(spec.gravity))
    if strength == 0:  # weightless: there is no direction to tell
        return {}
    camera_from_world = matrices.world_from_camera[:, :3, :3].transpose(0, 2, 1)
    return {"gravity_direction": (camera_from_world @ np.array(spec.gravity) / strength).astype(np.float32)}
