"""A ball flies into a tower of boxes."""

import math
from typing import ClassVar

import numpy as np

from physics_data.core.conventions import STANDARD_GRAVITY
from physics_data.core.scene import Box, SceneSpec
from physics_data.core.trajectory import Trajectory
from physics_data.scenarios.shared.measures import first_contact, first_contact_seconds, impulse_on, largest_way
from physics_data.scenarios.shared.parts import make_solid
from physics_data.scenarios.shared.pendulums import half_extents
from physics_data.scenarios.shared.scenario import (
    BALL_DENSITY,
    Range,
    ScenarioInfo,
    SceneSettings,
    describe,
    make_ball,
    make_scene,
)
from physics_data.scenarios.shared.staging import DEPTHS, NUMBERS, alternating, members, shift_ahead
from physics_data.variation.colors import sample_colors

FLOOR, BALL = 0, 1


class TowerHit:
    """A thrown ball meets the tower at the top of its flight, in the middle of a box above the lowest."""

    info: ClassVar[ScenarioInfo] = ScenarioInfo(
        name="tower_hit",
        law="impulse: the tower gets the momentum that the ball loses, at least as much as one box would take alone",
        quantity="hit_seconds = v_z / g; impulse between m M v / (m + M), M of the box hit, and m v, without rebound",
        summary="A ball flies into a tower of boxes.",
    )
    tolerances: ClassVar[dict[str, float]] = {
        "hit_seconds_error": 0.003,
        "impulse_relative_error": 0.01,
        "impulse_out_of_bounds": 0.01,
        "untouched_way": 0.003,
    }
    ranges: ClassVar[dict[str, Range]] = {
        "speed": Range(4.0, 5.5, "m/s", held_out=((3.2, 3.7), (5.8, 6.8))),
        "density_ratio": Range(2.0, 3.5, "of the ball over the boxes", held_out=((1.2, 1.7), (4.0, 5.0))),
    }
    engines: ClassVar[tuple[str, ...]] = ("mujoco", "bullet")

    def sample(self, rng: np.random.Generator, settings: SceneSettings, root_seed: int, index: int) -> SceneSpec:
        """Draw a tower of three or four boxes near the middle, and a ball that comes from one side."""
        side = -1.0 if rng.random() < 0.5 else 1.0
        speed = self.ranges["speed"].draw(rng, settings)
        ratio = self.ranges["density_ratio"].draw(rng, settings)
        count = int(rng.integers(3, 5))
        half_height = float(rng.uniform(0.17, 0.22))
        friction = float(rng.uniform(0.4, 0.7))
        ball_look, *appearances = sample_colors(rng, settings.palette, 3)
        radius = float(rng.uniform(0.18, 0.22))
        place, depth = side * float(rng.uniform(-0.1, 0.2)), 0.0
        if settings.is_wide:
            place, depth = place + shift_ahead(rng, side), float(rng.uniform(*DEPTHS))
        boxes = []
        for number, look in enumerate(alternating(appearances, count)):
            half = (float(rng.uniform(0.19, 0.25)), float(rng.uniform(0.19, 0.25)), half_height)
            position = (place + float(rng.uniform(-0.03, 0.03)), depth, (2 * number + 1) * half_height)
            boxes.append(
                make_solid(f"box_{number}", "box", Box(half_extents=half), look, friction=friction, position=position)
            )
        goal = boxes[int(rng.integers(1, count))]
        height = goal.position[2]
        highest = math.sqrt(2.0 * (height - 1.1 * radius) / STANDARD_GRAVITY)
        seconds = min(float(rng.uniform(*((0.13, 0.34) if settings.is_wide else (0.18, 0.26)))), highest)
        way = side * (half_extents(goal)[0] + radius + speed * seconds)
        ball = make_ball(
            "ball",
            radius,
            ball_look,
            restitution=0.0,
            position=(goal.position[0] - way, depth, height - 0.5 * STANDARD_GRAVITY * seconds**2),
            linear_velocity=(side * speed, 0.0, STANDARD_GRAVITY * seconds),
            density=ratio * BALL_DENSITY,
        )
        return make_scene(
            self.info,
            rng,
            settings,
            root_seed,
            index,
            (ball, *boxes),
            floor_restitution=0.0,
            floor_friction=friction,
            spread=0.5,
        )

    def caption(self, spec: SceneSpec) -> str:
        """Return for example "a red ball flies into a tower of four boxes, blue and green"."""
        boxes = [spec.bodies[k] for k in members(spec, "box")]
        first, second = (box.appearance.color_name for box in boxes[:2])
        return f"{describe(spec.bodies[BALL])} flies into a tower of {NUMBERS[len(boxes)]} boxes, {first} and {second}"

    def ground_truth(self, spec: SceneSpec) -> dict[str, float]:
        """Return the time of the hit in s, the momentum of the ball then in kg m/s, the least impulse on the tower in
        N s, and which box is hit (0 = the lowest)."""
        ball, boxes = spec.bodies[BALL], [spec.bodies[k] for k in members(spec, "box")]
        seconds = -ball.linear_velocity[2] / spec.gravity[2]
        apex = ball.position[2] + 0.5 * ball.linear_velocity[2] * seconds
        hit = min(range(len(boxes)), key=lambda number: abs(boxes[number].position[2] - apex))
        momentum = ball.mass * abs(ball.linear_velocity[0])
        return {
            "hit_seconds": seconds,
            "momentum": momentum,
            "least_impulse": momentum * boxes[hit].mass / (ball.mass + boxes[hit].mass),
            "box": float(hit),
        }

    def residuals(self, spec: SceneSpec, trajectory: Trajectory) -> dict[str, float]:
        """Return the error of the time of the hit in s, the difference of the ball's lost momentum and the pushes on it
        until the frame after the hit, how far outside of its bounds that impulse is (both relative to the momentum),
        and how far in m a box has moved before it."""
        truth, boxes = self.ground_truth(spec), members(spec, "box")
        ball = spec.bodies[BALL]
        hit = first_contact(trajectory, BALL, boxes[int(truth["box"])])
        if hit is None:
            return dict.fromkeys(self.tolerances, math.nan)
        side = math.copysign(1.0, ball.linear_velocity[0])
        lost = side * ball.mass * (ball.linear_velocity[0] - trajectory.linear_velocity[hit, BALL, 0])
        pushed = -side * float(impulse_on(trajectory, BALL, [FLOOR, *boxes], hit)[0])
        outside = max(truth["least_impulse"] - lost, lost - truth["momentum"], 0.0)
        seconds = first_contact_seconds(trajectory, BALL, boxes)
        return {
            "hit_seconds_error": abs(seconds - truth["hit_seconds"]),
            "impulse_relative_error": abs(lost - pushed) / truth["momentum"],
            "impulse_out_of_bounds": outside / truth["momentum"],
            "untouched_way": largest_way(trajectory, boxes, hit),
        }
