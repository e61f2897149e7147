"""Runs scenes with actions: one run of the engine up to each action, started again from the state found there.

The state of a body in free flight goes over to rounding (``engines.engine``, the leapfrog reading), so that an impulse
and a change of gravity have their closed forms. The first run is the one of the scene without actions, cut off: frames
before an action are equal to the bit.
"""

from collections.abc import Callable
from dataclasses import fields

import numpy as np
from scipy.spatial.transform import Rotation

from physics_data.core.actions import Action, Impulse, Insert, Remove, SetBody, SetGravity
from physics_data.core.errors import EngineError
from physics_data.core.mechanics import inertia_tensor
from physics_data.core.scene import Body, Hinge, Joint, PoseKey, SceneSpec, Vector3
from physics_data.core.trajectory import Contacts, Trajectory

Simulate = Callable[[SceneSpec], Trajectory]


def run_with_actions(simulate: Simulate, spec: SceneSpec) -> Trajectory:
    """Return the trajectory of a scene, its actions carried out.

    Args:
        simulate: runs a scene that has no actions

    Raises:
        EngineError: a part of the scene is not supported, or an action meets a scripted body that eases.
    """
    if not spec.actions:
        return simulate(spec)
    inserted = {action.body for action in spec.actions if isinstance(action, Insert)}
    current = spec.model_copy(
        update={"actions": (), "bodies": tuple(body for body in spec.bodies if body.name not in inserted)}
    )
    run = _Assembly(spec)
    start = 0
    for frame in sorted({action.frame for action in spec.actions}):
        if current.bodies:
            part = simulate(current)
            run.write(part, current, start, frame)
            current = restarted(current, part, frame - start)
        else:
            current = current.model_copy(update={"num_frames": spec.num_frames - frame})
        for action in spec.actions:
            if action.frame == frame:
                current = acted(current, action, spec)
        start = frame
    if current.bodies:
        run.write(simulate(current), current, start, spec.num_frames - 1)
    return run.trajectory()


class _Assembly:
    """The whole trajectory, written part by part."""

    def __init__(self, spec: SceneSpec) -> None:
        shape = (spec.num_frames, len(spec.bodies))
        self._spec = spec
        self._position = np.tile(np.array([body.position for body in spec.bodies]), (shape[0], 1, 1))
        self._orientation = np.tile(np.array([body.orientation for body in spec.bodies]), (shape[0], 1, 1))
        self._velocity, self._spin = np.zeros((*shape, 3)), np.zeros((*shape, 3))
        self._present = np.zeros(shape, dtype=bool)
        self._contacts: list[Contacts] = [Contacts.none()]
        self._written = False

    def write(self, part: Trajectory, current: SceneSpec, start: int, end: int) -> None:
        """Take over the frames after ``start``, and frame 0 itself, up to ``end``."""
        own = np.array([self._spec.body_index(body.name) for body in current.bodies])
        first = 0 if start == 0 and not self._written else 1
        self._written = True
        rows, source = slice(start + first, end + 1), slice(first, end - start + 1)
        for whole, piece in (
            (self._position, part.position),
            (self._orientation, part.orientation),
            (self._velocity, part.linear_velocity),
            (self._spin, part.angular_velocity),
        ):
            whole[rows, own] = piece[source]
        # A body that goes stays, absent, where it was seen last.
        self._position[end:, own], self._orientation[end:, own] = self._position[end, own], self._orientation[end, own]
        self._present[rows, own] = True
        contacts = part.contacts
        kept = contacts.frame_index <= end - start
        columns = {field.name: getattr(contacts, field.name)[kept] for field in fields(Contacts)}
        columns["frame_index"] = columns["frame_index"] + start
        columns["seconds"] = columns["seconds"] + start / self._spec.frame_rate if start else columns["seconds"]
        columns["body_a"], columns["body_b"] = own[columns["body_a"]], own[columns["body_b"]]
        self._contacts.append(Contacts(**columns))

    def trajectory(self) -> Trajectory:
        """Return everything written."""
        contacts = Contacts(
            **{
                field.name: np.concatenate([getattr(part, field.name) for part in self._contacts])
                for field in fields(Contacts)
            }
        )
        present = None if self._present.all() else self._present
        return Trajectory(self._position, self._orientation, self._velocity, self._spin, contacts, present)


