"""The camera of every frame as matrices."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from physics_data.core.geometry import views_of
from physics_data.core.scene import SceneSpec


@dataclass(frozen=True)
class CameraMatrices:
    """The pinhole camera at every frame.

    intrinsics:         pixels; ``intrinsics @ p`` is (x z, y z, z) for a point p in the camera frame
    world_from_camera:  m; the camera frame is x right, y down, z forward
    """

    intrinsics: Float[np.ndarray, "t 3 3"]
    world_from_camera: Float[np.ndarray, "t 4 4"]


def camera_matrices(spec: SceneSpec) -> CameraMatrices:
    """Return intrinsics and pose of the camera at every frame of a scene."""
    views = views_of(spec)
    intrinsics, poses = np.zeros((len(views), 3, 3)), np.tile(np.eye(4), (len(views), 1, 1))
    for frame, view in enumerate(views):
        intrinsics[frame] = [[view.focal, 0.0, view.center[0]], [0.0, view.focal, view.center[1]], [0.0, 0.0, 1.0]]
        poses[frame, :3, :3], poses[frame, :3, 3] = view.world_from_camera, view.origin
    return CameraMatrices(intrinsics, poses)
