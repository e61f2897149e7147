"""How long bodies in free flight surely stay apart, so that nobody needs to ask for contacts."""

import numpy as np
from jaxtyping import Float

from physics_data.core.geometry import rotation_matrix
from physics_data.core.mechanics import bounding_radius, colliding_pairs
from physics_data.core.scene import SceneSpec

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
