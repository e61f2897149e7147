"""A sliding ball begins to roll."""

from typing import ClassVar

import numpy as np

from physics_data.core.scene import Cylinder, SceneSpec, Sphere
from physics_data.core.trajectory import Trajectory
from physics_data.scenarios.roll_incline import roller_radius, rolling_inertia
from physics_data.scenarios.shared.parts import LYING, make_solid, patterned
from physics_data.scenarios.shared.scenario import Range, ScenarioInfo, SceneSettings, describe, make_scene
from physics_data.scenarios.shared.staging import DEPTHS, start_across
from physics_data.variation.colors import sample_colors

FLOOR, ROLLER = 0, 1


class SlideToRoll:
    """A ball or a cylinder is sent off without spin, or with backspin; friction turns sliding into rolling."""

    info: ClassVar[ScenarioInfo] = ScenarioInfo(
        name="slide_to_roll",
        law="friction at the point of contact slows the slide and drives the spin until the point stands still",
        quantity="final_speed = (v + k w r) / (1 + k), k = I / m r²: 5/7 v for a ball without spin",
        summary="A sliding ball begins to roll.",
    )
    # The final speed follows from angular momentum about the floor alone, whatever friction does in between.
    tolerances: ClassVar[dict[str, float]] = {"final_speed_relative_error": 0.005, "path_relative_error": 0.005}
    ranges: ClassVar[dict[str, Range]] = {
        "speed": Range(2.0, 2.8, "m/s", held_out=((1.4, 1.8), (3.0, 3.4))),
        "friction": Range(0.15, 0.3, "1", held_out=((0.34, 0.5),)),
        "backspin": Range(0.0, 0.6, "v / r", held_out=((0.7, 1.0),)),
    }
    engines: ClassVar[tuple[str, ...]] = ("mujoco", "bullet")

    def sample(self, rng: np.random.Generator, settings: SceneSettings, root_seed: int, index: int) -> SceneSpec:
        """Draw a shot from one side; half of them have no spin. Training's roll after 0.2 to 0.9 s."""
        side = -1.0 if rng.random() < 0.5 else 1.0
        is_ball = rng.random() < 0.6
        radius = float(rng.uniform(*settings.radius))
        friction = self.ranges["friction"].draw(rng, settings)
        speed = self.ranges["speed"].draw(rng, settings)
        backspin = self.ranges["backspin"].draw(rng, settings)
        if rng.random() < 0.5 and settings.ranges == "train":
            backspin = 0.0
        roller = make_solid(
            "roller",
            "ball" if is_ball else "cylinder",
            Sphere(radius=radius) if is_ball else Cylinder(radius=radius, half_height=float(rng.uniform(0.2, 0.4))),
            patterned(sample_colors(rng, settings.palette, 1)[0], 4.0 * radius),
            friction=friction,
            position=(-side * float(rng.uniform(1.2, 1.45)), 0.0, radius),
            orientation=(1.0, 0.0, 0.0, 0.0) if is_ball else LYING,
            linear_velocity=(side * speed, 0.0, 0.0),
            angular_velocity=(0.0, -side * backspin * speed / radius, 0.0),
        )
        if settings.is_wide:
            place = (start_across(rng, side * speed * min(1.0, settings.duration)), float(rng.uniform(*DEPTHS)), radius)
            roller = roller.model_copy(update={"position": place})
        return make_scene(
            self.info, rng, settings, root_seed, index, (roller,), floor_restitution=0.0, floor_friction=friction
        )

    def caption(self, spec: SceneSpec) -> str:
        """Return for example "a red ball slides over the floor and begins to roll", where the clip shows it."""
        words = f"{describe(spec.bodies[ROLLER])} slides over the floor"
        return f"{words} and begins to roll" if self.ground_truth(spec)["roll_seconds"] < spec.seconds[-1] else words

    def ground_truth(self, spec: SceneSpec) -> dict[str, float]:
        """Return the velocity in m/s along x once it rolls, the time in s of that, and the deceleration in m/s²."""
        roller = spec.bodies[ROLLER]
        share, surface_speed = rolling_inertia(roller), roller.angular_velocity[1] * roller_radius(roller)
        velocity, deceleration = roller.linear_velocity[0], -roller.surface.friction * spec.gravity[2]
        final = (velocity + share * surface_speed) / (1.0 + share)
        return {
            "final_velocity": final,
            "roll_seconds": abs(velocity - final) / deceleration,
            "deceleration": deceleration,
        }

    def residuals(self, spec: SceneSpec, trajectory: Trajectory) -> dict[str, float]:
        """Return the error of the last velocity and the largest one of the way, relative to them.

        In a clip that ends before the ball rolls, the last velocity is that of the slide.
        """
        roller, truth = spec.bodies[ROLLER], self.ground_truth(spec)
        velocity = roller.linear_velocity[0]
        seconds = np.array(spec.seconds)
        slide = np.minimum(seconds, truth["roll_seconds"])
        pull = np.sign(velocity) * truth["deceleration"]
        speed = velocity - pull * slide
        way = velocity * slide - 0.5 * pull * slide**2 + speed * (seconds - slide)
        away = np.abs(trajectory.position[:, ROLLER, 0] - roller.position[0] - way).max()
        return {
            "final_speed_relative_error": float(
                abs(trajectory.linear_velocity[-1, ROLLER, 0] - speed[-1]) / abs(speed[-1])
            ),
            "path_relative_error": float(away / abs(way[-1])),
        }
