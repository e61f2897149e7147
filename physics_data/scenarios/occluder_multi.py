"""A ball rolls behind several screens, or behind one with a slit, and is seen in between."""

from typing import ClassVar

import numpy as np

from physics_data.core.scene import Body, Box, SceneSpec
from physics_data.core.trajectory import Trajectory
from physics_data.scenarios.shared.measures import uniform_motion_error
from physics_data.scenarios.shared.parts import make_screen
from physics_data.scenarios.shared.scenario import Range, ScenarioInfo, SceneSettings, describe, make_ball, make_scene
from physics_data.scenarios.shared.staging import describe_group
from physics_data.variation.colors import sample_colors

BALL, SCREENS = 1, 2

SCREEN_DISTANCE = 0.5
"""How far the screens stand in front of the ball's path, m."""

SLIT = 0.25
"""A gap (m) narrower than this is a slit: no ball shows there as a whole."""


class OccluderMulti:
    """A ball crosses the picture at constant velocity behind two or three screens, or behind a screen with a slit."""

    info: ClassVar[ScenarioInfo] = ScenarioInfo(
        name="occluder_multi",
        law="inertia and continuity: a ball that is hidden here and there moves on between and appears in every gap",
        quantity="x = x0 + v t, also while it is hidden",
        summary="A ball rolls behind several screens, or behind one with a slit, and is seen in between.",
    )
    # Nothing acts on the ball along its path. It settles on the floor by a few micrometres in its first steps.
    tolerances: ClassVar[dict[str, float]] = {"path_relative_error": 1e-4}
    ranges: ClassVar[dict[str, Range]] = {
        "radius": Range(0.16, 0.17, "m"),
        "path": Range(3.2, 3.35, "m"),
        "screen_width": Range(1.65, 1.8, "ball diameters", held_out=((1.5, 1.62),)),
        "gap": Range(1.1, 1.25, "ball diameters", held_out=((0.85, 1.05),)),
        "slit_width": Range(0.3, 0.5, "ball diameters", held_out=((0.55, 0.7),)),
    }
    engines: ClassVar[tuple[str, ...]] = ("mujoco", "bullet")

    def sample(self, rng: np.random.Generator, settings: SceneSettings, root_seed: int, index: int) -> SceneSpec:
        """Draw two screens, three screens or one with a slit, and a ball that crosses behind all of them."""
        kind = int(rng.integers(3))
        side = -1.0 if rng.random() < 0.5 else 1.0
        radius = self.ranges["radius"].draw(rng, settings)
        path = self.ranges["path"].draw(rng, settings)
        width = 2.0 * radius * self.ranges["screen_width"].draw(rng, settings)
        gap = 2.0 * radius * self.ranges["gap" if kind else "slit_width"].draw(rng, settings)
        count = 3 if kind == 2 else 2
        height = 2.0 * radius + float(rng.uniform(0.35, 0.6))
        middle = float(rng.uniform(-0.03, 0.03))
        off = 0.0
        if settings.is_wide:
            # Along the way, as far as the ball is in full view at both ends: it goes into hiding sooner or later.
            room = max(0.5 * (path - count * width - (count - 1) * gap) - radius - 0.05, 0.0)
            off = float(rng.uniform(-0.2, 0.2))
            middle = off + float(rng.uniform(-room, room))
        nearer = (settings.camera_distance - SCREEN_DISTANCE) / settings.camera_distance
        screens = [
            make_screen(
                f"screen_{place + 1}",
                nearer * (middle + (place - 0.5 * (count - 1)) * (width + gap)),
                SCREEN_DISTANCE,
                0.5 * nearer * width,
                height,
            )
            for place in range(count)
        ]
        speed = side * path / settings.duration
        ball = make_ball(
            "ball",
            radius,
            sample_colors(rng, settings.palette, 1)[0],
            restitution=0.5,
            position=(off - 0.5 * side * path, 0.0, radius),
            linear_velocity=(speed, 0.0, 0.0),
            angular_velocity=(0.0, speed / radius, 0.0),
        )
        return make_scene(
            self.info, rng, settings, root_seed, index, (ball, *screens), floor_restitution=0.5, keeps_side=True
        )

    def caption(self, spec: SceneSpec) -> str:
        """Return for example "a red ball passes behind two grey screens"."""
        screens = _screens(spec)
        behind = f"{describe(screens[0])} with a slit" if _gap(screens) < SLIT else describe_group(screens)
        return f"{describe(spec.bodies[BALL])} passes behind {behind}"

    def ground_truth(self, spec: SceneSpec) -> dict[str, float]:
        """Return the ball's velocity in m/s, its last position in m along x, and the number and gap (m) of screens."""
        ball, screens = spec.bodies[BALL], _screens(spec)
        velocity = ball.linear_velocity[0]
        return {
            "velocity": velocity,
            "final_position": ball.position[0] + velocity * spec.seconds[-1],
            "number_of_screens": float(len(screens)),
            "gap": _gap(screens),
        }

    def residuals(self, spec: SceneSpec, trajectory: Trajectory) -> dict[str, float]:
        """Return the largest distance from uniform motion, relative to the path."""
        return {"path_relative_error": uniform_motion_error(spec, trajectory, BALL)}


def _screens(spec: SceneSpec) -> list[Body]:
    return [body for body in spec.bodies[SCREENS:] if body.name.startswith("screen_")]


def _gap(screens: list[Body]) -> float:
    """Return the distance between two neighbours, m."""
    first, second = screens[0], screens[1]
    assert isinstance(first.shape, Box), "a screen is a box"
    return second.position[0] - first.position[0] - 2.0 * first.shape.half_extents[0]