def restarted(spec: SceneSpec, part: Trajectory, frame: int) -> SceneSpec:
    """Return the scene that starts as ``part`` is at a frame.

    Raises:
        EngineError: the frame lies between two eased keys of a scripted body.
    """
    poses = {}
    bodies = []
    for index, body in enumerate(spec.bodies):
        position, orientation = _vector(part.position[frame, index]), part.orientation[frame, index]
        poses[body.name] = (body, np.array(position), Rotation.from_quat(orientation, scalar_first=True))
        if body.is_static:
            bodies.append(body)
            continue
        w, x, y, z = (float(value) for value in orientation)
        changes = {"position": position, "orientation": (w, x, y, z)}
        if body.is_scripted:
            changes["path"] = _rest_of_path(body, frame / spec.frame_rate, position, (w, x, y, z))
        else:
            changes["linear_velocity"] = _vector(part.linear_velocity[frame, index])
            changes["angular_velocity"] = _vector(part.angular_velocity[frame, index])
        bodies.append(body.model_copy(update=changes))

    def moved(joint: Joint) -> Joint:
        body, position, turn = poses[joint.body]
        change = turn * Rotation.from_quat(body.orientation, scalar_first=True).inv()
        anchor = _vector(position + change.apply(np.subtract(joint.anchor, body.position)))
        axis = {"axis": _vector(change.apply(joint.axis))} if isinstance(joint, Hinge) else {}
        return joint.model_copy(update={"anchor": anchor, **axis})

    return spec.model_copy(
        update={
            "bodies": tuple(bodies),
            "joints": tuple(moved(joint) for joint in spec.joints),
            "num_frames": spec.num_frames - frame,
        }
    )


def _rest_of_path(
    body: Body, seconds: float, position: Vector3, orientation: tuple[float, float, float, float]
) -> tuple[PoseKey, ...]:
    later = [key for key in body.path if key.seconds > seconds]
    now = PoseKey(seconds=0.0, position=position, orientation=orientation)
    before = [key for key in body.path if key.seconds <= seconds]
    if before and later and later[0].ease == "smooth":
        same = (before[-1].position, before[-1].orientation) == (later[0].position, later[0].orientation)
        if not same and before[-1].seconds != seconds:
            raise EngineError(
                f"an action at {seconds:g} s meets '{body.name}' between two eased keys of its path; put a "
                "key at that time, or write ease: linear."
            )
    return (now, *(key.model_copy(update={"seconds": key.seconds - seconds}) for key in later))


def acted(spec: SceneSpec, action: Action, original: SceneSpec) -> SceneSpec:
    """Return the scene, which starts at the action's frame, with the action done.

    Args:
        spec: the scene as it is there
        action: what is done
        original: the whole scene, which has the bodies that are inserted

    Raises:
        EngineError: a scripted body is inserted.
    """
    match action:
        case SetGravity(gravity=gravity):
            return spec.model_copy(update={"gravity": gravity})
        case Remove(body=name):
            return spec.without(name)
        case Insert(body=name):
            new = original.bodies[original.body_index(name)]
            if new.is_scripted:
                raise EngineError(f"'{name}' has a path and is inserted; leave out one of the two.")
            order = [body.name for body in original.bodies]
            bodies = sorted((*spec.bodies, new), key=lambda body: order.index(body.name))
            return spec.model_copy(update={"bodies": tuple(bodies)})
        case SetBody(body=name):
            body = spec.bodies[spec.body_index(name)]
            surface = {"friction": action.friction, "restitution": action.restitution}
            known = {key: value for key, value in surface.items() if value is not None}
            changed = {"surface": body.surface.model_copy(update=known), "mass": action.mass or body.mass}
            return _with_body(spec, body.model_copy(update=changed))
        case Impulse(body=name, impulse=impulse, point=point):
            body = spec.bodies[spec.body_index(name)]
            arm = np.zeros(3) if point is None else np.subtract(point, body.position)
            turn = Rotation.from_quat(body.orientation, scalar_first=True).as_matrix()
            tensor = turn @ inertia_tensor(body) @ turn.T
            spin = np.linalg.solve(tensor, np.cross(arm, impulse))
            changed = {
                "linear_velocity": _vector(np.add(body.linear_velocity, np.array(impulse) / body.mass)),
                "angular_velocity": _vector(np.add(body.angular_velocity, spin)),
            }
            return _with_body(spec, body.model_copy(update=changed))


def _with_body(spec: SceneSpec, body: Body) -> SceneSpec:
    index = spec.body_index(body.name)
    return spec.model_copy(update={"bodies": (*spec.bodies[:index], body, *spec.bodies[index + 1 :])})


def _vector(values: np.ndarray) -> Vector3:
    x, y, z = (float(value) for value in values)
    return (x, y, z)
