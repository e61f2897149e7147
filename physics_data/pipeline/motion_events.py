"""When bodies come to rest, fall over, and get into containers."""

import math

import numpy as np
from jaxtyping import Bool, Float

from physics_data.core.clip import Event
from physics_data.core.extents import shape_box
from physics_data.core.geometry import rotation_matrix
from physics_data.core.scene import Body, Capsule, Compound, Cylinder, Ellipsoid, SceneSpec, Sphere
from physics_data.core.trajectory import Trajectory, true_intervals
from physics_data.labels.containment import contained, containers

REST_SPEED = 0.02
"""A body rests while its centre is slower than this, and its far end turns slower than this around it, m/s."""

TOPPLE_ANGLE = math.radians(45.0)
"""A body that stood has fallen over once it is tilted by more than this, rad."""


def rest_events(spec: SceneSpec, trajectory: Trajectory) -> list[Event]:
    """Return when each dynamic body comes to its last rest; a body that never moved has none."""
    found = []
    supported = _touched(trajectory)
    for index, body in _dynamic(spec):
        speed = _speed(body, trajectory, index)
        start = _final_rest(speed < REST_SPEED)
        hangs = any(body.name in (joint.body, joint.parent) for joint in spec.joints)
        if start is None or start == 0 or not (hangs or supported[start:, index].all()):
            continue
        share = (speed[start - 1] - REST_SPEED) / (speed[start - 1] - speed[start])
        seconds = (start - 1 + float(share)) / spec.frame_rate
        found.append(Event(kind="rest", frame_index=start, seconds=seconds, bodies=(body.name,)))
    return found


def topple_events(spec: SceneSpec, trajectory: Trajectory) -> list[Event]:
    """Return when bodies that stood still on something at the start fall over.

    Balls and ellipsoids roll instead, so do cylinders and capsules that lie; what hangs on a joint swings.
    """
    found = []
    for index, body in _dynamic(spec):
        if not _can_topple(spec, body) or not _stands(spec, trajectory, index):
            continue
        turns = rotation_matrix(trajectory.orientation[:, index])
        upright = turns[0].T @ np.array([0.0, 0.0, 1.0])
        tilt = np.arccos(np.clip((turns @ upright)[:, 2], -1.0, 1.0))
        over = np.flatnonzero(tilt > TOPPLE_ANGLE)
        if not len(over):
            continue
        frame = int(over[0])
        share = (TOPPLE_ANGLE - tilt[frame - 1]) / (tilt[frame] - tilt[frame - 1])
        seconds = (frame - 1 + float(share)) / spec.frame_rate
        found.append(Event(kind="topple", frame_index=frame, seconds=seconds, bodies=(body.name,)))
    return found


def contained_events(spec: SceneSpec, trajectory: Trajectory) -> list[Event]:
    """Return when bodies get into a hollow one, to the middle of a frame interval; being there at the start is none."""
    found = []
    for container in containers(spec):
        inside = contained(spec, trajectory, container)
        for index, body in _dynamic(spec):
            for first, _ in true_intervals(inside[:, index]):
                if first == 0:
                    continue
                names = (body.name, spec.bodies[container].name)
                seconds = (first - 0.5) / spec.frame_rate
                found.append(Event(kind="contained", frame_index=first, seconds=seconds, bodies=names))
    return found


def _dynamic(spec: SceneSpec) -> list[tuple[int, Body]]:
    return [(index, body) for index, body in enumerate(spec.bodies) if body.is_dynamic]


def _touched(trajectory: Trajectory) -> Bool[np.ndarray, "t o"]:
    """Return whether a body touched something in the interval before each frame; frame 0 looks at the one after it."""
    touched = np.zeros(trajectory.position.shape[:2], dtype=bool)
    for side in (trajectory.contacts.body_a, trajectory.contacts.body_b):
        touched[trajectory.contacts.frame_index, side] = True
    if len(touched) > 1:
        touched[0] = touched[1]
    return touched


def _speed(body: Body, trajectory: Trajectory, index: int) -> Float[np.ndarray, "t"]:
    reach = float(np.linalg.norm(shape_box(body.shape)[1]))
    linear = np.linalg.norm(trajectory.linear_velocity[:, index], axis=1)
    return np.maximum(linear, reach * np.linalg.norm(trajectory.angular_velocity[:, index], axis=1))


def _final_rest(still: Bool[np.ndarray, "t"]) -> int | None:
    """Return where the interval of True that ends the clip begins; None if it is shorter than two frames."""
    intervals = true_intervals(still)
    if not intervals or intervals[-1][1] != len(still) or intervals[-1][0] == len(still) - 1:
        return None
    return intervals[-1][0]


def _can_topple(spec: SceneSpec, body: Body) -> bool:
    if isinstance(body.shape, Sphere | Ellipsoid) or any(
        body.name in (joint.body, joint.parent) for joint in spec.joints
    ):
        return False
    if isinstance(body.shape, Cylinder | Capsule):
        axis = rotation_matrix(np.array(body.orientation))[:, 2]
        return abs(float(axis[2])) > math.cos(TOPPLE_ANGLE)
    if isinstance(body.shape, Compound):
        return not all(isinstance(part.shape, Sphere) for part in body.shape.parts)
    return True


def _stands(spec: SceneSpec, trajectory: Trajectory, index: int) -> bool:
    """Return whether a body begins at rest with something under it."""
    if _speed(spec.bodies[index], trajectory, index)[0] >= REST_SPEED:
        return False
    contacts = trajectory.contacts
    for row in np.flatnonzero(contacts.frame_index == 1):
        a, b = int(contacts.body_a[row]), int(contacts.body_b[row])
        upward = float(contacts.normal[row, 2]) * (1.0 if b == index else -1.0)
        if index in (a, b) and upward > 0.7 and float(contacts.seconds[row]) <= 0.01:
            return True
    return False
