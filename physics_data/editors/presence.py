"""Bodies that are there and then are not: vanishing, appearing, doubling."""

from typing import ClassVar

import numpy as np

from physics_data.core.scene import Body
from physics_data.editors.base import EditorInfo, Simulate, Switch, World, hidden, refuse
from physics_data.editors.motions import (
    absent,
    ball_of,
    moved_by,
    need_ball,
    need_subject,
    resized,
    the_subject,
    vector,
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
            raise refuse(world, "the two balls touch", "twins_touch")
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
