"""Boxes around instances in image and world, their occlusion, and which bodies are inside hollow ones."""

import itertools
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float

from physics_data.core.clip import Clip, Rendering
from physics_data.core.geometry import rotation_matrix, shape_box
from physics_data.core.scene import Compound, SceneSpec
from physics_data.core.trajectory import Trajectory, true_intervals


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


@dataclass(frozen=True)
class Occlusion:
    """Frames in a row in which a body inside the image is covered: ``first_frame`` to ``last_frame``, both included.

    is_full:          none of its pixels is visible in any of them; otherwise some are covered in each
    lasts_to_the_end: the clip ends before it is seen again
    """

    body: str
    first_frame: int
    last_frame: int
    is_full: bool
    lasts_to_the_end: bool


def occlusions(spec: SceneSpec, rendering: Rendering) -> list[Occlusion]:
    """Return the partial and the full occlusions of all instances, by body, then frame, the partial one first.

    A full occlusion lies inside a partial one. Pixels outside the image count for neither.
    """
    fraction = rendering.visible_fraction()
    inside = np.asarray(rendering.amodal_masks.any(axis=(2, 3)))
    found = []
    for instance, body in enumerate(spec.instances):
        for is_full, covered in ((False, fraction[:, instance] < 1), (True, fraction[:, instance] == 0)):
            for first, end in true_intervals(covered & inside[:, instance]):
                occlusion = Occlusion(body.name, first, end - 1, is_full, end == len(inside))
                found.append((instance, first, occlusion))
    return [occlusion for *_, occlusion in sorted(found, key=lambda row: (row[0], row[1], row[2].is_full))]


_WAYS = np.concatenate([np.eye(3), -np.eye(3)])
WALLS_NEEDED = 5
"""Ways out of six that are closed to what is contained: all but one opening."""


def containers(spec: SceneSpec) -> list[int]:
    """Return the positions in ``spec.bodies`` of what can hold others: compounds, as all other shapes are convex."""
    return [index for index, body in enumerate(spec.bodies) if isinstance(body.shape, Compound)]


def contained(
    spec: SceneSpec, trajectory: Trajectory, container: int, walls_needed: int = WALLS_NEEDED
) -> Bool[np.ndarray, "t o"]:
    """Return which bodies have their centre inside a hollow body, at every frame.

    Inside is where at least walls_needed of the six ways along the container's axes end at one of its parts: with five,
    a cup with its opening to any side holds what is in it, a table does not hold what is under it. Parts that are no
    boxes count as the boxes around them.
    """
    shape = spec.bodies[container].shape
    assert isinstance(shape, Compound), "only compounds are containers"
    world_from_container = rotation_matrix(trajectory.orientation[:, container])
    offset = trajectory.position - trajectory.position[:, container, None]
    local = np.einsum("tji,toj->toi", world_from_container, offset)
    walls = np.zeros((*local.shape[:2], len(_WAYS)), dtype=bool)
    for part in shape.parts:
        turn = rotation_matrix(np.array(part.orientation))
        middle, half = shape_box(part.shape)
        start = (local - np.array(part.position)) @ turn - middle
        for number, way in enumerate(_WAYS):
            walls[..., number] |= _meets_box(start, way @ turn, half)
    center, half = shape_box(shape)
    within = (np.abs(local - center) <= half).all(axis=-1)
    inside = within & (walls.sum(axis=-1) >= walls_needed)
    held = np.array([body.is_instance and not isinstance(body.shape, Compound) for body in spec.bodies])
    return inside & held


def _meets_box(
    start: Float[np.ndarray, "t o 3"], way: Float[np.ndarray, "3"], half: Float[np.ndarray, "3"]
) -> Bool[np.ndarray, "t o"]:
    """Return whether rays reach a box around the origin. By slabs: Kay & Kajiya (1986), SIGGRAPH."""
    with np.errstate(divide="ignore", invalid="ignore"):
        ends = np.stack([(side * half - start) / way for side in (-1.0, 1.0)])
    parallel = np.abs(way) < 1e-12
    beside = (np.abs(start) > half) & parallel
    near = np.where(parallel, -np.inf, ends.min(axis=0)).max(axis=-1)
    far = np.where(parallel, np.inf, ends.max(axis=0)).min(axis=-1)
    return (near <= far) & (far >= 0) & ~beside.any(axis=-1)
