"""Collects what an engine does, one step at a time, into a ``Trajectory``."""

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

from physics_data.core.errors import EngineError
from physics_data.core.scene import SceneSpec
from physics_data.core.trajectory import Contacts, Trajectory


class Touch(NamedTuple):
    """One contact point in one engine step.

    point in m; normal unit, from a towards b; impulse in N s; slip (tangential speed) in m/s; depth of overlap in m.
    """

    body_a: int
    body_b: int
    point: tuple[float, float, float]
    normal: tuple[float, float, float]
    impulse: float
    slip: float = 0.0
    depth: float = 0.0


class TrajectoryRecorder:
    """Sampled states and merged contacts of one run; see ``engines.base`` for the time scheme."""

    def __init__(self, spec: SceneSpec) -> None:
        self._spec = spec
        shape = (spec.num_frames, len(spec.bodies))
        self.position = np.empty((*shape, 3))
        self.orientation = np.empty((*shape, 4))
        self.linear_velocity = np.zeros((*shape, 3))
        self.angular_velocity = np.zeros((*shape, 3))
        for index, body in enumerate(spec.bodies):
            self.position[:, index] = body.position
            self.orientation[:, index] = body.orientation
        self._dynamic = np.array([body.is_dynamic for body in spec.bodies])
        self._half_kick = np.array(spec.gravity) * (0.5 / spec.physics_rate)
        self._sums: dict[tuple[int, int, int], list[float]] = {}

    def add_touches(self, step_index: int, touches: Iterable[Touch]) -> None:
        """Add the contacts of the step that starts at ``step_index / physics_rate`` seconds; pushes only."""
        frame = step_index // self._spec.steps_per_frame + 1
        for touch in touches:
            if touch.impulse <= 0.0:
                continue
            sign = 1.0 if touch.body_a < touch.body_b else -1.0
            pair = (touch.body_a, touch.body_b) if sign > 0 else (touch.body_b, touch.body_a)
            seconds = step_index / self._spec.physics_rate
            sums = self._sums.setdefault((frame, *pair), [0.0] * 7 + [seconds, 0.0, 0.0])
            sums[0] += touch.impulse
            for axis in range(3):
                sums[1 + axis] += touch.impulse * touch.point[axis]
                sums[4 + axis] += touch.impulse * sign * touch.normal[axis]
            sums[8] = max(sums[8], touch.slip)
            sums[9] = max(sums[9], touch.depth)

    def synchronise_velocity(self, frame: int, touching: Iterable[int]) -> None:
        """Move the half-step velocities of a frame to the frame's time, for bodies in free flight.

        ``touching`` names the bodies with a contact at the frame's positions.
        """
        flying = self._dynamic.copy()
        flying[list(touching)] = False
        self.linear_velocity[frame, flying] += self._half_kick

    def finish(self, engine_name: str) -> Trajectory:
        """Return the trajectory.

        Raises:
            EngineError: a state is not finite.
        """
        states = (self.position, self.orientation, self.linear_velocity, self.angular_velocity)
        if not all(np.isfinite(array).all() for array in states):
            raise EngineError(
                f"engine '{engine_name}' ended with values that are not finite on scenario '{self._spec.scenario}' "
                f"(index {self._spec.index}); raise physics_rate={self._spec.physics_rate:g} Hz."
            )
        return Trajectory(*states, contacts=self._contacts())

    def _contacts(self) -> Contacts:
        # A frame beyond the last one comes from the step that synchronises the last frame's velocities.
        keys = sorted(key for key in self._sums if key[0] < self._spec.num_frames)
        sums = np.array([self._sums[key] for key in keys]).reshape(-1, 10)
        index = np.array(keys, dtype=np.int64).reshape(-1, 3)
        impulse, point, normal = sums[:, 0], sums[:, 1:4] / sums[:, :1], sums[:, 4:7]
        length = np.linalg.norm(normal, axis=1, keepdims=True)
        # Opposite pushes of equal size (a body squeezed into a notch) leave no direction; the sum is then kept.
        normal = np.divide(normal, length, out=normal.copy(), where=length > 0)
        rest = [sums[:, column].copy() for column in (7, 8, 9)]
        return Contacts(index[:, 0], index[:, 1], index[:, 2], point, normal, impulse.copy(), *rest)
