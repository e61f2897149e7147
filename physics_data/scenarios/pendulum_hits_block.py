"""A pendulum knocks a block away."""

import math
from typing import ClassVar

import numpy as np

from physics_data.core.scene import Box, SceneSpec, Surface
from physics_data.core.trajectory import Trajectory
from physics_data.scenarios.shared.measures import first_contact
from physics_data.scenarios.shared.parts import make_solid
from physics_data.scenarios.shared.pendulums import Bob, hinge_across, make_beam, start_angle
from physics_data.scenarios.shared.scenario import Range, ScenarioInfo, SceneSettings, describe, make_scene
from physics_data.variation.colors import sample_colors

FLOOR, PENDULUM, BLOCK, BEAM = 0, 1, 2, 3


class PendulumHitsBlock:
    """A pendulum swings down and hits a block that stands on a smooth floor, at the lowest point of its swing."""

    info: ClassVar[ScenarioInfo] = ScenarioInfo(
        name="pendulum_hits_block",
        law="transfer of momentum: angular momentum about the pivot is shared, and Newton's law of restitution",
        quantity="block_speed = (1 + e) v m' / (m' + M), pendulum after = v - M block_speed / m', with m' = I / reach²",
        summary="A pendulum knocks a block away.",
    )
    # Relative to the speed of the impact. An impact is up to one step late.
    tolerances: ClassVar[dict[str, float]] = {"block_speed_relative_error": 0.01, "pendulum_speed_relative_error": 0.01}
    ranges: ClassVar[dict[str, Range]] = {
        "amplitude": Range(50.0, 72.0, "degrees", held_out=((35.0, 46.0), (75.0, 88.0))),
        "restitution": Range(0.4, 0.8, "1", held_out=((0.1, 0.35), (0.85, 1.0))),
        "block": Range(0.2, 0.27, "m", held_out=((0.16, 0.19), (0.29, 0.33))),
    }
    engines: ClassVar[tuple[str, ...]] = ("mujoco", "bullet")

    def sample(self, rng: np.random.Generator, settings: SceneSettings, root_seed: int, index: int) -> SceneSpec:
        """Draw a pendulum whose ball meets the middle of the block's side after about half a second."""
        side = -1.0 if rng.random() < 0.5 else 1.0
        appearances = sample_colors(rng, settings.palette, 2)
        half = self.ranges["block"].draw(rng, settings)
        restitution = self.ranges["restitution"].draw(rng, settings)
        angle = side * math.radians(self.ranges["amplitude"].draw(rng, settings))
        bob = Bob(float(rng.uniform(0.8, 1.1)), min(float(rng.uniform(0.2, 0.28)), half - 0.02))
        pivot = (-side * float(rng.uniform(0.1, 0.5)), 0.0, half + bob.reach)
        thickness = 0.6 * half
        surface = Surface(friction=0.0, restitution=restitution)
        pendulum = bob.body("pendulum", "pendulum", appearances[0], pivot, angle, surface)
        block = make_solid(
            "block",
            "block",
            Box(half_extents=(thickness, half, half)),
            appearances[1],
            restitution=restitution,
            position=(pivot[0] + side * (bob.radius + thickness), 0.0, half),
        )
        return make_scene(
            self.info,
            rng,
            settings,
            root_seed,
            index,
            (pendulum, block, make_beam(pivot)),
            floor_restitution=0.0,
            joints=(hinge_across(pendulum, pivot),),
        )

    def caption(self, spec: SceneSpec) -> str:
        """Return for example "a red pendulum under a brown beam swings into a blue block"."""
        pendulum, block, beam = (describe(spec.bodies[place]) for place in (PENDULUM, BLOCK, BEAM))
        return f"{pendulum} under {beam} swings into {block}"

    def ground_truth(self, spec: SceneSpec) -> dict[str, float]:
        """Return time in s, speed in m/s and impulse in N s of the impact, and both speeds after it in m/s."""
        pendulum, block = spec.bodies[PENDULUM], spec.bodies[BLOCK]
        bob, amplitude = Bob.of(pendulum), start_angle(pendulum)
        speed, weight = bob.speed_below(amplitude), bob.inertia / bob.reach**2
        impulse = (1.0 + block.surface.restitution) * speed * weight * block.mass / (weight + block.mass)
        return {
            "impact_seconds": 0.25 * bob.period(amplitude),
            "impact_speed": speed,
            "impulse": impulse,
            "block_speed_after": impulse / block.mass,
            "pendulum_speed_after": speed - impulse / weight,
        }

    def residuals(self, spec: SceneSpec, trajectory: Trajectory) -> dict[str, float]:
        """Return the errors of the speeds after the impact, relative to the speed of the impact; NaN without one.

        The pendulum's is that which its height and speed in the first frame after the impact give at the bottom.
        """
        truth = self.ground_truth(spec)
        contact = first_contact(trajectory, PENDULUM, BLOCK)
        if contact is None:
            return {"block_speed_relative_error": math.nan, "pendulum_speed_relative_error": math.nan}
        bob, side = Bob.of(spec.bodies[PENDULUM]), math.copysign(1.0, start_angle(spec.bodies[PENDULUM]))
        block_speed = side * trajectory.linear_velocity[-1, BLOCK, 0]
        w, y = trajectory.orientation[contact, PENDULUM, 0], trajectory.orientation[contact, PENDULUM, 2]
        height = 1.0 - math.cos(2.0 * math.atan2(y, w))
        # Turning about +y moves what hangs below to the left.
        spin = -side * trajectory.angular_velocity[contact, PENDULUM, 1]
        below = math.copysign(math.sqrt(spin**2 + 2.0 * bob.rate**2 * height), spin) * bob.reach
        speed = truth["impact_speed"]
        return {
            "block_speed_relative_error": float(abs(block_speed - truth["block_speed_after"]) / speed),
            "pendulum_speed_relative_error": float(abs(below - truth["pendulum_speed_after"]) / speed),
        }
