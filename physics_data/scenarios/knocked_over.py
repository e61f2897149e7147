"""A ball knocks things over: bowling pins and a tower."""

import math
from typing import ClassVar

import numpy as np

from physics_data.core.conventions import STANDARD_GRAVITY
from physics_data.core.scene import Box, Cylinder, SceneSpec
from physics_data.core.trajectory import Trajectory
from physics_data.scenarios.shared.measures import (
    first_contact,
    first_contact_seconds,
    impulse_on,
    largest_way,
    tilt,
    way_while_untouched,
)
from physics_data.scenarios.shared.parts import make_solid
from physics_data.scenarios.shared.pendulums import half_extents
from physics_data.scenarios.shared.scenario import (
    BALL_DENSITY,
    Range,
    ScenarioInfo,
    SceneSettings,
    ball_radius,
    describe,
    make_ball,
    make_scene,
)
from physics_data.scenarios.shared.staging import (
    DEPTHS,
    NUMBERS,
    aim_at,
    alternating,
    describe_group,
    draw_approach,
    from_above,
    headed,
    members,
    triangle,
)
from physics_data.variation.colors import sample_colors

FLOOR, BALL = 0, 1
ELEVATION = 52.0
"""From where the camera looks down on the floor, degrees."""

GRAZE = 0.5
"""Largest aim of wide layouts: slower, later hits beyond it may leave every pin standing until the end."""

FALLEN = math.radians(30.0)
"""A pin that leans more than this has fallen; one balances on its rim at 24° or less."""


