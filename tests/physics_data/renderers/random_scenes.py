"""Scenes and motions made by hand or by lot, without an engine."""

import math

import numpy as np

from physics_data.core.scene import (
    Appearance,
    Body,
    Box,
    Camera,
    Cylinder,
    Lighting,
    Plane,
    Quaternion,
    SceneSpec,
    Shape,
    Sphere,
)
from physics_data.core.trajectory import Contacts, Trajectory

FLOOR = Body(
    name="floor",
    shape=Plane(),
    role="ground",
    is_static=True,
    appearance=Appearance(color_name="grey", albedo=(0.5, 0.5, 0.5)),
)


def make_scene(*bodies: Body, camera: Camera, width: int = 48, height: int = 40, frames: int = 1) -> SceneSpec:
    return SceneSpec(
        scenario="test",
        root_seed=0,
        index=0,
        num_frames=frames,
        width=width,
        height=height,
        bodies=bodies,
        camera=camera,
        lighting=Lighting(),
    )


def solid(name: str, shape: Shape, position: tuple[float, ...], orientation: Quaternion = (1, 0, 0, 0)) -> Body:
    look = Appearance(color_name="red", albedo=(0.8, 0.05, 0.04))
    x, y, z = position
    return Body(name=name, shape=shape, position=(x, y, z), orientation=orientation, appearance=look)


def without_contacts(position: np.ndarray, orientation: np.ndarray) -> Trajectory:
    still = np.zeros_like(position)
    return Trajectory(position, orientation, still, still, Contacts.none())


def at_rest(spec: SceneSpec) -> Trajectory:
    """Every body stays where the scene puts it."""
    position = np.array([body.position for body in spec.bodies], dtype=np.float64)
    orientation = np.array([body.orientation for body in spec.bodies], dtype=np.float64)
    return without_contacts(np.tile(position, (spec.num_frames, 1, 1)), np.tile(orientation, (spec.num_frames, 1, 1)))


def tumbling(spec: SceneSpec, rng: np.random.Generator) -> Trajectory:
    """Every solid drifts and turns about an axis of its own, through whatever is in its way."""
    rest = at_rest(spec)
    position, orientation = rest.position.copy(), rest.orientation.copy()
    for index, body in enumerate(spec.bodies):
        if not body.is_instance:
            continue
        drift = rng.uniform(-0.06, 0.06, size=3)
        axis = rng.normal(size=3)
        axis /= np.linalg.norm(axis)
        for frame in range(spec.num_frames):
            position[frame, index] += frame * drift
            half = rng.uniform(0, 2 * math.pi) / 2
            orientation[frame, index] = (math.cos(half), *(math.sin(half) * axis))
    return without_contacts(position, orientation)


def random_scene(rng: np.random.Generator, *, frames: int = 2, has_wall: bool = False) -> SceneSpec:
    """Draw two balls, two boxes and two cylinders, turned at random, that overlap in the image, over a floor."""
    shapes: list[Shape] = [
        Sphere(radius=rng.uniform(0.15, 0.5)),
        Box(half_extents=tuple(rng.uniform(0.1, 0.5, size=3))),
        Cylinder(radius=rng.uniform(0.1, 0.4), half_height=rng.uniform(0.1, 0.5)),
        Sphere(radius=rng.uniform(0.15, 0.5)),
        Box(half_extents=tuple(rng.uniform(0.1, 0.5, size=3))),
        Cylinder(radius=rng.uniform(0.1, 0.4), half_height=rng.uniform(0.1, 0.5)),
    ]
    patterns = ("plain", "checker", "stripes")
    bodies = [FLOOR]
    if has_wall:
        lying = math.sqrt(0.5)
        wall = Body(
            name="wall", shape=Plane(), is_static=True, appearance=FLOOR.appearance, position=(0, 3, 0),
            orientation=(lying, lying, 0, 0),
        )  # fmt: skip
        bodies.append(wall)
    for index, shape in enumerate(shapes):
        quaternion = rng.normal(size=4)
        quaternion /= np.linalg.norm(quaternion)
        look = Appearance(color_name="any", albedo=tuple(rng.uniform(0, 1, size=3)), pattern=patterns[index % 3])
        bodies.append(
            Body(
                name=f"body{index}",
                shape=shape,
                appearance=look,
                position=(rng.uniform(-1.2, 1.2), rng.uniform(-0.8, 0.8), rng.uniform(0.2, 1.4)),
                orientation=tuple(quaternion),
            )
        )
    camera = Camera(
        position=(rng.uniform(-2, 2), -4.5, rng.uniform(0.8, 3)), target=(0, 0, 0.5), fov_y=rng.uniform(25, 60)
    )
    return make_scene(*bodies, camera=camera, frames=frames)
