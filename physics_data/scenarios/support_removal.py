"""The support of a body is pulled away."""

import math
from typing import ClassVar

import numpy as np

from physics_data.core.scene import Box, Cylinder, PoseKey, SceneSpec, Sphere
from physics_data.core.trajectory import Trajectory
from physics_data.scenarios.shared.measures import first_contact
from physics_data.scenarios.shared.parts import make_fixture, make_solid
from physics_data.scenarios.shared.pendulums import half_extents
from physics_data.scenarios.shared.scenario import Range, ScenarioInfo, SceneSettings, describe, make_scene
from physics_data.variation.colors import sample_colors

FLOOR, BODY, SUPPORT = 0, 1, 2


class SupportRemoval:
    """A block moves out from under a smooth body, which neither follows it nor falls before it is gone."""

    info: ClassVar[ScenarioInfo] = ScenarioInfo(
        name="support_removal",
        law="inertia and gravity: without a sideways force a body keeps its place, and it falls when it loses support",
        quantity="fall_seconds = when the support's edge passes below the middle; then y = g t² / 2",
        summary="The support of a body is pulled away, and the body falls straight down.",
    )
    # A ball leaves at once (error 0.001 s). A flat bottom still leans on the edge until that has passed all of it,
    # and turns a little meanwhile, which delays the fall by 0.01 to 0.03 s.
    tolerances: ClassVar[dict[str, float]] = {
        "onset_seconds_error": 0.035,
        "gravity_relative_error": 1e-6,
        "sideways_way": 0.005,
    }
    ranges: ClassVar[dict[str, Range]] = {
        "height": Range(0.8, 1.3, "m", held_out=((0.5, 0.7), (1.4, 1.7))),
        "pull_seconds": Range(0.2, 0.3, "s", held_out=((0.16, 0.19), (0.32, 0.36))),
    }
    engines: ClassVar[tuple[str, ...]] = ("mujoco", "bullet")

    def sample(self, rng: np.random.Generator, settings: SceneSettings, root_seed: int, index: int) -> SceneSpec:
        """Draw a ball, box or upright cylinder on a block, and the time and side to which that is pulled."""
        side = -1.0 if rng.random() < 0.5 else 1.0
        height = self.ranges["height"].draw(rng, settings)
        pull = self.ranges["pull_seconds"].draw(rng, settings)
        radius = float(rng.uniform(0.2, 0.28))
        shape, noun, above = [
            (Sphere(radius=radius), "ball", radius),
            (Box(half_extents=(0.8 * radius, 0.8 * radius, radius)), "box", radius),
            (Cylinder(radius=0.8 * radius, half_height=radius), "cylinder", radius),
        ][int(rng.integers(3))]
        place = -side * float(rng.uniform(0.2, 0.5))
        body = make_solid(
            "body", noun, shape, sample_colors(rng, settings.palette, 1)[0], position=(place, 0.0, height + above)
        )
        half_width = float(rng.uniform(0.3, 0.4))
        start = float(rng.uniform(0.08, 0.2))
        home = (place, 0.0, 0.5 * height)
        away = (place + side * (half_width + radius + float(rng.uniform(0.6, 0.8))), 0.0, 0.5 * height)
        keys = (
            PoseKey(seconds=0.0, position=home),
            PoseKey(seconds=start, position=home),
            PoseKey(seconds=start + pull, position=away),
        )
        support = make_fixture("support", "block", Box(half_extents=(half_width, 0.4, 0.5 * height)), position=home)
        support = support.model_copy(update={"is_static": False, "path": keys})
        return make_scene(
            self.info, rng, settings, root_seed, index, (body, support), floor_restitution=0.0, floor_friction=0.5
        )

    def caption(self, spec: SceneSpec) -> str:
        """Return for example "a brown block is pulled away from under a red ball, which falls straight down"."""
        body, support = spec.bodies[BODY], spec.bodies[SUPPORT]
        return f"{describe(support)} is pulled away from under {describe(body)}, which falls straight down"

    def ground_truth(self, spec: SceneSpec) -> dict[str, float]:
        """Return when the support's edge passes below the body's middle, and when the body would land, in s."""
        support = spec.bodies[SUPPORT]
        _, home, away = support.path
        # The smooth way covers the share u = 3 s² - 2 s³; this is the s of a u.
        share = half_extents(support)[0] / abs(away.position[0] - home.position[0])
        progress = 0.5 - math.sin(math.asin(1.0 - 2.0 * share) / 3.0)
        onset = home.seconds + progress * (away.seconds - home.seconds)
        height = 2.0 * half_extents(support)[2]
        return {"fall_seconds": onset, "landing_seconds": onset + math.sqrt(-2.0 * height / spec.gravity[2])}

    def residuals(self, spec: SceneSpec, trajectory: Trajectory) -> dict[str, float]:
        """Return the error of the time at which the fall began (from height and speed in free flight) in s, the
        relative error of gravity, and the largest way sideways before the landing in m."""
        truth = self.ground_truth(spec)
        landing = first_contact(trajectory, FLOOR, BODY)
        flight = np.flatnonzero(trajectory.airborne()[:landing, BODY])
        if len(flight) < 3:
            return dict.fromkeys(self.tolerances, math.nan)
        speed = trajectory.linear_velocity[flight, BODY, 2]
        seconds = np.array(spec.seconds)[flight]
        gravity, at_zero = np.polyfit(seconds, speed, 1)
        moved = trajectory.position[:landing, BODY, :2] - trajectory.position[0, BODY, :2]
        return {
            "onset_seconds_error": float(abs(-at_zero / gravity - truth["fall_seconds"])),
            "gravity_relative_error": float(abs(gravity / spec.gravity[2] - 1.0)),
            "sideways_way": float(np.linalg.norm(moved, axis=1).max()),
        }
