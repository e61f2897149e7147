"""A plank lies over the edge of a ledge: it stays or tips over."""

from typing import ClassVar

import numpy as np

from physics_data.core.scene import Box, SceneSpec
from physics_data.core.trajectory import Trajectory
from physics_data.scenarios.shared.measures import tilt, way
from physics_data.scenarios.shared.parts import make_fixture, make_solid
from physics_data.scenarios.shared.pendulums import half_extents, pivot_seconds, seconds_at
from physics_data.scenarios.shared.scenario import Range, ScenarioInfo, SceneSettings, describe, make_scene
from physics_data.variation.colors import sample_colors

FLOOR, PLANK, LEDGE = 0, 1, 2
TURN = 0.25
"""Angle at which the clip's tipping is timed, rad: the edge still holds the plank by friction."""


class OverhangEdge:
    """A box is let go with its middle short of the edge, or beyond it."""

    info: ClassVar[ScenarioInfo] = ScenarioInfo(
        name="overhang_edge",
        law="torque: a body over an edge tips if its centre of mass is beyond the edge, and else stays",
        quantity="tips = overhang > 0; time to turn by a: integral of da / sqrt(2 g (h (1 - cos a) + d sin a) m / I)",
        summary="A box lies over the edge of a ledge and stays, or tips over.",
    )
    tolerances: ClassVar[dict[str, float]] = {
        "outcome_error": 0.0,
        "tip_seconds_error": 0.02,
        "rest_error": 0.003,
    }
    ranges: ClassVar[dict[str, Range]] = {
        "overhang": Range(0.07, 0.14, "m beyond or short of the edge", held_out=((0.045, 0.06), (0.16, 0.22))),
        "half_length": Range(0.4, 0.55, "m", held_out=((0.3, 0.36), (0.6, 0.68))),
    }
    engines: ClassVar[tuple[str, ...]] = ("mujoco", "bullet")
    waives: ClassVar[frozenset[str]] = frozenset({"nothing_moves"})

    def sample(self, rng: np.random.Generator, settings: SceneSettings, root_seed: int, index: int) -> SceneSpec:
        """Draw first whether it tips, then on which side and by how much."""
        tips = rng.random() < 0.5
        side = -1.0 if rng.random() < 0.5 else 1.0
        overhang = self.ranges["overhang"].draw(rng, settings) * (1.0 if tips else -1.0)
        half = (
            self.ranges["half_length"].draw(rng, settings),
            float(rng.uniform(0.18, 0.3)),
            float(rng.uniform(0.07, 0.16)),
        )
        height = float(rng.uniform(1.0, 1.5))
        edge = side * float(rng.uniform(-0.35, 0.15))
        friction = float(rng.uniform(0.7, 0.9))
        plank = make_solid(
            "plank",
            "box",
            Box(half_extents=half),
            sample_colors(rng, settings.palette, 1)[0],
            friction=friction,
            position=(edge + side * overhang, 0.0, height + half[2]),
        )
        ledge_half = 0.6
        ledge = make_fixture(
            "ledge",
            "ledge",
            Box(half_extents=(ledge_half, 0.45, 0.5 * height)),
            friction=friction,
            position=(edge - side * ledge_half, 0.0, 0.5 * height),
        )
        return make_scene(
            self.info, rng, settings, root_seed, index, (plank, ledge), floor_restitution=0.0, floor_friction=friction
        )

    def caption(self, spec: SceneSpec) -> str:
        """Return for example "a red box lies over the edge of a brown ledge and tips over"."""
        end = "tips over" if self.ground_truth(spec)["tips"] else "stays where it is"
        return f"{describe(spec.bodies[PLANK])} lies over the edge of {describe(spec.bodies[LEDGE])} and {end}"

    def ground_truth(self, spec: SceneSpec) -> dict[str, float]:
        """Return how far the centre is beyond the edge in m, whether it tips, and the time in s to turn by TURN."""
        overhang = _overhang(spec)
        truth = {"overhang": overhang, "tips": float(overhang > 0.0)}
        if overhang > 0.0:
            plank = spec.bodies[PLANK]
            truth["tip_seconds"] = pivot_seconds(
                plank, overhang, half_extents(plank)[2], TURN, gravity=-spec.gravity[2]
            )
        return truth

    def residuals(self, spec: SceneSpec, trajectory: Trajectory) -> dict[str, float]:
        """Return whether the outcome is another one than predicted (0 or 1), the error of the time of tipping in s,
        and how far a plank that stays has moved in m; 0 where one does not apply."""
        truth, angle = self.ground_truth(spec), tilt(trajectory, PLANK)
        tipped = angle.max() > TURN
        error = 0.0
        if truth["tips"]:
            error = abs(seconds_at(angle, TURN, spec.frame_rate) - truth["tip_seconds"])
        return {
            "outcome_error": float(tipped != bool(truth["tips"])),
            "tip_seconds_error": error,
            "rest_error": 0.0 if truth["tips"] else float(way(trajectory, PLANK).max()),
        }


def _overhang(spec: SceneSpec) -> float:
    """Return how far the plank's centre is beyond the edge, m; negative over the ledge."""
    plank, ledge = spec.bodies[PLANK], spec.bodies[LEDGE]
    away = plank.position[0] - ledge.position[0]
    return abs(away) - half_extents(ledge)[0]
