"""Bodies that are there and then are not, or are suddenly elsewhere: vanishing, appearing, doubling, teleporting."""

from typing import ClassVar

import numpy as np
from jaxtyping import Float

from physics_data.core.scene import Body
from physics_data.editors.editor import EditorInfo, Simulate, Switch, World, hidden, refuse
from physics_data.editors.motions import (
    absent,
    ball_of,
    moved_by,
    need_ball,
    need_subject,
    resized,
    the_subject,
    vector,
    widened,
    with_body,
)

SCREENED = ("occluder_pass", "occluder_multi", "containment", "look_away")
"""Scenarios in which one object is out of sight for a while."""

IN_SIGHT = ("uniform_motion", "projectile", "free_drop")
"""Scenarios in which one object is in sight all the time."""

_SMALLEST = 0.6
_SIZE = f"size of the body, {_SMALLEST} to 1 of the drawn one; residual: its mass, kg"
_MOVES = 0.1
"""A body slower than this stays about where it is, m/s."""


class Vanish:
    """A body is there and then is not."""

    info: ClassVar[EditorInfo] = EditorInfo(
        name="vanish",
        law="object permanence: what is there stays there",
        category="permanence",
        severity=_SIZE,
        scenarios=IN_SIGHT,
    )

    def applies_to(self, world: World) -> str | None:
        """Return why no body can be taken away, or None."""
        return need_subject(world)

    def edit(self, world: World, severity: float, rng: np.random.Generator, simulate: Simulate) -> Switch:
        """Return the world with the body and the one without."""
        body = resized(the_subject(world.spec), _SMALLEST + (1.0 - _SMALLEST) * severity)
        spec = with_body(world.spec, body)
        shown = simulate(spec)
        gone = World(spec, absent(spec, body.name, shown, simulate))
        return Switch(World(spec, shown), gone, (body.name,))


class Appear(Vanish):
    """A body is not there and then is."""

    info: ClassVar[EditorInfo] = Vanish.info.model_copy(
        update={"name": "appear", "law": "object permanence: nothing comes from nowhere"}
    )

    def edit(self, world: World, severity: float, rng: np.random.Generator, simulate: Simulate) -> Switch:
        """Return the world without the body and the one with it."""
        vanish = super().edit(world, severity, rng, simulate)
        return Switch(vanish.second, vanish.first, vanish.bodies)


class Duplicate:
    """One ball becomes two that are alike."""

    info: ClassVar[EditorInfo] = EditorInfo(
        name="duplicate",
        law="number: one body stays one body",
        category="permanence",
        severity=_SIZE,
        scenarios=IN_SIGHT,
    )

    def applies_to(self, world: World) -> str | None:
        """Return why no ball can be doubled, or None."""
        return need_ball(world)

    def edit(self, world: World, severity: float, rng: np.random.Generator, simulate: Simulate) -> Switch:
        """Return the world with one ball and the one with two.

        The second ball of what rolls or flies along comes towards it, one lane behind: the two change places in the
        middle of the clip. That of what stays above one place is beside it.
        """
        body = resized(the_subject(world.spec), _SMALLEST + (1.0 - _SMALLEST) * severity)
        spec = with_body(with_body(world.spec, body), self._copy(world, body))
        doubled = simulate(spec)
        balls = {spec.body_index(body.name), spec.body_index("copy")}
        contacts = zip(doubled.contacts.body_a.tolist(), doubled.contacts.body_b.tolist(), strict=True)
        if any({a, b} == balls for a, b in contacts):
            raise refuse(world, "the two balls touch", "copies_touch")
        return Switch(World(spec, absent(spec, "copy", doubled, simulate)), World(spec, doubled), ("copy",))

    def _copy(self, world: World, body: Body) -> Body:
        _, index, radius = ball_of(with_body(world.spec, body))
        speed, copy = np.array(body.linear_velocity), body.model_copy(update={"name": "copy"})
        if abs(speed[0]) < _MOVES:
            side = -1.0 if body.position[0] > 0 else 1.0
            return moved_by(copy, np.array([3.2 * side * radius, 0.0, 0.0]))
        end = float(world.trajectory.position[-1, index, 0])
        changed = {
            "position": (end, body.position[1] + 2.3 * radius, body.position[2]),
            "linear_velocity": vector(speed * (-1.0, 1.0, 1.0)),
            "angular_velocity": vector(np.array(body.angular_velocity) * (1.0, -1.0, -1.0)),
        }
        return copy.model_copy(update=changed)


class HiddenVanish(Vanish):
    """A body goes out of sight and does not come back; another one comes out that nobody saw go in."""

    info: ClassVar[EditorInfo] = hidden(Vanish.info, *SCREENED)


class HiddenAppear(Appear):
    """A body comes out that nobody saw go in; another one goes out of sight and does not come back."""

    info: ClassVar[EditorInfo] = hidden(Appear.info, *SCREENED)


