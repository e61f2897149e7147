"""A ball falls into a funnel of two planks and leaves through its mouth."""

import math
from typing import ClassVar

import numpy as np

from physics_data.core.scene import Box, SceneSpec
from physics_data.core.trajectory import Trajectory
from physics_data.scenarios.shared.measures import crossing, first_contact_seconds
from physics_data.scenarios.shared.parts import about_y, make_fixture
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

FLOOR, BALL, LEFT, RIGHT = 0, 1, 2, 3

MOUTH_HEIGHT = 1.0
"""Of the lower ends of the planks' faces, m."""

LENGTH = 1.5
HALF_THICKNESS = 0.04


class Funnel:
    """A ball is let go over one plank of a smooth funnel; whatever it hits in which order, it leaves in the middle."""

    info: ClassVar[ScenarioInfo] = ScenarioInfo(
        name="funnel",
        law="solidity: planks turn the ball towards the mouth; no impact adds energy, v² <= 2 g (z0 - z)",
        quantity="first_contact = sqrt(2 h / g) on the plank below it; |x - mouth| <= half_mouth - radius as it leaves",
        summary="A ball falls into a funnel of two planks and leaves through its mouth.",
    )
    # A contact is seen up to one engine step late. Overlaps of late steps are some millimetres.
    tolerances: ClassVar[dict[str, float]] = {
        "first_contact_error_steps": 1.5,
        "outside_mouth_relative": 0.02,
        "speed_excess_relative": 0.005,
    }
    ranges: ClassVar[dict[str, Range]] = {
        "radius": Range(0.17, 0.21, "m"),
        "angle": Range(46.0, 56.0, "degrees", held_out=((40.0, 44.0), (58.0, 62.0))),
        "mouth": Range(1.25, 1.6, "ball diameters", held_out=((1.7, 2.0),)),
        "restitution": Range(0.05, 0.3, "1", held_out=((0.32, 0.4),)),
    }
    engines: ClassVar[tuple[str, ...]] = ("mujoco", "bullet")

    def sample(self, rng: np.random.Generator, settings: SceneSettings, root_seed: int, index: int) -> SceneSpec:
        """Draw a funnel in the middle of the picture and a ball over one of its planks."""
        side = -1.0 if rng.random() < 0.5 else 1.0
        radius = self.ranges["radius"].draw(rng, settings)
        angle = math.radians(self.ranges["angle"].draw(rng, settings))
        half_mouth = radius * self.ranges["mouth"].draw(rng, settings)
        middle = float(rng.uniform(-0.4, 0.4))
        planks = [
            make_fixture(
                name,
                "plank",
                Box(half_extents=(0.5 * LENGTH, 0.45, HALF_THICKNESS)),
                restitution=1.0,
                position=(
                    middle + at * (half_mouth + 0.5 * LENGTH * math.cos(angle) + HALF_THICKNESS * math.sin(angle)),
                    0.0,
                    MOUTH_HEIGHT + 0.5 * LENGTH * math.sin(angle) - HALF_THICKNESS * math.cos(angle),
                ),
                orientation=about_y(-at * angle),
            )
            for name, at in (("left_plank", -1.0), ("right_plank", 1.0))
        ]
        along = float(rng.uniform(0.45, 0.75)) * LENGTH
        gap = float(rng.uniform(0.08, 0.25))
        ball = make_ball(
            "ball",
            radius,
            sample_colors(rng, settings.palette, 1)[0],
            restitution=self.ranges["restitution"].draw(rng, settings),
            position=(
                middle + side * (half_mouth + along * math.cos(angle) - radius * math.sin(angle)),
                0.0,
                MOUTH_HEIGHT + along * math.sin(angle) + radius * math.cos(angle) + gap,
            ),
        )
        return make_scene(
            self.info, rng, settings, root_seed, index, (ball, *planks), floor_restitution=1.0, keeps_side=True
        )

    def caption(self, spec: SceneSpec) -> str:
        """Return for example "a red ball falls through a funnel of two brown planks"."""
        left = spec.bodies[LEFT].appearance.color_name
        return f"{describe(spec.bodies[BALL])} falls through a funnel made of a {left} plank on either side"

    def ground_truth(self, spec: SceneSpec) -> dict[str, float]:
        """Return which plank is hit first (-1 left, 1 right), when in s, and the mouth's place and half width, m."""
        ball, plank = spec.bodies[BALL], spec.bodies[RIGHT]
        middle, half_mouth = _mouth(spec)
        side = math.copysign(1.0, ball.position[0] - middle)
        angle = -2.0 * math.atan2(plank.orientation[2], plank.orientation[0])
        foot = (middle + side * half_mouth, MOUTH_HEIGHT)
        away = (ball.position[2] - foot[1]) * math.cos(angle) - abs(ball.position[0] - foot[0]) * math.sin(angle)
        drop = (away - ball_radius(ball)) / math.cos(angle)
        return {
            "first_side": side,
            "first_contact_seconds": math.sqrt(2.0 * drop / -spec.gravity[2]),
            "mouth_x": middle,
            "mouth_half_width": half_mouth,
            "largest_exit_speed": math.sqrt(-2.0 * spec.gravity[2] * (ball.position[2] - MOUTH_HEIGHT)),
        }

    def residuals(self, spec: SceneSpec, trajectory: Trajectory) -> dict[str, float]:
        """Return the errors of first contact (engine steps), place of leaving (relative to the radius), and energy."""
        ball, truth = spec.bodies[BALL], self.ground_truth(spec)
        seconds = first_contact_seconds(trajectory, BALL, (LEFT if truth["first_side"] < 0 else RIGHT,))
        away = crossing(spec, trajectory, BALL, MOUTH_HEIGHT)[0] - truth["mouth_x"]
        fallen = ball.position[2] - trajectory.position[:, BALL, 2]
        speed = np.linalg.norm(trajectory.linear_velocity[:, BALL], axis=1)
        excess = speed**2 + 2.0 * spec.gravity[2] * fallen
        outside = max(0.0, abs(away) - (truth["mouth_half_width"] - ball_radius(ball)))
        return {
            "first_contact_error_steps": abs(seconds - truth["first_contact_seconds"]) * spec.physics_rate,
            "outside_mouth_relative": outside / ball_radius(ball) if not math.isnan(away) else math.nan,
            "speed_excess_relative": float(excess.max() / truth["largest_exit_speed"] ** 2),
        }


def _mouth(spec: SceneSpec) -> tuple[float, float]:
    """Return the middle of the mouth along x and its half width, m."""
    left, right = spec.bodies[LEFT], spec.bodies[RIGHT]
    angle = -2.0 * math.atan2(right.orientation[2], right.orientation[0])
    reach = 0.5 * LENGTH * math.cos(angle) + HALF_THICKNESS * math.sin(angle)
    return 0.5 * (left.position[0] + right.position[0]), 0.5 * (right.position[0] - left.position[0]) - reach
