"""A ball is thrown sideways and up."""

import math
from typing import ClassVar

import numpy as np

from physics_data.core.scene import SceneSpec
from physics_data.core.trajectory import Trajectory
from physics_data.scenarios.shared.measures import gravity_relative_error
from physics_data.scenarios.shared.scenario import (
    Range,
    ScenarioInfo,
    SceneSettings,
    ball_radius,
    describe,
    make_ball,
    make_scene,
)
from physics_data.scenarios.shared.staging import DEPTHS, draw_heading, on_floor, start_across
from physics_data.variation.colors import sample_colors

FLOOR, BALL = 0, 1


class Projectile:
    """A ball thrown to the left or right flies a parabola."""

    info: ClassVar[ScenarioInfo] = ScenarioInfo(
        name="projectile",
        law="independence of the axes: x is uniform, z falls with g",
        quantity="apex_height = z0 + vz² / (2 g), apex_seconds = vz / g, range = v_level (vz + sqrt(vz² + 2 g h)) / g",
        summary="A ball is thrown sideways and up.",
    )
    # Free flight is exact up to rounding in both engines, and the frictionless floor leaves vx alone.
    tolerances: ClassVar[dict[str, float]] = {
        "gravity_relative_error": 1e-6,
        "horizontal_velocity_relative_error": 1e-6,
    }
    ranges: ClassVar[dict[str, Range]] = {}
    engines: ClassVar[tuple[str, ...]] = ("mujoco", "bullet")

    def sample(self, rng: np.random.Generator, settings: SceneSettings, root_seed: int, index: int) -> SceneSpec:
        """Draw a throw; in the centred layout from near one side of the picture to the other in about a second."""
        side = -1.0 if rng.random() < 0.5 else 1.0
        radius = float(rng.uniform(*settings.radius))
        look, restitution = sample_colors(rng, settings.palette, 1)[0], float(rng.uniform(0.5, 0.85))
        position = (-side * float(rng.uniform(1.1, 1.5)), 0.0, float(rng.uniform(0.7, 1.4)))
        velocity = (side * float(rng.uniform(1.8, 2.6)), 0.0, float(rng.uniform(3.0, 4.4)))
        if settings.is_wide:
            level = float(rng.uniform(0.6, 2.6)) * draw_heading(rng)
            velocity = on_floor(level, float(rng.uniform(2.0, 4.4)))
            place = np.array([start_across(rng, level[0] * min(1.0, settings.duration)), rng.uniform(*DEPTHS)])
            position = on_floor(place, max(position[2], radius + 0.1))
        ball = make_ball("ball", radius, look, restitution, position, velocity)
        return make_scene(self.info, rng, settings, root_seed, index, (ball,), floor_restitution=1.0)

    def caption(self, spec: SceneSpec) -> str:
        """Return for example "a blue ball is thrown to the right"."""
        ball = spec.bodies[BALL]
        return f"{describe(ball)} is thrown to the {'right' if ball.linear_velocity[0] > 0 else 'left'}"

    def ground_truth(self, spec: SceneSpec) -> dict[str, float]:
        """Return the height in m and time in s of the apex, and the horizontal distance to the landing in m."""
        ball, gravity = spec.bodies[BALL], -spec.gravity[2]
        vx, vy, vz = ball.linear_velocity
        above_floor = ball.position[2] - ball_radius(ball)
        landing = (vz + float(np.sqrt(vz * vz + 2.0 * gravity * above_floor))) / gravity
        return {
            "apex_height": ball.position[2] + vz * vz / (2.0 * gravity),
            "apex_seconds": vz / gravity,
            "range": math.hypot(vx, vy) * landing,
        }

    def residuals(self, spec: SceneSpec, trajectory: Trajectory) -> dict[str, float]:
        """Return the relative errors of the fitted gravity and of the horizontal velocity over all frames."""
        thrown = np.array(spec.bodies[BALL].linear_velocity[:2])
        change = np.linalg.norm(trajectory.linear_velocity[:, BALL, :2] - thrown, axis=1).max()
        error = float(change / np.linalg.norm(thrown))
        return {
            "gravity_relative_error": gravity_relative_error(spec, trajectory, BALL, FLOOR),
            "horizontal_velocity_relative_error": error,
        }
