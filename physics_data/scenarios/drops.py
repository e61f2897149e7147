"""Falling: a body is dropped, bounces, or tumbles freely."""

import math
from typing import ClassVar

import numpy as np

from physics_data.core.geometry import rotation_matrix
from physics_data.core.mechanics import (
    body_angular_momentum,
    body_kinetic_energy,
    body_potential_energy,
    inertia_tensor,
    solid_inertia,
)
from physics_data.core.scene import Box, SceneSpec
from physics_data.core.trajectory import Trajectory
from physics_data.scenarios.shared.measures import (
    bounce_restitutions,
    gravity_relative_error,
    last_frame_before_contact,
    restitution_on_floor,
)
from physics_data.scenarios.shared.parts import make_solid, patterned
from physics_data.scenarios.shared.scenario import (
    Range,
    ScenarioInfo,
    SceneSettings,
    ball_radius,
    describe,
    make_ball,
    make_scene,
)
from physics_data.scenarios.shared.staging import DEPTHS
from physics_data.variation.appearance import spawned
from physics_data.variation.colors import sample_colors

FLOOR, BALL = 0, 1


class FreeDrop:
    """A ball falls from rest, hits the floor and bounces."""

    info: ClassVar[ScenarioInfo] = ScenarioInfo(
        name="free_drop",
        law="free fall, y = g t² / 2, and Newton's law of restitution at the bounce",
        quantity="fall_seconds = sqrt(2 h / g), impact_speed = sqrt(2 g h), rebound_height = e² h",
        summary="A ball is let go above the floor.",
    )
    # Free flight is exact up to rounding in both engines. The bounce is up to one engine step late, which at
    # 960 Hz and the lowest drop changes the measured restitution by less than 0.005.
    tolerances: ClassVar[dict[str, float]] = {"gravity_relative_error": 1e-6, "restitution_error": 0.01}
    ranges: ClassVar[dict[str, Range]] = {}
    engines: ClassVar[tuple[str, ...]] = ("mujoco", "bullet")

    def sample(self, rng: np.random.Generator, settings: SceneSettings, root_seed: int, index: int) -> SceneSpec:
        """Draw a drop of the centre from 1.6 to 3 m: 8 to 11 frames of fall at 16 Hz, then a bounce."""
        radius = float(rng.uniform(*settings.radius))
        depth = float(spawned(rng).uniform(*DEPTHS)) if settings.is_wide else 0.0
        ball = make_ball(
            "ball",
            radius,
            sample_colors(rng, settings.palette, 1)[0],
            restitution=float(rng.uniform(0.5, 0.85)),
            position=(float(rng.uniform(-1.2, 1.2)), depth, float(rng.uniform(1.6, 3.0))),
        )
        return make_scene(self.info, rng, settings, root_seed, index, (ball,), floor_restitution=1.0)

    def caption(self, spec: SceneSpec) -> str:
        """Return for example "a red ball falls onto the floor"."""
        return f"{describe(spec.bodies[BALL])} falls onto the floor"

    def ground_truth(self, spec: SceneSpec) -> dict[str, float]:
        """Return the time of fall in s, the speed of impact in m/s and the height of the rebound in m."""
        ball = spec.bodies[BALL]
        drop, gravity = ball.position[2] - ball_radius(ball), -spec.gravity[2]
        return {
            "fall_seconds": math.sqrt(2.0 * drop / gravity),
            "impact_speed": math.sqrt(2.0 * drop * gravity),
            "rebound_height": ball.surface.restitution**2 * drop,
        }

    def residuals(self, spec: SceneSpec, trajectory: Trajectory) -> dict[str, float]:
        """Return the error of the fitted gravity (relative) and of the measured restitution (absolute)."""
        ball = spec.bodies[BALL]
        measured = restitution_on_floor(spec, trajectory, BALL, FLOOR, ball_radius(ball))
        return {
            "gravity_relative_error": gravity_relative_error(spec, trajectory, BALL, FLOOR),
            "restitution_error": abs(measured - ball.surface.restitution),
        }


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


BOX = 1


