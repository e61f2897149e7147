"""A screen on a hinge swings up and over; a box in its way stops it."""

import math
from typing import ClassVar

import numpy as np
from jaxtyping import Float

from physics_data.core.conventions import STANDARD_GRAVITY
from physics_data.core.mechanics import volume
from physics_data.core.scene import Body, Box, Hinge, Quaternion, SceneSpec, Surface
from physics_data.core.trajectory import Trajectory
from physics_data.scenarios.shared.measures import first_contact
from physics_data.scenarios.shared.parts import DENSITY, make_fixture
from physics_data.scenarios.shared.scenario import Range, ScenarioInfo, SceneSettings, describe, make_scene
from physics_data.variation.colors import SCREEN, sample_colors

FLOOR, SCREEN_BODY, BOX = 0, 1, 2

HINGE_Y = -0.4
HALF_THICKNESS = 0.04
HINGE_HEIGHT = HALF_THICKNESS + 0.003
RESTITUTION = 0.15
"""Enough for the screen to leave what it hit one engine step too late; it comes back within a frame or two."""

CLEARANCE = 0.12
"""Between the end of a screen that falls flat and the box, m."""


class RotatingScreen:
    """The screen hides the box on its way over; half of the boxes stand where it would come down."""

    info: ClassVar[ScenarioInfo] = ScenarioInfo(
        name="rotating_screen",
        law="solidity: a screen that swings over stops where a box stands, seen or not; energy on the way there",
        quantity="omega² = omega0² + g h (sin a0 - sin a) / (h² / 3 + t² / 12); "
        "stop_angle = pi - atan2(b, d) - asin(t / 2 / sqrt(b² + d²)), or pi",
        summary="A screen on a hinge swings up and over; a box in its way stops it.",
    )
    # A screen that hits at 6 rad/s leaves at 0.9 rad/s and gets 0.03 rad away before it falls back, in 0.14 s.
    tolerances: ClassVar[dict[str, float]] = {"energy_relative_error": 0.01, "stop_angle_error_rad": 0.05}
    ranges: ClassVar[dict[str, Range]] = {
        "length": Range(0.95, 1.15, "m", held_out=((0.85, 0.92), (1.18, 1.25))),
        "start_angle": Range(10.0, 15.0, "degrees"),
        "top_rate": Range(2.2, 3.0, "rad/s", held_out=((1.9, 2.1), (3.2, 3.6))),
        "box_height": Range(0.5, 0.65, "m", held_out=((0.42, 0.48),)),
        "box_distance": Range(0.18, 0.4, "m", held_out=((0.42, 0.48),)),
    }
    engines: ClassVar[tuple[str, ...]] = ("mujoco", "bullet")

    def sample(self, rng: np.random.Generator, settings: SceneSettings, root_seed: int, index: int) -> SceneSpec:
        """Draw whether the box is in the way, then the screen's swing."""
        is_blocked = rng.random() < 0.5
        length = self.ranges["length"].draw(rng, settings)
        angle = math.radians(self.ranges["start_angle"].draw(rng, settings))
        top_rate = self.ranges["top_rate"].draw(rng, settings)
        height, near = self.ranges["box_height"].draw(rng, settings), self.ranges["box_distance"].draw(rng, settings)
        distance = near if is_blocked else length + CLEARANCE + 0.3 * near
        middle = float(rng.uniform(-0.5, 0.5))
        half = (float(rng.uniform(0.22, 0.32)), float(rng.uniform(0.12, 0.18)), 0.5 * height)
        rate = math.sqrt(top_rate**2 + _pull(length, STANDARD_GRAVITY) * (1.0 - math.sin(angle)))
        shape = Box(half_extents=(0.85, 0.5 * length, HALF_THICKNESS))
        out, up = -math.cos(angle), math.sin(angle)
        screen = Body(
            name="screen",
            noun="screen",
            shape=shape,
            role="occluder",
            mass=0.2 * DENSITY * volume(shape),
            surface=Surface(friction=0.0, restitution=RESTITUTION),
            appearance=SCREEN,
            position=(middle, HINGE_Y + 0.5 * length * out, HINGE_HEIGHT + 0.5 * length * up),
            orientation=_lean(angle),
            linear_velocity=(0.0, 0.5 * length * rate * up, -0.5 * length * rate * out),
            angular_velocity=(-rate, 0.0, 0.0),
        )
        box = make_fixture(
            "box",
            "box",
            Box(half_extents=half),
            restitution=1.0,
            position=(middle + float(rng.uniform(-0.3, 0.3)), HINGE_Y + distance + half[1], half[2]),
            appearance=sample_colors(rng, settings.palette, 1)[0],
        ).model_copy(update={"role": "object"})
        hinge = Hinge(body="screen", anchor=(middle, HINGE_Y, HINGE_HEIGHT), axis=(1.0, 0.0, 0.0))
        return make_scene(
            self.info,
            rng,
            settings,
            root_seed,
            index,
            (screen, box),
            floor_restitution=1.0,
            joints=(hinge,),
            keeps_side=True,
        )

    def caption(self, spec: SceneSpec) -> str:
        """Return for example "a grey screen swings up and is stopped by a red box behind it"."""
        screen, box = describe(spec.bodies[SCREEN_BODY]), describe(spec.bodies[BOX])
        if self.ground_truth(spec)["is_stopped"]:
            return f"{screen} swings up and over and is stopped by {box}"
        return f"{screen} swings up and over and falls flat in front of {box}"

    def ground_truth(self, spec: SceneSpec) -> dict[str, float]:
        """Return where the screen ends (rad, from lying towards the camera), and its rate in rad/s as it stands."""
        screen, box = spec.bodies[SCREEN_BODY], spec.bodies[BOX]
        assert isinstance(box.shape, Box), "a box is in the way"
        length, half = _length(screen), box.shape.half_extents
        above, behind = 2.0 * half[2] - HINGE_HEIGHT, box.position[1] - half[1] - HINGE_Y
        reach = math.hypot(above, behind)
        is_stopped = reach < length
        stop = math.pi - math.atan2(above, behind) - math.asin(HALF_THICKNESS / reach)
        squared = screen.angular_velocity[0] ** 2
        squared -= _pull(length, -spec.gravity[2]) * (1.0 - math.sin(_angle(screen.orientation)))
        return {
            "is_stopped": float(is_stopped),
            "stop_angle": stop if is_stopped else math.pi,
            "start_angle": _angle(screen.orientation),
            "upright_rate": math.sqrt(squared),
        }

    def residuals(self, spec: SceneSpec, trajectory: Trajectory) -> dict[str, float]:
        """Return the error of the energy on the way over, relative to that of the start, and of the last angle, rad."""
        screen, truth = spec.bodies[SCREEN_BODY], self.ground_truth(spec)
        touched = first_contact(trajectory, SCREEN_BODY, BOX if truth["is_stopped"] else FLOOR)
        if touched is None:
            return {"energy_relative_error": math.nan, "stop_angle_error_rad": math.nan}
        angle = _angles(trajectory.orientation[:, SCREEN_BODY])
        rate, pull = trajectory.angular_velocity[:touched, SCREEN_BODY, 0], _pull(_length(screen), -spec.gravity[2])
        energy = rate**2 + pull * np.sin(angle[:touched])
        return {
            "energy_relative_error": float(np.abs(energy - energy[0]).max() / rate[0] ** 2),
            "stop_angle_error_rad": float(abs(angle[-1] - truth["stop_angle"])),
        }


def _pull(length: float, gravity: float) -> float:
    """Return what gravity takes from the squared rate (rad²/s²) of a lying screen until it stands."""
    return gravity * length / (length**2 / 3.0 + HALF_THICKNESS**2 / 3.0)


def _length(screen: Body) -> float:
    assert isinstance(screen.shape, Box), "the screen is a plate"
    return 2.0 * screen.shape.half_extents[1]


def _lean(angle: float) -> Quaternion:
    """Return the orientation of a plate whose y axis points up from the camera's side by an angle, rad."""
    half = 0.5 * (math.pi - angle)
    return (math.cos(half), math.sin(half), 0.0, 0.0)


def _angle(orientation: Quaternion) -> float:
    return math.pi - 2.0 * math.atan2(orientation[1], orientation[0])


def _angles(orientation: Float[np.ndarray, "t 4"]) -> Float[np.ndarray, "t"]:
    """Return the angles (rad, 0 to beyond pi) of a plate's orientations; either sign of a quaternion will do."""
    turned = 2.0 * np.arctan2(orientation[:, 1], orientation[:, 0])
    return np.pi - (turned + 0.5 * np.pi) % (2.0 * np.pi) + 0.5 * np.pi
