"""Motion without a force along it, and a spin that friction slows down."""

import math
from typing import ClassVar

import numpy as np

from physics_data.core.mechanics import centre_of_mass, centred, inertia_tensor, volume
from physics_data.core.scene import Body, Box, Compound, Cylinder, Part, SceneSpec, Sphere, Surface
from physics_data.core.trajectory import Trajectory
from physics_data.scenarios.shared.measures import frames_before
from physics_data.scenarios.shared.parts import DENSITY, make_solid, patterned
from physics_data.scenarios.shared.scenario import Range, ScenarioInfo, SceneSettings, describe, make_scene
from physics_data.scenarios.shared.staging import REFERENCE_SECONDS, from_above, speed_within, start_across
from physics_data.variation.colors import sample_colors

FLOOR, MOVER = 0, 1


class UniformMotion:
    """A ball that rolls, or a box or a disc that slides without friction, keeps its velocity."""

    info: ClassVar[ScenarioInfo] = ScenarioInfo(
        name="uniform_motion",
        law="inertia: without a force along the floor the velocity stays, x = x0 + v t",
        quantity="v, and x0 + v t",
        summary="A body glides over a smooth floor.",
    )
    # Nothing acts along the floor. The body settles on it by a few micrometres in its first steps; in Bullet a box that
    # glides 0.5 m was seen 60 micrometres off, which is 1.2e-4 of such a short path.
    tolerances: ClassVar[dict[str, float]] = {"path_relative_error": 3e-4}
    ranges: ClassVar[dict[str, Range]] = {
        "path": Range(1.2, 2.2, "m", held_out=((0.5, 1.0), (2.4, 3.0))),
        "heading": Range(-20.0, 20.0, "degrees; 2.5 times that in the wide layout"),
    }
    engines: ClassVar[tuple[str, ...]] = ("mujoco", "bullet")

    def sample(self, rng: np.random.Generator, settings: SceneSettings, root_seed: int, index: int) -> SceneSpec:
        """Draw a way; some lead nearer to or farther from the camera.

        In the centred layout it takes the whole clip; in the wide one the body goes ``path`` in one second.
        """
        side = -1.0 if rng.random() < 0.5 else 1.0
        radius = float(rng.uniform(*settings.radius))
        path = self.ranges["path"].draw(rng, settings)
        heading = math.radians(self.ranges["heading"].draw(rng, settings))
        speed = path / settings.duration
        velocity = (side * speed * math.cos(heading), speed * math.sin(heading), 0.0)
        middle = float(rng.uniform(-1.0, 1.0)) * max(0.0, 1.45 - 0.5 * path)
        depth = float(rng.uniform(-0.2, 1.2))
        if settings.is_wide:
            heading *= 2.5
            speed = speed_within(path / REFERENCE_SECONDS, settings)
            path = speed * settings.duration
            velocity = (side * speed * math.cos(heading), speed * math.sin(heading), 0.0)
            middle = start_across(rng, velocity[0] * settings.duration) + 0.5 * velocity[0] * settings.duration
        look = sample_colors(rng, settings.palette, 1)[0]
        kind = int(rng.integers(3))
        if kind == 0:
            noun, shape, height, look = "ball", Sphere(radius=radius), radius, patterned(look, 4.0 * radius)
        elif kind == 1:
            noun, shape, height = "box", Box(half_extents=(radius, radius, 0.7 * radius)), 0.7 * radius
        else:
            noun, shape, height = "disc", Cylinder(radius=1.1 * radius, half_height=0.5 * radius), 0.5 * radius
        mover = make_solid(
            "mover",
            noun,
            shape,
            look,
            restitution=0.0,
            position=(middle - 0.5 * path * side * math.cos(heading), depth - 0.5 * path * math.sin(heading), height),
            linear_velocity=velocity,
            angular_velocity=(-velocity[1] / radius, velocity[0] / radius, 0.0) if kind == 0 else (0.0, 0.0, 0.0),
        )
        return make_scene(self.info, rng, settings, root_seed, index, (mover,), floor_restitution=0.0)

    def caption(self, spec: SceneSpec) -> str:
        """Return for example "a red box slides to the left at constant speed"."""
        mover = spec.bodies[MOVER]
        verb = "rolls" if isinstance(mover.shape, Sphere) else "slides"
        side = "right" if mover.linear_velocity[0] > 0 else "left"
        return f"{describe(mover)} {verb} to the {side} at constant speed"

    def ground_truth(self, spec: SceneSpec) -> dict[str, float]:
        """Return the velocity in m/s and the position in the last frame in m, both along x and y."""
        mover, end = spec.bodies[MOVER], spec.seconds[-1]
        return {
            "velocity_x": mover.linear_velocity[0],
            "velocity_y": mover.linear_velocity[1],
            "final_x": mover.position[0] + mover.linear_velocity[0] * end,
            "final_y": mover.position[1] + mover.linear_velocity[1] * end,
        }

    def residuals(self, spec: SceneSpec, trajectory: Trajectory) -> dict[str, float]:
        """Return the largest distance from uniform motion, relative to the path."""
        mover = spec.bodies[MOVER]
        seconds = np.array(spec.seconds)[:, None]
        expected = np.array(mover.position) + np.array(mover.linear_velocity) * seconds
        away = np.linalg.norm(trajectory.position[:, MOVER] - expected, axis=1).max()
        return {"path_relative_error": float(away / np.linalg.norm(expected[-1] - expected[0]))}


