"""Sliding with friction: on the floor, down a ramp, and into rolling."""

import math
from typing import ClassVar

import numpy as np

from physics_data.core.conventions import STANDARD_GRAVITY
from physics_data.core.scene import Body, Box, Cylinder, SceneSpec, Sphere, Vector3
from physics_data.core.trajectory import Trajectory
from physics_data.scenarios.rolling import roller_radius, rolling_inertia
from physics_data.scenarios.shared.measures import acceleration_along, frames_before, last_frame_before_contact
from physics_data.scenarios.shared.parts import LYING, Slope, make_solid, patterned, slope_across
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


RAMP = 2


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


ROLLER = 1


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
