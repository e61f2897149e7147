"""Rolling down a ramp, and on to a target."""

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from physics_data.core.conventions import STANDARD_GRAVITY
from physics_data.core.mechanics import solid_inertia
from physics_data.core.scene import Body, Box, Capsule, Cylinder, SceneSpec, Sphere
from physics_data.core.trajectory import Trajectory
from physics_data.scenarios.shared.measures import acceleration_along, first_contact_seconds, last_frame_before_contact
from physics_data.scenarios.shared.parts import LYING, Slope, make_fixture, make_solid, patterned, slope_across
from physics_data.scenarios.shared.pendulums import half_extents
from physics_data.scenarios.shared.scenario import Range, ScenarioInfo, SceneSettings, ball_radius, describe, make_scene
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


BALL, POST, SLOPE, STAND = 1, 2, 3, 4
THICKNESS = 0.1
"""Of the board that the ball rolls on, m."""

CLEARANCE = 0.07
"""By how much the ball hits or misses at least, m."""


@dataclass(frozen=True)
class Ride:
    """The way of the ball: down the slope without slipping, and in free flight from its end. SI units."""

    slope: Slope
    radius: float
    start: float
    speed: float
    gravity: float = STANDARD_GRAVITY

    @property
    def acceleration(self) -> float:
        """Along the slope, m/s²."""
        return 5.0 / 7.0 * self.gravity * math.sin(self.slope.angle)

    @property
    def end_speed(self) -> float:
        """At the end of the slope, m/s."""
        return math.sqrt(self.speed**2 + 2.0 * self.acceleration * (0.5 * self.slope.length - self.start))

    @property
    def end_seconds(self) -> float:
        """When the ball leaves the slope, s."""
        return (self.end_speed - self.speed) / self.acceleration

    def position(self, seconds: float) -> np.ndarray:
        """Return where the middle of the ball is at a time before it meets anything, m."""
        if seconds <= self.end_seconds:
            along = self.start + self.speed * seconds + 0.5 * self.acceleration * seconds**2
            return np.array(self.slope.point(along, self.radius))
        flight = seconds - self.end_seconds
        end = np.array(self.slope.point(0.5 * self.slope.length, self.radius))
        fall = np.array([0.0, 0.0, 0.5 * self.gravity * flight**2])
        return end + self.end_speed * flight * np.array(self.slope.down) - fall

    def seconds_beyond(self, distance: float) -> float:
        """Return when the middle of the flying ball is so far beyond the end of the slope, horizontally, s.

        It leaves with its middle ``radius * sin(angle)`` beyond it.
        """
        return self.end_seconds + (distance - self.radius * math.sin(self.slope.angle)) / (
            self.end_speed * math.cos(self.slope.angle)
        )


