"""A ball shoots off a ledge."""

import math
from typing import ClassVar

import numpy as np

from physics_data.core.scene import Box, SceneSpec
from physics_data.core.trajectory import Trajectory
from physics_data.scenarios.shared.measures import gravity_relative_error
from physics_data.scenarios.shared.parts import make_fixture
from physics_data.scenarios.shared.scenario import (
    Range,
    ScenarioInfo,
    SceneSettings,
    ball_radius,
    describe,
    make_ball,
    make_scene,
)
from physics_data.scenarios.shared.staging import start_across
from physics_data.variation.colors import sample_colors

FLOOR, BALL, LEDGE = 0, 1, 2


class ProjectileHorizontal:
    """A ball leaves a ledge horizontally, so fast that it never touches the edge again, and lands on the floor."""

    info: ClassVar[ScenarioInfo] = ScenarioInfo(
        name="projectile_horizontal",
        law="independence of the axes: the fall takes as long as from rest, while x is uniform",
        quantity="fall_seconds = sqrt(2 h / g), range = v sqrt(2 h / g), impact_speed = sqrt(v² + 2 g h)",
        summary="A ball shoots off a ledge.",
    )
    # Free flight is exact up to rounding in both engines, and the frictionless floor leaves vx alone.
    tolerances: ClassVar[dict[str, float]] = {
        "gravity_relative_error": 1e-6,
        "horizontal_velocity_relative_error": 1e-6,
    }
    ranges: ClassVar[dict[str, Range]] = {
        "height": Range(1.0, 1.6, "m", held_out=((0.8, 0.95), (1.65, 2.0))),
        "speed": Range(2.1, 2.6, "m/s", held_out=((2.65, 3.0),)),
    }
    engines: ClassVar[tuple[str, ...]] = ("mujoco", "bullet")

    def sample(self, rng: np.random.Generator, settings: SceneSettings, root_seed: int, index: int) -> SceneSpec:
        """Draw a ball that just leaves the edge: with v² > g r it falls more slowly than the edge recedes."""
        side = -1.0 if rng.random() < 0.5 else 1.0
        radius = float(rng.uniform(*settings.radius))
        height = self.ranges["height"].draw(rng, settings)
        speed = max(self.ranges["speed"].draw(rng, settings), math.sqrt(1.1 * 9.81 * radius))
        edge = -side * float(rng.uniform(1.1, 1.3))
        if settings.is_wide:
            speed = max(speed * float(rng.uniform(0.7, 1.2)), math.sqrt(1.1 * 9.81 * radius))
            edge = start_across(rng, side * speed * math.sqrt(2.0 * height / 9.81), half_view=1.3)
        ball = make_ball(
            "ball",
            radius,
            sample_colors(rng, settings.palette, 1)[0],
            restitution=float(rng.uniform(0.4, 0.75)),
            position=(edge + side * 0.01, 0.0, height + radius),
            linear_velocity=(side * speed, 0.0, 0.0),
            angular_velocity=(0.0, side * speed / radius, 0.0),
        )
        ledge = make_fixture(
            "ledge",
            "ledge",
            Box(half_extents=(0.5, 0.4, 0.5 * (height - 0.002))),
            restitution=1.0,
            position=(edge - side * 0.5, 0.0, 0.5 * (height - 0.002)),
        )
        return make_scene(self.info, rng, settings, root_seed, index, (ball, ledge), floor_restitution=1.0)

    def caption(self, spec: SceneSpec) -> str:
        """Return for example "a blue ball shoots off a brown ledge to the right"."""
        ball = spec.bodies[BALL]
        side = "right" if ball.linear_velocity[0] > 0 else "left"
        return f"{describe(ball)} shoots off {describe(spec.bodies[LEDGE])} to the {side}"

    def ground_truth(self, spec: SceneSpec) -> dict[str, float]:
        """Return the time of the fall in s, the horizontal distance to the landing in m and its speed in m/s."""
        ball, gravity = spec.bodies[BALL], -spec.gravity[2]
        drop, speed = ball.position[2] - ball_radius(ball), abs(ball.linear_velocity[0])
        fall = math.sqrt(2.0 * drop / gravity)
        return {
            "fall_seconds": fall,
            "range": speed * fall,
            "impact_speed": math.hypot(speed, gravity * fall),
        }

    def residuals(self, spec: SceneSpec, trajectory: Trajectory) -> dict[str, float]:
        """Return the relative errors of the fitted gravity and of the horizontal velocity over all frames."""
        thrown = spec.bodies[BALL].linear_velocity[0]
        error = float(np.abs(trajectory.linear_velocity[:, BALL, 0] - thrown).max() / abs(thrown))
        return {
            "gravity_relative_error": gravity_relative_error(spec, trajectory, BALL, FLOOR),
            "horizontal_velocity_relative_error": error,
        }