SPINNER = 1

FOOT_RADIUS = 0.07
"""Radius of the balls that the spinner stands on, m."""

ELEVATION = 38.0
"""From how high the camera looks down, degrees over the horizon."""


class SpinDecay:
    """A star of three arms spins on a rough floor, with a foot under every arm.

    A face on a floor brakes by a torque that depends on how the pressure is spread over it. Three feet at one distance
    from the axis have one answer: together they carry the weight, and every foot slides along its own circle.
    """

    info: ClassVar[ScenarioInfo] = ScenarioInfo(
        name="spin_decay",
        law="torque: friction mu m g at the distance d of the feet slows the spin evenly, I dw/dt = -mu m g d",
        quantity="spin = w0 - mu m g d / I t, stop_seconds = I w0 / (mu m g d), turns = w0 stop_seconds / (4 pi)",
        summary="A spinner on three feet slows down and stops.",
    )
    tolerances: ClassVar[dict[str, float]] = {"deceleration_relative_error": 0.01, "drift_relative_error": 0.01}
    ranges: ClassVar[dict[str, Range]] = {
        "spin": Range(6.0, 10.0, "rad/s", held_out=((4.0, 5.5), (10.5, 13.0))),
        "friction": Range(0.1, 0.24, "1", held_out=((0.05, 0.08), (0.27, 0.34))),
        "foot_distance": Range(0.42, 0.5, "m", held_out=((0.34, 0.4), (0.52, 0.6))),
    }
    engines: ClassVar[tuple[str, ...]] = ("mujoco", "bullet")

    def sample(self, rng: np.random.Generator, settings: SceneSettings, root_seed: int, index: int) -> SceneSpec:
        """Draw a spinner and a spin either way; training's stop after 0.6 to 2.5 s."""
        way = -1.0 if rng.random() < 0.5 else 1.0
        distance = self.ranges["foot_distance"].draw(rng, settings)
        friction = self.ranges["friction"].draw(rng, settings)
        parts = _spinner(distance, float(rng.uniform(0.08, 0.12)), float(rng.uniform(0.0, 2.0 * math.pi)))
        whole = Compound(parts=tuple(parts))
        spinner = Body(
            name="spinner",
            noun="spinner",
            shape=centred(parts),
            mass=DENSITY * volume(whole),
            surface=Surface(friction=friction, restitution=0.0),
            appearance=sample_colors(rng, settings.palette, 1)[0],
            position=(
                float(rng.uniform(-1.0, 1.0)),
                float(rng.uniform(-0.4, 0.4)),
                float(centre_of_mass(whole)[2]),
            ),
            angular_velocity=(0.0, 0.0, way * self.ranges["spin"].draw(rng, settings)),
        )
        return make_scene(
            self.info,
            rng,
            from_above(settings, ELEVATION),
            root_seed,
            index,
            (spinner,),
            floor_restitution=0.0,
            floor_friction=friction,
        )

    def caption(self, spec: SceneSpec) -> str:
        """Return for example "a red spinner spins on the floor and comes to rest", where the clip shows it."""
        stops = self.ground_truth(spec)["stop_seconds"] < spec.seconds[-1]
        return f"{describe(spec.bodies[SPINNER])} spins on the floor and {'comes to rest' if stops else 'slows down'}"

    def ground_truth(self, spec: SceneSpec) -> dict[str, float]:
        """Return the angular deceleration in rad/s², and the time in s and the turns until it rests."""
        spinner = spec.bodies[SPINNER]
        spin = abs(spinner.angular_velocity[2])
        torque = spinner.surface.friction * spinner.mass * -spec.gravity[2] * _foot_distance(spinner)
        slowing = torque / float(inertia_tensor(spinner)[2, 2])
        return {
            "angular_deceleration": slowing,
            "stop_seconds": spin / slowing,
            "stop_turns": spin**2 / (4.0 * math.pi * slowing),
        }

    def residuals(self, spec: SceneSpec, trajectory: Trajectory) -> dict[str, float]:
        """Return the relative error of the deceleration, and how far it moves relative to the feet's distance."""
        spinner, truth = spec.bodies[SPINNER], self.ground_truth(spec)
        frames = frames_before(spec, truth["stop_seconds"])
        spin = np.abs(trajectory.angular_velocity[frames, SPINNER, 2])
        slowing = truth["angular_deceleration"]
        measured = -float(np.polyfit(spec.seconds[frames], spin, 1)[0]) if len(spin) >= 3 else math.nan
        drift = np.linalg.norm(trajectory.position[:, SPINNER] - np.array(spinner.position), axis=1).max()
        return {
            "deceleration_relative_error": abs(measured - slowing) / slowing,
            "drift_relative_error": float(drift / _foot_distance(spinner)),
        }


