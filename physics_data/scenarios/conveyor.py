"""A box is set on a running belt and is carried along."""

import math
from typing import ClassVar

import numpy as np
from jaxtyping import Float

from physics_data.core.conventions import STANDARD_GRAVITY
from physics_data.core.scene import Box, SceneSpec, Surface
from physics_data.core.trajectory import Trajectory
from physics_data.scenarios.shared.parts import make_fixture, make_solid
from physics_data.scenarios.shared.scenario import Range, ScenarioInfo, SceneSettings, describe, make_scene
from physics_data.variation.colors import SCREEN, sample_colors

FLOOR, BOX, BELT = 0, 1, 2
HALF_LENGTH = 1.8


class Conveyor:
    """The belt drags the box with mu g until it is as fast; half of the boxes get there within the clip."""

    info: ClassVar[ScenarioInfo] = ScenarioInfo(
        name="conveyor",
        law="Coulomb's friction drives: acceleration mu g until the box has the speed of the belt, then none",
        quantity="a = mu g, as_fast_after = v / (mu g), x = a t² / 2 and then v t - v² / (2 a)",
        summary="A box is set on a running belt and is carried along.",
    )
    # The engines share the load between the corners in their own ways, which neither force nor way feel.
    tolerances: ClassVar[dict[str, float]] = {"path_error_relative": 0.01, "speed_error_relative": 0.03}
    ranges: ClassVar[dict[str, Range]] = {
        "way": Range(1.1, 1.7, "m", held_out=((0.7, 1.0), (1.8, 2.1))),
        "slow_start": Range(1.2, 1.6, "of the clip", held_out=((1.7, 2.0),)),
        "quick_start": Range(0.3, 0.6, "of the clip", held_out=((0.2, 0.27), (0.65, 0.75))),
    }
    engines: ClassVar[tuple[str, ...]] = ("mujoco", "bullet")

    def sample(self, rng: np.random.Generator, settings: SceneSettings, root_seed: int, index: int) -> SceneSpec:
        """Draw whether the box gets as fast as the belt, and how far; then speed and friction that make it so."""
        is_quick = rng.random() < 0.5
        side = -1.0 if rng.random() < 0.5 else 1.0
        share = self.ranges["quick_start" if is_quick else "slow_start"].draw(rng, settings)
        way, duration = self.ranges["way"].draw(rng, settings), settings.duration
        # With s = share of the clip until it is as fast, the way of a clip is v T (1 - s / 2), or v T / (2 s).
        speed = way / duration / (1.0 - 0.5 * share if is_quick else 0.5 / share)
        friction = speed / (share * duration) / STANDARD_GRAVITY
        half = (float(rng.uniform(0.2, 0.28)), float(rng.uniform(0.2, 0.28)), float(rng.uniform(0.16, 0.22)))
        top = float(rng.uniform(0.45, 0.6))
        box = make_solid(
            "box",
            "box",
            Box(half_extents=half),
            sample_colors(rng, settings.palette, 1)[0],
            friction=friction,
            position=(side * (-0.5 * way + float(rng.uniform(-0.1, 0.1))), 0.0, top + half[2]),
        )
        belt = make_fixture(
            "belt",
            "belt",
            Box(half_extents=(HALF_LENGTH, 0.45, 0.5 * top)),
            position=(0.0, 0.0, 0.5 * top),
            appearance=SCREEN,
        ).model_copy(
            update={"surface": Surface(friction=friction, restitution=0.0, belt_velocity=(side * speed, 0.0, 0.0))}
        )
        return make_scene(
            self.info, rng, settings, root_seed, index, (box, belt), floor_restitution=0.0, floor_friction=friction
        )

    def caption(self, spec: SceneSpec) -> str:
        """Return for example "a grey belt carries a red box to the right"."""
        side = "right" if spec.bodies[BELT].surface.belt_velocity[0] > 0 else "left"
        return f"{describe(spec.bodies[BELT])} carries {describe(spec.bodies[BOX])} to the {side}"

    def ground_truth(self, spec: SceneSpec) -> dict[str, float]:
        """Return the friction, the belt's speed in m/s, the acceleration in m/s², and when the box is as fast, in s."""
        friction, speed = spec.bodies[BELT].surface.friction, spec.bodies[BELT].surface.belt_velocity[0]
        acceleration = -friction * spec.gravity[2]
        return {
            "friction": friction,
            "belt_speed": abs(speed),
            "acceleration": acceleration,
            "as_fast_after_seconds": abs(speed) / acceleration,
        }

    def residuals(self, spec: SceneSpec, trajectory: Trajectory) -> dict[str, float]:
        """Return the errors of way and speed while the box is on the belt, relative to the way and the belt's speed."""
        truth, on_belt = self.ground_truth(spec), _on_belt(spec, trajectory)
        side = math.copysign(1.0, spec.bodies[BELT].surface.belt_velocity[0])
        seconds = np.array(spec.seconds)[on_belt]
        dragged = np.minimum(seconds, truth["as_fast_after_seconds"])
        way = 0.5 * truth["acceleration"] * dragged**2 + truth["belt_speed"] * (seconds - dragged)
        moved = trajectory.position[on_belt, BOX] - np.array(spec.bodies[BOX].position)
        away = np.linalg.norm(moved - side * way[:, None] * (1.0, 0.0, 0.0), axis=1)
        speed = side * trajectory.linear_velocity[on_belt, BOX, 0]
        return {
            "path_error_relative": float(away.max() / way[-1]),
            "speed_error_relative": float(np.abs(speed - truth["acceleration"] * dragged).max() / truth["belt_speed"]),
        }


def _on_belt(spec: SceneSpec, trajectory: Trajectory) -> Float[np.ndarray, "n"] | slice:
    """Return the frames before the box reaches over the end of the belt."""
    beyond = np.abs(trajectory.position[:, BOX, 0]) > HALF_LENGTH - 0.01
    return slice(0, int(np.argmax(beyond)) if beyond.any() else spec.num_frames)
