"""What happens in a clip, as one list of events; ``touch_events`` finds those of touching bodies."""

import math
from collections.abc import Sequence
from typing import get_args

import numpy as np
from jaxtyping import Bool, Float, Int

from physics_data.core.clip import Event, EventKind, Rendering
from physics_data.core.geometry import rotation_matrix, shape_box
from physics_data.core.scene import Body, Capsule, Compound, Cylinder, Ellipsoid, SceneSpec, Sphere
from physics_data.core.trajectory import Trajectory, true_intervals
from physics_data.labels.boxes import contained, containers
from physics_data.pipeline.touch_events import touch_events


def events(spec: SceneSpec, trajectory: Trajectory, rendering: Rendering) -> tuple[Event, ...]:
    """Return all events, by time, then kind, then bodies. ``frame_index`` is the first frame after the event.

    contact:      two bodies start to touch. A pair that keeps touching, or touches from the start of the clip, gives
                  no further event; bounces shorter than a frame interval are one. The impulse is that of this frame's
                  interval and, where the touch goes on, the next: an impact may last across a frame. Time: to an
                  engine step.
    bounce:       bodies that came together faster than 0.05 m/s part again faster than that, within two frame
                  intervals of their contact. Time: that of the contact.
    rest:         a body that has moved is slower than 0.02 m/s from here to the end, for two frames or more, and
                  touches something or hangs on a joint. Time: interpolated between frames.
    topple:       a body that stood still at the start is tilted by more than 45°. Time: interpolated.
    contained:    the centre of a body gets inside a hollow one (``labels.visibility``). Time: half a frame interval.
    hidden:       the instance is inside the image and, having been seen, has no visible pixel any more
    revealed:     a hidden instance has visible pixels again
    leaves_view:  the instance, having been seen, covers no pixel of the image any more
    enters_view:  the instance covers pixels of the image, and did not in the frame before

    The times of the last four continue the change of the count of pixels in the two frames beside the event.
    """
    found = [
        *touch_events(spec, trajectory),
        *rest_events(spec, trajectory),
        *topple_events(spec, trajectory),
        *contained_events(spec, trajectory),
        *view_events(spec, rendering),
    ]
    kinds = get_args(EventKind)
    return tuple(sorted(found, key=lambda e: (e.seconds, e.frame_index, kinds.index(e.kind), e.bodies)))


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


def view_events(spec: SceneSpec, rendering: Rendering) -> list[Event]:
    """Return what the image shows of each instance coming and going; see ``annotate.events`` for what counts."""
    ids = np.arange(1, rendering.amodal_masks.shape[1] + 1, dtype=np.uint8)
    visible = (rendering.instance_ids[:, None] == ids[None, :, None, None]).sum(axis=(2, 3))
    inside = rendering.amodal_masks.sum(axis=(2, 3))
    found: list[Event] = []
    for instance, body in enumerate(spec.instances):
        seen, covers = visible[:, instance], inside[:, instance]
        found += _hidings(spec.frame_rate, body.name, seen, covers)
        found += _leavings(spec.frame_rate, body.name, seen, covers)
    return found


def _hidings(rate: float, name: str, seen: Int[np.ndarray, "t"], covers: Int[np.ndarray, "t"]) -> list[Event]:
    found: list[Event] = []
    is_hidden, was_seen = False, bool(seen[0])
    for frame in range(1, len(seen)):
        if is_hidden and seen[frame]:
            is_hidden = False
            found.append(_event("revealed", name, frame, _grows_from_zero(seen, frame) / rate))
        elif not is_hidden and was_seen and covers[frame] and not seen[frame]:
            is_hidden = True
            found.append(_event("hidden", name, frame, _shrinks_to_zero(seen, frame) / rate))
        was_seen |= bool(seen[frame])
    return found


def _leavings(rate: float, name: str, seen: Int[np.ndarray, "t"], covers: Int[np.ndarray, "t"]) -> list[Event]:
    found: list[Event] = []
    was_seen = bool(seen[0])
    for frame in range(1, len(covers)):
        if was_seen and covers[frame - 1] and not covers[frame]:
            found.append(_event("leaves_view", name, frame, _shrinks_to_zero(covers, frame) / rate))
        elif covers[frame] and not covers[frame - 1]:
            found.append(_event("enters_view", name, frame, _grows_from_zero(covers, frame) / rate))
        was_seen |= bool(seen[frame])
    return found


def _event(kind: EventKind, name: str, frame: int, seconds: float) -> Event:
    return Event(kind=kind, frame_index=frame, seconds=seconds, bodies=(name,))


def _shrinks_to_zero(pixels: Sequence[int] | np.ndarray, frame: int) -> float:
    """Return when a count of pixels reaches 0 in the interval before a frame, in frames, from its last two values."""
    left = float(pixels[frame - 1])
    rate = float(pixels[frame - 2]) - left if frame > 1 else 0.0
    return frame - 1 + (min(left / rate, 1.0) if rate > 0 else 0.5)


def _grows_from_zero(pixels: Sequence[int] | np.ndarray, frame: int) -> float:
    """Return when a count of pixels leaves 0 in the interval before a frame, in frames, from its next two values."""
    come = float(pixels[frame])
    rate = float(pixels[frame + 1]) - come if frame + 1 < len(pixels) else 0.0
    return frame - (min(come / rate, 1.0) if rate > 0 else 0.5)
