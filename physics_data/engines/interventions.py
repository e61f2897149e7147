"""Runs scenes with actions: one run of the engine up to each action, started again from the state found there.

The state of a body in free flight goes over to rounding (``engines.engine``, the leapfrog reading), so that an impulse
and a change of gravity have their closed forms. The first run is the one of the scene without actions, cut off: frames
before an action are equal to the bit.
"""

from collections.abc import Callable, Sequence
from dataclasses import fields

import numpy as np
from scipy.spatial.transform import Rotation

from physics_data.core.actions import Action, Impulse, Insert, Remove, SetBody, SetGravity
from physics_data.core.errors import EngineError
from physics_data.core.mechanics import inertia_tensor
from physics_data.core.scene import AxisJoint, Body, Joint, PoseKey, SceneSpec, Vector3
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
    run = InteractiveRun(simulate, spec)
    for frame in sorted({action.frame for action in spec.actions}):
        run.act(frame, [action for action in spec.actions if action.frame == frame])
    return run.trajectory()


class InteractiveRun:
    """A scene whose actions are decided while it runs; the engine runs ahead to the scene's end between them.

    Bodies that an ``Insert`` of ``spec.actions`` names are absent at the start. The other actions of the scene are not
    carried out; ``act`` does that.

    Args:
        simulate: runs a scene that has no actions
        spec: the scene
    """

    def __init__(self, simulate: Simulate, spec: SceneSpec) -> None:
        inserted = {action.body for action in spec.actions if isinstance(action, Insert)}
        present = tuple(body for body in spec.bodies if body.name not in inserted)
        self._simulate, self._spec = simulate, spec
        self._current = spec.model_copy(update={"actions": (), "bodies": present})
        self._start, self._part = 0, None
        self._assembly = _Assembly(spec)

    def act(self, frame: int, actions: Sequence[Action]) -> None:
        """Carry out actions right after a frame, which must not lie before that of the last ones.

        Raises:
            EngineError: a part of the scene is not supported, or an action meets a scripted body that eases.
        """
        if self._current.bodies:
            part = self._ahead()
            self._assembly.write(part, self._current, self._start, frame)
            self._current = restarted(self._current, part, frame - self._start)
        else:
            self._current = self._current.model_copy(update={"num_frames": self._spec.num_frames - frame})
        for action in actions:
            self._current = acted(self._current, action, self._spec)
        self._start, self._part = frame, None

    def states(self, frame: int) -> Trajectory:
        """Return the states of one frame, not before the last action: a trajectory of one frame without contacts."""
        now = _Assembly(self._spec.model_copy(update={"num_frames": 1}))
        if self._current.bodies:
            part, rows = self._ahead(), slice(frame - self._start, frame - self._start + 1)
            poses = (part.position[rows], part.orientation[rows])
            velocities = (part.linear_velocity[rows], part.angular_velocity[rows])
            now.write(Trajectory(*poses, *velocities, Contacts.none()), self._current, 0, 0)
        return now.trajectory()

    def trajectory(self) -> Trajectory:
        """Return the whole trajectory; call it once, at the end."""
        if self._current.bodies:
            self._assembly.write(self._ahead(), self._current, self._start, self._spec.num_frames - 1)
        return self._assembly.trajectory()

    def _ahead(self) -> Trajectory:
        if self._part is None:
            self._part = self._simulate(self._current)
        return self._part


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
        EngineError: the frame lies between two eased keys of a scripted body, or a joint has a spring.
    """
    if sprung := [joint.body for joint in spec.joints if isinstance(joint, AxisJoint) and joint.stiffness]:
        raise EngineError(
            f"the joint of '{sprung[0]}' has a spring, and the scene has actions; leave out one of the two."
        )
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
        axis = {"axis": _vector(change.apply(joint.axis))} if isinstance(joint, AxisJoint) else {}
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
            if body.inertia is not None:
                changed["inertia"] = tuple(part * changed["mass"] / body.mass for part in body.inertia)
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