class Bowling:
    """A smooth heavy ball knocks over three or six pins, or passes beside them."""

    info: ClassVar[ScenarioInfo] = ScenarioInfo(
        name="bowling",
        law="momentum transfer: a pin falls only if something hits it, and the ball loses what it gives to the pins",
        quantity="hit_seconds = way / v; m (v - v') = sum of the pushes on the ball; no pin falls beside its way",
        summary="A ball runs into a triangle of pins, or past it.",
    )
    tolerances: ClassVar[dict[str, float]] = {
        "outcome_error": 0.0,
        "hit_seconds_error": 0.003,
        "impulse_relative_error": 0.01,
        "untouched_way": 0.003,
    }
    ranges: ClassVar[dict[str, Range]] = {
        "speed": Range(3.1, 3.8, "m/s", held_out=((2.6, 2.9), (3.9, 4.4))),
        "aim": Range(0.0, 0.4, "of the reach at which ball and first pin touch", held_out=((0.45, 0.6),)),
    }
    engines: ClassVar[tuple[str, ...]] = ("mujoco", "bullet")

    def sample(self, rng: np.random.Generator, settings: SceneSettings, root_seed: int, index: int) -> SceneSpec:
        """Draw first whether the ball meets the pins, then on which side of the middle."""
        meets = rng.random() < 0.5
        side = -1.0 if rng.random() < 0.5 else 1.0
        across = -1.0 if rng.random() < 0.5 else 1.0
        speed = self.ranges["speed"].draw(rng, settings)
        radius = float(rng.uniform(0.22, 0.28))
        pin = Cylinder(radius=float(rng.uniform(0.12, 0.14)), half_height=float(rng.uniform(0.32, 0.38)))
        spacing = float(rng.uniform(0.44, 0.5))
        spots = triangle(int(rng.integers(2, 4)), spacing)
        share = self.ranges["aim"].draw(rng, settings)
        if settings.is_wide:
            share = min(share, GRAZE)
        aim = across * share * (radius + pin.radius)
        if not meets:
            widest = max(spot for _, spot in spots)
            aim = across * (widest + radius + pin.radius + float(rng.uniform(0.08, 0.2)))
        ball_look, pin_look = sample_colors(rng, settings.palette, 2)
        tip, heading = -side * float(rng.uniform(0.1, 0.3)), 0.0
        back = float(rng.uniform(0.0, 0.2)) - 0.5 * aim
        travel = float(rng.uniform(0.6, 0.75))
        if settings.is_wide:
            travel = float(rng.uniform(0.35, 1.0))
            beyond = max(ahead for ahead, _ in spots) + pin.radius
            tip, heading = draw_approach(rng, side, travel + 2.0 * radius, beyond)
            back += float(rng.uniform(-0.4, 0.4))
        ball = make_ball(
            "ball",
            radius,
            ball_look,
            restitution=0.0,
            position=(tip - side * (travel + radius + pin.radius), back + aim, radius),
            linear_velocity=(side * speed, 0.0, 0.0),
            angular_velocity=(0.0, side * speed / radius, 0.0),
            density=3.0 * BALL_DENSITY,
        )
        friction = float(rng.uniform(0.4, 0.6))
        pins = tuple(
            make_solid(
                f"pin_{number}",
                "pin",
                pin,
                pin_look,
                friction=friction,
                position=(tip + side * ahead, back + spot, pin.half_height),
            )
            for number, (ahead, spot) in enumerate(spots)
        )
        return make_scene(
            self.info,
            rng,
            from_above(settings, ELEVATION, 0.3),
            root_seed,
            index,
            headed((ball, *pins), heading, (tip, back)) if settings.is_wide else (ball, *pins),
            floor_restitution=0.0,
            floor_friction=friction,
            spread=0.4,
        )

    def caption(self, spec: SceneSpec) -> str:
        """Return for example "a red ball runs into six white pins and knocks some over"."""
        ball, pins = describe(spec.bodies[BALL]), describe_group([spec.bodies[k] for k in members(spec, "pin")])
        if self.ground_truth(spec)["meets"]:
            return f"{ball} runs into {pins} and knocks some over"
        return f"{ball} runs past {pins}, which all stay standing"

    def ground_truth(self, spec: SceneSpec) -> dict[str, float]:
        """Return the ball's momentum in kg m/s, whether its way meets a pin, and then the time of that in s."""
        ball = spec.bodies[BALL]
        speed = math.hypot(*ball.linear_velocity[:2])
        times = []
        for k in members(spec, "pin"):
            pin = spec.bodies[k]
            assert isinstance(pin.shape, Cylinder), "pins are cylinders"
            reach, (ahead, across) = ball_radius(ball) + pin.shape.radius, aim_at(ball, pin)
            if abs(across) < reach:
                times.append((ahead - math.sqrt(reach**2 - across**2)) / speed)
        truth = {"momentum": ball.mass * speed, "meets": float(bool(times))}
        return truth | ({"hit_seconds": min(times)} if times else {})

    def residuals(self, spec: SceneSpec, trajectory: Trajectory) -> dict[str, float]:
        """Return whether pins fall that should all stand or none does that should (0 or 1), the error of the time of
        the first hit in s, the difference of the ball's lost momentum and the pushes on it (relative), and how far in m
        a pin has moved before it was hit."""
        truth, pins = self.ground_truth(spec), members(spec, "pin")
        ball, last = spec.bodies[BALL], trajectory.num_frames - 1
        fallen = sum(bool(tilt(trajectory, pin).max() > FALLEN) for pin in pins)
        lost = ball.mass * (np.array(ball.linear_velocity) - trajectory.linear_velocity[-1, BALL])[:2]
        pushed = -impulse_on(trajectory, BALL, [FLOOR, *pins], last)[:2]
        error = 0.0
        if truth["meets"]:
            error = abs(first_contact_seconds(trajectory, BALL, pins) - truth["hit_seconds"])
        return {
            "outcome_error": float((fallen > 0) != bool(truth["meets"])),
            "hit_seconds_error": error,
            "impulse_relative_error": float(np.linalg.norm(lost - pushed)) / truth["momentum"],
            "untouched_way": way_while_untouched(trajectory, pins, [FLOOR]),
        }


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
        place, depth, heading, flight = side * float(rng.uniform(-0.1, 0.2)), 0.0, 0.0, 0.0
        if settings.is_wide:
            depth, flight = float(rng.uniform(*DEPTHS)), float(rng.uniform(0.13, 0.28))
            place, heading = draw_approach(rng, side, 0.28 * speed + 2.0 * radius, 0.25)
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
        seconds = min(flight if settings.is_wide else float(rng.uniform(0.18, 0.26)), highest)
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
            headed((ball, *boxes), heading, (place, depth)) if settings.is_wide else (ball, *boxes),
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
        momentum = ball.mass * math.hypot(*ball.linear_velocity[:2])
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
        ahead = np.array((*ball.linear_velocity[:2], 0.0)) / math.hypot(*ball.linear_velocity[:2])
        lost = ball.mass * float(ahead @ (np.array(ball.linear_velocity) - trajectory.linear_velocity[hit, BALL]))
        pushed = -float(ahead @ impulse_on(trajectory, BALL, [FLOOR, *boxes], hit))
        outside = max(truth["least_impulse"] - lost, lost - truth["momentum"], 0.0)
        seconds = first_contact_seconds(trajectory, BALL, boxes)
        return {
            "hit_seconds_error": abs(seconds - truth["hit_seconds"]),
            "impulse_relative_error": abs(lost - pushed) / truth["momentum"],
            "impulse_out_of_bounds": outside / truth["momentum"],
            "untouched_way": largest_way(trajectory, boxes, hit),
        }
