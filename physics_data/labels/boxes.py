"""Boxes around instances: in the image from masks, in the world from shape and pose."""

import itertools
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float

from physics_data.core.clip import Clip, Rendering
from physics_data.core.extents import shape_box
from physics_data.core.geometry import rotation_matrix
from physics_data.core.scene import SceneSpec
from physics_data.core.trajectory import Trajectory


def mask_boxes(masks: Bool[np.ndarray, "t o h w"]) -> Float[np.ndarray, "t o 4"]:
    """Return the smallest box (left, top, right, bottom) around the True pixels of each mask; NaN where there is none.

    Units:
        result:  pixels; left and top are the first pixel's edge, right and bottom the last pixel's far edge
    """
    ends = []
    for axis in (2, 3):  # what is left after the other image axis is gone: rows, then columns
        filled = np.asarray(masks.any(axis=5 - axis))
        ends += [filled.argmax(axis=2), filled.shape[2] - filled[..., ::-1].argmax(axis=2)]
    top, bottom, left, right = ends
    boxes = np.stack([left, top, right, bottom], axis=-1).astype(np.float64)
    boxes[~masks.any(axis=(2, 3))] = np.nan
    return boxes


def visible_boxes(rendering: Rendering) -> Float[np.ndarray, "t o 4"]:
    """Return the box around the visible pixels of every instance, see ``mask_boxes``."""
    ids = np.arange(1, rendering.amodal_masks.shape[1] + 1, dtype=np.uint8)
    return mask_boxes(rendering.instance_ids[:, None] == ids[None, :, None, None])


def amodal_boxes(rendering: Rendering) -> Float[np.ndarray, "t o 4"]:
    """Return the box around all pixels an instance covers, seen or hidden, inside the image; see ``mask_boxes``."""
    return mask_boxes(rendering.amodal_masks)


@dataclass(frozen=True)
class OrientedBoxes:
    """The smallest box along the body's own axes around each instance.

    Units:
        center:        m, world frame; differs from the body's origin for meshes and compounds
        half_extents:  m, along the body's axes; others after the switch in a clip of two worlds
        orientation:   world_from_body, unit quaternion wxyz
    """

    center: Float[np.ndarray, "t o 3"]
    half_extents: Float[np.ndarray, "t o 3"]
    orientation: Float[np.ndarray, "t o 4"]

    def corners(self) -> Float[np.ndarray, "t o 8 3"]:
        """Return the corners, m, world frame; the last axis of the box runs fastest."""
        signs = np.array(list(itertools.product((-1.0, 1.0), repeat=3)))
        local = signs * self.half_extents[:, :, None]
        turned = np.einsum("toij,tocj->toci", rotation_matrix(self.orientation), local)
        return self.center[:, :, None] + turned

    def overhang(self, frame: int, instance: int, points: Float[np.ndarray, "n 3"]) -> Float[np.ndarray, "n"]:
        """Return how far world points lie outside a box along its axes, m; negative inside."""
        world_from_body = rotation_matrix(self.orientation[frame, instance])
        local = (points - self.center[frame, instance]) @ world_from_body
        return (np.abs(local) - self.half_extents[frame, instance]).max(axis=-1)


def clip_boxes(clip: Clip) -> OrientedBoxes:
    """Return the 3-D boxes of all instances of a physics clip, at every frame those of the bodies that it shows.

    Raises:
        DataError: the clip is footage.
    """
    _, _, trajectory = clip.labelled
    return clip.by_world(lambda spec: oriented_boxes(spec, trajectory))


def oriented_boxes(spec: SceneSpec, trajectory: Trajectory) -> OrientedBoxes:
    """Return the 3-D boxes of all instances of one scene at every frame; ``clip_boxes`` takes a clip of two worlds."""
    bodies = [index for index, body in enumerate(spec.bodies) if body.is_instance]
    extents = [shape_box(spec.bodies[index].shape) for index in bodies]
    middle = np.array([center for center, _ in extents]).reshape(-1, 3)
    orientation = trajectory.orientation[:, bodies]
    center = trajectory.position[:, bodies] + np.einsum("toij,oj->toi", rotation_matrix(orientation), middle)
    half = np.array([half for _, half in extents]).reshape(-1, 3)
    return OrientedBoxes(center, np.broadcast_to(half, center.shape), orientation)
