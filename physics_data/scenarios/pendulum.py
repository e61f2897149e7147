"""Pendulums: single, double, and one that hits a block."""

import math
from typing import ClassVar

import numpy as np

from physics_data.core.mechanics import body_kinetic_energy, body_potential_energy
from physics_data.core.scene import Box, Hinge, SceneSpec, Surface
from physics_data.core.trajectory import Trajectory
from physics_data.scenarios.shared.measures import first_contact
from physics_data.scenarios.shared.parts import about_y, make_solid
from physics_data.scenarios.shared.pendulums import Bob, angle_of, hinge_across, make_beam, start_angle
from physics_data.scenarios.shared.scenario import Range, ScenarioInfo, SceneSettings, describe, make_scene
from physics_data.variation.colors import sample_colors

FLOOR, PENDULUM, SINGLE_BEAM = 0, 1, 2


class Pendulum:
    """A ball on a rod is let go at rest and swings under a beam, by small or by large angles."""

    info: ClassVar[ScenarioInfo] = ScenarioInfo(
        name="pendulum",
        law="the pendulum: I a'' = -m g c sin a; the period grows with the amplitude, the energy stays",
        quantity="period = 4 K(sin(a0 / 2)) sqrt(I / (m g c)), sin(a / 2) = k cd(t sqrt(m g c / I), k)",
        summary="A pendulum swings.",
    )
    tolerances: ClassVar[dict[str, float]] = {"angle_relative_error": 0.003, "energy_relative_error": 0.003}
    ranges: ClassVar[dict[str, Range]] = {
        "reach": Range(0.65, 1.1, "m", held_out=((0.5, 0.6), (1.2, 1.6))),
        "amplitude": Range(25.0, 60.0, "degrees", held_out=((14.0, 22.0), (65.0, 85.0))),
    }
    engines: ClassVar[tuple[str, ...]] = ("mujoco", "bullet")

    def sample(self, rng: np.random.Generator, settings: SceneSettings, root_seed: int, index: int) -> SceneSpec:
        """Draw a pendulum that training's ranges bring to the other side within 0.85 to 1.15 s."""
        side = -1.0 if rng.random() < 0.5 else 1.0
        bob = Bob(self.ranges["reach"].draw(rng, settings), float(rng.uniform(0.2, 0.28)))
        angle = side * math.radians(self.ranges["amplitude"].draw(rng, settings))
        pivot = (float(rng.uniform(-0.4, 0.4)), 0.0, float(rng.uniform(2.3, 2.6)))
        body = bob.body(
            "pendulum",
            "pendulum",
            sample_colors(rng, settings.palette, 1)[0],
            pivot,
            angle,
            Surface(friction=0.0, restitution=0.0),
        )
        return make_scene(
            self.info,
            rng,
            settings,
            root_seed,
            index,
            (body, make_beam(pivot)),
            floor_restitution=0.0,
            joints=(hinge_across(body, pivot),),
        )

    def caption(self, spec: SceneSpec) -> str:
        """Return for example "a red pendulum swings under a brown beam"."""
        return f"{describe(spec.bodies[PENDULUM])} swings under {describe(spec.bodies[SINGLE_BEAM])}"

    def ground_truth(self, spec: SceneSpec) -> dict[str, float]:
        """Return the periods in s of this and of a small swing, the energy in J and the speed in m/s at the bottom."""
        bob, amplitude = Bob.of(spec.bodies[PENDULUM]), start_angle(spec.bodies[PENDULUM])
        return {
            "period_seconds": bob.period(amplitude),
            "small_swing_period_seconds": 2.0 * math.pi / bob.rate,
            "swing_energy": bob.inertia * bob.rate**2 * (1.0 - math.cos(amplitude)),
            "bottom_speed": bob.speed_below(amplitude),
        }

    def residuals(self, spec: SceneSpec, trajectory: Trajectory) -> dict[str, float]:
        """Return the largest error of the angle against the closed form, and of the energy, both relative."""
        bob, amplitude = Bob.of(spec.bodies[PENDULUM]), start_angle(spec.bodies[PENDULUM])
        angle = angle_of(trajectory, PENDULUM)
        expected = bob.swing(amplitude, np.array(spec.seconds))
        energy = 0.5 * trajectory.angular_velocity[:, PENDULUM, 1] ** 2 - bob.rate**2 * np.cos(angle)
        depth = bob.rate**2 * (1.0 - math.cos(amplitude))
        return {
            "angle_relative_error": float(np.abs(angle - expected).max() / abs(amplitude)),
            "energy_relative_error": float(np.abs(energy - energy[0]).max() / depth),
        }


