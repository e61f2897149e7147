"""Objects pass behind one screen, or behind several."""

from typing import ClassVar

import numpy as np

from physics_data.core.scene import Body, Box, SceneSpec, Surface
from physics_data.core.trajectory import Trajectory
from physics_data.scenarios.shared.measures import uniform_motion_error
from physics_data.scenarios.shared.parts import make_screen
from physics_data.scenarios.shared.scenario import Range, ScenarioInfo, SceneSettings, describe, make_ball, make_scene
from physics_data.scenarios.shared.staging import HALF_VIEW, describe_group
from physics_data.variation.colors import SCREEN, sample_colors

FLOOR, BALL, OCCLUDER = 0, 1, 2

SCREEN_DISTANCE = 0.6
"""How far the screen stands in front of the ball's path, m."""


class OccluderPass:
    """A ball crosses the picture at constant velocity and is hidden behind a screen on its way."""

    info: ClassVar[ScenarioInfo] = ScenarioInfo(
        name="occluder_pass",
        law="inertia, x = x0 + v t, and object permanence: the hidden ball still exists and moves on",
        quantity="v, and the position x0 + v t of the ball while it is hidden",
        summary="A ball rolls behind a screen and comes out again.",
    )
    # Nothing acts on the ball along its path. It settles on the floor by a few micrometres in its first steps.
    tolerances: ClassVar[dict[str, float]] = {"velocity_relative_error": 1e-4}
    ranges: ClassVar[dict[str, Range]] = {}
    engines: ClassVar[tuple[str, ...]] = ("mujoco", "bullet")

    def sample(self, rng: np.random.Generator, settings: SceneSettings, root_seed: int, index: int) -> SceneSpec:
        """Draw a crossing that hides the whole ball for 2 to 4 frames; in the centred layout, in the middle."""
        side = -1.0 if rng.random() < 0.5 else 1.0
        radius = float(rng.uniform(*settings.radius))
        if settings.is_wide:  # large balls would have to be fast to be hidden and out again in time
            radius = 0.5 * (settings.radius[0] + radius)
        path = float(rng.uniform(2.6, 3.1))
        speed = path / settings.duration
        # The centre of the ball has this way to go, in the plane y = 0, while all of it is behind the screen.
        hidden_path = float(rng.uniform(2.2, 3.4)) * speed / settings.frame_rate
        nearer = (settings.camera_distance - SCREEN_DISTANCE) / settings.camera_distance
        half_width = 0.5 * (hidden_path + 2.0 * radius + 0.06) * nearer
        height = 2.0 * radius + float(rng.uniform(0.35, 0.6))
        look = sample_colors(rng, settings.palette, 1)[0]
        start, middle = -side * (0.5 * path + float(rng.uniform(-0.05, 0.1))), float(rng.uniform(-0.1, 0.1))
        if settings.is_wide:
            hidden_seconds = hidden_path / speed
            speed, middle, start = _wide_crossing(rng, settings, side, radius, hidden_seconds)
            middle *= nearer  # the screen stands nearer to the camera
            half_width = 0.5 * (speed * hidden_seconds + 2.0 * radius + 0.06) * nearer
        ball = make_ball(
            "ball",
            radius,
            look,
            restitution=0.5,
            position=(start, 0.0, radius),
            linear_velocity=(side * speed, 0.0, 0.0),
            angular_velocity=(0.0, side * speed / radius, 0.0),
        )
        screen = Body(
            name="screen",
            noun="screen",
            shape=Box(half_extents=(half_width, 0.04, 0.5 * height)),
            role="occluder",
            is_static=True,
            surface=Surface(friction=0.0, restitution=0.5),
            appearance=SCREEN,
            position=(middle, -SCREEN_DISTANCE, 0.5 * height),
        )
        return make_scene(
            self.info, rng, settings, root_seed, index, (ball, screen), floor_restitution=0.5, keeps_side=True
        )

    def caption(self, spec: SceneSpec) -> str:
        """Return for example "a red ball passes behind a grey screen"."""
        return f"{describe(spec.bodies[BALL])} passes behind {describe(spec.bodies[OCCLUDER])}"

    def ground_truth(self, spec: SceneSpec) -> dict[str, float]:
        """Return the velocity in m/s and the position in m of the ball in the last frame, both along x."""
        ball = spec.bodies[BALL]
        velocity = ball.linear_velocity[0]
        return {"velocity": velocity, "final_position": ball.position[0] + velocity * spec.seconds[-1]}

    def residuals(self, spec: SceneSpec, trajectory: Trajectory) -> dict[str, float]:
        """Return the largest distance from uniform motion, relative to the path."""
        ball = spec.bodies[BALL]
        seconds = np.array(spec.seconds)[:, None]
        expected = np.array(ball.position) + np.array(ball.linear_velocity) * seconds
        away = np.linalg.norm(trajectory.position[:, BALL] - expected, axis=1).max()
        return {"velocity_relative_error": float(away / np.linalg.norm(expected[-1] - expected[0]))}


def _wide_crossing(
    rng: np.random.Generator, settings: SceneSettings, side: float, radius: float, hidden_seconds: float
) -> tuple[float, float, float]:
    """Draw the speed (m/s), and where on the ball's path the hiding place is and the ball starts (m, along x).

    The ball is seen as a whole for some frames before it goes in, and half of it at least comes out before the clip
    ends; where that is too short for the drawn speed, it is faster.
    """
    shown = 2.0 / settings.frame_rate
    # It enters on a way of a diameter, and half of it leaves on a radius, beside the way on which all is hidden.
    entering = 3.0 * radius + 0.06
    passing = max(settings.duration - 2.0 * shown - hidden_seconds, shown)
    speed = max(float(rng.uniform(1.4, 3.2)), entering / passing)
    reach = 0.5 * (speed * hidden_seconds + 0.06) + 2.0 * radius
    least = speed * shown
    middle = side * float(rng.uniform(min(reach + least - HALF_VIEW - radius, 0.9), 1.0))
    room = side * middle + HALF_VIEW + radius - reach
    longest = min(room / speed, passing + shown - entering / speed)
    before = float(rng.uniform(shown, max(longest, shown)))
    return speed, middle, middle - side * (reach + speed * before)


SCREENS = 2

SCREENS_DISTANCE = 0.5
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
        nearer = (settings.camera_distance - SCREENS_DISTANCE) / settings.camera_distance
        screens = [
            make_screen(
                f"screen_{place + 1}",
                nearer * (middle + (place - 0.5 * (count - 1)) * (width + gap)),
                SCREENS_DISTANCE,
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
