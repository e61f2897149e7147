"""Stacks: one that stands or topples, and a support that is removed."""

import math
from typing import ClassVar

import numpy as np
from jaxtyping import Float

from physics_data.core.scene import Body, Box, Cylinder, PoseKey, SceneSpec, Sphere
from physics_data.core.trajectory import Trajectory
from physics_data.scenarios.shared.measures import first_contact, largest_way, way
from physics_data.scenarios.shared.parts import make_fixture, make_solid
from physics_data.scenarios.shared.pendulums import half_extents, support_margins
from physics_data.scenarios.shared.scenario import Range, ScenarioInfo, SceneSettings, describe, make_scene
from physics_data.scenarios.shared.staging import NUMBERS, alternating, members
from physics_data.variation.colors import sample_colors

FLOOR = 0
SAFE = 0.04
"""How far inside its support every centre is that shall not fall, m."""

FALLEN = 0.1
"""How far the top box has gone sideways in a stack that falls, m."""


class StackTopple:
    """Two to four boxes on one another, each a little to the side of the one below."""

    info: ClassVar[ScenarioInfo] = ScenarioInfo(
        name="stack_topple",
        law="a stack stands if above every joint the centre of mass of all that lies above is over the joint's area",
        quantity="margin = least distance of such a centre to the end of its support; stands = margin > 0",
        summary="A stack of boxes stands, or its upper part falls.",
    )
    tolerances: ClassVar[dict[str, float]] = {"outcome_error": 0.0, "rest_error": 0.005}
    ranges: ClassVar[dict[str, Range]] = {
        "margin": Range(0.06, 0.11, "m inside or outside", held_out=((0.045, 0.055), (0.12, 0.15))),
    }
    engines: ClassVar[tuple[str, ...]] = ("mujoco", "bullet")
    waives: ClassVar[frozenset[str]] = frozenset({"nothing_moves"})

    def sample(self, rng: np.random.Generator, settings: SceneSettings, root_seed: int, index: int) -> SceneSpec:
        """Draw first whether it stands, then the joint of least margin and the offsets that lead to it."""
        stands = rng.random() < 0.5
        margin = self.ranges["margin"].draw(rng, settings) * (1.0 if stands else -1.0)
        count = int(rng.integers(2, 5))
        friction = float(rng.uniform(0.6, 0.9))
        appearances = alternating(sample_colors(rng, settings.palette, 2), count)
        sizes, places = _offsets(rng, count, margin)
        shift = float(rng.uniform(-0.3, 0.3))
        boxes = tuple(
            make_solid(
                f"box_{number}",
                "box",
                Box(half_extents=tuple(size)),
                look,
                friction=friction,
                position=(shift + place, 0.0, 2.0 * float(sizes[:number, 2].sum()) + size[2]),
            )
            for number, (size, place, look) in enumerate(zip(sizes.tolist(), places.tolist(), appearances, strict=True))
        )
        return make_scene(
            self.info,
            rng,
            settings,
            root_seed,
            index,
            boxes,
            floor_restitution=0.0,
            floor_friction=friction,
            spread=0.3,
        )

    def caption(self, spec: SceneSpec) -> str:
        """Return for example "a stack of three boxes, red and blue, stands still"."""
        boxes = [spec.bodies[k] for k in members(spec, "box")]
        truth = self.ground_truth(spec)
        falling = len(boxes) - int(truth["joint"])
        lost = "loses its top box" if falling == 1 else f"loses its upper {NUMBERS[falling]} boxes"
        end = "stands still" if truth["stands"] else lost
        first, second = (box.appearance.color_name for box in boxes[:2])
        return f"a stack of {NUMBERS[len(boxes)]} boxes, {first} and {second}, {end}"

    def ground_truth(self, spec: SceneSpec) -> dict[str, float]:
        """Return the least margin in m, the joint that has it (0 = on the floor), whether the stack stands, and the
        side to which it falls (+1 = right, 0 = it stands)."""
        boxes = [spec.bodies[k] for k in members(spec, "box")]
        margins = _margins(boxes)
        joint = int(margins.argmin())
        mass = np.array([box.mass for box in boxes[joint:]])
        centre = float((mass * [box.position[0] for box in boxes[joint:]]).sum() / mass.sum())
        below = boxes[max(joint - 1, 0)].position[0]
        stands = bool(margins.min() > 0.0)
        return {
            "margin": float(margins.min()),
            "joint": float(joint),
            "stands": float(stands),
            "falls_to": 0.0 if stands else float(np.sign(centre - below)),
        }

    def residuals(self, spec: SceneSpec, trajectory: Trajectory) -> dict[str, float]:
        """Return whether it stands or falls otherwise than predicted, or to the other side (0 or 1), and how far a box
        has moved that should rest, in m."""
        truth, boxes = self.ground_truth(spec), members(spec, "box")
        top = boxes[-1]
        moved = float(trajectory.position[-1, top, 0] - trajectory.position[0, top, 0])
        fell = way(trajectory, top).max() > FALLEN
        as_predicted = (not fell) if truth["stands"] else fell and moved * truth["falls_to"] > 0.0
        return {
            "outcome_error": float(not as_predicted),
            "rest_error": largest_way(trajectory, boxes) if truth["stands"] else 0.0,
        }


def _offsets(
    rng: np.random.Generator, count: int, margin: float
) -> tuple[Float[np.ndarray, "n 3"], Float[np.ndarray, "n"]]:
    """Draw half extents and places along x, m, of boxes on one another, until ``margin`` is the least at any joint.

    Where it is negative, all other joints are safe, so that there is one way to fall.
    """
    while True:
        sizes = rng.uniform((0.22, 0.22, 0.17), (0.33, 0.33, 0.24), size=(count, 3))
        mass, half = sizes.prod(axis=1), sizes[:, 0]
        offsets = rng.uniform(-0.14, 0.14, size=count)
        critical = int(rng.integers(1, count))
        # What lies above the critical joint has its centre ``margin`` inside the end of the box below.
        above = np.concatenate([[0.0], np.cumsum(offsets[critical + 1 :])])
        centre = float((mass[critical:] * above).sum() / mass[critical:].sum())
        side = -1.0 if rng.random() < 0.5 else 1.0
        offsets[critical] = side * (half[critical - 1] - margin) - centre
        places = np.cumsum(offsets) - offsets[0]
        margins = support_margins(places, half, mass)
        others = np.delete(margins, critical)
        if abs(margins[critical] - margin) < 1e-9 and others.min() > max(margin, SAFE):
            return sizes, places


def _margins(boxes: list[Body]) -> Float[np.ndarray, "n"]:
    """Return the margins of all joints of a stack, m."""
    places = np.array([box.position[0] for box in boxes])
    half = np.array([half_extents(box)[0] for box in boxes])
    return support_margins(places, half, np.array([box.mass for box in boxes]))


BODY, SUPPORT = 1, 2


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
