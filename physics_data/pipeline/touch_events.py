"""When bodies begin to touch, and when they bounce."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from physics_data.core.clip import Event
from physics_data.core.scene import SceneSpec
from physics_data.core.trajectory import Trajectory

SETTLING_SECONDS = 0.01
"""A touch goes on if the pair pushes again within this time of the interval's start, s."""

SETTLING_SPEED = 0.1
"""A pair that pushes within ``SETTLING_SECONDS`` of the clip's start touches from the start, if it comes together no
faster than this, m/s."""

BOUNCE_SPEED = 0.05
"""Bodies bounce if they come together and part again faster than this, m/s."""

_LONGEST_IMPACT = 2  # rows: an impact may last across a frame
_MEASURED_SPEED = 0.5  # m/s: slower impacts are settling, where many small ones make one row
_CENTRAL = 0.02
_IMPULSE_SHARE = 0.02


@dataclass(frozen=True)
class _Touch:
    """Rows of one pair in which it touches without a break."""

    rows: tuple[int, ...]
    first: int
    last: int
    seconds: float


def touch_events(spec: SceneSpec, trajectory: Trajectory) -> list[Event]:
    """Return the contacts and bounces of all pairs; see ``annotate.events`` for what they are."""
    contacts = trajectory.contacts
    found: list[Event] = []
    for a, b in sorted(set(zip(contacts.body_a.tolist(), contacts.body_b.tolist(), strict=True))):
        names = (spec.bodies[a].name, spec.bodies[b].name)
        for number, touch in enumerate(_touches(spec, trajectory, a, b)):
            if touch.first == 1 and _touches_from_start(trajectory, touch):
                continue
            impulse = sum(
                float(contacts.impulse[row])
                for row in touch.rows
                if contacts.frame_index[row] < touch.first + _LONGEST_IMPACT
            )
            found.append(
                Event(
                    kind="contact",
                    frame_index=touch.first,
                    seconds=touch.seconds,
                    bodies=names,
                    impulse=impulse,
                    is_first=number == 0,
                )
            )
            if touch.last - touch.first < _LONGEST_IMPACT and _bounces(spec, trajectory, touch):
                measured = measured_restitution(spec, trajectory, touch.rows[0], touch.last)
                found.append(
                    Event(
                        kind="bounce",
                        frame_index=touch.last,
                        seconds=touch.seconds,
                        bodies=names,
                        restitution=measured,
                    )
                )
    return found


def _touches(spec: SceneSpec, trajectory: Trajectory, a: int, b: int) -> list[_Touch]:
    """Split the rows of a pair where it stops touching for a frame interval, or pushes late in one."""
    contacts = trajectory.contacts
    rows = np.flatnonzero((contacts.body_a == a) & (contacts.body_b == b))
    groups: list[list[int]] = []
    for row in rows.tolist():
        frame, seconds = int(contacts.frame_index[row]), float(contacts.seconds[row])
        goes_on = seconds <= (frame - 1) / spec.frame_rate + SETTLING_SECONDS
        last = int(contacts.frame_index[groups[-1][-1]]) if groups else -1
        # A pair that pushes in several directions has several rows of one frame interval.
        if groups and (frame == last or (goes_on and frame == last + 1)):
            groups[-1].append(row)
        else:
            groups.append([row])
    frames = contacts.frame_index
    return [_Touch(tuple(g), int(frames[g[0]]), int(frames[g[-1]]), float(contacts.seconds[g[0]])) for g in groups]


def _touches_from_start(trajectory: Trajectory, touch: _Touch) -> bool:
    contacts, row = trajectory.contacts, touch.rows[0]
    relative = trajectory.linear_velocity[0, contacts.body_b[row]] - trajectory.linear_velocity[0, contacts.body_a[row]]
    return touch.seconds <= SETTLING_SECONDS and -float(contacts.normal[row] @ relative) <= SETTLING_SPEED


def _bounces(spec: SceneSpec, trajectory: Trajectory, touch: _Touch) -> bool:
    row = touch.rows[0]
    start, end = _times_from_contact(spec, trajectory, row, touch.last)
    before = _parting_speed(trajectory, row, touch.first - 1, start)
    after = _parting_speed(trajectory, row, touch.last, -end)
    free = _free_fall(spec, trajectory, row)
    return before + free * start < -BOUNCE_SPEED and after - free * end > BOUNCE_SPEED


def _parting_speed(trajectory: Trajectory, row: int, frame: int, delay: float) -> float:
    """Return how fast the touching points move apart along the normal at a frame, m/s; negative = together.

    Units:
        delay:  s, from the frame to the contact, at which the bodies' centres are where the arms are measured
    """
    contacts = trajectory.contacts
    normal, point = contacts.normal[row], contacts.point[row]
    speeds = []
    for body in (int(contacts.body_a[row]), int(contacts.body_b[row])):
        velocity = trajectory.linear_velocity[frame, body]
        arm = point - trajectory.position[frame, body] - delay * velocity
        speeds.append(float(normal @ (velocity + np.cross(trajectory.angular_velocity[frame, body], arm))))
    return speeds[1] - speeds[0]


