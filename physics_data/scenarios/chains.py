"""Impacts passed on along a row: Newton's cradle and dominoes."""

import math
from typing import ClassVar

import numpy as np

from physics_data.core.scene import Appearance, Body, Box, SceneSpec, Surface
from physics_data.core.trajectory import Trajectory
from physics_data.scenarios.shared.measures import first_contact_seconds, tilt, way_while_untouched
from physics_data.scenarios.shared.parts import about_y, make_solid
from physics_data.scenarios.shared.pendulums import (
    Bob,
    angle_of,
    half_extents,
    hinge_across,
    make_beam,
    pivot_seconds,
    seconds_at,
    start_angle,
)
from physics_data.scenarios.shared.scenario import Range, ScenarioInfo, SceneSettings, describe, make_scene
from physics_data.scenarios.shared.staging import describe_group, members
from physics_data.variation.colors import sample_colors

CRADLE_BEAM, FIRST_BALL = 1, 2

GAP = 0.006
"""Between two balls at rest, m. It is wider than a ball moves in an engine step, so that one pair meets at a time;
balls that touch would all be hit in the same step, for which Newton's law of restitution has another answer."""


class NewtonCradle:
    """One or two of a row of hanging balls are let go; the same number leaves at the other end."""

    info: ClassVar[ScenarioInfo] = ScenarioInfo(
        name="newton_cradle",
        law="momentum and energy pass through a chain of equal elastic balls: n in, n out, with the same speed",
        quantity="impact at period / 4; exit_speed = sqrt(2 g h) of the entry, exit angle = entry angle",
        summary="Newton's cradle: as many balls leave as arrive.",
    )
    # The share of the energy that does not leave with the last balls: that of pairs that meet a little off the lowest
    # point, and of impacts that are up to a step late.
    tolerances: ClassVar[dict[str, float]] = {"energy_left_behind": 0.01, "exit_angle_relative_error": 0.03}
    ranges: ClassVar[dict[str, Range]] = {
        # Above 52 degrees the ball of one raised pendulum would touch the rod of the other.
        "amplitude": Range(30.0, 48.0, "degrees", held_out=((16.0, 26.0),)),
        "reach": Range(0.85, 1.0, "m", held_out=((0.7, 0.8), (1.05, 1.2))),
    }
    engines: ClassVar[tuple[str, ...]] = ("mujoco", "bullet")

    def sample(self, rng: np.random.Generator, settings: SceneSettings, root_seed: int, index: int) -> SceneSpec:
        """Draw 3 to 5 pendulums of different colours, of which one or two start raised on one side."""
        side = -1.0 if rng.random() < 0.5 else 1.0
        count = int(rng.integers(3, 6))
        moving = int(rng.integers(1, 3)) if count > 3 else 1
        bob = Bob(self.ranges["reach"].draw(rng, settings), float(rng.uniform(0.16, 0.19)))
        angle = math.radians(self.ranges["amplitude"].draw(rng, settings))
        spacing = 2.0 * bob.radius + GAP
        height = float(rng.uniform(1.9, 2.3))
        bodies, joints = [], []
        for number, look in enumerate(sample_colors(rng, settings.palette, count)):
            pivot = (side * spacing * (number - 0.5 * (count - 1)), 0.0, height)
            turn = side * angle if number < moving else 0.0
            surface = Surface(friction=0.0, restitution=1.0)
            bodies.append(bob.body(f"pendulum_{number}", "pendulum", look, pivot, turn, surface))
            joints.append(hinge_across(bodies[-1], pivot))
        beam = make_beam((0.0, 0.0, height), half_length=0.5 * spacing * count)
        return make_scene(
            self.info, rng, settings, root_seed, index, (beam, *bodies), floor_restitution=1.0, joints=tuple(joints)
        )

    def caption(self, spec: SceneSpec) -> str:
        """Return for example "a red pendulum swings into a row of blue and green pendulums under a brown beam"."""
        moving = _counts(spec)[1]
        colors = [body.appearance.color_name for body in _row(spec)]
        row = f"a row of {_listed(colors[moving:])} pendulums under {describe(spec.bodies[CRADLE_BEAM])}"
        if moving == 1:
            return f"{describe(spec.bodies[FIRST_BALL])} swings into {row}"
        return f"{_listed(colors[:moving])} pendulums swing together into {row}"

    def ground_truth(self, spec: SceneSpec) -> dict[str, float]:
        """Return the numbers of balls, the time in s and speed in m/s of the impact, and the exit angle in rad."""
        count, moving = _counts(spec)
        bob, amplitude = Bob.of(spec.bodies[FIRST_BALL]), start_angle(spec.bodies[FIRST_BALL])
        return {
            "balls": float(count),
            "balls_in_and_out": float(moving),
            "impact_seconds": 0.25 * bob.period(amplitude),
            "impact_speed": bob.speed_below(amplitude),
            "exit_angle": abs(amplitude),
        }

    def residuals(self, spec: SceneSpec, trajectory: Trajectory) -> dict[str, float]:
        """Return the share of energy that others than the last balls keep, and the error of the last ball's angle.

        At the end of the first exit, or of the clip. NaN in a clip that ends before two frames after the impact.
        """
        count, moving = _counts(spec)
        bob, amplitude = Bob.of(spec.bodies[FIRST_BALL]), start_angle(spec.bodies[FIRST_BALL])
        period = bob.period(amplitude)
        frame = min(int(0.5 * period * spec.frame_rate), spec.num_frames - 1)
        if frame < 0.25 * period * spec.frame_rate + 2.0:
            return {"energy_left_behind": math.nan, "exit_angle_relative_error": math.nan}
        spin = trajectory.angular_velocity[frame, FIRST_BALL : FIRST_BALL + count, 1]
        angles = np.array([angle_of(trajectory, FIRST_BALL + number)[frame] for number in range(count)])
        energy = 0.5 * spin**2 + bob.rate**2 * (1.0 - np.cos(angles))
        entry = moving * bob.rate**2 * (1.0 - math.cos(amplitude))
        expected = float(bob.swing(amplitude, np.array([frame / spec.frame_rate]))[0])
        return {
            "energy_left_behind": float(energy[: count - moving].sum() / entry),
            "exit_angle_relative_error": abs(float(angles[-1]) - expected) / abs(amplitude),
        }


