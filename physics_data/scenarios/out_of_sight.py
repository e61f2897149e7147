"""Objects are out of sight: the camera looks away, or they are in a tunnel."""

from typing import ClassVar

import numpy as np
from jaxtyping import Float

from physics_data.core.mechanics import centre_of_mass, centred
from physics_data.core.scene import Body, Box, Compound, Part, SceneSpec, Surface
from physics_data.core.trajectory import Trajectory
from physics_data.scenarios.shared.measures import uniform_motion_error
from physics_data.scenarios.shared.scenario import (
    Range,
    ScenarioInfo,
    SceneSettings,
    ball_radius,
    describe,
    make_ball,
    make_scene,
)
from physics_data.scenarios.shared.staging import REFERENCE_SECONDS, speed_within, start_across
from physics_data.variation.colors import SCREEN, sample_colors

BALL = 1


class LookAway:
    """Nobody watches for a while; a ball that rolled has rolled on meanwhile, one that lay there still lies there."""

    info: ClassVar[ScenarioInfo] = ScenarioInfo(
        name="look_away",
        law="inertia, and a world that goes on out of view",
        quantity="x = x0 + v t, also while the camera looks elsewhere; v = 0 for half of the balls",
        summary="The camera turns away from a ball and comes back to it.",
    )
    # Nothing acts on the ball along its path. It settles on the floor by a few micrometres in its first steps.
    tolerances: ClassVar[dict[str, float]] = {"path_relative_error": 1e-4}
    ranges: ClassVar[dict[str, Range]] = {"travel": Range(1.4, 2.6, "m", held_out=((0.8, 1.2), (2.75, 3.0)))}
    engines: ClassVar[tuple[str, ...]] = ("mujoco", "bullet")

    def sample(self, rng: np.random.Generator, settings: SceneSettings, root_seed: int, index: int) -> SceneSpec:
        """Draw whether the ball rolls, then its way; the camera looks away whatever the settings say."""
        rolls = rng.random() < 0.5
        side = -1.0 if rng.random() < 0.5 else 1.0
        radius = float(rng.uniform(*settings.radius))
        travel = self.ranges["travel"].draw(rng, settings)
        off_middle = float(rng.uniform(-0.1, 0.1))
        place = float(rng.uniform(-1.2, 1.2))
        speed = side * travel / settings.duration if rolls else 0.0
        start = off_middle - 0.5 * side * travel if rolls else place
        if settings.is_wide and rolls:
            speed = side * speed_within(0.8 * travel / REFERENCE_SECONDS, settings)
            start = start_across(rng, speed * settings.duration)
        ball = make_ball(
            "ball",
            radius,
            sample_colors(rng, settings.palette, 1)[0],
            restitution=0.5,
            position=(start, 0.0, radius),
            linear_velocity=(speed, 0.0, 0.0),
            angular_velocity=(0.0, speed / radius, 0.0),
        )
        settings = settings.model_copy(update={"camera_motion": "look_away"})
        return make_scene(self.info, rng, settings, root_seed, index, (ball,), floor_restitution=0.5)

    def caption(self, spec: SceneSpec) -> str:
        """Return for example "the camera looks away while a red ball rolls on, and comes back"."""
        verb = "rolls on" if spec.bodies[BALL].linear_velocity[0] else "lies still"
        return f"the camera looks away while {describe(spec.bodies[BALL])} {verb}, and comes back"

    def ground_truth(self, spec: SceneSpec) -> dict[str, float]:
        """Return the velocity in m/s, and where the ball is along x as the camera is back, and at the end, in m."""
        ball = spec.bodies[BALL]
        velocity, back = ball.linear_velocity[0], spec.camera.path[-1].seconds
        return {
            "velocity": velocity,
            "seconds_of_return": back,
            "position_at_return": ball.position[0] + velocity * back,
            "final_position": ball.position[0] + velocity * spec.seconds[-1],
        }

    def residuals(self, spec: SceneSpec, trajectory: Trajectory) -> dict[str, float]:
        """Return the largest distance from uniform motion, relative to the path, or to the radius of a ball at rest."""
        return {"path_relative_error": uniform_motion_error(spec, trajectory, BALL)}


FLOOR, TUNNEL, FIRST_BALL = 0, 1, 2
HALF_DEPTH = 0.35
ROOF = 0.06