UPPER, LOWER, BEAM = 1, 2, 3

THICKNESS = 0.05
"""Half the thickness of an arm, m."""

OVERHANG = 0.06
"""How far an arm reaches beyond its hinges, m."""


class DoublePendulum:
    """An arm hangs on a beam and a second arm on the first one's end; both are let go at rest."""

    info: ClassVar[ScenarioInfo] = ScenarioInfo(
        name="double_pendulum",
        law="conservation of energy in a chaotic motion, and joints that hold",
        quantity="kinetic + potential energy = that of the start",
        summary="Two arms hinged together swing chaotically.",
    )
    # Of the depth of the swing: the energy above that of both arms hanging at rest. The second residual is the distance
    # of the points that the joint should hold together, relative to an arm.
    tolerances: ClassVar[dict[str, float]] = {"energy_relative_error": 0.005, "joint_relative_error": 0.001}
    ranges: ClassVar[dict[str, Range]] = {
        "upper_angle": Range(60.0, 110.0, "degrees", held_out=((35.0, 50.0), (120.0, 140.0))),
        "lower_angle": Range(20.0, 150.0, "degrees"),
        "length": Range(0.6, 0.8, "m", held_out=((0.45, 0.55), (0.85, 0.95))),
    }
    engines: ClassVar[tuple[str, ...]] = ("mujoco", "bullet")

    def sample(self, rng: np.random.Generator, settings: SceneSettings, root_seed: int, index: int) -> SceneSpec:
        """Draw two arms that swing in planes one behind the other, so that they pass each other."""
        side = -1.0 if rng.random() < 0.5 else 1.0
        appearances = sample_colors(rng, settings.palette, 2)
        angles = [side * math.radians(self.ranges[name].draw(rng, settings)) for name in ("upper_angle", "lower_angle")]
        halves = [0.5 * self.ranges["length"].draw(rng, settings) for _ in range(2)]
        pivot = (float(rng.uniform(-0.2, 0.2)), 0.0, 2.0 * sum(halves) + float(rng.uniform(0.25, 0.45)))
        anchor, arms = np.array(pivot), []
        joints: list[Hinge] = []
        for name, half, angle, look, y in zip(
            ("upper_arm", "lower_arm"), halves, angles, appearances, (-0.22, -0.36), strict=True
        ):
            along = np.array((-math.sin(angle), 0.0, -math.cos(angle)))
            x, _, z = (float(value) for value in anchor + half * along)
            arms.append(
                make_solid(
                    name,
                    "arm",
                    Box(half_extents=(0.1, THICKNESS, half + OVERHANG)),
                    look,
                    position=(x, y, z),
                    orientation=about_y(angle),
                )
            )
            hinge = hinge_across(arms[-1], (float(anchor[0]), y, float(anchor[2])))
            joints.append(hinge if not joints else hinge.model_copy(update={"parent": arms[0].name}))
            anchor = anchor + 2.0 * half * along
        beam = make_beam((pivot[0], 0.0, pivot[2] - 0.15))
        return make_scene(
            self.info, rng, settings, root_seed, index, (*arms, beam), floor_restitution=0.0, joints=tuple(joints)
        )

    def caption(self, spec: SceneSpec) -> str:
        """Return for example "a red arm swings from a brown beam with a blue arm hinged to its end"."""
        upper, lower, beam = (describe(spec.bodies[place]) for place in (UPPER, LOWER, BEAM))
        return f"{upper} swings from {beam} with {lower} hinged to its end"

    def ground_truth(self, spec: SceneSpec) -> dict[str, float]:
        """Return the energy in J above that of both arms hanging at rest."""
        return {"swing_energy": _swing_energy(spec)}

    def residuals(self, spec: SceneSpec, trajectory: Trajectory) -> dict[str, float]:
        """Return the largest change of energy relative to that of the swing, and the widest opening of the joint."""
        energies = body_kinetic_energy(spec, trajectory) + body_potential_energy(spec, trajectory)
        energy = energies[:, [UPPER, LOWER]].sum(axis=1)
        ends = [_end(spec, trajectory, UPPER, -1.0), _end(spec, trajectory, LOWER, 1.0)]
        opening = np.linalg.norm((ends[0] - ends[1])[:, [0, 2]], axis=1).max()
        return {
            "energy_relative_error": float(np.abs(energy - energy[0]).max() / _swing_energy(spec)),
            "joint_relative_error": float(opening / _reach(spec, UPPER)),
        }


