"""Bench scenes with closed-form answers, and measurements on them."""

import hashlib
import math

import numpy as np

from physics_data.core.scene import Appearance, Body, Camera, Plane, SceneSpec, Shape, Sphere, Surface
from physics_data.core.trajectory import Trajectory
from physics_data.engines.base import Engine

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
