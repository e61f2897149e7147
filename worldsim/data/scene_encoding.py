"""``SceneSpec`` to scene tokens: camera, light, gravity and bodies in the camera's frame, at the latent frames."""

import math
from collections.abc import Iterable

import numpy as np
import torch
from jaxtyping import Float

from physics_data.core.clip import ClipMeta
from physics_data.core.errors import DataError
from physics_data.core.geometry import CameraMatrices, bounding_radius, camera_matrices, rotation_matrix
from physics_data.core.paths import scripted_poses
from physics_data.core.scene import Body, Box, Capsule, Cylinder, Ellipsoid, Plane, SceneSpec, Sphere
from physics_data.core.trajectory import Trajectory
from physics_data.variation.colors import COLORS
from worldsim.model.scene_tokens import KINDS, NUM_CLASSES, NUM_STATES, NUM_VALUES, SceneTokens

SHAPES = ("sphere", "box", "cylinder", "capsule", "ellipsoid", "mesh", "compound")
PATTERNS = ("plain", "checker", "stripes", "dots", "wood", "marble", "noise", "image")
ROLES = ("object", "occluder", "ground")
FIXED_SLOTS = 3
"""Slots before those of bodies: camera, light, gravity."""

SCENE_ENCODING = 1
"""Raised when the numbers of the tokens change, so that stored ones are made again."""


def scene_tokens(
    spec: SceneSpec,
    num_frames: int,
    temporal_factor: int,
    slots: int,
    trajectory: Trajectory | None = None,
) -> SceneTokens:
    """Return the tokens of one scene (b = 1).

    Args:
        spec: the scene
        num_frames: video frames
        temporal_factor: video frames between two latent frames
        slots: of the tokens; those that are left over stay unknown
        trajectory: how bodies moved. Without it, states are known in the first frame, and in all of them for bodies
            that stand still or are scripted

    Raises:
        DataError: the scene has more bodies than there are slots.
    """
    if FIXED_SLOTS + len(spec.bodies) > slots:
        raise DataError(
            f"the scene has {len(spec.bodies)} bodies, the model takes {slots - FIXED_SLOTS}; take bodies out, or "
            f"train with model.scene_slots of at least {FIXED_SLOTS + len(spec.bodies)}."
        )
    frames = np.arange(0, num_frames, temporal_factor)
    longer = spec.model_copy(update={"num_frames": num_frames})
    camera = camera_matrices(longer)
    tokens = SceneTokens.unknown(1, slots, len(frames))
    into = camera.world_from_camera[0, :3, :3].T
    _put(tokens, 0, "camera", [math.tan(math.radians(spec.camera.fov_y) / 2), camera.world_from_camera[0, 2, 3]])
    relative = (np.linalg.inv(camera.world_from_camera[0]) @ camera.world_from_camera[frames])[:, :3].reshape(-1, 12)
    tokens.states[0, 0, :, :12] = torch.from_numpy(relative)
    tokens.states_known[0, 0] = True
    sun = into @ np.array(spec.lighting.sun_direction) / np.linalg.norm(spec.lighting.sun_direction)
    light = spec.lighting
    colours = (*light.sky_zenith, *light.sky_horizon)
    _put(tokens, 1, "light", [*sun, light.sun_intensity, light.ambient_intensity, float(light.casts_shadows), *colours])
    _put(tokens, 2, "gravity", list(into @ np.array(spec.gravity) / 9.81))
    for number, body in enumerate(spec.bodies):
        slot = FIXED_SLOTS + number
        _put(tokens, slot, "body", _body_values(body, into))
        tokens.classes[0, slot] = torch.tensor(_classes(body))
        if isinstance(body.shape, Plane):
            continue
        position, orientation, velocity, known = _motion(longer, number, frames, trajectory)
        tokens.states[0, slot] = torch.from_numpy(_states(body, position, orientation, velocity, camera, frames, spec))
        tokens.states_known[0, slot] = torch.from_numpy(known)
    return tokens


