"""How the objects of a physics clip move, as losses on latents need it: states, and which law holds when.

Axes: n instances in the order of their ids, f video frames, p = f - 1 pairs of frames, g planes.
"""

import numpy as np
from jaxtyping import Bool, Float

from physics_data.core.geometry import bounding_radius, camera_matrices, rotation_matrix
from physics_data.core.scene import Box, Capsule, Cylinder, Ellipsoid, Plane, SceneSpec, Shape, Sphere
from physics_data.core.trajectory import Trajectory
from physics_data.variation.colors import COLORS

COLOR_CLASSES = (*COLORS, "other")
"""What ``color`` counts, in this order."""

SHAPE_CLASSES = ("sphere", "box", "cylinder", "capsule", "ellipsoid", "mesh", "compound")
"""What ``shape`` counts, in this order."""

_AT_REST = 0.02
"""A supported body slower than this at both ends of an interval rests in it, m/s."""

_UPRIGHT = 0.95
"""Cosine between the normal of a contact and gravity, from which on the contact carries and does not push aside."""


def object_states(spec: SceneSpec, trajectory: Trajectory, num_frames: int) -> dict[str, np.ndarray]:
    """Return the arrays of the group ``states`` of ``latent_labels.ARRAYS`` for the first frames of a clip."""
    own = np.array([spec.body_index(body.name) for body in spec.instances], dtype=np.int64)
    bodies = [spec.bodies[index] for index in own]
    position, velocity = trajectory.position[:num_frames, own], trajectory.linear_velocity[:num_frames, own]
    exists: Bool[np.ndarray, "f n"] = np.ones(position.shape[:2], dtype=bool)
    if trajectory.present is not None:
        exists = trajectory.present[:num_frames, own]
    gravity = np.array(spec.gravity)
    states = {
        "exists": exists.T,
        "velocity": velocity.swapaxes(0, 1),
        "mass": np.array([body.mass for body in bodies]),
        "inner_radius": np.array([inner_radius(body.shape) for body in bodies]),
        "gravity": gravity,
        "seconds": np.array([1.0 / spec.frame_rate]),
        "ground": _planes(spec),
        **_in_picture(spec, position),
        **_schedule(spec, trajectory, own, exists, velocity),
    }
    energy = 0.5 * np.square(velocity).sum(-1) - position @ gravity
    states["energy_growth"] = np.maximum(np.diff(energy, axis=0), 0.0).T
    return {name: array if array.dtype == bool else array.astype(np.float32) for name, array in states.items()}


def object_looks(spec: SceneSpec) -> dict[str, np.ndarray]:
    """Return the arrays of the group ``looks`` of ``latent_labels.ARRAYS``."""
    bodies = spec.instances
    names = [body.appearance.color_name for body in bodies]
    return {
        "color": np.array([COLOR_CLASSES.index(n if n in COLORS else "other") for n in names], dtype=np.int64),
        "shape": np.array([SHAPE_CLASSES.index(body.shape.kind) for body in bodies], dtype=np.int64),
        "size": np.log([bounding_radius(body.shape) for body in bodies]).astype(np.float32),
    }


def inner_radius(shape: Shape) -> float:
    """Return the radius of a ball around the origin that lies inside a solid, m; 0 where that is not known."""
    match shape:
        case Sphere(radius=radius) | Capsule(radius=radius):
            return radius
        case Box(half_extents=half) | Ellipsoid(half_axes=half):
            return min(half)
        case Cylinder(radius=radius, half_height=half_height):
            return min(radius, half_height)
        case _:
            return 0.0


