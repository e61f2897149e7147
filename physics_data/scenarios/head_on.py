"""Head-on collisions: two balls, and balls of very different mass."""

import math
from typing import ClassVar

import numpy as np

from physics_data.core.mechanics import volume
from physics_data.core.scene import Box, SceneSpec, Sphere
from physics_data.core.trajectory import Trajectory
from physics_data.scenarios.shared.measures import (
    first_contact,
    first_contact_seconds,
    horizontal_momentum_error,
    line_of_motion,
    velocities_after,
)
from physics_data.scenarios.shared.parts import make_solid
from physics_data.scenarios.shared.scenario import (
    Range,
    ScenarioInfo,
    SceneSettings,
    ball_radius,
    describe,
    make_ball,
    make_scene,
)
from physics_data.scenarios.shared.staging import draw_head_on, facing, on_floor, rolling_spin
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


class CollideMassRatio:
    """Two boxes, or a ball and a box, of one material and one height, so that the push passes through both middles."""

    info: ClassVar[ScenarioInfo] = ScenarioInfo(
        name="collide_mass_ratio",
        law="conservation of momentum, and Newton's law of restitution, between bodies of different mass",
        quantity="v1' = v1 - J / m1, v2' = v2 + J / m2 with J = (1 + e) (v1 - v2) m1 m2 / (m1 + m2)",
        summary="A light and a heavy body meet head-on on a smooth floor.",
    )
    tolerances: ClassVar[dict[str, float]] = {
        "momentum_relative_error": 1e-4,
        "velocity_relative_error": 0.01,
        "meeting_seconds_error": 0.003,
    }
    ranges: ClassVar[dict[str, Range]] = {
        "mass_ratio": Range(1.6, 5.0, "1", held_out=((1.2, 1.45), (5.5, 6.8))),
        "restitution": Range(0.6, 1.0, "1", held_out=((0.3, 0.5),)),
    }
    engines: ClassVar[tuple[str, ...]] = ("mujoco", "bullet")

    def sample(self, rng: np.random.Generator, settings: SceneSettings, root_seed: int, index: int) -> SceneSpec:
        """Draw which of the two is the heavier, and a meeting; in the centred layout in the middle of the picture."""
        ratio = self.ranges["mass_ratio"].draw(rng, settings)
        restitution = self.ranges["restitution"].draw(rng, settings)
        side = -1.0 if rng.random() < 0.5 else 1.0
        if rng.random() < 0.5:
            half, wider = float(rng.uniform(*((0.16, 0.3) if settings.is_wide else (0.19, 0.25)))), math.sqrt(ratio)
            shapes = [Box(half_extents=(half, half, half)), Box(half_extents=(wider * half, wider * half, half))]
        else:
            radius = float(rng.uniform(*((0.18, 0.34) if settings.is_wide else (0.22, 0.28))))
            length = ratio * volume(Sphere(radius=radius)) / (8.0 * 1.2 * radius**2)
            shapes = [Sphere(radius=radius), Box(half_extents=(length, 1.2 * radius, radius))]
        if rng.random() < 0.5:
            shapes.reverse()
        if settings.is_wide:
            meeting, place, ahead, travels = draw_head_on(rng, settings, _reach(shapes[0]))
        else:
            meeting = float(rng.uniform(0.35, 0.5)) * settings.duration
            place, ahead = np.array([float(rng.uniform(-0.15, 0.15)), 0.0]), np.array([side, 0.0])
            travels = [float(rng.uniform(0.7, 0.9)), 0.0]
            if rng.random() < 0.4:
                travels[1] = float(rng.uniform(0.3, 0.6))
        bodies = []
        for name, shape, look, travel, direction in zip(
            ("striker", "target"),
            shapes,
            sample_colors(rng, settings.palette, 2),
            travels,
            (ahead, -ahead),
            strict=True,
        ):
            height, reach = (
                (shape.radius, shape.radius)
                if isinstance(shape, Sphere)
                else (shape.half_extents[2], shape.half_extents[0])
            )
            velocity = direction * travel / meeting
            bodies.append(
                make_solid(
                    name,
                    "ball" if isinstance(shape, Sphere) else "box",
                    shape,
                    look,
                    restitution=restitution,
                    position=on_floor(place - direction * (reach + travel), height),
                    orientation=facing(ahead * math.copysign(1.0, ahead[0])),
                    linear_velocity=on_floor(velocity, 0.0),
                    angular_velocity=rolling_spin(velocity, height) if isinstance(shape, Sphere) else (0.0, 0.0, 0.0),
                )
            )
        return make_scene(self.info, rng, settings, root_seed, index, tuple(bodies), floor_restitution=0.0)

    def caption(self, spec: SceneSpec) -> str:
        """Return for example "a red box hits a blue ball, which is heavier"."""
        striker, target = spec.bodies[STRIKER], spec.bodies[TARGET]
        compared = "heavier" if target.mass > striker.mass else "lighter"
        if not any(target.linear_velocity):
            return f"{describe(striker)} hits {describe(target)}, which is {compared}"
        return f"{describe(striker)} and {describe(target)}, which is {compared}, run into each other"

    def ground_truth(self, spec: SceneSpec) -> dict[str, float]:
        """Return masses' ratio, total momentum in kg m/s, the meeting in s, and the velocities after it in m/s.

        All along the line of ``impacts.line_of_motion``.
        """
        striker, target = spec.bodies[STRIKER], spec.bodies[TARGET]
        line = line_of_motion(striker)
        v1, v2 = (float(np.dot(body.linear_velocity, line)) for body in (striker, target))
        after = velocities_after(striker, target, np.sign(v1) * line, striker.surface.restitution)
        between = float(np.dot(np.subtract(target.position, striker.position), line))
        gap = abs(between) - _reach(striker.shape) - _reach(target.shape)
        return {
            "mass_ratio": target.mass / striker.mass,
            "momentum": striker.mass * v1 + target.mass * v2,
            "meeting_seconds": gap / abs(v1 - v2),
            "striker_velocity_after": float(after[0] @ line),
            "target_velocity_after": float(after[1] @ line),
        }

    def residuals(self, spec: SceneSpec, trajectory: Trajectory) -> dict[str, float]:
        """Return the errors of momentum (relative), of both velocities over that of approach, and of the time in s."""
        truth, meeting = self.ground_truth(spec), first_contact(trajectory, STRIKER, TARGET)
        line = line_of_motion(spec.bodies[STRIKER])
        expected = np.outer([truth["striker_velocity_after"], truth["target_velocity_after"]], line)
        bodies = spec.bodies[STRIKER], spec.bodies[TARGET]
        approach = float(np.linalg.norm(np.subtract(bodies[0].linear_velocity, bodies[1].linear_velocity)))
        after = trajectory.linear_velocity[trajectory.num_frames if meeting is None else meeting :, [STRIKER, TARGET]]
        away = np.abs(after - expected).max() if len(after) else np.nan
        seconds = first_contact_seconds(trajectory, STRIKER, [TARGET])
        return {
            "momentum_relative_error": horizontal_momentum_error(spec, trajectory),
            "velocity_relative_error": float(away / approach),
            "meeting_seconds_error": abs(seconds - truth["meeting_seconds"]),
        }


def _reach(shape: object) -> float:
    """Return the half length of a ball or box along x, m."""
    assert isinstance(shape, Sphere | Box), "these bodies are balls and boxes"
    return shape.radius if isinstance(shape, Sphere) else shape.half_extents[0]
