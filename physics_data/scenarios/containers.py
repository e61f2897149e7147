"""Containers: a ball is dropped into one, and carried in one."""

import math
from typing import ClassVar

import numpy as np

from physics_data.core.conventions import STANDARD_GRAVITY
from physics_data.core.scene import SceneSpec
from physics_data.core.trajectory import Trajectory
from physics_data.scenarios.shared.measures import first_contact_seconds
from physics_data.scenarios.shared.parts import WALL, cover, moved, open_box, room, way_out
from physics_data.scenarios.shared.scenario import (
    Range,
    ScenarioInfo,
    SceneSettings,
    ball_radius,
    describe,
    make_ball,
    make_scene,
)
from physics_data.variation.colors import sample_colors

FLOOR, BALL, CONTAINER = 0, 1, 2


class Containment:
    """What is in a container stays in it, seen or not."""

    info: ClassVar[ScenarioInfo] = ScenarioInfo(
        name="containment",
        law="solidity: no ball goes through a wall; permanence: a covered ball is where it was",
        quantity="inside(t): the ball is within the walls; landing = sqrt(2 h / g), or x(t) = x0 under the cover",
        summary="A ball falls into an open box and stays in it, or is covered and uncovered.",
    )
    # A contact is seen up to one engine step late; at 0.5 m/s a ball overlaps with a wall by half a millimetre then.
    tolerances: ClassVar[dict[str, float]] = {"outside_relative": 0.02, "landing_error_steps": 1.5}
    ranges: ClassVar[dict[str, Range]] = {
        "radius": Range(0.18, 0.22, "m"),
        "height": Range(1.2, 1.7, "m", held_out=((0.95, 1.15), (1.8, 2.0))),
        "sideways": Range(0.0, 0.35, "m/s", held_out=((0.38, 0.45),)),
        "restitution": Range(0.25, 0.5, "1", held_out=((0.1, 0.2), (0.55, 0.6))),
        "covering": Range(0.32, 0.4, "of the clip", held_out=((0.25, 0.3), (0.42, 0.46))),
    }
    engines: ClassVar[tuple[str, ...]] = ("mujoco", "bullet")

    def sample(self, rng: np.random.Generator, settings: SceneSettings, root_seed: int, index: int) -> SceneSpec:
        """Draw which of the two happens, then the ball and its container."""
        is_covered = rng.random() < 0.5
        radius = self.ranges["radius"].draw(rng, settings)
        restitution = self.ranges["restitution"].draw(rng, settings)
        height, speed = self.ranges["height"].draw(rng, settings), self.ranges["sideways"].draw(rng, settings)
        arrival = settings.duration * self.ranges["covering"].draw(rng, settings)
        side = -1.0 if rng.random() < 0.5 else 1.0
        middle = float(rng.uniform(-0.8, 0.8))
        inner = (radius + float(rng.uniform(0.2, 0.3)), radius + 0.12, float(rng.uniform(0.6, 0.75)))
        look = sample_colors(rng, settings.palette, 1)[0]
        if is_covered:
            position, velocity = (middle + 0.05 * side, 0.0, radius), (0.0, 0.0, 0.0)
            still = cover((inner[0], inner[1], 2.0 * radius + 0.15), "container", (middle, 0.0, 0.01))
            up = 2.0 * radius + float(rng.uniform(0.9, 1.1))
            container = moved(
                still.model_copy(update={"position": (middle, 0.0, still.position[2] + up)}),
                (
                    (0.0, (0.0, 0.0, 0.0)),
                    (arrival, (0.0, 0.0, -up)),
                    (arrival + 0.22 * settings.duration, (0.0, 0.0, -up)),
                    (arrival + 0.5 * settings.duration, (0.0, 0.0, 0.0)),
                ),
            )
        else:
            container = open_box(inner, "container", (middle, 0.0, WALL))
            position = (middle - 0.1 * side, 0.0, WALL + radius + height)
            velocity = (side * speed, 0.0, 0.0)
        ball = make_ball("ball", radius, look, restitution=restitution, position=position, linear_velocity=velocity)
        return make_scene(
            self.info, rng, settings, root_seed, index, (ball, container), floor_restitution=1.0, keeps_side=True
        )

    def caption(self, spec: SceneSpec) -> str:
        """Return for example "a red ball falls into a brown box"."""
        ball, container = (describe(spec.bodies[body]) for body in (BALL, CONTAINER))
        if spec.bodies[CONTAINER].is_scripted:
            return f"{container} comes down over {ball} and lifts again"
        return f"{ball} falls into {container}"

    def ground_truth(self, spec: SceneSpec) -> dict[str, float]:
        """Return when in s the ball lands in the box, or is wholly covered, and until when it stays inside."""
        ball, container = spec.bodies[BALL], spec.bodies[CONTAINER]
        if container.is_scripted:
            return {"covered_seconds": container.path[1].seconds, "uncovered_seconds": container.path[2].seconds}
        drop = ball.position[2] - ball_radius(ball) - (container.position[2] + room(container)[0, 2])
        return {
            "landing_seconds": math.sqrt(-2.0 * drop / spec.gravity[2]),
            "inside_from_seconds": math.sqrt(
                -2.0 * max(0.0, drop - room(container)[1, 2] + room(container)[0, 2]) / spec.gravity[2]
            ),
        }

    def residuals(self, spec: SceneSpec, trajectory: Trajectory) -> dict[str, float]:
        """Return how far the ball gets out through a wall, relative to its radius, and when it lands, in engine steps.

        A covered ball must stay where it was, which is the first number then; it does not land, the second is 0.
        """
        ball, container, truth = spec.bodies[BALL], spec.bodies[CONTAINER], self.ground_truth(spec)
        out = way_out(trajectory, BALL, CONTAINER, room(container), ball_radius(ball))
        if container.is_scripted:
            away = np.linalg.norm(trajectory.position[:, BALL] - np.array(ball.position), axis=1).max()
            return {"outside_relative": float(away / ball_radius(ball)), "landing_error_steps": 0.0}
        inside = np.array(spec.seconds) >= truth["inside_from_seconds"]
        seconds = first_contact_seconds(trajectory, BALL, (CONTAINER,))
        return {
            "outside_relative": float(out[inside].max() / ball_radius(ball)) if inside.any() else math.nan,
            "landing_error_steps": abs(seconds - truth["landing_seconds"]) * spec.physics_rate,
        }