def _reach(spec: SceneSpec, arm: int) -> float:
    """Return the distance of an arm's two hinges, m."""
    shape = spec.bodies[arm].shape
    assert isinstance(shape, Box), "arms are boxes"
    return 2.0 * (shape.half_extents[2] - OVERHANG)


def _end(spec: SceneSpec, trajectory: Trajectory, arm: int, sign: float) -> np.ndarray:
    """Return the positions [t 3] of the upper (+1) or lower (-1) hinge of an arm, m."""
    w, _, y, _ = np.moveaxis(trajectory.orientation[:, arm], -1, 0)
    angle = 2.0 * np.arctan2(y, w)
    along = np.stack([np.sin(angle), 0.0 * angle, np.cos(angle)], axis=1)
    return trajectory.position[:, arm] + sign * 0.5 * _reach(spec, arm) * along


def _swing_energy(spec: SceneSpec) -> float:
    """Return the potential energy of the start over that of both arms hanging, J."""
    upper, lower = spec.bodies[UPPER], spec.bodies[LOWER]
    pivot = next(joint for joint in spec.joints if joint.parent is None).anchor[2]
    lowest = (pivot - 0.5 * _reach(spec, UPPER), pivot - _reach(spec, UPPER) - 0.5 * _reach(spec, LOWER))
    rises = (upper.position[2] - lowest[0], lower.position[2] - lowest[1])
    return -spec.gravity[2] * (upper.mass * rises[0] + lower.mass * rises[1])


BLOCK = 2