class TumbleFree:
    """A flat box is thrown up with a spin about its middle axis, which is unstable: it turns over in flight."""

    info: ClassVar[ScenarioInfo] = ScenarioInfo(
        name="tumble_free",
        law="conservation of angular momentum in free flight, and the instability of the middle axis",
        quantity="L = I w, constant in the world; growth_rate = w sqrt((I3 - I2) (I2 - I1) / (I1 I3))",
        summary="A thrown box tumbles and flips over.",
    )
    # Bullet turns bodies by first-order steps: relative errors near spin times step, which is 0.013 here.
    tolerances: ClassVar[dict[str, float]] = {
        "gravity_relative_error": 1e-6,
        "angular_momentum_relative_error": 0.015,
        "energy_relative_error": 0.025,
    }
    ranges: ClassVar[dict[str, Range]] = {
        "spin": Range(9.0, 12.0, "rad/s", held_out=((6.5, 8.5), (12.5, 14.0))),
        "lift": Range(4.0, 4.8, "m/s"),
    }
    engines: ClassVar[tuple[str, ...]] = ("mujoco", "bullet")

    def sample(self, rng: np.random.Generator, settings: SceneSettings, root_seed: int, index: int) -> SceneSpec:
        """Draw a throw that lasts about a second, with a spin a few degrees off the middle axis."""
        half = (float(rng.uniform(0.42, 0.52)), float(rng.uniform(0.24, 0.3)), float(rng.uniform(0.07, 0.1)))
        spin = self.ranges["spin"].draw(rng, settings) * (-1.0 if rng.random() < 0.5 else 1.0)
        off = float(rng.uniform(0.06, 0.12)) * spin
        # The middle axis of this box is its own y, at first nearly along the line of sight.
        heading = float(rng.uniform(-0.3, 0.3))
        box = make_solid(
            "box",
            "box",
            Box(half_extents=half),
            patterned(sample_colors(rng, settings.palette, 1)[0], 2.0 * max(half)),
            restitution=0.3,
            position=(float(rng.uniform(-0.8, 0.8)), 0.0, float(rng.uniform(0.9, 1.2))),
            orientation=(math.cos(0.5 * heading), 0.0, 0.0, math.sin(0.5 * heading)),
            linear_velocity=(float(rng.uniform(-0.4, 0.4)), 0.0, self.ranges["lift"].draw(rng, settings)),
            angular_velocity=(
                off * math.cos(heading) - spin * math.sin(heading),
                off * math.sin(heading) + spin * math.cos(heading),
                0.0,
            ),
        )
        return make_scene(self.info, rng, settings, root_seed, index, (box,), floor_restitution=0.3, spread=0.6)

    def caption(self, spec: SceneSpec) -> str:
        """Return for example "a red box is thrown up and tumbles"."""
        return f"{describe(spec.bodies[BOX])} is thrown up and tumbles"

    def ground_truth(self, spec: SceneSpec) -> dict[str, float]:
        """Return the angular momentum in kg m²/s, the rate in 1/s at which the spin leaves its axis, the apex in m."""
        box = spec.bodies[BOX]
        turn = rotation_matrix(np.array(box.orientation))
        momentum = turn @ inertia_tensor(box) @ turn.T @ np.array(box.angular_velocity)
        least, middle, most = sorted(solid_inertia(box))
        spin = float(np.linalg.norm(box.angular_velocity))
        return {
            "angular_momentum": float(np.linalg.norm(momentum)),
            "growth_rate": spin * math.sqrt((most - middle) * (middle - least) / (least * most)),
            "apex_height": box.position[2] + box.linear_velocity[2] ** 2 / (-2.0 * spec.gravity[2]),
        }

    def residuals(self, spec: SceneSpec, trajectory: Trajectory) -> dict[str, float]:
        """Return the errors of gravity, of the angular momentum vector and of the energy in flight, all relative."""
        end = last_frame_before_contact(trajectory, FLOOR, BOX) + 1
        momentum = body_angular_momentum(spec, trajectory)[:end, BOX]
        drift = np.linalg.norm(momentum - momentum[0], axis=1).max() / np.linalg.norm(momentum[0])
        energy = (body_kinetic_energy(spec, trajectory) + body_potential_energy(spec, trajectory))[:end, BOX]
        spinning = 0.5 * float(momentum[0] @ trajectory.angular_velocity[0, BOX])
        return {
            "gravity_relative_error": gravity_relative_error(spec, trajectory, BOX, FLOOR),
            "angular_momentum_relative_error": float(drift),
            "energy_relative_error": float(np.abs(energy - energy[0]).max() / spinning),
        }
