"""The rules of ``core.scene.Surface`` for a touching pair, and per-body values that make an engine obey them."""

import math

import numpy as np

from physics_data.core.errors import EngineError
from physics_data.core.mechanics import colliding_pairs, pair_restitution
from physics_data.core.scene import SceneSpec


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
