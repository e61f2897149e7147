"""A ball runs into a triangle of pins."""

import math
from typing import ClassVar

import numpy as np

from physics_data.core.scene import Cylinder, SceneSpec
from physics_data.core.trajectory import Trajectory
from physics_data.scenarios.shared.measures import first_contact_seconds, impulse_on, tilt, way_while_untouched
from physics_data.scenarios.shared.parts import make_solid
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
from physics_data.scenarios.shared.staging import describe_group, from_above, members, shift_ahead, triangle
from physics_data.variation.colors import sample_colors

FLOOR, BALL = 0, 1
ELEVATION = 52.0
"""From where the camera looks down on the floor, degrees."""

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
        aim = across * self.ranges["aim"].draw(rng, settings) * (radius + pin.radius)
        if not meets:
            widest = max(spot for _, spot in spots)
            aim = across * (widest + radius + pin.radius + float(rng.uniform(0.08, 0.2)))
        ball_look, pin_look = sample_colors(rng, settings.palette, 2)
        tip = -side * float(rng.uniform(0.1, 0.3))
        back = float(rng.uniform(0.0, 0.2)) - 0.5 * aim
        travel = float(rng.uniform(0.6, 0.75))
        if settings.is_wide:
            travel = float(rng.uniform(0.35, 1.0))
            tip, back = tip + shift_ahead(rng, side), back + float(rng.uniform(-0.4, 0.4))
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
            (ball, *pins),
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
        speed = abs(ball.linear_velocity[0])
        times = []
        for k in members(spec, "pin"):
            pin = spec.bodies[k]
            assert isinstance(pin.shape, Cylinder), "pins are cylinders"
            reach, aim = ball_radius(ball) + pin.shape.radius, ball.position[1] - pin.position[1]
            if abs(aim) < reach:
                times.append((abs(pin.position[0] - ball.position[0]) - math.sqrt(reach**2 - aim**2)) / speed)
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