def _row(spec: SceneSpec) -> list[Body]:
    """Return the pendulums, those that start raised first."""
    return [body for body in spec.bodies if body.name.startswith("pendulum_")]


def _listed(words: list[str]) -> str:
    """Return for example "red, blue and green"."""
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)


def _counts(spec: SceneSpec) -> tuple[int, int]:
    """Return how many balls there are, and how many start raised."""
    raised = [abs(start_angle(body)) > 1e-6 for body in _row(spec)]
    return len(raised), sum(raised)


FLOOR, FIRST_DOMINO = 0, 1
FLOOR_FRICTION = 2.0
"""With the dominoes' own 0.2 to 0.3 this makes 0.7: smooth dominoes on a floor that holds them."""

TOPPLED = math.radians(30.0)
"""A domino that leans more than this has toppled; balanced on an edge it leans by at most 16°."""


class DominoChain:
    """The first domino is let go leaning; each one hits the next, unless that is farther away than a domino reaches."""

    info: ClassVar[ScenarioInfo] = ScenarioInfo(
        name="domino_chain",
        law="a toppling wave: dominoes fall one after the other as far as each can reach the next",
        quantity="topples = 1 + those before the first gap wider than a domino is tall; first hit from energy",
        summary="A row of dominoes topples, to the end or to a gap that is too wide.",
    )
    tolerances: ClassVar[dict[str, float]] = {
        "outcome_error": 0.0,
        "order_error": 0.0,
        "first_hit_seconds_error": 0.01,
        "untouched_way": 0.003,
    }
    ranges: ClassVar[dict[str, Range]] = {
        "gap": Range(0.4, 0.52, "heights, between neighbours", held_out=((0.3, 0.37), (0.55, 0.62))),
        "wide_gap": Range(1.25, 1.45, "heights, where the row is broken", held_out=((1.5, 1.65),)),
    }
    engines: ClassVar[tuple[str, ...]] = ("mujoco", "bullet")

    def sample(self, rng: np.random.Generator, settings: SceneSettings, root_seed: int, index: int) -> SceneSpec:
        """Draw first whether the row has a gap, then its place."""
        broken = rng.random() < 0.5
        side = -1.0 if rng.random() < 0.5 else 1.0
        height = float(rng.uniform(0.58, 0.68))
        half = (float(rng.uniform(0.07, 0.08)), float(rng.uniform(0.16, 0.24)), 0.5 * height)
        gap = height * self.ranges["gap"].draw(rng, settings)
        wide = height * self.ranges["wide_gap"].draw(rng, settings)
        count = int(rng.integers(4, 6))
        gaps = [gap] * (count - 1)
        if broken:
            gaps[int(rng.integers(1, count - 1))] = wide
        row = sum(gaps) + 2.0 * half[0] * count
        friction = float(rng.uniform(0.2, 0.3))
        appearances = sample_colors(rng, settings.palette, 2)
        # The row, and the last domino lying, fit between x = -1.8 and 1.8 m.
        reach = row + (0.0 if broken else 0.7 * height)
        edge = -0.5 * reach + float(rng.uniform(-0.1, 0.1))
        dominoes = [_leaning(rng, half, appearances[0], friction, side, edge + 2.0 * half[0])]
        for number, space in enumerate(gaps):
            edge += 2.0 * half[0] + space
            dominoes.append(
                make_solid(
                    f"domino_{number + 1}",
                    "domino",
                    Box(half_extents=half),
                    appearances[1],
                    friction=friction,
                    position=(side * (edge + half[0]), 0.0, half[2]),
                )
            )
        return make_scene(
            self.info,
            rng,
            settings,
            root_seed,
            index,
            tuple(dominoes),
            floor_restitution=0.0,
            floor_friction=FLOOR_FRICTION,
        )

    def caption(self, spec: SceneSpec) -> str:
        """Return for example "a red domino falls against a row of five blue dominoes, and all of them topple"."""
        row = [spec.bodies[k] for k in members(spec, "domino")]
        falls = int(self.ground_truth(spec)["topples"])
        end = "all of them topple" if falls == len(row) else "the wave stops at a wide gap"
        color = row[0].appearance.color_name
        article = "an" if color[0] in "aeiou" else "a"
        return f"{article} {color} domino falls against a row of {describe_group(row[1:])}, and {end}"

    def ground_truth(self, spec: SceneSpec) -> dict[str, float]:
        """Return how many dominoes topple, the first one counted, and when the first hits the second in s."""
        row = [spec.bodies[k] for k in members(spec, "domino")]
        half, gaps = half_extents(row[0]), _gaps(row)
        reached = next((number for number, gap in enumerate(gaps) if gap > 2.0 * half[2]), len(gaps))
        lean = _lean(row[0])
        ahead, above = (
            -half[0] * math.cos(lean) + half[2] * math.sin(lean),
            half[0] * math.sin(lean) + half[2] * math.cos(lean),
        )
        turn = math.asin(gaps[0] / (2.0 * half[2])) - lean
        rate = abs(row[0].angular_velocity[1])
        return {
            "dominoes": float(len(row)),
            "topples": 1.0 + reached,
            "first_hit_seconds": pivot_seconds(row[0], ahead, above, turn, rate, -spec.gravity[2]),
        }

    def residuals(self, spec: SceneSpec, trajectory: Trajectory) -> dict[str, float]:
        """Return whether others topple than predicted (0 or 1), how many topple before their turn, the error of the
        time of the first hit in s, and how far in m a domino has moved before it was hit."""
        truth, row = self.ground_truth(spec), members(spec, "domino")
        angles = [tilt(trajectory, k) for k in row]
        toppled = [bool(angle.max() > TOPPLED) for angle in angles]
        expected = [number < truth["topples"] for number in range(len(row))]
        times = [
            seconds_at(angle, TOPPLED, spec.frame_rate) for angle, falls in zip(angles, toppled, strict=True) if falls
        ]
        seconds = first_contact_seconds(trajectory, row[0], [row[1]])
        return {
            "outcome_error": float(toppled != expected),
            "order_error": float((np.diff(times) <= 0.0).sum()),
            "first_hit_seconds_error": abs(seconds - truth["first_hit_seconds"]),
            "untouched_way": way_while_untouched(trajectory, row[1:], [FLOOR]),
        }


