"""Measurements on trajectories that residuals are made of."""

import numpy as np
from jaxtyping import Float

from physics_data.core.scene import SceneSpec
from physics_data.core.trajectory import Trajectory


def first_contact(trajectory: Trajectory, body_a: int, body_b: int) -> int | None:
    """Return the frame index of the first interval in which two bodies touch, or None."""
    contacts = trajectory.contacts
    rows = (contacts.body_a == min(body_a, body_b)) & (contacts.body_b == max(body_a, body_b))
    return int(contacts.frame_index[rows].min()) if rows.any() else None


def last_frame_before_contact(trajectory: Trajectory, body_a: int, body_b: int) -> int:
    """Return the last frame before two bodies first touch; the last frame of all if they never do."""
    contact = first_contact(trajectory, body_a, body_b)
    return trajectory.num_frames - 1 if contact is None else contact - 1


def constant_acceleration(position: Float[np.ndarray, "t 3"], frame_rate: float) -> Float[np.ndarray, "3"]:
    """Fit one acceleration to a track by least squares, m/s²; NaN with fewer than 4 frames, which fit anything.

    Units:
        position:    m
        frame_rate:  Hz
    """
    if len(position) < 4:
        return np.full(3, np.nan)
    seconds = np.arange(len(position)) / frame_rate
    return 2.0 * np.polyfit(seconds, position, 2)[0]


def gravity_relative_error(spec: SceneSpec, trajectory: Trajectory, body: int, floor: int) -> float:
    """Return |fitted acceleration - g| / |g| of a body before it first touches the floor."""
    end = last_frame_before_contact(trajectory, floor, body) + 1
    gravity = np.array(spec.gravity)
    fitted = constant_acceleration(trajectory.position[:end, body], spec.frame_rate)
    return float(np.linalg.norm(fitted - gravity) / np.linalg.norm(gravity))


def restitution_on_floor(spec: SceneSpec, trajectory: Trajectory, body: int, floor: int, radius: float) -> float:
    """Return the measured restitution of the first bounce of a ball on a floor at z = 0.

    From the speeds that energy conservation gives at floor level on both sides of the bounce. NaN where the
    clip has no bounce followed by a frame in flight.
    """
    contact = first_contact(trajectory, floor, body)
    if contact is None:
        return float("nan")
    after = np.flatnonzero(trajectory.airborne()[contact:, body])
    if not len(after):
        return float("nan")
    frames = [contact - 1, contact + int(after[0])]
    height = trajectory.position[frames, body, 2] - radius
    squared = trajectory.linear_velocity[frames, body, 2] ** 2 - 2.0 * spec.gravity[2] * height
    return float(np.sqrt(max(squared[1], 0.0) / squared[0]))
