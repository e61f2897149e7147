"""Bodies in free flight: how long they surely stay apart, and how they turn."""

import math

import numpy as np
from jaxtyping import Float

from physics_data.core.geometry import bounding_radius, rotation_matrix
from physics_data.core.mechanics import colliding_pairs
from physics_data.core.scene import SceneSpec
from physics_data.engines.native_memory import driver, part

_MARGIN = 0.05
"""Distance that is kept, m: engines have margins of their own, and a first step may be half a step long."""


class Flight:
    """Bounds for one scene, from the spheres around its bodies; 0 steps for scenes with joints, paths or belts."""

    def __init__(self, spec: SceneSpec) -> None:
        bodies = spec.bodies
        self._rate, self._pull = spec.physics_rate, float(np.linalg.norm(spec.gravity))
        self._is_free = not spec.joints and not any(b.is_scripted or any(b.surface.belt_velocity) for b in bodies)
        radius = np.array([bounding_radius(body.shape) for body in bodies])
        is_plane = np.isinf(radius)
        falls = np.array([body.is_dynamic for body in bodies], dtype=np.float64)
        pairs = np.array(colliding_pairs(spec), dtype=np.int64).reshape(-1, 2)
        # A plane comes first.
        pairs = np.where(is_plane[pairs[:, 1:]], pairs[:, ::-1], pairs)
        self._first, self._second = pairs.T
        self._on_plane = is_plane[self._first]
        self._reach = np.where(self._on_plane, 0.0, radius[self._first]) + radius[self._second]
        self._growth = 0.5 * self._pull * (falls[self._first] + falls[self._second])
        up = [rotation_matrix(np.array(body.orientation))[:, 2] for body in bodies]
        self._up = np.array(up).reshape(-1, 3)[self._first]

    def steps_apart(self, position: Float[np.ndarray, "o 3"], velocity: Float[np.ndarray, "o 3"]) -> int:
        """Return a number of steps for which no two bodies can come together.

        Units:
            position:  m, world frame, of all bodies of the scene
            velocity:  m/s
        """
        if not self._is_free or not len(self._first):
            return 0
        between = position[self._second] - position[self._first]
        away = np.sqrt((between * between).sum(axis=1))
        height = (between * self._up).sum(axis=1)
        room = np.where(self._on_plane, height, away) - self._reach - _MARGIN
        if room.min() <= 0.0:
            return 0
        speed = np.sqrt((velocity * velocity).sum(axis=1))
        closing = speed[self._first] + speed[self._second]
        # The root of room = closing t + growth t², in the form that needs no growth.
        seconds = 2.0 * room / (closing + np.sqrt(closing**2 + 4.0 * self._growth * room) + 1e-9)
        return int(min(seconds.min(), 1e6) * self._rate)


def turned_freely(
    orientation: Float[np.ndarray, "4"],
    spin: Float[np.ndarray, "3"],
    moments: Float[np.ndarray, "3"],
    seconds: float,
) -> tuple[Float[np.ndarray, "4"], Float[np.ndarray, "3"]]:
    """Return how a body on which no torque acts is turned, and its spin, some seconds later.

    Fourth-order Runge-Kutta steps of Euler's equations; then the spin is the one that keeps the angular momentum.

    Units:
        orientation:  world_from_principal, unit quaternion wxyz
        spin:         rad/s, world frame
        moments:      principal moments of inertia, kg m², above 0
    """
    state = np.concatenate([orientation, np.zeros(3)])
    after = spin.copy()
    _turn(state, after, moments, seconds, np.empty((6, 7)))
    return state[:4], after


_MOST_TURN = 0.05
"""Largest turn of a Runge-Kutta step, rad: its error is below 1e-8."""


@driver
def _turn(state, spin, moments, seconds, work):
    """Turn a state (quaternion, and room for the spin in principal axes) and a spin in place; ``work`` is scratch."""
    w, x, y, z = state[0], state[1], state[2], state[3]
    total = work[5]
    for i in range(3):
        own = _axis(i, 0, w, x, y, z) * spin[0] + _axis(i, 1, w, x, y, z) * spin[1] + _axis(i, 2, w, x, y, z) * spin[2]
        state[4 + i] = own
    for j in range(3):
        total[j] = 0.0
        for i in range(3):
            total[j] += _axis(i, j, w, x, y, z) * moments[i] * state[4 + i]
    turn = math.sqrt(spin[0] ** 2 + spin[1] ** 2 + spin[2] ** 2) * seconds
    count = max(1, math.ceil(turn / _MOST_TURN))
    dt = seconds / count
    for _ in range(count):
        for stage in range(4):
            ahead = 0.0 if stage == 0 else dt if stage == 3 else 0.5 * dt
            for i in range(7):
                work[4, i] = state[i] + (ahead * work[stage - 1, i] if stage else 0.0)
            _rates(work[4], moments, work[stage])
        for i in range(7):
            state[i] += dt / 6.0 * (work[0, i] + 2.0 * work[1, i] + 2.0 * work[2, i] + work[3, i])
        length = math.sqrt(state[0] ** 2 + state[1] ** 2 + state[2] ** 2 + state[3] ** 2)
        for i in range(4):
            state[i] /= length
    w, x, y, z = state[0], state[1], state[2], state[3]
    for j in range(3):
        spin[j] = 0.0
    for i in range(3):
        own = (
            _axis(i, 0, w, x, y, z) * total[0] + _axis(i, 1, w, x, y, z) * total[1] + _axis(i, 2, w, x, y, z) * total[2]
        )
        for j in range(3):
            spin[j] += _axis(i, j, w, x, y, z) * own / moments[i]


@part
def _rates(state, moments, rates):
    """Euler's equations: the rates of a quaternion (wxyz) and of the spin in the body's principal axes."""
    w, x, y, z = state[0], state[1], state[2], state[3]
    a, b, c = state[4], state[5], state[6]
    rates[0] = 0.5 * (-x * a - y * b - z * c)
    rates[1] = 0.5 * (w * a + y * c - z * b)
    rates[2] = 0.5 * (w * b + z * a - x * c)
    rates[3] = 0.5 * (w * c + x * b - y * a)
    rates[4] = (moments[1] - moments[2]) * b * c / moments[0]
    rates[5] = (moments[2] - moments[0]) * c * a / moments[1]
    rates[6] = (moments[0] - moments[1]) * a * b / moments[2]


@part
def _axis(axis, component, w, x, y, z):
    """Return a world component of a turned axis, an element of the rotation matrix of a unit quaternion."""
    if axis == component:
        if axis == 0:
            return 1.0 - 2.0 * (y * y + z * z)
        return 1.0 - 2.0 * (x * x + z * z) if axis == 1 else 1.0 - 2.0 * (x * x + y * y)
    third = 3 - axis - component
    product = x * y if third == 2 else x * z if third == 1 else y * z
    own = z if third == 2 else y if third == 1 else x
    sign = 1.0 if (component - axis) % 3 == 1 else -1.0
    return 2.0 * (product + sign * w * own)
