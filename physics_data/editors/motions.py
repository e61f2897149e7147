"""Parts that editors make motions of: bodies changed, a motion continued from a frame, two motions joined."""

import math
from collections.abc import Mapping
from dataclasses import fields
from types import MappingProxyType

import numpy as np
from jaxtyping import Bool, Float

from physics_data.core.scene import Appearance, Body, Box, Cylinder, SceneSpec, Sphere, Surface, Vector3
from physics_data.core.trajectory import Contacts, Trajectory
from physics_data.editors.editor import Simulate, World

WALL_LOOK = Appearance(color_name="brown", albedo=(0.30, 0.17, 0.08), specular=0.0)
"""The look of walls and posts that make a motion lawful."""

WALL_HALF = (0.04, 0.3, 0.3)
"""Half thickness, width and height of a wall, m."""


def vector(values: Float[np.ndarray, "3"]) -> Vector3:
    """Return three plain numbers."""
    x, y, z = (float(value) for value in values)
    return (x, y, z)


def subject(spec: SceneSpec) -> Body | None:
    """Return the body that an editor edits: the first dynamic object that no setting added; None if there is none."""
    found = (body for body in spec.bodies if body.role == "object" and body.is_dynamic)
    return next((body for body in found if not body.name.startswith("distractor")), None)


def need_subject(world: World) -> str | None:
    """Return why a motion has no body that can be edited alone, or None if it has."""
    if world.spec.joints:
        return "its bodies hang on joints"
    body = subject(world.spec)
    if body is None:
        return "it has no object that moves freely"
    if not isinstance(body.shape, Sphere | Box | Cylinder):
        return f"'{body.name}' is a {body.shape.kind}, a sphere, box or cylinder is needed"
    return None


def need_ball(world: World) -> str | None:
    """Return why a motion has no free ball as its first object, or None if it has."""
    body = subject(world.spec)
    if (why := need_subject(world)) is not None:
        return why
    return None if body is not None and isinstance(body.shape, Sphere) else "its first object is no ball"


def the_subject(spec: SceneSpec) -> Body:
    """Return the body that an editor edits, of a scene that has one."""
    body = subject(spec)
    assert body is not None, "applies_to has found one"
    return body


def ball_of(spec: SceneSpec) -> tuple[Body, int, float]:
    """Return the ball that is edited, its position in the scene, and its radius, m."""
    body = the_subject(spec)
    assert isinstance(body.shape, Sphere), "applies_to has found a ball"
    return body, spec.body_index(body.name), body.shape.radius


def with_body(spec: SceneSpec, body: Body) -> SceneSpec:
    """Return a scene in which a body of the same name is another one, or which has one more."""
    names = [other.name for other in spec.bodies]
    if body.name not in names:
        return spec.model_copy(update={"bodies": (*spec.bodies, body)})
    bodies = tuple(body if other.name == body.name else other for other in spec.bodies)
    return spec.model_copy(update={"bodies": bodies})


def moved_by(body: Body, offset: Float[np.ndarray, "3"]) -> Body:
    """Return a body that starts elsewhere. Offset in m."""
    return body.model_copy(update={"position": vector(np.array(body.position) + offset)})


def resized(body: Body, factor: float) -> Body:
    """Return a body of another size and the same density; its lowest point and its rolling stay as they were."""
    match body.shape:
        case Sphere(radius=radius):
            shape, half = Sphere(radius=radius * factor), radius
        case Box(half_extents=(x, y, z)):
            shape, half = Box(half_extents=(x * factor, y * factor, z * factor)), z
        case Cylinder(radius=radius, half_height=half):
            shape = Cylinder(radius=radius * factor, half_height=half * factor)
        case _:
            raise AssertionError("need_subject admits no other shape")
    lower = moved_by(body, np.array([0.0, 0.0, half * (factor - 1.0)]))
    spin = vector(np.array(body.angular_velocity) / factor)
    return lower.model_copy(update={"shape": shape, "mass": body.mass * factor**3, "angular_velocity": spin})


def widened(spec: SceneSpec, reach: float) -> SceneSpec:
    """Return the scene with its one screen wider by ``reach`` (m) on either side; as it is without such a screen."""
    screen = next((body for body in spec.bodies if body.name == "screen"), None)
    if screen is None or not isinstance(screen.shape, Box):
        return spec
    x, y, z = screen.shape.half_extents
    return with_body(spec, screen.model_copy(update={"shape": Box(half_extents=(x + reach, y, z))}))


def wall(spec: SceneSpec, touched: Float[np.ndarray, "3"], normal: Float[np.ndarray, "3"], restitution: float) -> Body:
    """Return a smooth wall that stands on the floor, its face through a point, its level normal towards the action."""
    turn = 0.5 * math.atan2(normal[1], normal[0])
    middle = np.array(touched) - WALL_HALF[0] * np.array(normal)
    return Body(
        name="wall",
        noun="wall",
        shape=Box(half_extents=WALL_HALF),
        role="ground",
        is_static=True,
        surface=Surface(friction=0.0, restitution=restitution),
        appearance=WALL_LOOK,
        position=(float(middle[0]), float(middle[1]), WALL_HALF[2] + floor_height(spec)),
        orientation=(math.cos(turn), 0.0, 0.0, math.sin(turn)),
    )


