"""Two arms hinged together swing chaotically."""

import math
from typing import ClassVar

import numpy as np

from physics_data.core.mechanics import body_kinetic_energy, body_potential_energy
from physics_data.core.scene import Box, Hinge, SceneSpec
from physics_data.core.trajectory import Trajectory
from physics_data.scenarios.shared.parts import about_y, make_solid
from physics_data.scenarios.shared.pendulums import hinge_across, make_beam
from physics_data.scenarios.shared.scenario import Range, ScenarioInfo, SceneSettings, describe, make_scene
from physics_data.variation.colors import sample_colors

FLOOR, UPPER, LOWER, BEAM = 0, 1, 2, 3

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
