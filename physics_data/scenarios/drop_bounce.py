"""A ball bounces on one spot, lower every time."""

import math
from typing import ClassVar

import numpy as np

from physics_data.core.scene import SceneSpec
from physics_data.core.trajectory import Trajectory
from physics_data.scenarios.shared.measures import bounce_restitutions, gravity_relative_error
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

FLOOR, BALL = 0, 1


class DropBounce:
    """A ball falls from a low height and bounces again and again."""

    info: ClassVar[ScenarioInfo] = ScenarioInfo(
        name="drop_bounce",
        law="Newton's law of restitution at every bounce: the speed falls by e, the energy by e²",
        quantity="speed_n = e^n sqrt(2 g h), rebound_n = e^2n h, bounce_n at sqrt(2 h / g) (1 + 2 e + ... + 2 e^(n-1))",
        summary="A ball bounces on one spot, lower every time.",
    )
    # A bounce is up to one engine step late: at 960 Hz and 1.3 m/s, the slowest bounce of training, this changes the
    # measured restitution by up to g dt / u = 0.008.
    tolerances: ClassVar[dict[str, float]] = {"gravity_relative_error": 1e-6, "restitution_error": 0.015}
    ranges: ClassVar[dict[str, Range]] = {
        "height": Range(0.32, 0.55, "m", held_out=((0.25, 0.3), (0.58, 0.75))),
        "restitution": Range(0.58, 0.82, "1", held_out=((0.45, 0.55), (0.85, 0.95))),
    }
    engines: ClassVar[tuple[str, ...]] = ("mujoco", "bullet")

    def sample(self, rng: np.random.Generator, settings: SceneSettings, root_seed: int, index: int) -> SceneSpec:
        """Draw a drop so low that the second bounce of training's ranges comes within a second."""
        radius = float(rng.uniform(*settings.radius))
        height = self.ranges["height"].draw(rng, settings)
        ball = make_ball(
            "ball",
            radius,
            sample_colors(rng, settings.palette, 1)[0],
            restitution=self.ranges["restitution"].draw(rng, settings),
            position=(float(rng.uniform(-1.2, 1.2)), float(rng.uniform(-0.4, 0.4)), radius + height),
        )
        return make_scene(self.info, rng, settings, root_seed, index, (ball,), floor_restitution=1.0)

    def caption(self, spec: SceneSpec) -> str:
        """Return for example "a red ball bounces on the floor"."""
        return f"{describe(spec.bodies[BALL])} bounces on the floor"

    def ground_truth(self, spec: SceneSpec) -> dict[str, float]:
        """Return the restitution, and time in s, speed in m/s and rebound in m of the first two bounces."""
        ball, gravity = spec.bodies[BALL], -spec.gravity[2]
        drop, e = ball.position[2] - ball_radius(ball), ball.surface.restitution
        fall, speed = math.sqrt(2.0 * drop / gravity), math.sqrt(2.0 * drop * gravity)
        return {
            "restitution": e,
            "energy_kept_per_bounce": e * e,
            "bounce_1_seconds": fall,
            "bounce_1_speed": speed,
            "bounce_1_rebound_height": e**2 * drop,
            "bounce_2_seconds": fall * (1.0 + 2.0 * e),
            "bounce_2_speed": e * speed,
            "bounce_2_rebound_height": e**4 * drop,
        }

    def residuals(self, spec: SceneSpec, trajectory: Trajectory) -> dict[str, float]:
        """Return the error of the fitted gravity (relative) and the largest error of restitution of a bounce."""
        ball = spec.bodies[BALL]
        measured = bounce_restitutions(spec, trajectory, BALL, FLOOR, ball_radius(ball))
        worst = float(np.abs(measured - ball.surface.restitution).max()) if len(measured) else math.nan
        return {
            "gravity_relative_error": gravity_relative_error(spec, trajectory, BALL, FLOOR),
            "restitution_error": worst,
        }