def _spinner(distance: float, half_width: float, turn: float) -> list[Part]:
    """Return a hub, and three arms on feet at some distance (m) from the axis; the first points to ``turn`` (rad)."""
    hub, half_height = 0.16, 0.12
    half_length = 0.5 * (distance + 0.1 - hub)
    parts = [
        Part(
            shape=Cylinder(radius=hub, half_height=2.0 * half_height),
            position=(0.0, 0.0, 2.0 * FOOT_RADIUS + 2.0 * half_height),
        )
    ]
    for angle in (turn + 2.0 * math.pi * arm / 3.0 for arm in range(3)):
        x, y = math.cos(angle), math.sin(angle)
        middle = hub + half_length
        parts.append(
            Part(
                shape=Box(half_extents=(half_length, half_width, half_height)),
                position=(middle * x, middle * y, 2.0 * FOOT_RADIUS + half_height),
                orientation=(math.cos(0.5 * angle), 0.0, 0.0, math.sin(0.5 * angle)),
            )
        )
        parts.append(Part(shape=Sphere(radius=FOOT_RADIUS), position=(distance * x, distance * y, FOOT_RADIUS)))
    return parts


def _foot_distance(spinner: Body) -> float:
    """Return how far the feet are from the axis, m."""
    assert isinstance(spinner.shape, Compound), "the spinner is made of parts"
    x, y, _ = spinner.shape.parts[-1].position
    return math.hypot(x, y)
