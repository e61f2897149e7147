"""Bench scenes with closed-form answers, and measurements on them."""

import hashlib
import math
from typing import Literal

import numpy as np
from scipy.spatial.transform import Rotation

from physics_data.core.scene import (
    Appearance,
    Body,
    Box,
    Camera,
    Plane,
    PoseKey,
    Quaternion,
    SceneSpec,
    Shape,
    Sphere,
    Surface,
    Vector3,
)
from physics_data.core.trajectory import Trajectory
from physics_data.engines.engine import Engine

GREY = Appearance(color_name="grey", albedo=(0.5, 0.5, 0.5))
G = 9.81
RADIUS = 0.3
FLOOR, BODY = 0, 1


def body(
    name: str = "ball", shape: Shape | None = None, friction: float = 0.0, restitution: float = 1.0, **rest
) -> Body:
    surface = Surface(friction=friction, restitution=restitution)
    return Body(name=name, shape=shape or Sphere(radius=RADIUS), surface=surface, appearance=GREY, **rest)


def on_floor(*bodies: Body, friction: float = 0.0, restitution: float = 1.0, **rest) -> SceneSpec:
    floor = body("floor", Plane(), friction, restitution, is_static=True, role="ground")
    camera = Camera(position=(0.0, -5.5, 1.8), target=(0.0, 0.0, 1.45))
    return SceneSpec(scenario="bench", root_seed=0, index=0, bodies=(floor, *bodies), camera=camera, **rest)


def about(axis: Vector3, angle: float) -> Quaternion:
    """Return the turn by an angle in rad about a unit axis."""
    x, y, z = (math.sin(angle / 2) * float(part) for part in axis)
    return (math.cos(angle / 2), x, y, z)


def scripted(
    name: str,
    shape: Shape,
    *keys: tuple[float, Vector3, Quaternion],
    ease: Literal["linear", "smooth"] = "linear",
    friction: float = 0.5,
) -> Body:
    """Return a body that passes through keys of (seconds, position, orientation)."""
    path = tuple(PoseKey(seconds=t, position=p, orientation=q, ease=ease) for t, p, q in keys)
    return body(name, shape, friction, 0.0, position=keys[0][1], orientation=keys[0][2], path=path)


def on_slope(shape: Shape, angle: float, friction: float, lift: float, turn: Quaternion, **rest) -> SceneSpec:
    """Put a body with its centre ``lift`` m over a slope that falls towards x; ``turn`` is its orientation on it."""
    normal = np.array((math.sin(angle), 0.0, math.cos(angle)))
    tilt = about((0.0, 1.0, 0.0), angle)
    half = Box(half_extents=(6.0, 2.0, 0.5))
    middle = tuple((-0.5 * normal + (0.0, 0.0, 3.0)).tolist())
    slope = body("slope", half, friction, 0.0, is_static=True, position=middle, orientation=tilt, role="ground")
    both = Rotation.from_quat(tilt, scalar_first=True) * Rotation.from_quat(turn, scalar_first=True)
    place = tuple((lift * normal + (0.0, 0.0, 3.0)).tolist())
    orientation = tuple(both.as_quat(scalar_first=True).tolist())
    return on_floor(slope, body("rider", shape, friction, 0.0, position=place, orientation=orientation), **rest)


def drop_restitution(engine: Engine, restitution: float, height: float) -> float:
    """Drop a ball by ``height`` m and return the measured restitution of its first bounce."""
    spec = on_floor(body(restitution=restitution, position=(0.4, 0.0, height + RADIUS)), num_frames=24)
    trajectory = engine.simulate(spec)
    after = int(trajectory.contacts.frame_index[0])
    speed, above = trajectory.linear_velocity[after, BODY, 2], trajectory.position[after, BODY, 2] - RADIUS
    return math.sqrt(max(speed**2 + 2 * G * above, 0.0) / (2 * G * height))


def head_on(engine: Engine, restitution: float, speeds: tuple[float, float], masses: tuple[float, float]) -> np.ndarray:
    """Let two balls meet in a row on a smooth floor and return their velocities along the row afterwards, m/s."""
    gap = 0.5 * (speeds[0] - speeds[1])
    balls = [
        body(
            f"ball{i}",
            mass=masses[i],
            restitution=restitution,
            position=((-1, 1)[i] * (RADIUS + gap / 2), 0.0, RADIUS),
            linear_velocity=(speeds[i], 0.0, 0.0),
        )
        for i in (0, 1)
    ]
    return engine.simulate(on_floor(*balls)).linear_velocity[-1, 1:, 0]


def digest(trajectory: Trajectory) -> str:
    """Return a checksum of every byte of a trajectory."""
    whole = hashlib.sha256()
    for name, array in sorted(trajectory.to_arrays().items()):
        whole.update(name.encode() + str(array.dtype).encode() + array.tobytes())
    return whole.hexdigest()