def _leaning(
    rng: np.random.Generator,
    half: tuple[float, float, float],
    look: Appearance,
    friction: float,
    side: float,
    edge: float,
) -> Body:
    """Return a domino that stands on its leading edge at ``edge`` and turns over it."""
    lean = math.atan2(half[0], half[2]) + math.radians(rng.uniform(1.5, 4.0))
    rate = float(rng.uniform(2.5, 3.2))
    ahead, above = (
        -half[0] * math.cos(lean) + half[2] * math.sin(lean),
        half[0] * math.sin(lean) + half[2] * math.cos(lean),
    )
    return make_solid(
        "domino_0",
        "domino",
        Box(half_extents=half),
        look,
        friction=friction,
        position=(side * (edge + ahead), 0.0, above),
        orientation=about_y(side * lean),
        linear_velocity=(side * rate * above, 0.0, -rate * ahead),
        angular_velocity=(0.0, side * rate, 0.0),
    )


def _lean(domino: Body) -> float:
    """Return by how much a domino leans at the start, rad."""
    w, _, y, _ = domino.orientation
    return abs(2.0 * math.atan2(y, w))


def _gaps(row: list[Body]) -> list[float]:
    """Return the spaces between the dominoes as they stand, m; the first one stands on its leading edge."""
    half, lean = half_extents(row[0]), _lean(row[0])
    first_edge = half[2] * math.sin(lean) - half[0] * math.cos(lean)
    place = [abs(domino.position[0] - row[0].position[0]) for domino in row]
    front = [-first_edge, *(x + half[0] for x in place[1:])]
    return [x - half[0] - before for x, before in zip(place[1:], front, strict=False)]
