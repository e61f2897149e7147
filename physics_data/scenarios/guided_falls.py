"""Falls that obstacles guide: pegs and a funnel."""

import math
from typing import ClassVar

import numpy as np

from physics_data.core.scene import Body, Box, Cylinder, SceneSpec
from physics_data.core.trajectory import Trajectory
from physics_data.scenarios.shared.measures import crossing, first_contact_seconds
from physics_data.scenarios.shared.parts import LYING, about_y, make_fixture
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

FLOOR, BALL, FIRST_PEG = 0, 1, 2

SPACING = 0.72
"""Between neighbours of a row of pegs, and between the walls of a bin, m."""

ROW_HEIGHTS = (1.5, 1.0)
UPPER_PEGS = (-1.0, 0.0, 1.0)
PEG_RADIUS = 0.085
WALL_HEIGHT = 0.6
NUM_BINS = 5
"""Numbered from the left, 0 to 4, with a wall on either side of each."""


class Plinko:
    """A ball hits pegs on its way down; where it ends depends on every one of them."""

    info: ClassVar[ScenarioInfo] = ScenarioInfo(
        name="plinko",
        law="solidity and energy: smooth pegs turn the ball aside and never add speed, v² <= 2 g (z0 - z)",
        quantity="first_contact = sqrt(2 h / g) on the peg below it, h from the circle of both radii; then chaos",
        summary="A ball falls through rows of pegs into one of several bins.",
    )
    # A contact is seen up to one engine step late.
    tolerances: ClassVar[dict[str, float]] = {
        "first_contact_error_steps": 1.5,
        "speed_excess_relative": 0.005,
        "off_plane_relative": 1e-3,
    }
    ranges: ClassVar[dict[str, Range]] = {
        "radius": Range(0.16, 0.18, "m"),
        "offset": Range(0.45, 0.8, "radius + peg radius", held_out=((0.35, 0.43), (0.82, 0.9))),
        "restitution": Range(0.1, 0.25, "1", held_out=((0.0, 0.08), (0.28, 0.35))),
    }
    engines: ClassVar[tuple[str, ...]] = ("mujoco", "bullet")

    def sample(self, rng: np.random.Generator, settings: SceneSettings, root_seed: int, index: int) -> SceneSpec:
        """Draw a ball over one of the upper pegs, a little beside its middle."""
        side = -1.0 if rng.random() < 0.5 else 1.0
        radius = self.ranges["radius"].draw(rng, settings)
        reach = radius + PEG_RADIUS
        offset = self.ranges["offset"].draw(rng, settings) * reach
        drop = float(rng.uniform(0.08, 0.18))
        above = UPPER_PEGS[int(rng.integers(len(UPPER_PEGS)))] * SPACING
        ball = make_ball(
            "ball",
            radius,
            sample_colors(rng, settings.palette, 1)[0],
            restitution=self.ranges["restitution"].draw(rng, settings),
            position=(above + side * offset, 0.0, ROW_HEIGHTS[0] + math.sqrt(reach**2 - offset**2) + drop),
        )
        fixtures = (*_pegs(), *_walls())
        return make_scene(
            self.info, rng, settings, root_seed, index, (ball, *fixtures), floor_restitution=1.0, keeps_side=True
        )

    def caption(self, spec: SceneSpec) -> str:
        """Return for example "a red ball falls through brown pegs towards bins between brown walls"."""
        peg, wall = spec.bodies[FIRST_PEG], spec.bodies[spec.body_index("wall_1")]
        return (
            f"{describe(spec.bodies[BALL])} falls through rows of {peg.appearance.color_name} pegs towards bins "
            f"between {wall.appearance.color_name} walls"
        )

    def ground_truth(self, spec: SceneSpec) -> dict[str, float]:
        """Return when (s) and how fast (m/s) the ball hits the upper peg, on which side, and its largest speed."""
        ball, peg, gravity = spec.bodies[BALL], _upper_peg(spec), -spec.gravity[2]
        reach = ball_radius(ball) + PEG_RADIUS
        below = peg.position[2] + math.sqrt(reach**2 - (ball.position[0] - peg.position[0]) ** 2)
        drop = ball.position[2] - below
        return {
            "first_contact_seconds": math.sqrt(2.0 * drop / gravity),
            "first_contact_speed": math.sqrt(2.0 * drop * gravity),
            "first_side": math.copysign(1.0, ball.position[0] - peg.position[0]),
            "largest_speed": math.sqrt(2.0 * gravity * (ball.position[2] - ball_radius(ball))),
        }

    def residuals(self, spec: SceneSpec, trajectory: Trajectory) -> dict[str, float]:
        """Return the errors of first contact (engine steps), of v² over 2 g h, and the way out of the plane y = 0."""
        ball, truth = spec.bodies[BALL], self.ground_truth(spec)
        fallen = ball.position[2] - trajectory.position[:, BALL, 2]
        speed = np.linalg.norm(trajectory.linear_velocity[:, BALL], axis=1)
        excess = speed**2 + 2.0 * spec.gravity[2] * fallen
        seconds = first_contact_seconds(trajectory, BALL, (spec.body_index(_upper_peg(spec).name),))
        return {
            "first_contact_error_steps": abs(seconds - truth["first_contact_seconds"]) * spec.physics_rate,
            "speed_excess_relative": float(excess.max() / truth["largest_speed"] ** 2),
            "off_plane_relative": float(np.abs(trajectory.position[:, BALL, 1]).max() / ball_radius(ball)),
        }