def floor_height(spec: SceneSpec) -> float:
    """Return the height of the floor, m."""
    return spec.bodies[0].position[2]


def continued(
    world: World,
    frame: int,
    simulate: Simulate,
    velocities: Mapping[str, Float[np.ndarray, "3"]],
    positions: Mapping[str, Float[np.ndarray, "3"]] = MappingProxyType({}),
) -> Trajectory:
    """Return a motion that is the given one before a frame, in which some bodies have another velocity or position.

    Units: m/s and m, world frame. Everything after that frame is simulated, so it follows the laws again.
    """
    spec, base = world.spec, world.trajectory
    bodies = []
    for index, body in enumerate(spec.bodies):
        if body.is_dynamic:
            w, x, y, z = (float(value) for value in base.orientation[frame, index])
            state = {
                "position": vector(positions.get(body.name, base.position[frame, index])),
                "orientation": (w, x, y, z),
                "linear_velocity": vector(velocities.get(body.name, base.linear_velocity[frame, index])),
                "angular_velocity": vector(base.angular_velocity[frame, index]),
            }
            body = body.model_copy(update=state)
        bodies.append(body)
    rest = spec.model_copy(update={"bodies": tuple(bodies), "num_frames": spec.num_frames - frame})
    return joined(base, _later(simulate(rest), frame, spec.frame_rate), frame, is_continued=True)


def _later(trajectory: Trajectory, frames: int, frame_rate: float) -> Trajectory:
    """Return a motion that starts some frames later, padded with its first state; its contacts come later too."""
    ahead = [np.concatenate([np.repeat(a[:1], frames, axis=0), a]) for a in _states(trajectory)]
    contacts = {field.name: getattr(trajectory.contacts, field.name) for field in fields(Contacts)}
    contacts["frame_index"] = contacts["frame_index"] + frames
    contacts["seconds"] = contacts["seconds"] + frames / frame_rate
    return Trajectory(*ahead, contacts=Contacts(**contacts))


def joined(first: Trajectory, second: Trajectory, frame: int, *, is_continued: bool = False) -> Trajectory:
    """Return the first motion before a frame, and the second from there on.

    Contacts between that frame and the one before are of the second, or of the first where the second continues it.
    """
    states = [np.concatenate([a[:frame], b[frame:]]) for a, b in zip(_states(first), _states(second), strict=True)]
    last = frame if is_continued else frame - 1
    before = select(first.contacts, first.contacts.frame_index <= last)
    after = select(second.contacts, second.contacts.frame_index > last)
    contacts = {
        field.name: np.concatenate([getattr(before, field.name), getattr(after, field.name)])
        for field in fields(Contacts)
    }
    present = None
    if first.present is not None or second.present is not None:
        present = np.concatenate([presence(first)[:frame], presence(second)[frame:]])
    return Trajectory(*states, contacts=Contacts(**contacts), present=present)


def select(contacts: Contacts, rows: Bool[np.ndarray, "n"]) -> Contacts:
    """Return some rows of contacts."""
    return Contacts(**{field.name: getattr(contacts, field.name)[rows] for field in fields(Contacts)})


def presence(trajectory: Trajectory) -> Bool[np.ndarray, "t o"]:
    """Return which bodies are there in which frame."""
    shape = trajectory.position.shape[:2]
    return np.ones(shape, dtype=bool) if trajectory.present is None else trajectory.present


def without_contacts_of(trajectory: Trajectory, body: int, from_frame: int = 0) -> Contacts:
    """Return the contacts but for those of one body from a frame on."""
    contacts = trajectory.contacts
    gone = ((contacts.body_a == body) | (contacts.body_b == body)) & (contacts.frame_index >= from_frame)
    return select(contacts, ~gone)


def absent(spec: SceneSpec, name: str, shown: Trajectory, simulate: Simulate) -> Trajectory:
    """Return the motion of a scene in which one body is nowhere, though it has a place in the lists.

    The others move as if it had never been there; its own states are those of ``shown``.
    """
    index = spec.body_index(name)
    rest = simulate(spec.without(name))
    states = [np.insert(a, index, b[:, index], axis=1) for a, b in zip(_states(rest), _states(shown), strict=True)]
    contacts = {field.name: getattr(rest.contacts, field.name) for field in fields(Contacts)}
    for side in ("body_a", "body_b"):
        contacts[side] = contacts[side] + (contacts[side] >= index)
    present = np.ones(shown.position.shape[:2], dtype=bool)
    present[:, index] = False
    return Trajectory(*states, contacts=Contacts(**contacts), present=present)


def _states(trajectory: Trajectory) -> list[np.ndarray]:
    return [trajectory.position, trajectory.orientation, trajectory.linear_velocity, trajectory.angular_velocity]
