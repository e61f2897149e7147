"""A ball is let go above the floor."""

import math
from typing import ClassVar

import numpy as np

from physics_data.core.scene import SceneSpec
from physics_data.core.trajectory import Trajectory
from physics_data.scenarios.shared.measures import gravity_relative_error, restitution_on_floor
from physics_data.scenarios.shared.scenario import (
    Range,
    ScenarioInfo,
    SceneSettings,
    ball_radius,
    describe,
    make_ball,
    make_scene,
)
from physics_data.scenarios.shared.staging import DEPTHS
from physics_data.variation.appearance import spawned
from physics_data.variation.colors import sample_colors

FLOOR, BALL = 0, 1


class FreeDrop:
    """A ball falls from rest, hits the floor and bounces."""

    info: ClassVar[ScenarioInfo] = ScenarioInfo(
        name="free_drop",
        law="free fall, y = g t² / 2, and Newton's law of restitution at the bounce",
        quantity="fall_seconds = sqrt(2 h / g), impact_speed = sqrt(2 g h), rebound_height = e² h",
        summary="A ball is let go above the floor.",
    )
    # Free flight is exact up to rounding in both engines. The bounce is up to one engine step late, which at
    # 960 Hz and the lowest drop changes the measured restitution by less than 0.005.
    tolerances: ClassVar[dict[str, float]] = {"gravity_relative_error": 1e-6, "restitution_error": 0.01}
    ranges: ClassVar[dict[str, Range]] = {}
    engines: ClassVar[tuple[str, ...]] = ("mujoco", "bullet")

    def sample(self, rng: np.random.Generator, settings: SceneSettings, root_seed: int, index: int) -> SceneSpec:
        """Draw a drop of the centre from 1.6 to 3 m: 8 to 11 frames of fall at 16 Hz, then a bounce."""
        radius = float(rng.uniform(*settings.radius))
        depth = float(spawned(rng).uniform(*DEPTHS)) if settings.is_wide else 0.0
        ball = make_ball(
            "ball",
            radius,
            sample_colors(rng, settings.palette, 1)[0],
            restitution=float(rng.uniform(0.5, 0.85)),
            position=(float(rng.uniform(-1.2, 1.2)), depth, float(rng.uniform(1.6, 3.0))),
        )
        return make_scene(self.info, rng, settings, root_seed, index, (ball,), floor_restitution=1.0)

    def caption(self, spec: SceneSpec) -> str:
        """Return for example "a red ball falls onto the floor"."""
        return f"{describe(spec.bodies[BALL])} falls onto the floor"

    def ground_truth(self, spec: SceneSpec) -> dict[str, float]:
        """Return the time of fall in s, the speed of impact in m/s and the height of the rebound in m."""
        ball = spec.bodies[BALL]
        drop, gravity = ball.position[2] - ball_radius(ball), -spec.gravity[2]
        return {
            "fall_seconds": math.sqrt(2.0 * drop / gravity),
            "impact_speed": math.sqrt(2.0 * drop * gravity),
            "rebound_height": ball.surface.restitution**2 * drop,
        }

    def residuals(self, spec: SceneSpec, trajectory: Trajectory) -> dict[str, float]:
        """Return the error of the fitted gravity (relative) and of the measured restitution (absolute)."""
        ball = spec.bodies[BALL]
        measured = restitution_on_floor(spec, trajectory, BALL, FLOOR, ball_radius(ball))
        return {
            "gravity_relative_error": gravity_relative_error(spec, trajectory, BALL, FLOOR),
            "restitution_error": abs(measured - ball.surface.restitution),
        }
