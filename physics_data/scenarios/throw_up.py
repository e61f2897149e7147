"""A ball is thrown straight up and comes down again."""

import math
from typing import ClassVar

import numpy as np

from physics_data.core.scene import SceneSpec
from physics_data.core.trajectory import Trajectory
from physics_data.scenarios.shared.measures import gravity_relative_error, last_frame_before_contact
from physics_data.scenarios.shared.scenario import (
    Range,
    ScenarioInfo,
    SceneSettings,
    ball_radius,
    describe,
    make_ball,
    make_scene,
)
from physics_data.variation.colors import sample_colors

FLOOR, BALL = 0, 1


class ThrowUp:
    """A ball rises, stands still for an instant, and falls as it rose."""

    info: ClassVar[ScenarioInfo] = ScenarioInfo(
        name="throw_up",
        law="time symmetry of free flight: it comes down as it went up, with the speed it was thrown with",
        quantity="apex_seconds = v / g, apex_height = z0 + v² / (2 g), return_seconds = 2 v / g",
        summary="A ball is thrown straight up and comes down again.",
    )
    # Free flight is exact up to rounding in both engines.
    tolerances: ClassVar[dict[str, float]] = {"gravity_relative_error": 1e-6, "symmetry_error": 1e-6}
    ranges: ClassVar[dict[str, Range]] = {
        "speed": Range(3.2, 4.2, "m/s", held_out=((2.7, 3.1), (4.3, 4.9))),
        "start": Range(0.15, 0.5, "m", held_out=((0.55, 0.8),)),
    }
    engines: ClassVar[tuple[str, ...]] = ("mujoco", "bullet")

    def sample(self, rng: np.random.Generator, settings: SceneSettings, root_seed: int, index: int) -> SceneSpec:
        """Draw a throw whose apex comes after 4 to 8 frames at 16 Hz; the start is the gap under the ball."""
        radius = float(rng.uniform(*settings.radius))
        ball = make_ball(
            "ball",
            radius,
            sample_colors(rng, settings.palette, 1)[0],
            restitution=float(rng.uniform(0.4, 0.75)),
            position=(
                float(rng.uniform(-1.3, 1.3)),
                float(rng.uniform(-0.3, 0.3)),
                radius + self.ranges["start"].draw(rng, settings),
            ),
            linear_velocity=(0.0, 0.0, self.ranges["speed"].draw(rng, settings)),
        )
        return make_scene(self.info, rng, settings, root_seed, index, (ball,), floor_restitution=1.0)

    def caption(self, spec: SceneSpec) -> str:
        """Return for example "a green ball is thrown straight up and falls back down", where the clip shows it."""
        words = f"{describe(spec.bodies[BALL])} is thrown straight up"
        return (
            f"{words} and falls back down" if self.ground_truth(spec)["return_seconds"] <= spec.seconds[-1] else words
        )

    def ground_truth(self, spec: SceneSpec) -> dict[str, float]:
        """Return height in m and time in s of the apex, and the time in s at which it is back where it started."""
        ball, gravity = spec.bodies[BALL], -spec.gravity[2]
        speed = ball.linear_velocity[2]
        above_floor = ball.position[2] - ball_radius(ball)
        return {
            "apex_height": ball.position[2] + speed**2 / (2.0 * gravity),
            "apex_seconds": speed / gravity,
            "return_seconds": 2.0 * speed / gravity,
            "landing_seconds": (speed + math.sqrt(speed**2 + 2.0 * gravity * above_floor)) / gravity,
        }

    def residuals(self, spec: SceneSpec, trajectory: Trajectory) -> dict[str, float]:
        """Return the relative error of the fitted gravity, and the largest one of the flight against its mirror image.

        The mirror image is the Taylor polynomial of the flight around the apex that its frames before the apex give.
        """
        end = last_frame_before_contact(trajectory, FLOOR, BALL) + 1
        height, seconds = trajectory.position[:end, BALL, 2], np.array(spec.seconds[:end])
        apex = self.ground_truth(spec)["apex_seconds"]
        rising = seconds <= apex
        symmetry = math.nan
        if rising.sum() >= 3 and (~rising).any():
            # Even in the time from the apex: no odd term may be needed to follow the fall.
            even = np.polyfit((seconds[rising] - apex) ** 2, height[rising], 1)
            away = np.polyval(even, (seconds[~rising] - apex) ** 2) - height[~rising]
            symmetry = float(np.abs(away).max() / (height.max() - height[0]))
        return {
            "gravity_relative_error": gravity_relative_error(spec, trajectory, BALL, FLOOR),
            "symmetry_error": symmetry,
        }