def exit_bin(spec: SceneSpec, trajectory: Trajectory) -> int | None:
    """Return the number of the bin that the ball falls into; None before it is below the walls' upper ends."""
    x, _ = crossing(spec, trajectory, BALL, WALL_HEIGHT)
    return None if math.isnan(x) else int(np.searchsorted([_wall_place(n) for n in range(1, NUM_BINS)], x))


def _upper_peg(spec: SceneSpec) -> Body:
    """Return the peg that the ball hits first."""
    upper = spec.bodies[FIRST_PEG : FIRST_PEG + len(UPPER_PEGS)]
    return min(upper, key=lambda peg: abs(peg.position[0] - spec.bodies[BALL].position[0]))


def _wall_place(number: int) -> float:
    return (number - 0.5 * NUM_BINS) * SPACING


def _pegs() -> list[Body]:
    pegs = []
    for row, height in enumerate(ROW_HEIGHTS):
        count = len(UPPER_PEGS) + row % 2
        for place in range(count):
            pegs.append(
                make_fixture(
                    f"peg_{len(pegs) + 1}",
                    "peg",
                    Cylinder(radius=PEG_RADIUS, half_height=0.3),
                    restitution=1.0,
                    position=((place - 0.5 * (count - 1)) * SPACING, 0.0, height),
                    orientation=LYING,
                )
            )
    return pegs


def _walls() -> list[Body]:
    return [
        make_fixture(
            f"wall_{number + 1}",
            "wall",
            Box(half_extents=(0.05, 0.3, 0.5 * WALL_HEIGHT)),
            restitution=1.0,
            position=(_wall_place(number), 0.0, 0.5 * WALL_HEIGHT),
        )
        for number in range(NUM_BINS + 1)
    ]


LEFT, RIGHT = 2, 3

MOUTH_HEIGHT = 1.0
"""Of the lower ends of the planks' faces, m."""

LENGTH = 1.5
HALF_THICKNESS = 0.04


