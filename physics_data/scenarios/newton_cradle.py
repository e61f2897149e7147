"""Newton's cradle: as many balls leave as arrive."""

import math
from typing import ClassVar

import numpy as np

from physics_data.core.scene import Body, SceneSpec, Surface
from physics_data.core.trajectory import Trajectory
from physics_data.scenarios.shared.pendulums import Bob, angle_of, hinge_across, make_beam, start_angle
from physics_data.scenarios.shared.scenario import Range, ScenarioInfo, SceneSettings, describe, make_scene
from physics_data.variation.colors import sample_colors

BEAM, FIRST = 1, 2

GAP = 0.006
"""Between two balls at rest, m. It is wider than a ball moves in an engine step, so that one pair meets at a time;
balls that touch would all be hit in the same step, for which Newton's law of restitution has another answer."""


class NewtonCradle:
    """One or two of a row of hanging balls are let go; the same number leaves at the other end."""

    info: ClassVar[ScenarioInfo] = ScenarioInfo(
        name="newton_cradle",
        law="momentum and energy pass through a chain of equal elastic balls: n in, n out, with the same speed",
        quantity="impact at period / 4; exit_speed = sqrt(2 g h) of the entry, exit angle = entry angle",
        summary="Newton's cradle: as many balls leave as arrive.",
    )
    # The share of the energy that does not leave with the last balls: that of pairs that meet a little off the lowest
    # point, and of impacts that are up to a step late.
    tolerances: ClassVar[dict[str, float]] = {"energy_left_behind": 0.01, "exit_angle_relative_error": 0.03}
    ranges: ClassVar[dict[str, Range]] = {
        # Above 52 degrees the ball of one raised pendulum would touch the rod of the other.
        "amplitude": Range(30.0, 48.0, "degrees", held_out=((16.0, 26.0),)),
        "reach": Range(0.85, 1.0, "m", held_out=((0.7, 0.8), (1.05, 1.2))),
    }
    engines: ClassVar[tuple[str, ...]] = ("mujoco", "bullet")

    def sample(self, rng: np.random.Generator, settings: SceneSettings, root_seed: int, index: int) -> SceneSpec:
        """Draw 3 to 5 pendulums of different colours, of which one or two start raised on one side."""
        side = -1.0 if rng.random() < 0.5 else 1.0
        count = int(rng.integers(3, 6))
        moving = int(rng.integers(1, 3)) if count > 3 else 1
        bob = Bob(self.ranges["reach"].draw(rng, settings), float(rng.uniform(0.16, 0.19)))
        angle = math.radians(self.ranges["amplitude"].draw(rng, settings))
        spacing = 2.0 * bob.radius + GAP
        height = float(rng.uniform(1.9, 2.3))
        bodies, joints = [], []
        for number, look in enumerate(sample_colors(rng, settings.palette, count)):
            pivot = (side * spacing * (number - 0.5 * (count - 1)), 0.0, height)
            turn = side * angle if number < moving else 0.0
            surface = Surface(friction=0.0, restitution=1.0)
            bodies.append(bob.body(f"pendulum_{number}", "pendulum", look, pivot, turn, surface))
            joints.append(hinge_across(bodies[-1], pivot))
        beam = make_beam((0.0, 0.0, height), half_length=0.5 * spacing * count)
        return make_scene(
            self.info, rng, settings, root_seed, index, (beam, *bodies), floor_restitution=1.0, joints=tuple(joints)
        )

    def caption(self, spec: SceneSpec) -> str:
        """Return for example "a red pendulum swings into a row of blue and green pendulums under a brown beam"."""
        moving = _counts(spec)[1]
        colors = [body.appearance.color_name for body in _row(spec)]
        row = f"a row of {_listed(colors[moving:])} pendulums under {describe(spec.bodies[BEAM])}"
        if moving == 1:
            return f"{describe(spec.bodies[FIRST])} swings into {row}"
        return f"{_listed(colors[:moving])} pendulums swing together into {row}"

    def ground_truth(self, spec: SceneSpec) -> dict[str, float]:
        """Return the numbers of balls, the time in s and speed in m/s of the impact, and the exit angle in rad."""
        count, moving = _counts(spec)
        bob, amplitude = Bob.of(spec.bodies[FIRST]), start_angle(spec.bodies[FIRST])
        return {
            "balls": float(count),
            "balls_in_and_out": float(moving),
            "impact_seconds": 0.25 * bob.period(amplitude),
            "impact_speed": bob.speed_below(amplitude),
            "exit_angle": abs(amplitude),
        }

    def residuals(self, spec: SceneSpec, trajectory: Trajectory) -> dict[str, float]:
        """Return the share of energy that others than the last balls keep, and the error of the last ball's angle.

        At the end of the first exit, or of the clip. NaN in a clip that ends before two frames after the impact.
        """
        count, moving = _counts(spec)
        bob, amplitude = Bob.of(spec.bodies[FIRST]), start_angle(spec.bodies[FIRST])
        period = bob.period(amplitude)
        frame = min(int(0.5 * period * spec.frame_rate), spec.num_frames - 1)
        if frame < 0.25 * period * spec.frame_rate + 2.0:
            return {"energy_left_behind": math.nan, "exit_angle_relative_error": math.nan}
        spin = trajectory.angular_velocity[frame, FIRST : FIRST + count, 1]
        angles = np.array([angle_of(trajectory, FIRST + number)[frame] for number in range(count)])
        energy = 0.5 * spin**2 + bob.rate**2 * (1.0 - np.cos(angles))
        entry = moving * bob.rate**2 * (1.0 - math.cos(amplitude))
        expected = float(bob.swing(amplitude, np.array([frame / spec.frame_rate]))[0])
        return {
            "energy_left_behind": float(energy[: count - moving].sum() / entry),
            "exit_angle_relative_error": abs(float(angles[-1]) - expected) / abs(amplitude),
        }


def _row(spec: SceneSpec) -> list[Body]:
    """Return the pendulums, those that start raised first."""
    return [body for body in spec.bodies if body.name.startswith("pendulum_")]


def _listed(words: list[str]) -> str:
    """Return for example "red, blue and green"."""
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)


def _counts(spec: SceneSpec) -> tuple[int, int]:
    """Return how many balls there are, and how many start raised."""
    raised = [abs(start_angle(body)) > 1e-6 for body in _row(spec)]
    return len(raised), sum(raised)