class RampToTarget:
    """Rolling, flight and impact in one chain; the post is in the way, or too low, or beside it."""

    info: ClassVar[ScenarioInfo] = ScenarioInfo(
        name="ramp_to_target",
        law="rolling and then free flight: a = 5/7 g sin a on the ramp, a parabola from its end",
        quantity="end_speed = sqrt(v² + 10/7 g D sin a); hits = the parabola meets the post; hit_seconds",
        summary="A ball rolls off a ramp and hits a post or misses it.",
    )
    tolerances: ClassVar[dict[str, float]] = {
        "outcome_error": 0.0,
        "path_error": 0.01,
        "hit_seconds_error": 0.01,
    }
    ranges: ClassVar[dict[str, Range]] = {
        "angle": Range(18.0, 25.0, "degrees", held_out=((14.0, 17.0), (26.0, 29.0))),
        "speed": Range(1.2, 1.6, "m/s", held_out=((1.0, 1.15), (1.7, 2.0))),
    }
    engines: ClassVar[tuple[str, ...]] = ("mujoco", "bullet")

    def sample(self, rng: np.random.Generator, settings: SceneSettings, root_seed: int, index: int) -> SceneSpec:
        """Draw first whether the ball hits, then a ramp, and a post that makes it so."""
        hits = rng.random() < 0.5
        over = rng.random() < 0.5
        side = -1.0 if rng.random() < 0.5 else 1.0
        friction = float(rng.uniform(0.6, 0.9))
        radius = float(rng.uniform(0.17, 0.2))
        angle = math.radians(self.ranges["angle"].draw(rng, settings))
        length = float(rng.uniform(0.95, 1.1))
        end = float(rng.uniform(1.05, 1.25))
        middle = (-side * float(rng.uniform(0.9, 1.05)), 0.0, end + 0.5 * length * math.sin(angle))
        slope = Slope(angle, side, middle, length)
        ride = Ride(
            slope, radius, -0.5 * length + float(rng.uniform(0.05, 0.15)), self.ranges["speed"].draw(rng, settings)
        )
        half_width, half_depth = float(rng.uniform(0.15, 0.18)), float(rng.uniform(0.15, 0.2))
        beside = 0.0
        if not hits and over:
            distance = float(rng.uniform(0.02, 0.12)) + half_width
            cleared = ride.position(ride.seconds_beyond(distance + half_width + radius))[2] - radius - CLEARANCE
            height = min(cleared, end - 0.1) - float(rng.uniform(0.0, 0.1))
        else:
            distance = float(rng.uniform(0.55, 0.75)) + half_width
            met = ride.position(ride.seconds_beyond(distance - half_width - radius))[2]
            height = met + CLEARANCE + float(rng.uniform(0.0, 0.25))
            if not hits:
                beside = (1.0 if rng.random() < 0.5 else -1.0) * (
                    radius + half_depth + CLEARANCE + float(rng.uniform(0.0, 0.15))
                )
        ball_look, post_look = sample_colors(rng, settings.palette, 2)
        x, _, z = slope.point(ride.start, radius)
        vx, vy, vz = (ride.speed * c for c in slope.down)
        ball = make_solid(
            "ball",
            "ball",
            Sphere(radius=radius),
            patterned(ball_look, 4.0 * radius),
            friction=friction,
            position=(x, 0.0, z),
            linear_velocity=(vx, vy, vz),
            angular_velocity=(0.0, side * ride.speed / radius, 0.0),
        )
        ball = ball.model_copy(update={"mass": 3.0 * ball.mass})
        edge = slope.point(0.5 * length, 0.0)[0]
        post = make_solid(
            "post",
            "post",
            Box(half_extents=(half_width, half_depth, 0.5 * height)),
            post_look,
            friction=friction,
            position=(edge + side * distance, beside, 0.5 * height),
        )
        return make_scene(
            self.info,
            rng,
            settings,
            root_seed,
            index,
            (ball, post, *_ramp(slope, friction)),
            floor_restitution=0.0,
            floor_friction=friction,
            spread=0.3,
        )

    def caption(self, spec: SceneSpec) -> str:
        """Return for example "a red ball rolls off a brown ramp and hits a blue post"."""
        ball, post, ramp = (describe(spec.bodies[k]) for k in (BALL, POST, SLOPE))
        return f"{ball} rolls off {ramp} and {'hits' if self.ground_truth(spec)['hits'] else 'misses'} {post}"

    def ground_truth(self, spec: SceneSpec) -> dict[str, float]:
        """Return speed in m/s and time in s at the end of the ramp, whether the ball hits the post, and then when."""
        ride, post = _ride(spec), spec.bodies[POST]
        half_width, half_depth, half_height = half_extents(post)
        edge = ride.slope.point(0.5 * ride.slope.length, 0.0)[0]
        seconds = ride.seconds_beyond(abs(post.position[0] - edge) - half_width - ride.radius)
        is_high = seconds > ride.end_seconds and ride.position(seconds)[2] < 2.0 * half_height
        hits = is_high and abs(post.position[1]) < half_depth
        truth = {"end_speed": ride.end_speed, "end_seconds": ride.end_seconds, "hits": float(hits)}
        return truth | ({"hit_seconds": seconds} if hits else {})

    def residuals(self, spec: SceneSpec, trajectory: Trajectory) -> dict[str, float]:
        """Return whether the ball hits the post otherwise than predicted (0 or 1), its largest distance from the
        predicted way before it meets anything in m, and the error of the time of the hit in s."""
        truth, ride = self.ground_truth(spec), _ride(spec)
        meets = [first_contact_seconds(trajectory, BALL, [k]) for k in (POST, FLOOR)]
        free = min([spec.seconds[-1], *(seconds for seconds in meets if not math.isnan(seconds))])
        frames = [k for k, seconds in enumerate(spec.seconds) if seconds <= free]
        expected = np.array([ride.position(spec.seconds[k]) for k in frames])
        away = np.linalg.norm(trajectory.position[frames, BALL] - expected, axis=1).max()
        return {
            "outcome_error": float(math.isnan(meets[0]) == bool(truth["hits"])),
            "path_error": float(away),
            "hit_seconds_error": abs(meets[0] - truth["hit_seconds"]) if truth["hits"] else 0.0,
        }


def _ramp(slope: Slope, friction: float) -> tuple[Body, Body]:
    """Return a board whose upper face is the slope, and the leg below it."""
    board = make_fixture(
        "ramp",
        "ramp",
        Box(half_extents=(0.5 * slope.length, 0.3, 0.5 * THICKNESS)),
        friction=friction,
        position=slope.point(0.0, -0.5 * THICKNESS),
        orientation=slope.orientation,
    )
    half_width = 0.1
    x, _, z = slope.point(0.0, -THICKNESS)
    top = z - half_width * math.tan(slope.angle)
    leg = make_fixture("leg", "ramp", Box(half_extents=(half_width, 0.2, 0.5 * top)), position=(x, 0.0, 0.5 * top))
    return board, leg


def _ride(spec: SceneSpec) -> Ride:
    """Return the predicted way of the ball of a scene."""
    slope, ball = Slope.of(spec.bodies[SLOPE]), spec.bodies[BALL]
    along = float(np.subtract(ball.position, slope.point(0.0, 0.0)) @ np.array(slope.down))
    speed = float(np.linalg.norm(ball.linear_velocity))
    return Ride(slope, ball_radius(ball), along, speed, -spec.gravity[2])
