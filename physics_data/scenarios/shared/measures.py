"""Measurements on trajectories: contacts, accelerations, restitution, momentum and distances."""

import itertools
import math
from collections.abc import Iterable

import numpy as np
from jaxtyping import Float
from scipy.interpolate import CubicHermiteSpline

from physics_data.core.geometry import bounding_radius, rotation_matrix
from physics_data.core.mechanics import momentum
from physics_data.core.scene import Body, SceneSpec, Vector3
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


def acceleration_along(spec: SceneSpec, trajectory: Trajectory, body: int, direction: Vector3, frames: slice) -> float:
    """Return the fitted acceleration of a body along a unit vector over some frames in a row, m/s²."""
    return float(constant_acceleration(trajectory.position[frames, body], spec.frame_rate) @ np.array(direction))


def frames_before(spec: SceneSpec, seconds: float) -> slice:
    """Return the frames up to a time, s; none after the last one of the clip."""
    return slice(0, min(spec.num_frames, math.floor(seconds * spec.frame_rate + 1e-9) + 1))


def bounce_restitutions(
    spec: SceneSpec, trajectory: Trajectory, body: int, floor: int, radius: float
) -> Float[np.ndarray, "n"]:
    """Return the measured restitution of every bounce of a ball on a floor at z = 0 that frames can tell apart.

    Every flight has one speed at floor level, from energy conservation; a bounce is two flights. The list ends before
    the first flight that is shorter than two frame intervals, and where the clip does.
    """
    contacts = trajectory.contacts
    touched = contacts.frame_index[(contacts.body_a == min(floor, body)) & (contacts.body_b == max(floor, body))]
    gravity = -spec.gravity[2]
    height = trajectory.position[:, body, 2] - radius
    squared = trajectory.linear_velocity[:, body, 2] ** 2 + 2.0 * gravity * height
    starts = [0, *(int(frame) for frame in touched)]
    speeds: list[float] = []
    for start, end in itertools.pairwise([*starts, spec.num_frames]):
        flight = np.flatnonzero(height[start:end] > 1e-4) + start
        if not len(flight):
            continue
        speed = math.sqrt(max(float(np.median(squared[flight])), 0.0))
        if 2.0 * speed / gravity < 2.0 / spec.frame_rate:
            break
        speeds.append(speed)
    return np.array([after / before for before, after in itertools.pairwise(speeds)])


def uniform_motion_error(spec: SceneSpec, trajectory: Trajectory, body: int) -> float:
    """Return the largest distance of a body from x0 + v t, relative to its path; of one at rest, to its radius."""
    start = spec.bodies[body]
    seconds = np.array(spec.seconds)[:, None]
    expected = np.array(start.position) + np.array(start.linear_velocity) * seconds
    away = np.linalg.norm(trajectory.position[:, body] - expected, axis=1).max()
    path = float(np.linalg.norm(expected[-1] - expected[0]))
    return float(away) / (path or bounding_radius(start.shape))


def crossing(spec: SceneSpec, trajectory: Trajectory, body: int, height: float) -> tuple[float, float]:
    """Return x (m) and time (s) at which a body's origin first sinks through a height (m); NaN if it never does.

    Between two frames the way is taken as the cubic through both positions and velocities.
    """
    z = trajectory.position[:, body, 2]
    frames = np.flatnonzero((z[:-1] > height) & (z[1:] <= height))
    if not len(frames):
        return math.nan, math.nan
    frame, interval = int(frames[0]), 1.0 / spec.frame_rate
    way = CubicHermiteSpline(
        [0.0, interval],
        trajectory.position[frame : frame + 2, body],
        trajectory.linear_velocity[frame : frame + 2, body],
    )
    low, high = 0.0, interval
    while high - low > 1e-9:
        middle = 0.5 * (low + high)
        low, high = (middle, high) if way(middle)[2] > height else (low, middle)
    return float(way(high)[0]), frame * interval + high


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
