"""A box on a ramp slides on or stops."""

import math
from typing import ClassVar

import numpy as np

from physics_data.core.scene import Box, SceneSpec, Vector3
from physics_data.core.trajectory import Trajectory
from physics_data.scenarios.shared.measures import last_frame_before_contact
from physics_data.scenarios.shared.parts import Slope, make_solid, slope_across
from physics_data.scenarios.shared.scenario import Range, ScenarioInfo, SceneSettings, describe, make_scene
from physics_data.variation.colors import sample_colors

FLOOR, BOX, RAMP = 0, 1, 2


class SlideIncline:
    """A box is sent down a ramp with a small push; half of the boxes are so rough that they stop and stay."""

    info: ClassVar[ScenarioInfo] = ScenarioInfo(
        name="slide_incline",
        law="Coulomb's friction on a slope: a sliding box gains speed where mu < tan a, else it stops and sticks",
        quantity="acceleration = g (sin a - mu cos a); where negative, stop_distance = v² / (2 |acceleration|)",
        summary="A box on a ramp slides on or stops.",
    )
    # Of the way that the box would make without friction, and of the length of the ramp.
    # Relative to the way itself, 5 cm to 2 m: boxes that stop at once are wrong by up to 0.7 % of it.
    tolerances: ClassVar[dict[str, float]] = {"path_relative_error": 0.01, "sideways_relative_error": 0.001}
    ranges: ClassVar[dict[str, Range]] = {
        "angle": Range(20.0, 30.0, "degrees", held_out=((14.0, 18.0), (32.0, 36.0))),
        "speed": Range(0.8, 1.2, "m/s", held_out=((0.55, 0.7), (1.3, 1.5))),
        "friction_of_sliding": Range(0.5, 0.8, "tan a", held_out=((0.25, 0.45), (0.84, 0.9))),
        "friction_of_sticking": Range(1.4, 1.7, "tan a", held_out=((1.3, 1.36), (1.75, 2.1))),
    }
    engines: ClassVar[tuple[str, ...]] = ("mujoco", "bullet")

    def sample(self, rng: np.random.Generator, settings: SceneSettings, root_seed: int, index: int) -> SceneSpec:
        """Draw whether it slides on, then a slope, then a friction that makes it so."""
        slides = rng.random() < 0.5
        side = -1.0 if rng.random() < 0.5 else 1.0
        angle = math.radians(self.ranges["angle"].draw(rng, settings))
        share = self.ranges["friction_of_sliding" if slides else "friction_of_sticking"].draw(rng, settings)
        friction, speed = share * math.tan(angle), self.ranges["speed"].draw(rng, settings)
        half = (float(rng.uniform(0.22, 0.32)), float(rng.uniform(0.22, 0.32)), float(rng.uniform(0.14, 0.2)))
        slope = slope_across(angle, side)
        velocity: Vector3 = (speed * slope.down[0], 0.0, speed * slope.down[2])
        box = make_solid(
            "box",
            "box",
            Box(half_extents=half),
            sample_colors(rng, settings.palette, 1)[0],
            friction=friction,
            position=slope.point(-0.5 * slope.length + half[0] + float(rng.uniform(0.1, 0.3)), half[2]),
            orientation=slope.orientation,
            linear_velocity=velocity,
        )
        ramp = slope.slab(0.55, friction)
        return make_scene(
            self.info, rng, settings, root_seed, index, (box, ramp), floor_restitution=0.0, floor_friction=friction
        )

    def caption(self, spec: SceneSpec) -> str:
        """Return for example "a red box slides a little way down a brown ramp and stops", where the clip shows it."""
        truth = self.ground_truth(spec)
        box, ramp = describe(spec.bodies[BOX]), describe(spec.bodies[RAMP])
        if truth["slides"]:
            return f"{box} slides down {ramp}"
        end = "stops" if truth["stop_seconds"] < spec.seconds[-1] else "slows down"
        return f"{box} slides a little way down {ramp} and {end}"

    def ground_truth(self, spec: SceneSpec) -> dict[str, float]:
        """Return the acceleration in m/s² down the slope while it moves, the frictions, and 1 if it slides on.

        For a box that stops also the way in m and the time in s until then.
        """
        box, angle = spec.bodies[BOX], Slope.of(spec.bodies[RAMP]).angle
        friction = box.surface.friction
        acceleration = -spec.gravity[2] * (math.sin(angle) - friction * math.cos(angle))
        truth = {
            "acceleration": acceleration,
            "friction": friction,
            "critical_friction": math.tan(angle),
            "slides": float(acceleration > 0),
        }
        if acceleration < 0:
            speed = float(np.linalg.norm(box.linear_velocity))
            truth |= {"stop_distance": -(speed**2) / (2.0 * acceleration), "stop_seconds": -speed / acceleration}
        return truth

    def residuals(self, spec: SceneSpec, trajectory: Trajectory) -> dict[str, float]:
        """Return the errors of the way down the slope before the floor is reached, and the largest distance from it."""
        box, slope, truth = spec.bodies[BOX], Slope.of(spec.bodies[RAMP]), self.ground_truth(spec)
        frames = last_frame_before_contact(trajectory, FLOOR, BOX) + 1
        seconds = np.array(spec.seconds[:frames])
        moving = np.minimum(seconds, truth.get("stop_seconds", math.inf))
        speed = float(np.linalg.norm(box.linear_velocity))
        expected = speed * moving + 0.5 * truth["acceleration"] * moving**2
        way = trajectory.position[:frames, BOX] - np.array(box.position)
        along = way @ np.array(slope.down)
        off = np.linalg.norm(way - along[:, None] * np.array(slope.down), axis=1).max()
        return {
            "path_relative_error": float(np.abs(along - expected).max() / expected[-1]),
            "sideways_relative_error": float(off / expected[-1]),
        }
