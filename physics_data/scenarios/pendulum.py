"""A pendulum swings."""

import math
from typing import ClassVar

import numpy as np

from physics_data.core.scene import SceneSpec, Surface
from physics_data.core.trajectory import Trajectory
from physics_data.scenarios.shared.pendulums import Bob, angle_of, hinge_across, make_beam, start_angle
from physics_data.scenarios.shared.scenario import Range, ScenarioInfo, SceneSettings, describe, make_scene
from physics_data.variation.colors import sample_colors

FLOOR, PENDULUM, BEAM = 0, 1, 2


class Pendulum:
    """A ball on a rod is let go at rest and swings under a beam, by small or by large angles."""

    info: ClassVar[ScenarioInfo] = ScenarioInfo(
        name="pendulum",
        law="the pendulum: I a'' = -m g c sin a; the period grows with the amplitude, the energy stays",
        quantity="period = 4 K(sin(a0 / 2)) sqrt(I / (m g c)), sin(a / 2) = k cd(t sqrt(m g c / I), k)",
        summary="A pendulum swings.",
    )
    tolerances: ClassVar[dict[str, float]] = {"angle_relative_error": 0.003, "energy_relative_error": 0.003}
    ranges: ClassVar[dict[str, Range]] = {
        "reach": Range(0.65, 1.1, "m", held_out=((0.5, 0.6), (1.2, 1.6))),
        "amplitude": Range(25.0, 60.0, "degrees", held_out=((14.0, 22.0), (65.0, 85.0))),
    }
    engines: ClassVar[tuple[str, ...]] = ("mujoco", "bullet")

    def sample(self, rng: np.random.Generator, settings: SceneSettings, root_seed: int, index: int) -> SceneSpec:
        """Draw a pendulum that training's ranges bring to the other side within 0.85 to 1.15 s."""
        side = -1.0 if rng.random() < 0.5 else 1.0
        bob = Bob(self.ranges["reach"].draw(rng, settings), float(rng.uniform(0.2, 0.28)))
        angle = side * math.radians(self.ranges["amplitude"].draw(rng, settings))
        pivot = (float(rng.uniform(-0.4, 0.4)), 0.0, float(rng.uniform(2.3, 2.6)))
        body = bob.body(
            "pendulum",
            "pendulum",
            sample_colors(rng, settings.palette, 1)[0],
            pivot,
            angle,
            Surface(friction=0.0, restitution=0.0),
        )
        return make_scene(
            self.info,
            rng,
            settings,
            root_seed,
            index,
            (body, make_beam(pivot)),
            floor_restitution=0.0,
            joints=(hinge_across(body, pivot),),
        )

    def caption(self, spec: SceneSpec) -> str:
        """Return for example "a red pendulum swings under a brown beam"."""
        return f"{describe(spec.bodies[PENDULUM])} swings under {describe(spec.bodies[BEAM])}"

    def ground_truth(self, spec: SceneSpec) -> dict[str, float]:
        """Return the periods in s of this and of a small swing, the energy in J and the speed in m/s at the bottom."""
        bob, amplitude = Bob.of(spec.bodies[PENDULUM]), start_angle(spec.bodies[PENDULUM])
        return {
            "period_seconds": bob.period(amplitude),
            "small_swing_period_seconds": 2.0 * math.pi / bob.rate,
            "swing_energy": bob.inertia * bob.rate**2 * (1.0 - math.cos(amplitude)),
            "bottom_speed": bob.speed_below(amplitude),
        }

    def residuals(self, spec: SceneSpec, trajectory: Trajectory) -> dict[str, float]:
        """Return the largest error of the angle against the closed form, and of the energy, both relative."""
        bob, amplitude = Bob.of(spec.bodies[PENDULUM]), start_angle(spec.bodies[PENDULUM])
        angle = angle_of(trajectory, PENDULUM)
        expected = bob.swing(amplitude, np.array(spec.seconds))
        energy = 0.5 * trajectory.angular_velocity[:, PENDULUM, 1] ** 2 - bob.rate**2 * np.cos(angle)
        depth = bob.rate**2 * (1.0 - math.cos(amplitude))
        return {
            "angle_relative_error": float(np.abs(angle - expected).max() / abs(amplitude)),
            "energy_relative_error": float(np.abs(energy - energy[0]).max() / depth),
        }
