"""A body glides over a smooth floor."""

import math
from typing import ClassVar

import numpy as np

from physics_data.core.scene import Box, Cylinder, SceneSpec, Sphere
from physics_data.core.trajectory import Trajectory
from physics_data.scenarios.shared.parts import make_solid, patterned
from physics_data.scenarios.shared.scenario import Range, ScenarioInfo, SceneSettings, describe, make_scene
from physics_data.scenarios.shared.staging import REFERENCE_SECONDS, speed_within, start_across
from physics_data.variation.colors import sample_colors

FLOOR, MOVER = 0, 1


class UniformMotion:
    """A ball that rolls, or a box or a disc that slides without friction, keeps its velocity."""

    info: ClassVar[ScenarioInfo] = ScenarioInfo(
        name="uniform_motion",
        law="inertia: without a force along the floor the velocity stays, x = x0 + v t",
        quantity="v, and x0 + v t",
        summary="A body glides over a smooth floor.",
    )
    # Nothing acts along the floor. The body settles on it by a few micrometres in its first steps; in Bullet a box that
    # glides 0.5 m was seen 60 micrometres off, which is 1.2e-4 of such a short path.
    tolerances: ClassVar[dict[str, float]] = {"path_relative_error": 3e-4}
    ranges: ClassVar[dict[str, Range]] = {
        "path": Range(1.2, 2.2, "m", held_out=((0.5, 1.0), (2.4, 3.0))),
        "heading": Range(-20.0, 20.0, "degrees; 2.5 times that in the wide layout"),
    }
    engines: ClassVar[tuple[str, ...]] = ("mujoco", "bullet")

    def sample(self, rng: np.random.Generator, settings: SceneSettings, root_seed: int, index: int) -> SceneSpec:
        """Draw a way; some lead nearer to or farther from the camera.

        In the centred layout it takes the whole clip; in the wide one the body goes ``path`` in one second.
        """
        side = -1.0 if rng.random() < 0.5 else 1.0
        radius = float(rng.uniform(*settings.radius))
        path = self.ranges["path"].draw(rng, settings)
        heading = math.radians(self.ranges["heading"].draw(rng, settings))
        speed = path / settings.duration
        velocity = (side * speed * math.cos(heading), speed * math.sin(heading), 0.0)
        middle = float(rng.uniform(-1.0, 1.0)) * max(0.0, 1.45 - 0.5 * path)
        depth = float(rng.uniform(-0.2, 1.2))
        if settings.is_wide:
            heading *= 2.5
            speed = speed_within(path / REFERENCE_SECONDS, settings)
            path = speed * settings.duration
            velocity = (side * speed * math.cos(heading), speed * math.sin(heading), 0.0)
            middle = start_across(rng, velocity[0] * settings.duration) + 0.5 * velocity[0] * settings.duration
        look = sample_colors(rng, settings.palette, 1)[0]
        kind = int(rng.integers(3))
        if kind == 0:
            noun, shape, height, look = "ball", Sphere(radius=radius), radius, patterned(look, 4.0 * radius)
        elif kind == 1:
            noun, shape, height = "box", Box(half_extents=(radius, radius, 0.7 * radius)), 0.7 * radius
        else:
            noun, shape, height = "disc", Cylinder(radius=1.1 * radius, half_height=0.5 * radius), 0.5 * radius
        mover = make_solid(
            "mover",
            noun,
            shape,
            look,
            restitution=0.0,
            position=(middle - 0.5 * path * side * math.cos(heading), depth - 0.5 * path * math.sin(heading), height),
            linear_velocity=velocity,
            angular_velocity=(-velocity[1] / radius, velocity[0] / radius, 0.0) if kind == 0 else (0.0, 0.0, 0.0),
        )
        return make_scene(self.info, rng, settings, root_seed, index, (mover,), floor_restitution=0.0)

    def caption(self, spec: SceneSpec) -> str:
        """Return for example "a red box slides to the left at constant speed"."""
        mover = spec.bodies[MOVER]
        verb = "rolls" if isinstance(mover.shape, Sphere) else "slides"
        side = "right" if mover.linear_velocity[0] > 0 else "left"
        return f"{describe(mover)} {verb} to the {side} at constant speed"

    def ground_truth(self, spec: SceneSpec) -> dict[str, float]:
        """Return the velocity in m/s and the position in the last frame in m, both along x and y."""
        mover, end = spec.bodies[MOVER], spec.seconds[-1]
        return {
            "velocity_x": mover.linear_velocity[0],
            "velocity_y": mover.linear_velocity[1],
            "final_x": mover.position[0] + mover.linear_velocity[0] * end,
            "final_y": mover.position[1] + mover.linear_velocity[1] * end,
        }

    def residuals(self, spec: SceneSpec, trajectory: Trajectory) -> dict[str, float]:
        """Return the largest distance from uniform motion, relative to the path."""
        mover = spec.bodies[MOVER]
        seconds = np.array(spec.seconds)[:, None]
        expected = np.array(mover.position) + np.array(mover.linear_velocity) * seconds
        away = np.linalg.norm(trajectory.position[:, MOVER] - expected, axis=1).max()
        return {"path_relative_error": float(away / np.linalg.norm(expected[-1] - expected[0]))}
