"""Measurements on scenes in which bodies hit one another."""

import math
from collections.abc import Iterable

import numpy as np
from jaxtyping import Float

from physics_data.core.geometry import rotation_matrix
from physics_data.core.mechanics import momentum
from physics_data.core.scene import Body, SceneSpec
from physics_data.core.trajectory import Trajectory


def velocities_after(
    first: Body, second: Body, normal: Float[np.ndarray, "3"], restitution: float
) -> tuple[Float[np.ndarray, "3"], Float[np.ndarray, "3"]]:
    """Return the velocities (m/s) of two smooth bodies after an impact through both centres of mass.

    ``normal`` is the unit vector of the impulse on the second body.
    """
    v1, v2 = np.array(first.linear_velocity), np.array(second.linear_velocity)
    reduced = first.mass * second.mass / (first.mass + second.mass)
    impulse = (1.0 + restitution) * reduced * float((v1 - v2) @ normal) * normal
    return v1 - impulse / first.mass, v2 + impulse / second.mass


def line_of_motion(body: Body) -> Float[np.ndarray, "3"]:
    """Return the horizontal unit vector along which a body starts to move, turned so that it points to the right."""
    velocity = np.array(body.linear_velocity) * (1.0, 1.0, 0.0)
    return velocity * math.copysign(1.0, velocity[0]) / np.linalg.norm(velocity)


def first_contact_seconds(trajectory: Trajectory, body: int, others: Iterable[int]) -> float:
    """Return when a body first touches one of some others, s; NaN if it never does."""
    contacts, others = trajectory.contacts, list(others)
    rows = (contacts.body_a == body) & np.isin(contacts.body_b, others)
    rows |= (contacts.body_b == body) & np.isin(contacts.body_a, others)
    return float(contacts.seconds[rows].min()) if rows.any() else math.nan


def horizontal_momentum_error(spec: SceneSpec, trajectory: Trajectory) -> float:
    """Return the largest change of the total horizontal momentum, relative to the sum of m |v| at the start.

    Nothing changes it on a smooth floor, since all forces from outside are vertical.
    """
    total = momentum(spec, trajectory)[:, :2]
    scale = sum(body.mass * float(np.linalg.norm(body.linear_velocity)) for body in spec.bodies)
    return float(np.linalg.norm(total - total[0], axis=1).max() / scale)


def impulse_on(trajectory: Trajectory, body: int, others: Iterable[int], last_frame: int) -> Float[np.ndarray, "3"]:
    """Return the summed normal impulse, N s, that some others gave to a body until a frame."""
    contacts, others = trajectory.contacts, list(others)
    in_time = contacts.frame_index <= last_frame
    total = np.zeros(3)
    for sign, own, other in ((-1.0, contacts.body_a, contacts.body_b), (1.0, contacts.body_b, contacts.body_a)):
        rows = in_time & (own == body) & np.isin(other, others)
        total += sign * (contacts.impulse[rows, None] * contacts.normal[rows]).sum(axis=0)
    return total


def way(trajectory: Trajectory, body: int) -> Float[np.ndarray, "t"]:
    """Return how far a body is from where it started, m."""
    return np.linalg.norm(trajectory.position[:, body] - trajectory.position[0, body], axis=1)


def largest_way(trajectory: Trajectory, bodies: Iterable[int], end: int | None = None) -> float:
    """Return the largest distance, m, that one of some bodies is from where it started in a frame before ``end``."""
    return max(float(way(trajectory, body)[:end].max()) for body in bodies)


def way_while_untouched(trajectory: Trajectory, bodies: Iterable[int], carriers: Iterable[int]) -> float:
    """Return the largest way, m, that one of some bodies at rest has moved before anything but its carriers hit it."""
    bodies, carriers = list(bodies), list(carriers)
    contacts, largest = trajectory.contacts, 0.0
    for body in bodies:
        touched = (contacts.body_a == body) | (contacts.body_b == body)
        carried = np.isin(contacts.body_a, carriers) | np.isin(contacts.body_b, carriers)
        frames = contacts.frame_index[touched & ~carried]
        end = int(frames.min()) if len(frames) else trajectory.num_frames
        largest = max(largest, largest_way(trajectory, [body], end))
    return largest


def tilt(trajectory: Trajectory, body: int) -> Float[np.ndarray, "t"]:
    """Return the angle between a body's own z axis and the vertical, rad."""
    upward = rotation_matrix(trajectory.orientation[:, body])[:, 2, 2]
    return np.arccos(np.clip(upward, -1.0, 1.0))