class Carry:
    """An open box slides across the picture or is lifted across; the ball in it goes where the box goes."""

    info: ClassVar[ScenarioInfo] = ScenarioInfo(
        name="carry",
        law="solidity and containment: what is in a container is carried along with it",
        quantity="|x_ball - x_box| <= play between ball and walls at every time; the ball goes the way of the box",
        summary="A box is moved with a ball in it.",
    )
    # Walls meet the ball at up to 2 m/s: late by one engine step they overlap by 2 mm. Nothing lifts it off its floor.
    tolerances: ClassVar[dict[str, float]] = {"outside_relative": 0.03, "off_floor_relative": 0.03}
    ranges: ClassVar[dict[str, Range]] = {
        "radius": Range(0.18, 0.23, "m"),
        "way": Range(1.3, 1.8, "m", held_out=((0.9, 1.2), (1.9, 2.1))),
        "lift": Range(0.4, 0.75, "of what leaves the ball behind", held_out=((0.8, 0.92),)),
        "play": Range(0.015, 0.05, "m", held_out=((0.06, 0.09),)),
    }
    engines: ClassVar[tuple[str, ...]] = ("mujoco", "bullet")

    def sample(self, rng: np.random.Generator, settings: SceneSettings, root_seed: int, index: int) -> SceneSpec:
        """Draw whether the box is lifted, its way, and a ball at rest in it."""
        is_lifted = rng.random() < 0.5
        side = -1.0 if rng.random() < 0.5 else 1.0
        radius = self.ranges["radius"].draw(rng, settings)
        way, lift = side * self.ranges["way"].draw(rng, settings), self.ranges["lift"].draw(rng, settings)
        play = self.ranges["play"].draw(rng, settings)
        duration = settings.duration
        # A smooth way of height z in time t decelerates by up to 6 z / t²; with more than g the ball would fly off.
        lift *= min(STANDARD_GRAVITY * (0.45 * duration) ** 2 / 6.0, 0.33)
        height = 2.0 * radius + float(rng.uniform(0.0, 0.15))
        start = -0.5 * way + float(rng.uniform(-0.1, 0.1))
        still = open_box((radius + play, radius + 0.02, height), "container", (start, 0.0, WALL + 0.002))
        ways = [(0.0, (0.0, 0.0, 0.0)), (0.05 * duration, (0.0, 0.0, 0.0))]
        if is_lifted:
            ways += [(0.45 * duration, (0.5 * way, 0.0, lift)), (0.9 * duration, (way, 0.0, 0.0))]
        else:
            ways += [(0.9 * duration, (way, 0.0, 0.0))]
        ball = make_ball(
            "ball",
            radius,
            sample_colors(rng, settings.palette, 1)[0],
            restitution=0.4,
            position=(start, 0.0, WALL + 0.002 + radius),
        )
        bodies = (ball, moved(still, ways))
        return make_scene(self.info, rng, settings, root_seed, index, bodies, floor_restitution=1.0, keeps_side=True)

    def caption(self, spec: SceneSpec) -> str:
        """Return for example "a brown box carries a red ball to the left"."""
        path = spec.bodies[CONTAINER].path
        side = "right" if path[-1].position[0] > path[0].position[0] else "left"
        how = "is lifted and carries" if len(path) > 3 else "slides and carries"
        return f"{describe(spec.bodies[CONTAINER])} {how} {describe(spec.bodies[BALL])} to the {side}"

    def ground_truth(self, spec: SceneSpec) -> dict[str, float]:
        """Return the way of the box along x in m, its highest lift, and the room between ball and walls in m."""
        ball, container = spec.bodies[BALL], spec.bodies[CONTAINER]
        inside = room(container)
        return {
            "way": container.path[-1].position[0] - container.path[0].position[0],
            "lift": max(key.position[2] for key in container.path) - container.position[2],
            "play": 0.5 * float(inside[1, 0] - inside[0, 0]) - ball_radius(ball),
        }

    def residuals(self, spec: SceneSpec, trajectory: Trajectory) -> dict[str, float]:
        """Return how far the ball gets into a wall, and off the floor of the box, relative to its radius."""
        radius, inside = ball_radius(spec.bodies[BALL]), room(spec.bodies[CONTAINER])
        bottom = trajectory.position[:, BALL, 2] - radius - (trajectory.position[:, CONTAINER, 2] + inside[0, 2])
        return {
            "outside_relative": float(way_out(trajectory, BALL, CONTAINER, inside, radius).max() / radius),
            "off_floor_relative": float(np.abs(bottom).max() / radius),
        }
