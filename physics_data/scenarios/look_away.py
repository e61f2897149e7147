"""The camera turns away from a ball and comes back to it."""

from typing import ClassVar

import numpy as np

from physics_data.core.scene import SceneSpec
from physics_data.core.trajectory import Trajectory
from physics_data.scenarios.shared.measures import uniform_motion_error
from physics_data.scenarios.shared.scenario import Range, ScenarioInfo, SceneSettings, describe, make_ball, make_scene
from physics_data.scenarios.shared.staging import REFERENCE_SECONDS, speed_within, start_across
from physics_data.variation.colors import sample_colors

BALL = 1


class LookAway:
    """Nobody watches for a while; a ball that rolled has rolled on meanwhile, one that lay there still lies there."""

    info: ClassVar[ScenarioInfo] = ScenarioInfo(
        name="look_away",
        law="inertia, and a world that goes on out of view",
        quantity="x = x0 + v t, also while the camera looks elsewhere; v = 0 for half of the balls",
        summary="The camera turns away from a ball and comes back to it.",
    )
    # Nothing acts on the ball along its path. It settles on the floor by a few micrometres in its first steps.
    tolerances: ClassVar[dict[str, float]] = {"path_relative_error": 1e-4}
    ranges: ClassVar[dict[str, Range]] = {"travel": Range(1.4, 2.6, "m", held_out=((0.8, 1.2), (2.75, 3.0)))}
    engines: ClassVar[tuple[str, ...]] = ("mujoco", "bullet")

    def sample(self, rng: np.random.Generator, settings: SceneSettings, root_seed: int, index: int) -> SceneSpec:
        """Draw whether the ball rolls, then its way; the camera looks away whatever the settings say."""
        rolls = rng.random() < 0.5
        side = -1.0 if rng.random() < 0.5 else 1.0
        radius = float(rng.uniform(*settings.radius))
        travel = self.ranges["travel"].draw(rng, settings)
        off_middle = float(rng.uniform(-0.1, 0.1))
        place = float(rng.uniform(-1.2, 1.2))
        speed = side * travel / settings.duration if rolls else 0.0
        start = off_middle - 0.5 * side * travel if rolls else place
        if settings.is_wide and rolls:
            speed = side * speed_within(0.8 * travel / REFERENCE_SECONDS, settings)
            start = start_across(rng, speed * settings.duration)
        ball = make_ball(
            "ball",
            radius,
            sample_colors(rng, settings.palette, 1)[0],
            restitution=0.5,
            position=(start, 0.0, radius),
            linear_velocity=(speed, 0.0, 0.0),
            angular_velocity=(0.0, speed / radius, 0.0),
        )
        settings = settings.model_copy(update={"camera_motion": "look_away"})
        return make_scene(self.info, rng, settings, root_seed, index, (ball,), floor_restitution=0.5)

    def caption(self, spec: SceneSpec) -> str:
        """Return for example "the camera looks away while a red ball rolls on, and comes back"."""
        verb = "rolls on" if spec.bodies[BALL].linear_velocity[0] else "lies still"
        return f"the camera looks away while {describe(spec.bodies[BALL])} {verb}, and comes back"

    def ground_truth(self, spec: SceneSpec) -> dict[str, float]:
        """Return the velocity in m/s, and where the ball is along x as the camera is back, and at the end, in m."""
        ball = spec.bodies[BALL]
        velocity, back = ball.linear_velocity[0], spec.camera.path[-1].seconds
        return {
            "velocity": velocity,
            "seconds_of_return": back,
            "position_at_return": ball.position[0] + velocity * back,
            "final_position": ball.position[0] + velocity * spec.seconds[-1],
        }

    def residuals(self, spec: SceneSpec, trajectory: Trajectory) -> dict[str, float]:
        """Return the largest distance from uniform motion, relative to the path, or to the radius of a ball at rest."""
        return {"path_relative_error": uniform_motion_error(spec, trajectory, BALL)}