def _in_picture(spec: SceneSpec, position: Float[np.ndarray, "f n 3"]) -> dict[str, np.ndarray]:
    """Return where origins are in the picture, how far away, and the camera."""
    camera = camera_matrices(spec)
    poses = camera.world_from_camera[: len(position)]
    local = np.einsum("fji,fnj->fni", poses[:, :3, :3], position - poses[:, None, :3, 3])
    focal = camera.intrinsics[0, 0, 0]
    tangent = np.array([spec.width, spec.height]) / (2 * focal)
    distance = local[..., 2]
    ahead = np.where(distance > 0, distance, np.inf)[..., None]  # behind the camera there is no place: the middle
    return {
        "place": (0.5 + local[..., :2] / ahead / (2 * tangent)).swapaxes(0, 1),
        "distance": distance.T,
        "tangent": tangent,
        "world_from_camera": poses,
    }


def _schedule(
    spec: SceneSpec,
    trajectory: Trajectory,
    own: np.ndarray,
    exists: Bool[np.ndarray, "f n"],
    velocity: Float[np.ndarray, "f n 3"],
) -> dict[str, np.ndarray]:
    """Return which law holds for which object in which interval between two frames."""
    num_pairs = len(exists) - 1
    touch, aside, rubbing = _touches(spec, trajectory, num_pairs)
    dynamic = np.array([body.is_dynamic for body in spec.bodies])
    held = {name for joint in spec.joints for name in (joint.body, joint.parent)}
    loose = dynamic & np.array([body.name not in held for body in spec.bodies])
    drives = np.array([not body.is_static or any(body.surface.belt_velocity) for body in spec.bodies])
    there = (exists[:-1] & exists[1:]).T
    pushed = (touch & drives).sum(-1)[:, own].T
    grounded = ((touch & ~drives).sum(-1) > 0)[:, own].T
    quiet = loose[own, None] & (pushed == 0) & there
    slow = np.linalg.norm(velocity, axis=-1).T < _AT_REST
    one_other = loose[own, None] & (pushed == 1) & there & ~aside[:, own].T
    both = touch[:, own][:, :, own].transpose(1, 2, 0) & one_other[:, None] & one_other[None]
    touched = np.zeros((len(own), num_pairs + 1), dtype=bool)
    touched[:, 1:] = (touch.sum(-1) > 0)[:, own].T
    return {
        "touching": touched,
        "free": quiet & ~grounded,
        "quiet": quiet,
        "resting": quiet & grounded & slow[:, :-1] & slow[:, 1:],
        "meeting": both,
        "rubbing": rubbing[:, own].T,
    }


def _touches(spec: SceneSpec, trajectory: Trajectory, num_pairs: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return who touches whom [p o o], who is pushed aside by what stands still [p o], and what friction may take.

    The last is [p o], N s: at most the friction coefficient times the impulse along the normal, summed over the still
    bodies that are touched.
    """
    contacts, count = trajectory.contacts, len(spec.bodies)
    touch = np.zeros((num_pairs, count, count), dtype=bool)
    aside, rubbing = np.zeros((num_pairs, count), dtype=bool), np.zeros((num_pairs, count))
    kept = (contacts.frame_index >= 1) & (contacts.frame_index <= num_pairs)
    strength = float(np.linalg.norm(spec.gravity))
    down = np.array(spec.gravity) / strength if strength else np.zeros(3)
    for row in np.flatnonzero(kept):
        pair, a, b = int(contacts.frame_index[row]) - 1, int(contacts.body_a[row]), int(contacts.body_b[row])
        touch[pair, a, b] = touch[pair, b, a] = True
        grip = np.sqrt(spec.bodies[a].surface.friction * spec.bodies[b].surface.friction)
        for one, other in ((a, b), (b, a)):
            if spec.bodies[other].is_static:
                aside[pair, one] |= abs(contacts.normal[row] @ down) < _UPRIGHT
                rubbing[pair, one] += grip * contacts.impulse[row]
    return touch, aside, rubbing


def _planes(spec: SceneSpec) -> Float[np.ndarray, "g 4"]:
    """Return unit normal and offset (m) of every plane: points outside have normal · x > offset."""
    found = []
    for body in spec.bodies:
        if isinstance(body.shape, Plane):
            normal = rotation_matrix(np.array(body.orientation))[:, 2]
            found.append([*normal, normal @ np.array(body.position)])
    return np.array(found).reshape(-1, 4)