def scene_of_clip(
    meta: ClipMeta, trajectory: Trajectory | None, num_frames: int, temporal_factor: int, slots: int
) -> SceneTokens:
    """Return the tokens of a clip (b = 1). Nothing is known of footage, nor of a clip that cannot happen.

    Raises:
        DataError: the scene has more bodies than there are slots.
    """
    if meta.spec is None or (meta.pair is not None and not meta.pair.is_possible):
        return SceneTokens.unknown(1, slots, -(-num_frames // temporal_factor))
    return scene_tokens(meta.spec, num_frames, temporal_factor, slots, trajectory)


def _put(tokens: SceneTokens, slot: int, kind: str, values: Iterable[float]) -> None:
    numbers = torch.tensor(list(values), dtype=torch.float32)
    assert len(numbers) <= NUM_VALUES
    tokens.kind[0, slot] = KINDS.index(kind)
    tokens.values[0, slot, : len(numbers)] = numbers
    tokens.known[0, slot, : len(numbers)] = True


def _classes(body: Body) -> list[int]:
    """Return shape, colour, pattern and role; 0 = another than those that have a number."""
    look = body.appearance
    found = []
    tables = (SHAPES, tuple(COLORS), PATTERNS, ROLES)
    for value, table, count in zip(
        (body.shape.kind, look.color_name, look.pattern, body.role), tables, NUM_CLASSES, strict=True
    ):
        assert len(table) < count
        found.append(table.index(value) + 1 if value in table else 0)
    return found


def _body_values(body: Body, into: Float[np.ndarray, "3 3"]) -> list[float]:
    """Return half extents and mass (logs of m and kg), friction, restitution, albedo, spin (10 rad/s), whether it is
    dynamic, and its highlight.
    """
    match body.shape:
        case Sphere(radius=radius):
            half = (radius, radius, radius)
        case Box(half_extents=half) | Ellipsoid(half_axes=half):
            pass
        case Cylinder(radius=radius, half_height=height):
            half = (radius, radius, height)
        case Capsule(radius=radius, half_height=height):
            half = (radius, radius, radius + height)
        case Plane():
            half = (10.0, 10.0, 0.01)
        case _:
            half = (bounding_radius(body.shape),) * 3
    spin = into @ np.array(body.angular_velocity) / 10.0
    surface, look = body.surface, body.appearance
    facts = (surface.friction, surface.restitution, *look.albedo, *spin, float(body.is_dynamic), look.specular)
    return [*(math.log(one) for one in half), math.log(body.mass), *facts]


def _motion(
    spec: SceneSpec, number: int, frames: np.ndarray, trajectory: Trajectory | None
) -> tuple[Float[np.ndarray, "t 3"], Float[np.ndarray, "t 4"], Float[np.ndarray, "t 3"], np.ndarray]:
    """Return position, orientation and velocity of a body at some frames, and where they are known."""
    body = spec.bodies[number]
    known = np.ones(len(frames), dtype=bool)
    if trajectory is not None:
        if trajectory.present is not None:
            known = trajectory.present[frames, number]
        states = (trajectory.position, trajectory.orientation, trajectory.linear_velocity)
        position, orientation, velocity = (one[frames, number] for one in states)
        return position, orientation, velocity, known
    if body.is_scripted:
        seconds = frames / spec.frame_rate
        position, orientation = scripted_poses(body, seconds)
        later, _ = scripted_poses(body, seconds + 1e-3)
        return position, orientation, (later - position) / 1e-3, known
    if body.is_dynamic:
        known = frames == 0
    start = (body.position, body.orientation, body.linear_velocity)
    position, orientation, velocity = (np.tile(np.array(one, dtype=float), (len(frames), 1)) for one in start)
    return position, orientation, velocity, known


def _states(
    body: Body,
    position: Float[np.ndarray, "t 3"],
    orientation: Float[np.ndarray, "t 4"],
    velocity: Float[np.ndarray, "t 3"],
    camera: CameraMatrices,
    frames: np.ndarray,
    spec: SceneSpec,
) -> Float[np.ndarray, "t p"]:
    """Return the states of ``NUM_STATES``; places are 1 for the square root of the picture's area."""
    poses = camera.world_from_camera[frames]
    into = poses[:, :3, :3].transpose(0, 2, 1)
    local = np.einsum("tij,tj->ti", into, position - poses[:, :3, 3])
    distance = np.maximum(local[:, 2], 0.1)
    side = math.sqrt(spec.width * spec.height)
    focal = camera.intrinsics[0, 0, 0] / side
    across, down = focal * local[:, 0] / distance, focal * local[:, 1] / distance
    radius = np.log(np.maximum(focal * bounding_radius(body.shape) / distance, 1e-3))
    turned = into @ np.stack([rotation_matrix(one) for one in orientation])
    moving = np.einsum("tij,tj->ti", into, velocity) / 3.0
    found = [down, across, np.log(distance), radius, *moving.T, *turned[:, :, :2].reshape(len(frames), 6).T]
    assert len(found) == NUM_STATES
    return np.stack(found, axis=-1).clip(-4, 4).astype(np.float32)
