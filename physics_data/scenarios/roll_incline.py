"""A round body rolls down a ramp."""

import math
from typing import ClassVar

import numpy as np

from physics_data.core.mechanics import solid_inertia
from physics_data.core.scene import Body, Capsule, Cylinder, SceneSpec, Sphere
from physics_data.core.trajectory import Trajectory
from physics_data.scenarios.shared.measures import acceleration_along, last_frame_before_contact
from physics_data.scenarios.shared.parts import LYING, Slope, make_solid, patterned, slope_across
from physics_data.scenarios.shared.scenario import Range, ScenarioInfo, SceneSettings, describe, make_scene
from physics_data.variation.colors import sample_colors

FLOOR, ROLLER, RAMP = 0, 1, 2


class RollIncline:
    """A ball or a cylinder rolls down without slipping; the ball is the faster one on the same slope."""

    info: ClassVar[ScenarioInfo] = ScenarioInfo(
        name="roll_incline",
        law="rolling: part of the fall goes into turning, a = g sin a / (1 + I / m r²)",
        quantity="acceleration = 5/7 g sin a for a ball, 2/3 g sin a for a cylinder, angular_speed = v / r",
        summary="A round body rolls down a ramp.",
    )
    # Bullet's cylinders have slightly rounded edges and rest on few points: 0.2 %.
    tolerances: ClassVar[dict[str, float]] = {"acceleration_relative_error": 0.01, "slip_relative_error": 0.01}
    ranges: ClassVar[dict[str, Range]] = {
        "angle": Range(15.0, 25.0, "degrees", held_out=((10.0, 13.0), (27.0, 32.0))),
        "radius": Range(0.24, 0.32, "m", held_out=((0.18, 0.22), (0.34, 0.4))),
        "friction": Range(0.6, 0.9, "1"),
    }
    engines: ClassVar[tuple[str, ...]] = ("mujoco", "bullet")

    def sample(self, rng: np.random.Generator, settings: SceneSettings, root_seed: int, index: int) -> SceneSpec:
        """Draw a shape, a slope and a size; the friction holds slopes twice as steep."""
        side = -1.0 if rng.random() < 0.5 else 1.0
        is_ball = rng.random() < 0.5
        radius = self.ranges["radius"].draw(rng, settings)
        friction = self.ranges["friction"].draw(rng, settings)
        slope = slope_across(math.radians(self.ranges["angle"].draw(rng, settings)), side)
        look = patterned(sample_colors(rng, settings.palette, 1)[0], 4.0 * radius)
        roller = make_solid(
            "roller",
            "ball" if is_ball else "cylinder",
            Sphere(radius=radius) if is_ball else Cylinder(radius=radius, half_height=float(rng.uniform(0.2, 0.4))),
            look,
            friction=friction,
            position=slope.point(-0.5 * slope.length + radius + float(rng.uniform(0.05, 0.25)), radius),
            orientation=(1.0, 0.0, 0.0, 0.0) if is_ball else LYING,
        )
        ramp = slope.slab(0.55, friction)
        return make_scene(
            self.info, rng, settings, root_seed, index, (roller, ramp), floor_restitution=0.0, floor_friction=friction
        )

    def caption(self, spec: SceneSpec) -> str:
        """Return for example "a blue cylinder rolls down a brown ramp"."""
        return f"{describe(spec.bodies[ROLLER])} rolls down {describe(spec.bodies[RAMP])}"

    def ground_truth(self, spec: SceneSpec) -> dict[str, float]:
        """Return the acceleration in m/s² down the slope and the inertia over that of a hoop."""
        share = rolling_inertia(spec.bodies[ROLLER])
        pull = -spec.gravity[2] * math.sin(Slope.of(spec.bodies[RAMP]).angle)
        return {"acceleration": pull / (1.0 + share), "inertia_share": share}

    def residuals(self, spec: SceneSpec, trajectory: Trajectory) -> dict[str, float]:
        """Return the relative error of the acceleration, and the largest slip v - w r relative to the largest v."""
        slope, truth = Slope.of(spec.bodies[RAMP]), self.ground_truth(spec)
        frames = slice(0, last_frame_before_contact(trajectory, FLOOR, ROLLER) + 1)
        measured = acceleration_along(spec, trajectory, ROLLER, slope.down, frames)
        speed = trajectory.linear_velocity[frames, ROLLER] @ np.array(slope.down)
        spin = slope.side * trajectory.angular_velocity[frames, ROLLER, 1]
        slip = np.abs(speed - spin * roller_radius(spec.bodies[ROLLER])).max() / np.abs(speed).max()
        return {
            "acceleration_relative_error": abs(measured - truth["acceleration"]) / truth["acceleration"],
            "slip_relative_error": float(slip),
        }


def roller_radius(body: Body) -> float:
    """Return the radius on which a round body rolls, m."""
    assert isinstance(body.shape, Sphere | Cylinder | Capsule), f"body '{body.name}' is round"
    return body.shape.radius


def rolling_inertia(body: Body) -> float:
    """Return I / (m r²) of a round body about the axis it rolls on: 2/5 for a ball, 1/2 for a cylinder."""
    return solid_inertia(body)[2] / (body.mass * roller_radius(body) ** 2)
