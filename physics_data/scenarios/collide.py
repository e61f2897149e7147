"""Two balls meet head-on on a smooth floor."""

import math
from typing import ClassVar

import numpy as np

from physics_data.core.scene import SceneSpec
from physics_data.core.trajectory import Trajectory
from physics_data.scenarios.shared.measures import first_contact, horizontal_momentum_error, line_of_motion
from physics_data.scenarios.shared.scenario import (
    Range,
    ScenarioInfo,
    SceneSettings,
    ball_radius,
    describe,
    make_ball,
    make_scene,
)
from physics_data.scenarios.shared.staging import draw_head_on, on_floor, rolling_spin
from physics_data.variation.colors import sample_colors

FLOOR, STRIKER, TARGET = 0, 1, 2

MOST_UNEQUAL = 1.1
"""Largest ratio of the radii in the wide layout, whose slow impacts last long beside the larger ball's hop."""


class Collide:
    """A rolling ball hits another that rests or comes towards it; equal or different size and mass."""

    info: ClassVar[ScenarioInfo] = ScenarioInfo(
        name="collide",
        law="conservation of momentum, and Newton's law of restitution along the line of centres",
        quantity="v1' = v1 - J / m1, v2' = v2 + J / m2 with J = (1 + e) (v1 - v2) m1 m2 / (m1 + m2), for equal radii",
        summary="Two balls meet head-on on a smooth floor.",
    )
    # No horizontal force acts from outside, so momentum is exact up to the engines' solvers. Balls of different size
    # meet along a slanted line: the larger one hops by some millimetres, and until the next frame gravity takes up to
    # 0.02 of the separation speed along that line. For equal radii the error is below 0.002.
    tolerances: ClassVar[dict[str, float]] = {"momentum_relative_error": 1e-4, "restitution_error": 0.03}
    ranges: ClassVar[dict[str, Range]] = {}
    engines: ClassVar[tuple[str, ...]] = ("mujoco", "bullet")

    def sample(self, rng: np.random.Generator, settings: SceneSettings, root_seed: int, index: int) -> SceneSpec:
        """Draw two balls that touch; in the centred layout, near the middle of the picture and clip."""
        colors = sample_colors(rng, settings.palette, 2)
        radii = [float(radius) for radius in rng.uniform(*settings.radius, size=2)]
        if rng.random() < 0.5:
            radii[1] = radii[0]
        if settings.is_wide:
            radii[1] = min(max(radii[1], radii[0] / MOST_UNEQUAL), radii[0] * MOST_UNEQUAL)
        restitution = float(rng.uniform(0.85, 1.0))
        side = -1.0 if rng.random() < 0.5 else 1.0
        half_gap = math.sqrt(radii[0] * radii[1])  # half the horizontal distance of the centres as they touch
        if settings.is_wide:
            meeting, place, ahead, travels = draw_head_on(rng, settings, half_gap)
        else:
            meeting = float(rng.uniform(0.4, 0.6)) * settings.duration
            place, ahead = np.array([float(rng.uniform(-0.15, 0.15)), 0.0]), np.array([side, 0.0])
            travels = [float(rng.uniform(0.7, 1.0)), 0.0]
            if rng.random() < 0.4:
                travels[1] = float(rng.uniform(0.4, 0.7))
        balls = []
        for name, radius, color, travel, direction in zip(
            ("striker", "target"), radii, colors, travels, (ahead, -ahead), strict=True
        ):
            velocity = direction * travel / meeting
            balls.append(
                make_ball(
                    name,
                    radius,
                    color,
                    restitution=restitution,
                    position=on_floor(place - direction * (half_gap + travel), radius),
                    linear_velocity=on_floor(velocity, 0.0),
                    angular_velocity=rolling_spin(velocity, radius),
                )
            )
        return make_scene(self.info, rng, settings, root_seed, index, tuple(balls), floor_restitution=0.0)

    def caption(self, spec: SceneSpec) -> str:
        """Return for example "a green ball rolls into a yellow ball"."""
        striker, target = spec.bodies[STRIKER], spec.bodies[TARGET]
        if not any(target.linear_velocity):
            return f"{describe(striker)} rolls into {describe(target)}"
        return f"{describe(striker)} and {describe(target)} roll into each other"

    def ground_truth(self, spec: SceneSpec) -> dict[str, float]:
        """Return the total momentum in kg m/s, and for equal radii the velocities after the impact in m/s.

        All along the line of ``impacts.line_of_motion``.
        """
        striker, target = spec.bodies[STRIKER], spec.bodies[TARGET]
        line = line_of_motion(striker)
        m1, m2 = striker.mass, target.mass
        v1, v2 = (float(np.dot(body.linear_velocity, line)) for body in (striker, target))
        truth = {"momentum": m1 * v1 + m2 * v2}
        if ball_radius(striker) == ball_radius(target):
            impulse = (1.0 + striker.surface.restitution) * (v1 - v2) * m1 * m2 / (m1 + m2)
            truth |= {"striker_velocity_after": v1 - impulse / m1, "target_velocity_after": v2 + impulse / m2}
        return truth

    def residuals(self, spec: SceneSpec, trajectory: Trajectory) -> dict[str, float]:
        """Return the errors of horizontal momentum, relative to the sum of m |v|, and of the measured restitution."""
        return {
            "momentum_relative_error": horizontal_momentum_error(spec, trajectory),
            "restitution_error": abs(_measured_restitution(trajectory) - spec.bodies[STRIKER].surface.restitution),
        }


def _measured_restitution(trajectory: Trajectory) -> float:
    """Return the ratio of the separation to the approach speed along the line of centres at the impact."""
    contact = first_contact(trajectory, STRIKER, TARGET)
    if contact is None:
        return math.nan
    row = (trajectory.contacts.frame_index == contact) & (trajectory.contacts.body_a == STRIKER)
    normal = trajectory.contacts.normal[row & (trajectory.contacts.body_b == TARGET)][0]
    relative = trajectory.linear_velocity[:, TARGET] - trajectory.linear_velocity[:, STRIKER]
    return float(-(relative[contact] @ normal) / (relative[contact - 1] @ normal))