def _free_fall(spec: SceneSpec, trajectory: Trajectory, row: int) -> float:
    """Return the acceleration with which free flight alone would part the two, m/s²."""
    contacts = trajectory.contacts
    pull = float(contacts.normal[row] @ np.array(spec.gravity))
    falls_a, falls_b = (spec.bodies[int(side[row])].is_dynamic for side in (contacts.body_a, contacts.body_b))
    return pull * (float(falls_b) - float(falls_a))


def _times_from_contact(spec: SceneSpec, trajectory: Trajectory, row: int, last: int) -> tuple[float, float]:
    """Return the time from the frame before a contact to it, and from it to a frame after, s."""
    contacts = trajectory.contacts
    before = float(contacts.seconds[row]) - (int(contacts.frame_index[row]) - 1) / spec.frame_rate
    return before, last / spec.frame_rate - float(contacts.seconds[row])


def measured_restitution(spec: SceneSpec, trajectory: Trajectory, row: int, last: int) -> float | None:
    """Return the ratio of the speeds of a pair along the normal after and before an impact.

    Speeds are carried from the frames beside the impact to its time by free fall. None where that would be wrong: the
    impact is slow (below 0.5 m/s) or not central, a body is scripted, held by a joint or pushed along the normal by
    others at the same time, or the impulse says that there was more than one impact between the frames (it is off
    by over 2 %).

    Args:
        row: of ``trajectory.contacts``, in which the impact begins
        last: frame after it
    """
    contacts = trajectory.contacts
    pair = (int(contacts.body_a[row]), int(contacts.body_b[row]))
    normal = contacts.normal[row]
    first = int(contacts.frame_index[row])
    if not all(_is_central_and_free(spec, trajectory, body, row) for body in pair):
        return None
    if not _pushed_by_pair_alone(spec, trajectory, pair, normal, first, last):
        return None
    free = _free_fall(spec, trajectory, row)
    start, end = _times_from_contact(spec, trajectory, row, last)
    relative = trajectory.linear_velocity[:, pair[1]] - trajectory.linear_velocity[:, pair[0]]
    together = -(float(normal @ relative[first - 1]) + free * start)
    apart = float(normal @ relative[last]) - free * end
    if together < _MEASURED_SPEED or apart < 0.0:
        return None
    rows = (contacts.body_a == pair[0]) & (contacts.body_b == pair[1])
    rows &= (contacts.frame_index >= first) & (contacts.frame_index <= last)
    mass = 1.0 / sum(1.0 / spec.bodies[body].mass for body in pair if spec.bodies[body].is_dynamic)
    expected = mass * (together + apart)
    if abs(float(contacts.impulse[rows].sum()) - expected) > _IMPULSE_SHARE * expected:
        return None
    return apart / together


def _is_central_and_free(spec: SceneSpec, trajectory: Trajectory, body: int, row: int) -> bool:
    if spec.bodies[body].is_scripted or any(
        spec.bodies[body].name in (joint.body, joint.parent) for joint in spec.joints
    ):
        return False
    if not spec.bodies[body].is_dynamic:
        return True
    contacts = trajectory.contacts
    frame = int(contacts.frame_index[row]) - 1
    elapsed = float(contacts.seconds[row]) - frame / spec.frame_rate
    pull = 0.5 * elapsed * elapsed * np.array(spec.gravity)
    center = trajectory.position[frame, body] + elapsed * trajectory.linear_velocity[frame, body] + pull
    arm: Float[np.ndarray, 3] = contacts.point[row] - center
    return float(np.linalg.norm(np.cross(arm, contacts.normal[row]))) <= _CENTRAL * float(np.linalg.norm(arm)) + 1e-3


def _pushed_by_pair_alone(
    spec: SceneSpec,
    trajectory: Trajectory,
    pair: tuple[int, int],
    normal: Float[np.ndarray, "3"],
    first: int,
    last: int,
) -> bool:
    contacts = trajectory.contacts
    for frame, a, b, other in zip(
        contacts.frame_index.tolist(), contacts.body_a.tolist(), contacts.body_b.tolist(), contacts.normal, strict=True
    ):
        if not first <= frame <= last or (a, b) == pair:
            continue
        if not any(body in pair and spec.bodies[body].is_dynamic for body in (a, b)):
            continue
        rough = spec.bodies[a].surface.friction * spec.bodies[b].surface.friction > 0
        if rough or abs(float(normal @ other)) > _CENTRAL:
            return False
    return True
