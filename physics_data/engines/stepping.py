"""How finely an engine has to step a scene, and which scenes no affordable step is fine enough for.

``physics_rate`` is what a scene asks for. Where a body is so fast, spins so fast, or rides on something that turns so
fast that this rate gives a wrong motion, engines take a whole number of steps for each that was asked for. What would
need more than ``MOST_FINER`` is refused.
"""

import math

import numpy as np

from physics_data.core.errors import EngineError
from physics_data.core.geometry import bounding_radius, min_width
from physics_data.core.mechanics import colliding_pairs, inertia_tensor
from physics_data.core.paths import scripted_velocities
from physics_data.core.scene import (
    Body,
    Plane,
    SceneSpec,
    Sphere,
)

MOST_FINER = 32
"""Most steps for one that was asked for."""

TRAVEL = 0.25
"""Way of two bodies in a step, over the sum of their least widths. A ball of 10 cm that meets a wall of 2 cm is pushed
out of the wrong side above 0.5, and MuJoCo throws it back at restitution 0 above 0.4."""

MOST_DRIFT = 0.005
"""How far a body that rides on a turning one may drift outwards in the clip, m: velocities along the tangent over a
step dt widen a circle by r ω² dt / 2 per second."""

_SPREAD = 33


def finer(spec: SceneSpec, engine: str, *, min_rate: float = 0.0, spin: float = math.inf, drifts: bool = False) -> int:
    """Return how many steps an engine takes for each of the scene's.

    Args:
        min_rate: steps per second that the engine needs for any scene
        spin: largest turn in a step of a free body whose inertia is not that of a ball, rad
        drifts: whether several bodies on one turning surface drift outwards in this engine

    Raises:
        EngineError: more than MOST_FINER; the message says which body needs them.
    """
    needs = {"the engine": min_rate / spec.physics_rate}
    needs |= _travels(spec) | _spins(spec, spin)
    if drifts:
        needs |= _drifts(spec)
    what, most = max(needs.items(), key=lambda item: item[1])
    count = max(1, math.ceil(most - 1e-9))
    if count > MOST_FINER:
        raise EngineError(
            f"engine '{engine}' takes at most {MOST_FINER} steps for each of physics_rate={spec.physics_rate:g} Hz, "
            f"and {what} needs {count}; write physics_rate: {spec.physics_rate * math.ceil(count / MOST_FINER):g} or "
            "more, or make the body slower or thicker."
        )
    return count


def stepped(spec: SceneSpec, count: int) -> SceneSpec:
    """Return the scene with ``count`` steps for each of its own; frames stay where they are."""
    return spec if count == 1 else spec.model_copy(update={"physics_rate": spec.physics_rate * count})


def _travels(spec: SceneSpec) -> dict[str, float]:
    """Return how many steps each is needed for: bodies must not get past each other, or to each other's far side."""
    top = [_top_speed(spec, body) for body in spec.bodies]
    fastest, needs = max(top, default=0.0), dict[str, float]()
    for pair in colliding_pairs(spec):
        a, b = sorted(pair, key=lambda index: -top[index])
        first, second = spec.bodies[a], spec.bodies[b]
        width = min_width(first.shape) + min_width(second.shape)
        # A body may not sink into a thicker one by more than half of itself.
        width = min(width, *(2.0 * min_width(body.shape) for body in (first, second) if body.is_dynamic))
        # An impact can make the other body as fast as twice the first one.
        speed = min(top[a] + top[b], 2.0 * fastest)
        if math.isfinite(width) and speed > 0.0:
            name = f"'{first.name}' at up to {speed:.3g} m/s towards '{second.name}' ({width:.3g} m thick together)"
            needs[name] = speed / spec.physics_rate / (TRAVEL * width)
    return needs


def _spins(spec: SceneSpec, most: float) -> dict[str, float]:
    needs = {}
    for body in spec.bodies:
        spin = float(np.linalg.norm(body.angular_velocity))
        if body.is_dynamic and spin and math.isfinite(most):
            moments = np.linalg.eigvalsh(inertia_tensor(body))
            if np.ptp(moments) > 1e-9 * moments.max() and _wobbles(body):
                needs[f"the spin of '{body.name}', {spin:.3g} rad/s"] = spin / spec.physics_rate / most
    return needs


def _wobbles(body: Body) -> bool:
    """Return whether a body turns about no principal axis."""
    tensor, spin = inertia_tensor(body), np.array(body.angular_velocity)
    torque = np.cross(spin, tensor @ spin)
    return bool(np.linalg.norm(torque) > 1e-6 * np.linalg.norm(tensor) * (spin @ spin))


def _drifts(spec: SceneSpec) -> dict[str, float]:
    needs, duration = {}, spec.seconds[-1]
    if sum(body.is_dynamic for body in spec.bodies) < 2:
        return needs
    for body in spec.bodies:
        if body.is_scripted:
            _, angular = scripted_velocities(body, np.linspace(0.0, duration, _SPREAD))
            spin = float(np.linalg.norm(angular, axis=1).max())
            drift = 0.5 * bounding_radius(body.shape) * spin**2 / spec.physics_rate * duration
            needs[f"what rides on '{body.name}' at {spin:.3g} rad/s"] = min(drift / MOST_DRIFT, MOST_FINER / 2)
    return needs


def _top_speed(spec: SceneSpec, body: Body) -> float:
    """Return a bound on the speed of a body's points before it hits something, m/s; 0 for what stands still."""
    if body.is_scripted:
        linear, angular = scripted_velocities(body, np.linspace(0.0, spec.seconds[-1], _SPREAD))
        return float((np.linalg.norm(linear, axis=1) + _reach(body) * np.linalg.norm(angular, axis=1)).max())
    if not body.is_dynamic:
        return 0.0
    pull, start = float(np.linalg.norm(spec.gravity)), float(np.linalg.norm(body.linear_velocity))
    falling = start + pull * spec.seconds[-1]
    # What has fallen past everything that stands meets nothing any more.
    floors = [
        other.position[2] if isinstance(other.shape, Plane) else other.position[2] - bounding_radius(other.shape)
        for other in spec.bodies
        if not other.is_dynamic
    ]
    if floors and spec.gravity[:2] == (0.0, 0.0):
        falling = min(falling, math.sqrt(start**2 + 2.0 * pull * max(body.position[2] - min(floors), 0.0)))
    return falling + _reach(body) * float(np.linalg.norm(body.angular_velocity))


def _reach(body: Body) -> float:
    return 0.0 if isinstance(body.shape, Sphere) else bounding_radius(body.shape)