class HiddenDuplicate(Duplicate):
    """One ball goes out of sight and two come back, or two go and one comes."""

    info: ClassVar[EditorInfo] = hidden(Duplicate.info, "occluder_pass", "occluder_multi", "look_away")


_JUMP = 0.7
"""The longest jump, m; a screen that hides it is made wider by as much."""

_SLOWEST = 0.2
"""A body slower than this has no way along which it could jump, m/s."""


class Teleport:
    """A body is suddenly farther along its way, or back on it."""

    info: ClassVar[EditorInfo] = EditorInfo(
        name="teleport",
        law="continuity: a body passes all places between two of its places, at its speed",
        category="continuity",
        severity=f"length of the jump along its way, 0 to {_JUMP} m; residual: the same, m",
        scenarios=IN_SIGHT,
    )

    def applies_to(self, world: World) -> str | None:
        """Return why no body can jump along its way, or None."""
        return need_subject(world)

    def edit(self, world: World, severity: float, rng: np.random.Generator, simulate: Simulate) -> Switch:
        """Return two worlds in which a body goes the same way, ahead in the first and behind in the second."""
        shift = 0.5 * self._jump(world, severity, rng)
        world = World(widened(world.spec, float(abs(shift[0]))), world.trajectory)
        body = the_subject(world.spec)
        ahead, behind = (with_body(world.spec, moved_by(body, sign * shift)) for sign in (1.0, -1.0))
        return Switch(World(ahead, simulate(ahead)), World(behind, simulate(behind)), (body.name,))

    def _jump(self, world: World, severity: float, rng: np.random.Generator) -> Float[np.ndarray, "3"]:
        """Return the vector from the place behind to the place ahead, m."""
        way = _level_velocity(the_subject(world.spec))
        speed = float(np.linalg.norm(way))
        if speed < _SLOWEST:  # what falls jumps sideways
            way, speed = np.array([1.0 if rng.random() < 0.5 else -1.0, 0.0, 0.0]), 1.0
        return severity * _JUMP * way / speed


class HiddenTeleport(Teleport):
    """A body that is out of sight comes back too early, or too late."""

    info: ClassVar[EditorInfo] = hidden(Teleport.info, "occluder_pass")


class PathGap(Teleport):
    """A body goes behind one screen and comes out behind another, unseen in the gap between them."""

    info: ClassVar[EditorInfo] = hidden(Teleport.info, "occluder_multi").model_copy(
        update={
            "name": "path_gap",
            "law": "continuity: a body that goes from one hiding place to another is seen between them",
            "severity": "length of the jump, from 0.9 to 1.1 times the distance of the screens; residual: the same, m",
        }
    )

    def _jump(self, world: World, severity: float, rng: np.random.Generator) -> Float[np.ndarray, "3"]:
        screens = sorted(body.position[0] for body in world.spec.bodies if body.name.startswith("screen_"))
        way = _level_velocity(the_subject(world.spec))
        # Screens stand in front of the way: they hide a part of it that is wider than they are.
        screen = next(body for body in world.spec.bodies if body.name == "screen_1")
        camera = world.spec.camera.position[1]
        nearer = (screen.position[1] - camera) / (the_subject(world.spec).position[1] - camera)
        return (0.9 + 0.2 * severity) * (screens[1] - screens[0]) / nearer * way / np.linalg.norm(way)


class FreezeOffScreen(Teleport):
    """While the camera looks away the world stands still."""

    info: ClassVar[EditorInfo] = hidden(Teleport.info, "look_away").model_copy(
        update={
            "name": "freeze_off_screen",
            "law": "persistence: what nobody watches goes on",
            "category": "persistence",
            "severity": "share of the unwatched time in which the body stands still; residual: way that it misses, m",
        }
    )

    def applies_to(self, world: World) -> str | None:
        """Return why nothing goes on while the camera looks away, or None."""
        if len(world.spec.camera.path) < 3:
            return "the camera does not look away and come back"
        why = need_subject(world)
        if why is None and np.linalg.norm(_level_velocity(the_subject(world.spec))) < _SLOWEST:
            return "its object stands still"
        return why

    def _jump(self, world: World, severity: float, rng: np.random.Generator) -> Float[np.ndarray, "3"]:
        keys = world.spec.camera.path
        return severity * (keys[-1].seconds - keys[1].seconds) * _level_velocity(the_subject(world.spec))


class ResetOnReturn(FreezeOffScreen):
    """When the camera comes back the world is as it was at the start."""

    info: ClassVar[EditorInfo] = FreezeOffScreen.info.model_copy(
        update={
            "name": "reset_on_return",
            "law": "persistence: what was done stays done",
            "severity": "share of the way since the start that is undone; residual: that way, m",
        }
    )

    def _jump(self, world: World, severity: float, rng: np.random.Generator) -> Float[np.ndarray, "3"]:
        back = world.spec.camera.path[-1].seconds
        return severity * back * _level_velocity(the_subject(world.spec))


def _level_velocity(body: Body) -> Float[np.ndarray, "3"]:
    return np.array(body.linear_velocity) * (1.0, 1.0, 0.0)
