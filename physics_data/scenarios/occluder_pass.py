"""A ball rolls behind a screen and comes out again."""

from typing import ClassVar

import numpy as np

from physics_data.core.scene import Body, Box, SceneSpec, Surface
from physics_data.core.trajectory import Trajectory
from physics_data.scenarios.shared.scenario import Range, ScenarioInfo, SceneSettings, describe, make_ball, make_scene
from physics_data.scenarios.shared.staging import HALF_VIEW
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
