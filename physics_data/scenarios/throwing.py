"""Throwing: straight up, at an angle, and horizontally off a ledge."""

import math
from typing import ClassVar

import numpy as np

from physics_data.core.scene import Box, SceneSpec
from physics_data.core.trajectory import Trajectory
from physics_data.scenarios.shared.measures import gravity_relative_error, last_frame_before_contact
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
from physics_data.scenarios.shared.staging import DEPTHS, draw_heading, on_floor, start_across
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


LEDGE = 2


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
