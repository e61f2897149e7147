"""How surfaces meet: paths and belts that move them, and per-body factors of friction and restitution."""

import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int
from scipy.spatial.transform import Rotation

from physics_data.core.errors import EngineError
from physics_data.core.mechanics import colliding_pairs, pair_restitution
from physics_data.core.paths import scripted_poses
from physics_data.core.scene import SceneSpec


@dataclass(frozen=True)
class MovingSurfaces:
    """Poses and surface velocities of the scripted and the belt-driven bodies of a scene at the start of every step.

    Axes: s steps, k driven bodies and after them one that stands still, which stands for all others.

    Units:
        bodies:       positions in ``SceneSpec.bodies``
        slot:         for every body of the scene, its place on the axis k
        position:     m, world frame
        orientation:  world_from_body, unit quaternion wxyz
        linear:       m/s, of the body's origin over the step: a body carried with it ends the step where the path does
        angular:      rad/s, world frame, over the step
        belt:         m/s, world frame; only its part along a surface counts
    """

    bodies: Int[np.ndarray, "_"]
    slot: Int[np.ndarray, "o"]
    position: Float[np.ndarray, "s k 3"]
    orientation: Float[np.ndarray, "s k 4"]
    linear: Float[np.ndarray, "s k 3"]
    angular: Float[np.ndarray, "s k 3"]
    belt: Float[np.ndarray, "s k 3"]

    def at(
        self, body: Int[np.ndarray, "n"], step_index: Int[np.ndarray, "n"], point: Float[np.ndarray, "n 3"]
    ) -> tuple[Float[np.ndarray, "n 3"], Float[np.ndarray, "n 3"]]:
        """Return the velocities that points of surfaces have from scripts, and from belts, m/s, world frame."""
        at = (step_index, self.slot[body])
        scripted = self.linear[at] + np.cross(self.angular[at], point - self.position[at])
        return scripted, self.belt[at]


def check_belts(spec: SceneSpec) -> None:
    """Refuse a scene in which a dynamic body has a belt.

    Raises:
        EngineError: there is one.
    """
    for body in spec.bodies:
        if any(body.surface.belt_velocity) and body.is_dynamic:
            raise EngineError(
                f"body '{body.name}' is dynamic and has belt_velocity={body.surface.belt_velocity} m/s; belts run on "
                "static and scripted bodies: set is_static, or give it a path."
            )


def moving_surfaces(spec: SceneSpec, num_steps: int) -> MovingSurfaces:
    """Follow the paths and belts of a scene for a number of steps."""
    driven = [i for i, body in enumerate(spec.bodies) if body.is_scripted or any(body.surface.belt_velocity)]
    slot = np.full(len(spec.bodies), len(driven))
    slot[driven] = np.arange(len(driven))
    position = np.zeros((num_steps + 1, len(driven) + 1, 3))
    orientation = np.tile((1.0, 0.0, 0.0, 0.0), (num_steps + 1, len(driven) + 1, 1))
    angular, belt = np.zeros((num_steps, len(driven) + 1, 3)), np.zeros((num_steps, len(driven) + 1, 3))
    seconds = np.arange(num_steps + 1) / spec.physics_rate
    for place, index in enumerate(driven):
        body = spec.bodies[index]
        if body.is_scripted:
            position[:, place], orientation[:, place] = scripted_poses(body, seconds)
        else:
            position[:, place], orientation[:, place] = body.position, body.orientation
        turn = Rotation.from_quat(orientation[:, place], scalar_first=True)
        angular[:, place] = (turn[1:] * turn[:-1].inv()).as_rotvec() * spec.physics_rate
        belt[:, place] = turn[:-1].apply(body.surface.belt_velocity)
    linear = np.diff(position, axis=0) * spec.physics_rate
    return MovingSurfaces(
        np.array(driven, dtype=np.int64), slot, position[:-1], orientation[:-1], linear, angular, belt
    )


def friction_factors(spec: SceneSpec) -> list[float]:
    """Return one factor per body whose product over a pair is the friction of the pair."""
    return [math.sqrt(body.surface.friction) for body in spec.bodies]


def restitution_factors(spec: SceneSpec) -> list[float]:
    """Return one factor per body whose product over every colliding pair is the restitution of that pair.

    The logarithms are solved by least squares. Such factors exist for every scene with two bodies, and
    whenever all bodies but static ones that are at least as elastic share one value; not always otherwise.

    Raises:
        EngineError: no such factors exist for this scene.
    """
    bodies = spec.bodies
    factors = [0.0 if body.surface.restitution == 0.0 else 1.0 for body in bodies]
    pairs = [(a, b) for a, b in colliding_pairs(spec) if factors[a] and factors[b]]
    if pairs:
        system = np.zeros((len(pairs), len(bodies)))
        wanted = np.log([pair_restitution(bodies[a], bodies[b]) for a, b in pairs])
        for row, (a, b) in enumerate(pairs):
            system[row, a] = system[row, b] = 1.0
        logarithms = np.linalg.lstsq(system, wanted, rcond=None)[0]
        worst = int(np.argmax(np.abs(system @ logarithms - wanted)))
        if abs((system @ logarithms - wanted)[worst]) > 1e-9:
            a, b = pairs[worst]
            values = ", ".join(f"{body.name}={body.surface.restitution:g}" for body in bodies)
            raise EngineError(
                f"this engine multiplies per-body restitutions, and no set of factors gives every pair the smaller of "
                f"its two values ({values}; for instance {bodies[a].name} with {bodies[b].name}); "
                "give the moving bodies one restitution, or use the engine 'mujoco'."
            )
        factors = [math.exp(value) if factor else 0.0 for factor, value in zip(factors, logarithms, strict=True)]
    return factors