class Tunnel:
    """Two or three equal balls; in half of the scenes one catches up with another where nobody sees it."""

    info: ClassVar[ScenarioInfo] = ScenarioInfo(
        name="tunnel",
        law="solidity and number: as many balls leave as enter, in their order; equal balls exchange their velocities",
        quantity="x_i(t) - 2 r i, sorted, are the free ways x_i(0) - 2 r i + v_i t, sorted: for e = 1 and equal masses",
        summary="Balls roll into a tunnel one after the other and come out in the same order.",
    )
    # A contact is seen up to one engine step late: the balls then overlap by up to 1 mm and are apart by as much later.
    tolerances: ClassVar[dict[str, float]] = {"path_error_relative": 0.02, "order_changes": 0.0}
    ranges: ClassVar[dict[str, Range]] = {
        "radius": Range(0.16, 0.18, "m"),
        "travel": Range(2.4, 2.6, "m", held_out=((2.1, 2.3),)),
        "gap": Range(0.08, 0.16, "m", held_out=((0.18, 0.25),)),
        "meeting": Range(0.45, 0.55, "of the clip", held_out=((0.4, 0.44), (0.56, 0.6))),
    }
    engines: ClassVar[tuple[str, ...]] = ("mujoco", "bullet")

    def sample(self, rng: np.random.Generator, settings: SceneSettings, root_seed: int, index: int) -> SceneSpec:
        """Draw whether two of the balls meet in the tunnel, then the train of balls."""
        is_meeting = rng.random() < 0.5
        side = -1.0 if rng.random() < 0.5 else 1.0
        count = int(rng.integers(2, 4))
        radius = self.ranges["radius"].draw(rng, settings)
        speed = self.ranges["travel"].draw(rng, settings) / settings.duration
        gaps = [self.ranges["gap"].draw(rng, settings) for _ in range(count - 1)]
        meeting = self.ranges["meeting"].draw(rng, settings) * settings.duration
        pair = int(rng.integers(count - 1))
        half_length = float(rng.uniform(0.42, 0.52))
        # Ball 0 is in front.
        places = [-2.0 * radius * number - sum(gaps[:number]) for number in range(count)]
        speeds = [speed] * count
        if is_meeting:
            # Of the others, those in front are fast and those behind are slow, so that nobody meets a second time.
            for number in range(count):
                is_fast = number < pair or number == pair + 1
                speeds[number] += (0.5 if is_fast else -0.5) * gaps[pair] / meeting
        # The first ball starts as far before the tunnel's middle as the last one ends behind it.
        ends = [place + each * settings.duration for place, each in zip(places, speeds, strict=True)]
        last = min(end + 2.0 * radius * number for number, end in enumerate(ends)) - 2.0 * radius * (count - 1)
        middle = 0.5 * (places[0] + last)
        half_length = min(half_length, 0.5 * (last - places[0]) - radius - 0.03)
        balls = [
            make_ball(
                f"ball_{number + 1}",
                radius,
                look,
                restitution=1.0,
                position=(side * (places[number] - middle), 0.0, radius),
                linear_velocity=(side * speeds[number], 0.0, 0.0),
                angular_velocity=(0.0, side * speeds[number] / radius, 0.0),
            )
            for number, look in enumerate(sample_colors(rng, settings.palette, count))
        ]
        bodies = (_tunnel(half_length, 2.0 * radius + 0.12), *balls)
        return make_scene(self.info, rng, settings, root_seed, index, bodies, floor_restitution=1.0, keeps_side=True)

    def caption(self, spec: SceneSpec) -> str:
        """Return for example "a red ball and then a blue ball roll into a grey tunnel and come out in this order"."""
        names = " and then ".join(describe(ball) for ball in _balls(spec))
        return f"{names} roll into {describe(spec.bodies[TUNNEL])} and come out in this order"

    def ground_truth(self, spec: SceneSpec) -> dict[str, float]:
        """Return the number of balls and where each is along x in the last frame, m."""
        ends = _expected(spec)[-1]
        places = {f"{ball.name}_final_position": float(end) for ball, end in zip(_balls(spec), ends, strict=True)}
        return {"number_of_balls": float(len(ends))} | places

    def residuals(self, spec: SceneSpec, trajectory: Trajectory) -> dict[str, float]:
        """Return the largest distance of a ball from its way, relative to the radius, and the changes of order."""
        count = len(_balls(spec))
        x = trajectory.position[:, FIRST_BALL : FIRST_BALL + count, 0]
        radius = ball_radius(spec.bodies[FIRST_BALL])
        ahead = -_side(spec) * np.diff(x, axis=1)
        return {
            "path_error_relative": float(np.abs(x - _expected(spec)).max() / radius),
            "order_changes": float((ahead <= 0.0).sum()),
        }


def _balls(spec: SceneSpec) -> list[Body]:
    return [body for body in spec.bodies if body.name.startswith("ball_")]


def _side(spec: SceneSpec) -> float:
    """Return 1 where the balls roll to the right, -1 to the left."""
    return float(np.sign(spec.bodies[FIRST_BALL].linear_velocity[0]))


def _expected(spec: SceneSpec) -> Float[np.ndarray, "t n"]:
    """Return where every ball is along x at every frame, m."""
    balls, side = _balls(spec), _side(spec)
    lengths = 2.0 * ball_radius(balls[0]) * np.arange(len(balls))
    start = side * np.array([ball.position[0] for ball in balls]) + lengths
    speed = side * np.array([ball.linear_velocity[0] for ball in balls])
    free = start + np.array(spec.seconds)[:, None] * speed
    return side * (np.sort(free, axis=1)[:, ::-1] - lengths)


def _tunnel(half_length: float, height: float) -> Body:
    """Return a tunnel along x: two walls and a roof, open at both ends."""
    wall = Box(half_extents=(half_length, 0.03, 0.5 * height))
    parts = (
        Part(shape=wall, position=(0.0, -HALF_DEPTH, 0.5 * height)),
        Part(shape=wall, position=(0.0, HALF_DEPTH, 0.5 * height)),
        Part(
            shape=Box(half_extents=(half_length, HALF_DEPTH + 0.03, 0.5 * ROOF)),
            position=(0.0, 0.0, height + 0.5 * ROOF),
        ),
    )
    x, y, z = (float(value) for value in centre_of_mass(Compound(parts=parts)))
    return Body(
        name="tunnel",
        noun="tunnel",
        shape=centred(parts),
        role="occluder",
        is_static=True,
        surface=Surface(friction=0.0, restitution=1.0),
        appearance=SCREEN,
        position=(x, y, z),
    )
