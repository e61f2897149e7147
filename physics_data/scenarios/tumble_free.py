"""A thrown box tumbles and flips over."""

import math
from typing import ClassVar

import numpy as np

from physics_data.core.geometry import rotation_matrix
from physics_data.core.mechanics import (
    body_angular_momentum,
    body_kinetic_energy,
    body_potential_energy,
    inertia_tensor,
    solid_inertia,
)
from physics_data.core.scene import Box, SceneSpec
from physics_data.core.trajectory import Trajectory
from physics_data.scenarios.shared.measures import gravity_relative_error, last_frame_before_contact
from physics_data.scenarios.shared.parts import make_solid, patterned
from physics_data.scenarios.shared.scenario import Range, ScenarioInfo, SceneSettings, describe, make_scene
from physics_data.variation.colors import sample_colors

FLOOR, BOX = 0, 1


class TumbleFree:
    """A flat box is thrown up with a spin about its middle axis, which is unstable: it turns over in flight."""

    info: ClassVar[ScenarioInfo] = ScenarioInfo(
        name="tumble_free",
        law="conservation of angular momentum in free flight, and the instability of the middle axis",
        quantity="L = I w, constant in the world; growth_rate = w sqrt((I3 - I2) (I2 - I1) / (I1 I3))",
        summary="A thrown box tumbles and flips over.",
    )
    # Bullet turns bodies by first-order steps: relative errors near spin times step, which is 0.013 here.
    tolerances: ClassVar[dict[str, float]] = {
        "gravity_relative_error": 1e-6,
        "angular_momentum_relative_error": 0.015,
        "energy_relative_error": 0.025,
    }
    ranges: ClassVar[dict[str, Range]] = {
        "spin": Range(9.0, 12.0, "rad/s", held_out=((6.5, 8.5), (12.5, 14.0))),
        "lift": Range(4.0, 4.8, "m/s"),
    }
    engines: ClassVar[tuple[str, ...]] = ("mujoco", "bullet")

    def sample(self, rng: np.random.Generator, settings: SceneSettings, root_seed: int, index: int) -> SceneSpec:
        """Draw a throw that lasts about a second, with a spin a few degrees off the middle axis."""
        half = (float(rng.uniform(0.42, 0.52)), float(rng.uniform(0.24, 0.3)), float(rng.uniform(0.07, 0.1)))
        spin = self.ranges["spin"].draw(rng, settings) * (-1.0 if rng.random() < 0.5 else 1.0)
        off = float(rng.uniform(0.06, 0.12)) * spin
        # The middle axis of this box is its own y, at first nearly along the line of sight.
        heading = float(rng.uniform(-0.3, 0.3))
        box = make_solid(
            "box",
            "box",
            Box(half_extents=half),
            patterned(sample_colors(rng, settings.palette, 1)[0], 2.0 * max(half)),
            restitution=0.3,
            position=(float(rng.uniform(-0.8, 0.8)), 0.0, float(rng.uniform(0.9, 1.2))),
            orientation=(math.cos(0.5 * heading), 0.0, 0.0, math.sin(0.5 * heading)),
            linear_velocity=(float(rng.uniform(-0.4, 0.4)), 0.0, self.ranges["lift"].draw(rng, settings)),
            angular_velocity=(
                off * math.cos(heading) - spin * math.sin(heading),
                off * math.sin(heading) + spin * math.cos(heading),
                0.0,
            ),
        )
        return make_scene(self.info, rng, settings, root_seed, index, (box,), floor_restitution=0.3, spread=0.6)

    def caption(self, spec: SceneSpec) -> str:
        """Return for example "a red box is thrown up and tumbles"."""
        return f"{describe(spec.bodies[BOX])} is thrown up and tumbles"

    def ground_truth(self, spec: SceneSpec) -> dict[str, float]:
        """Return the angular momentum in kg m²/s, the rate in 1/s at which the spin leaves its axis, the apex in m."""
        box = spec.bodies[BOX]
        turn = rotation_matrix(np.array(box.orientation))
        momentum = turn @ inertia_tensor(box) @ turn.T @ np.array(box.angular_velocity)
        least, middle, most = sorted(solid_inertia(box))
        spin = float(np.linalg.norm(box.angular_velocity))
        return {
            "angular_momentum": float(np.linalg.norm(momentum)),
            "growth_rate": spin * math.sqrt((most - middle) * (middle - least) / (least * most)),
            "apex_height": box.position[2] + box.linear_velocity[2] ** 2 / (-2.0 * spec.gravity[2]),
        }

    def residuals(self, spec: SceneSpec, trajectory: Trajectory) -> dict[str, float]:
        """Return the errors of gravity, of the angular momentum vector and of the energy in flight, all relative."""
        end = last_frame_before_contact(trajectory, FLOOR, BOX) + 1
        momentum = body_angular_momentum(spec, trajectory)[:end, BOX]
        drift = np.linalg.norm(momentum - momentum[0], axis=1).max() / np.linalg.norm(momentum[0])
        energy = (body_kinetic_energy(spec, trajectory) + body_potential_energy(spec, trajectory))[:end, BOX]
        spinning = 0.5 * float(momentum[0] @ trajectory.angular_velocity[0, BOX])
        return {
            "gravity_relative_error": gravity_relative_error(spec, trajectory, BOX, FLOOR),
            "angular_momentum_relative_error": float(drift),
            "energy_relative_error": float(np.abs(energy - energy[0]).max() / spinning),
        }
