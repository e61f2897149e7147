"""Collects what an engine does, one step at a time, into a ``Trajectory``."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
from jaxtyping import Float, Int

from physics_data.core.errors import EngineError
from physics_data.core.paths import scripted_poses, scripted_velocities
from physics_data.core.scene import Compound, Mesh, SceneSpec
from physics_data.core.trajectory import Contacts, Trajectory

ONE_DIRECTION = 15.0
"""Pushes within this angle are one contact, degrees: over it they lose less than 0.9 % of their sum of sizes."""


@dataclass(frozen=True)
class Touches:
    """Contact points of single engine steps, one row each, in the order of the steps.

    Units:
        step_index:  the step that starts at ``step_index / physics_rate`` seconds and in which the push acts
        point:       m, world frame
        normal:      unit vector from body_a towards body_b
        impulse:     N s along the normal
        slip:        m/s, tangential speed of the surfaces at the start of the step, before the push
        depth:       m, overlap at the start of the step
    """

    step_index: Int[np.ndarray, "n"]
    body_a: Int[np.ndarray, "n"]
    body_b: Int[np.ndarray, "n"]
    point: Float[np.ndarray, "n 3"]
    normal: Float[np.ndarray, "n 3"]
    impulse: Float[np.ndarray, "n"]
    slip: Float[np.ndarray, "n"]
    depth: Float[np.ndarray, "n"]

    @classmethod
    def between(
        cls,
        step_index: Int[np.ndarray, "n"],
        bodies: tuple[Int[np.ndarray, "n"], Int[np.ndarray, "n"]],
        point: Float[np.ndarray, "n 3"],
        normal: Float[np.ndarray, "n 3"],
        impulse: Float[np.ndarray, "n"],
        surface_velocities: Sequence[Float[np.ndarray, "n 3"]],
        gap: Float[np.ndarray, "n"],
    ) -> "Touches":
        """Return touches from the velocities (m/s) of the two bodies' surfaces at the points, and the gap there (m)."""
        along = surface_velocities[1] - surface_velocities[0]
        along = along - np.einsum("nc,nc->n", along, normal)[:, None] * normal
        return cls(step_index, *bodies, point, normal, impulse, np.linalg.norm(along, axis=1), np.maximum(-gap, 0.0))

    def select(self, rows: np.ndarray) -> "Touches":
        """Return the rows of a mask or an index."""
        return type(self)(**{field.name: getattr(self, field.name)[rows] for field in fields(self)})


class TrajectoryRecorder:
    """Sampled states of one run; see ``engines.engine`` for the time scheme.

    Static and scripted bodies are filled in from the start: the pose and velocity of a scripted one are its path's.
    """

    def __init__(self, spec: SceneSpec) -> None:
        self._spec = spec
        shape = (spec.num_frames, len(spec.bodies))
        self.position = np.empty((*shape, 3))
        self.orientation = np.empty((*shape, 4))
        self.linear_velocity = np.zeros((*shape, 3))
        self.angular_velocity = np.zeros((*shape, 3))
        seconds = np.array(spec.seconds)
        for index, body in enumerate(spec.bodies):
            if body.is_scripted:
                self.position[:, index], self.orientation[:, index] = scripted_poses(body, seconds)
                self.linear_velocity[:, index], self.angular_velocity[:, index] = scripted_velocities(body, seconds)
            else:
                self.position[:, index] = body.position
                self.orientation[:, index] = body.orientation

    def finish(self, engine_name: str, touches: Touches) -> Trajectory:
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
        return Trajectory(*states, contacts=merged_contacts(self._spec, touches))


def merged_contacts(spec: SceneSpec, touches: Touches) -> Contacts:
    """Merge contact points per body pair, frame interval and direction; touches without a push are no contacts.

    Neither are those of two bodies that cannot be pushed.
    """
    # Steps after the last frame's time belong to no interval: an engine may take one to know the last velocities.
    pushing = (touches.impulse > 0.0) & (touches.step_index < (spec.num_frames - 1) * spec.steps_per_frame)
    dynamic = np.array([body.is_dynamic for body in spec.bodies])
    touches = touches.select(pushing & (dynamic[touches.body_a] | dynamic[touches.body_b]))
    if not len(touches.impulse):
        return Contacts.none()
    normal_of = np.where(touches.body_a < touches.body_b, 1.0, -1.0)[:, None] * touches.normal
    frame_index, count = touches.step_index // spec.steps_per_frame + 1, len(spec.bodies)
    body_a, body_b = np.minimum(touches.body_a, touches.body_b), np.maximum(touches.body_a, touches.body_b)
    pairs = np.unique((frame_index * count + body_a) * count + body_b, return_inverse=True)[1]
    directions = _directions(pairs, normal_of)
    _, first, group = np.unique(
        pairs * (int(directions.max()) + 1) + directions, return_index=True, return_inverse=True
    )
    weight, slip, depth = np.zeros(len(first)), np.zeros(len(first)), np.zeros(len(first))
    point, push = np.zeros((len(first), 3)), np.zeros((len(first), 3))
    np.add.at(weight, group, touches.impulse)
    np.add.at(point, group, touches.impulse[:, None] * touches.point)
    np.add.at(push, group, touches.impulse[:, None] * normal_of)
    np.maximum.at(slip, group, touches.slip)
    np.maximum.at(depth, group, touches.depth)
    impulse = np.linalg.norm(push, axis=1)
    point /= weight[:, None]
    is_compound = np.array(
        [isinstance(b.shape, Compound) or (isinstance(b.shape, Mesh) and len(b.shape.hulls) > 1) for b in spec.bodies]
    )
    has_compound = is_compound[body_a[first]] | is_compound[body_b[first]]
    if has_compound.any():
        away = np.linalg.norm(touches.point - point[group], axis=1)
        order = np.lexsort((away, group))
        nearest = order[np.searchsorted(group[order], np.arange(len(first)))]
        point = np.where(has_compound[:, None], touches.point[nearest], point)
    seconds = touches.step_index[first] / spec.physics_rate
    normal = push / impulse[:, None]
    return Contacts(frame_index[first], body_a[first], body_b[first], point, normal, impulse, seconds, slip, depth)


def _directions(pairs: Int[np.ndarray, "n"], normal: Float[np.ndarray, "n 3"]) -> Int[np.ndarray, "n"]:
    """Return for each touch which of its pair's directions it pushes in; touches come in the order of the steps.

    A touch joins the direction whose first touch is less than ONE_DIRECTION away, or begins another.
    """
    direction = np.full(len(pairs), -1, dtype=np.int64)
    number = 0
    while (left := np.flatnonzero(direction < 0)).size:
        _, first, group = np.unique(pairs[left], return_index=True, return_inverse=True)
        leader = normal[left][first][group]
        joins = np.einsum("nc,nc->n", leader, normal[left]) > math.cos(math.radians(ONE_DIRECTION))
        joins[first] = True
        direction[left[joins]] = number
        number += 1
    return direction
