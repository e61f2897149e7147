"""A box slides over the floor until friction stops it."""

import math
from typing import ClassVar

import numpy as np

from physics_data.core.conventions import STANDARD_GRAVITY
from physics_data.core.scene import Body, Box, SceneSpec
from physics_data.core.trajectory import Trajectory
from physics_data.scenarios.shared.measures import acceleration_along, frames_before
from physics_data.scenarios.shared.parts import make_solid
from physics_data.scenarios.shared.scenario import Range, ScenarioInfo, SceneSettings, describe, make_scene
from physics_data.scenarios.shared.staging import DEPTHS, draw_heading, facing, on_floor, start_across
from physics_data.variation.colors import sample_colors

FLOOR, BOX = 0, 1


class SlideFloor:
    """A flat box is sent across a rough floor."""

    info: ClassVar[ScenarioInfo] = ScenarioInfo(
        name="slide_floor",
        law="Coulomb's friction: a sliding box slows by mu g, whatever its speed, and then stays",
        quantity="deceleration = mu g, stop_distance = v² / (2 mu g), stop_seconds = v / (mu g)",
        summary="A box slides over the floor until friction stops it.",
    )
    tolerances: ClassVar[dict[str, float]] = {"friction_relative_error": 0.01, "path_relative_error": 0.01}
    ranges: ClassVar[dict[str, Range]] = {
        "speed": Range(1.8, 2.5, "m/s", held_out=((1.2, 1.6), (2.6, 3.0))),
        "friction": Range(0.24, 0.45, "1", held_out=((0.14, 0.21), (0.5, 0.65))),
    }
    engines: ClassVar[tuple[str, ...]] = ("mujoco", "bullet")

    def sample(self, rng: np.random.Generator, settings: SceneSettings, root_seed: int, index: int) -> SceneSpec:
        """Draw a slide; training's stop after 0.4 to 1.06 s. In the centred layout it starts near one side."""
        side = -1.0 if rng.random() < 0.5 else 1.0
        friction = self.ranges["friction"].draw(rng, settings)
        half = (float(rng.uniform(0.26, 0.38)), float(rng.uniform(0.26, 0.38)), float(rng.uniform(0.16, 0.24)))
        box = make_solid(
            "box",
            "box",
            Box(half_extents=half),
            sample_colors(rng, settings.palette, 1)[0],
            friction=friction,
            position=(-side * float(rng.uniform(1.2, 1.5)), float(rng.uniform(-0.2, 0.3)), half[2]),
            linear_velocity=(side * self.ranges["speed"].draw(rng, settings), 0.0, 0.0),
        )
        if settings.is_wide:
            box = self._elsewhere(rng, box, friction)
        return make_scene(
            self.info, rng, settings, root_seed, index, (box,), floor_restitution=0.0, floor_friction=friction
        )

    def _elsewhere(self, rng: np.random.Generator, box: Body, friction: float) -> Body:
        """Return the box with the same speed and another heading, on a way that is seen for a part at least."""
        speed, heading = abs(box.linear_velocity[0]), draw_heading(rng)
        way = heading[0] * speed**2 / (2.0 * friction * STANDARD_GRAVITY)
        place = np.array([start_across(rng, way), rng.uniform(*DEPTHS)])
        return box.model_copy(
            update={
                "position": on_floor(place, box.position[2]),
                "orientation": facing(heading * math.copysign(1.0, heading[0])),
                "linear_velocity": on_floor(speed * heading, 0.0),
            }
        )

    def caption(self, spec: SceneSpec) -> str:
        """Return for example "a red box slides over the floor and comes to rest", where the clip shows it."""
        truth = self.ground_truth(spec)
        end = "comes to rest" if truth["stop_seconds"] < spec.seconds[-1] else "slows down"
        return f"{describe(spec.bodies[BOX])} slides over the floor and {end}"

    def ground_truth(self, spec: SceneSpec) -> dict[str, float]:
        """Return the friction, the deceleration in m/s², and the way in m and time in s until it rests."""
        box = spec.bodies[BOX]
        speed, deceleration = float(np.linalg.norm(box.linear_velocity)), -box.surface.friction * spec.gravity[2]
        return {
            "friction": box.surface.friction,
            "deceleration": deceleration,
            "stop_distance": speed**2 / (2.0 * deceleration),
            "stop_seconds": speed / deceleration,
        }

    def residuals(self, spec: SceneSpec, trajectory: Trajectory) -> dict[str, float]:
        """Return the relative error of the friction from the fitted deceleration, and of the way at every frame."""
        box, truth = spec.bodies[BOX], self.ground_truth(spec)
        speed = float(np.linalg.norm(box.linear_velocity))
        ahead = np.array(box.linear_velocity) / speed
        sliding = frames_before(spec, truth["stop_seconds"])
        measured = acceleration_along(spec, trajectory, BOX, on_floor(-ahead[:2], 0.0), sliding)
        seconds = np.minimum(spec.seconds, truth["stop_seconds"])
        expected = speed * seconds - 0.5 * truth["deceleration"] * seconds**2
        way = trajectory.position[:, BOX] - np.array(box.position)
        away = np.linalg.norm(way - expected[:, None] * ahead, axis=1).max()
        return {
            "friction_relative_error": abs(measured - truth["deceleration"]) / truth["deceleration"],
            "path_relative_error": float(away / abs(expected[-1])),
        }