class Funnel:
    """A ball is let go over one plank of a smooth funnel; whatever it hits in which order, it leaves in the middle."""

    info: ClassVar[ScenarioInfo] = ScenarioInfo(
        name="funnel",
        law="solidity: planks turn the ball towards the mouth; no impact adds energy, v² <= 2 g (z0 - z)",
        quantity="first_contact = sqrt(2 h / g) on the plank below it; |x - mouth| <= half_mouth - radius as it leaves",
        summary="A ball falls into a funnel of two planks and leaves through its mouth.",
    )
    # A contact is seen up to one engine step late. Overlaps of late steps are some millimetres.
    tolerances: ClassVar[dict[str, float]] = {
        "first_contact_error_steps": 1.5,
        "outside_mouth_relative": 0.02,
        "speed_excess_relative": 0.005,
    }
    ranges: ClassVar[dict[str, Range]] = {
        "radius": Range(0.17, 0.21, "m"),
        "angle": Range(46.0, 56.0, "degrees", held_out=((40.0, 44.0), (58.0, 62.0))),
        "mouth": Range(1.25, 1.6, "ball diameters", held_out=((1.7, 2.0),)),
        "restitution": Range(0.05, 0.3, "1", held_out=((0.32, 0.4),)),
    }
    engines: ClassVar[tuple[str, ...]] = ("mujoco", "bullet")

    def sample(self, rng: np.random.Generator, settings: SceneSettings, root_seed: int, index: int) -> SceneSpec:
        """Draw a funnel in the middle of the picture and a ball over one of its planks."""
        side = -1.0 if rng.random() < 0.5 else 1.0
        radius = self.ranges["radius"].draw(rng, settings)
        angle = math.radians(self.ranges["angle"].draw(rng, settings))
        half_mouth = radius * self.ranges["mouth"].draw(rng, settings)
        middle = float(rng.uniform(-0.4, 0.4))
        planks = [
            make_fixture(
                name,
                "plank",
                Box(half_extents=(0.5 * LENGTH, 0.45, HALF_THICKNESS)),
                restitution=1.0,
                position=(
                    middle + at * (half_mouth + 0.5 * LENGTH * math.cos(angle) + HALF_THICKNESS * math.sin(angle)),
                    0.0,
                    MOUTH_HEIGHT + 0.5 * LENGTH * math.sin(angle) - HALF_THICKNESS * math.cos(angle),
                ),
                orientation=about_y(-at * angle),
            )
            for name, at in (("left_plank", -1.0), ("right_plank", 1.0))
        ]
        along = float(rng.uniform(0.45, 0.75)) * LENGTH
        gap = float(rng.uniform(0.08, 0.25))
        ball = make_ball(
            "ball",
            radius,
            sample_colors(rng, settings.palette, 1)[0],
            restitution=self.ranges["restitution"].draw(rng, settings),
            position=(
                middle + side * (half_mouth + along * math.cos(angle) - radius * math.sin(angle)),
                0.0,
                MOUTH_HEIGHT + along * math.sin(angle) + radius * math.cos(angle) + gap,
            ),
        )
        return make_scene(
            self.info, rng, settings, root_seed, index, (ball, *planks), floor_restitution=1.0, keeps_side=True
        )

    def caption(self, spec: SceneSpec) -> str:
        """Return for example "a red ball falls through a funnel of two brown planks"."""
        left = spec.bodies[LEFT].appearance.color_name
        return f"{describe(spec.bodies[BALL])} falls through a funnel made of a {left} plank on either side"

    def ground_truth(self, spec: SceneSpec) -> dict[str, float]:
        """Return which plank is hit first (-1 left, 1 right), when in s, and the mouth's place and half width, m."""
        ball, plank = spec.bodies[BALL], spec.bodies[RIGHT]
        middle, half_mouth = _mouth(spec)
        side = math.copysign(1.0, ball.position[0] - middle)
        angle = -2.0 * math.atan2(plank.orientation[2], plank.orientation[0])
        foot = (middle + side * half_mouth, MOUTH_HEIGHT)
        away = (ball.position[2] - foot[1]) * math.cos(angle) - abs(ball.position[0] - foot[0]) * math.sin(angle)
        drop = (away - ball_radius(ball)) / math.cos(angle)
        return {
            "first_side": side,
            "first_contact_seconds": math.sqrt(2.0 * drop / -spec.gravity[2]),
            "mouth_x": middle,
            "mouth_half_width": half_mouth,
            "largest_exit_speed": math.sqrt(-2.0 * spec.gravity[2] * (ball.position[2] - MOUTH_HEIGHT)),
        }

    def residuals(self, spec: SceneSpec, trajectory: Trajectory) -> dict[str, float]:
        """Return the errors of first contact (engine steps), place of leaving (relative to the radius), and energy."""
        ball, truth = spec.bodies[BALL], self.ground_truth(spec)
        seconds = first_contact_seconds(trajectory, BALL, (LEFT if truth["first_side"] < 0 else RIGHT,))
        away = crossing(spec, trajectory, BALL, MOUTH_HEIGHT)[0] - truth["mouth_x"]
        fallen = ball.position[2] - trajectory.position[:, BALL, 2]
        speed = np.linalg.norm(trajectory.linear_velocity[:, BALL], axis=1)
        excess = speed**2 + 2.0 * spec.gravity[2] * fallen
        outside = max(0.0, abs(away) - (truth["mouth_half_width"] - ball_radius(ball)))
        return {
            "first_contact_error_steps": abs(seconds - truth["first_contact_seconds"]) * spec.physics_rate,
            "outside_mouth_relative": outside / ball_radius(ball) if not math.isnan(away) else math.nan,
            "speed_excess_relative": float(excess.max() / truth["largest_exit_speed"] ** 2),
        }


def _mouth(spec: SceneSpec) -> tuple[float, float]:
    """Return the middle of the mouth along x and its half width, m."""
    left, right = spec.bodies[LEFT], spec.bodies[RIGHT]
    angle = -2.0 * math.atan2(right.orientation[2], right.orientation[0])
    reach = 0.5 * LENGTH * math.cos(angle) + HALF_THICKNESS * math.sin(angle)
    return 0.5 * (left.position[0] + right.position[0]), 0.5 * (right.position[0] - left.position[0]) - reach