class PendulumHitsBlock:
    """A pendulum swings down and hits a block that stands on a smooth floor, at the lowest point of its swing."""

    info: ClassVar[ScenarioInfo] = ScenarioInfo(
        name="pendulum_hits_block",
        law="transfer of momentum: angular momentum about the pivot is shared, and Newton's law of restitution",
        quantity="block_speed = (1 + e) v m' / (m' + M), pendulum after = v - M block_speed / m', with m' = I / reach²",
        summary="A pendulum knocks a block away.",
    )
    # Relative to the speed of the impact. An impact is up to one step late.
    tolerances: ClassVar[dict[str, float]] = {"block_speed_relative_error": 0.01, "pendulum_speed_relative_error": 0.01}
    ranges: ClassVar[dict[str, Range]] = {
        "amplitude": Range(50.0, 72.0, "degrees", held_out=((35.0, 46.0), (75.0, 88.0))),
        "restitution": Range(0.4, 0.8, "1", held_out=((0.1, 0.35), (0.85, 1.0))),
        "block": Range(0.2, 0.27, "m", held_out=((0.16, 0.19), (0.29, 0.33))),
    }
    engines: ClassVar[tuple[str, ...]] = ("mujoco", "bullet")

    def sample(self, rng: np.random.Generator, settings: SceneSettings, root_seed: int, index: int) -> SceneSpec:
        """Draw a pendulum whose ball meets the middle of the block's side after about half a second."""
        side = -1.0 if rng.random() < 0.5 else 1.0
        appearances = sample_colors(rng, settings.palette, 2)
        half = self.ranges["block"].draw(rng, settings)
        restitution = self.ranges["restitution"].draw(rng, settings)
        angle = side * math.radians(self.ranges["amplitude"].draw(rng, settings))
        bob = Bob(float(rng.uniform(0.8, 1.1)), min(float(rng.uniform(0.2, 0.28)), half - 0.02))
        pivot = (-side * float(rng.uniform(0.1, 0.5)), 0.0, half + bob.reach)
        thickness = 0.6 * half
        surface = Surface(friction=0.0, restitution=restitution)
        pendulum = bob.body("pendulum", "pendulum", appearances[0], pivot, angle, surface)
        block = make_solid(
            "block",
            "block",
            Box(half_extents=(thickness, half, half)),
            appearances[1],
            restitution=restitution,
            position=(pivot[0] + side * (bob.radius + thickness), 0.0, half),
        )
        return make_scene(
            self.info,
            rng,
            settings,
            root_seed,
            index,
            (pendulum, block, make_beam(pivot)),
            floor_restitution=0.0,
            joints=(hinge_across(pendulum, pivot),),
        )

    def caption(self, spec: SceneSpec) -> str:
        """Return for example "a red pendulum under a brown beam swings into a blue block"."""
        pendulum, block, beam = (describe(spec.bodies[place]) for place in (PENDULUM, BLOCK, BEAM))
        return f"{pendulum} under {beam} swings into {block}"

    def ground_truth(self, spec: SceneSpec) -> dict[str, float]:
        """Return time in s, speed in m/s and impulse in N s of the impact, and both speeds after it in m/s."""
        pendulum, block = spec.bodies[PENDULUM], spec.bodies[BLOCK]
        bob, amplitude = Bob.of(pendulum), start_angle(pendulum)
        speed, weight = bob.speed_below(amplitude), bob.inertia / bob.reach**2
        impulse = (1.0 + block.surface.restitution) * speed * weight * block.mass / (weight + block.mass)
        return {
            "impact_seconds": 0.25 * bob.period(amplitude),
            "impact_speed": speed,
            "impulse": impulse,
            "block_speed_after": impulse / block.mass,
            "pendulum_speed_after": speed - impulse / weight,
        }

    def residuals(self, spec: SceneSpec, trajectory: Trajectory) -> dict[str, float]:
        """Return the errors of the speeds after the impact, relative to the speed of the impact; NaN without one.

        The pendulum's is that which its height and speed in the first frame after the impact give at the bottom.
        """
        truth = self.ground_truth(spec)
        contact = first_contact(trajectory, PENDULUM, BLOCK)
        if contact is None:
            return {"block_speed_relative_error": math.nan, "pendulum_speed_relative_error": math.nan}
        bob, side = Bob.of(spec.bodies[PENDULUM]), math.copysign(1.0, start_angle(spec.bodies[PENDULUM]))
        block_speed = side * trajectory.linear_velocity[-1, BLOCK, 0]
        w, y = trajectory.orientation[contact, PENDULUM, 0], trajectory.orientation[contact, PENDULUM, 2]
        height = 1.0 - math.cos(2.0 * math.atan2(y, w))
        # Turning about +y moves what hangs below to the left.
        spin = -side * trajectory.angular_velocity[contact, PENDULUM, 1]
        below = math.copysign(math.sqrt(spin**2 + 2.0 * bob.rate**2 * height), spin) * bob.reach
        speed = truth["impact_speed"]
        return {
            "block_speed_relative_error": float(abs(block_speed - truth["block_speed_after"]) / speed),
            "pendulum_speed_relative_error": float(abs(below - truth["pendulum_speed_after"]) / speed),
        }
