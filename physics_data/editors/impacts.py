"""Collisions of two balls that do not add up: through one another, with momentum from nowhere, at a distance."""

from typing import ClassVar

import numpy as np
from jaxtyping import Float

from physics_data.core.scene import Body
from physics_data.core.trajectory import Trajectory
from physics_data.editors.editor import Break, EditorInfo, Simulate, World, refuse
from physics_data.editors.motions import ball_of, continued, moved_by, need_ball, select, with_body
from physics_data.editors.residuals import jump_residuals

_GAP = 0.5
_GAIN = 0.9


class _Collision:
    """What the editors of two colliding balls share."""

    def applies_to(self, world: World) -> str | None:
        """Return why there is no collision of two balls of one size, or None."""
        if (why := need_ball(world)) is not None:
            return why
        names = {body.name for body in world.spec.bodies}
        if not {"striker", "target"} <= names:
            return "it has no striker and target"
        striker, target = _pair(world)
        if striker.shape != target.shape:
            return "its balls differ in size, so that they push each other up and down too"
        return None if _impact(world) is not None else "its balls do not meet, or meet at the end"


class PassThrough(_Collision):
    """Two balls move through one another, or sink in before they part; in the control they pass side by side."""

    info: ClassVar[EditorInfo] = EditorInfo(
        name="pass_through",
        law="solidity: two bodies are never in one place",
        category="solidity",
        severity="deepest overlap, 0 to 1 diameter (then they pass right through); residual: the same, m",
        is_switch=False,
        scenarios=("collide",),
        matched="scene and motion up to the contact; the control's balls pass with the speeds they came with",
    )

    def edit(self, world: World, severity: float, rng: np.random.Generator, simulate: Simulate) -> Break:
        """Return the collision, one that comes too late or never, and two balls in two lanes."""
        spec, lawful = world.spec, world.trajectory
        striker, target = _pair(world)
        pair = [spec.body_index(striker.name), spec.body_index(target.name)]
        radius = ball_of(spec)[2]
        frame, seconds = _known_impact(world)
        times = np.array(spec.seconds)
        closing = float(np.linalg.norm(np.subtract(striker.linear_velocity, target.linear_velocity)))
        late = seconds + severity * 2.0 * radius / closing if severity < 1.0 else np.inf
        if severity < 1.0 and late > times[-2]:
            raise refuse(world, "the balls would part after the end", "too_late")
        alone = {i: simulate(spec.without(spec.bodies[j].name)) for i, j in zip(pair, pair[::-1], strict=True)}
        states = [a.copy() for a in (lawful.position, lawful.linear_velocity)]
        turned = [a.copy() for a in (lawful.orientation, lawful.angular_velocity)]
        for (index, free), other in zip(alone.items(), pair[::-1], strict=True):
            own = index - (index > other)
            before = times <= late
            after = lawful.linear_velocity[frame, index]
            states[0][:, index] = free.position[:, own]
            states[1][:, index] = free.linear_velocity[:, own]
            for array, source in zip(turned, (free.orientation, free.angular_velocity), strict=True):
                array[:, index] = source[:, own]
            if not before.all():
                place = free.position[0, own] + free.linear_velocity[0, own] * late
                place[2] = free.position[-1, own, 2]
                states[0][~before, index] = place + after * (times[~before, None] - late)
                states[1][~before, index] = after
        contacts = lawful.contacts
        between = np.isin(contacts.body_a, pair) & np.isin(contacts.body_b, pair)
        motion = Trajectory(states[0], turned[0], states[1], turned[1], contacts=select(contacts, ~between))
        ahead = _line(world)
        # Away from the camera, whatever side the balls come from.
        aside = (2.0 * radius + 0.1) * np.array([-ahead[1], ahead[0], 0.0]) * (1.0 if ahead[0] >= 0.0 else -1.0)
        controlled = with_body(spec, moved_by(target, aside))
        end = float(min(late, times[-1]))
        return Break(
            world,
            World(spec, motion),
            World(controlled, simulate(controlled)),
            (seconds, end),
            {"overlap_m": severity * 2.0 * radius},
        )


class MomentumNotConserved(_Collision):
    """The ball that was hit leaves too fast; in the control it is so light that this is right."""

    info: ClassVar[EditorInfo] = EditorInfo(
        name="momentum_not_conserved",
        law="momentum: a collision takes from one body what it gives to the other",
        category="collision",
        severity=f"share by which the ball that was hit is too fast, 0 to {_GAIN:g}; residual: momentum made, kg m/s",
        is_switch=False,
        scenarios=("collide",),
        matched="scene, motion up to the contact; the control's ball leaves with the same velocity",
    )

    def edit(self, world: World, severity: float, rng: np.random.Generator, simulate: Simulate) -> Break:
        """Return the collision, one with a faster target, and one with a lighter target."""
        spec = world.spec
        striker, target = _pair(world)
        index = spec.body_index(target.name)
        frame, seconds = _known_impact(world)
        velocity = (1.0 + _GAIN * severity) * world.trajectory.linear_velocity[frame, index]
        impossible = World(spec, continued(world, frame, simulate, {target.name: velocity}))
        restitution = min(striker.surface.restitution, target.surface.restitution)
        ahead = _line(world)
        closing = (1.0 + restitution) * float(np.subtract(striker.linear_velocity, target.linear_velocity) @ ahead)
        share = float((velocity - np.array(target.linear_velocity)) @ ahead) / closing
        if not 0.02 < share < 0.98:
            raise refuse(world, "no mass makes this collision lawful", "no_control")
        light = target.model_copy(update={"mass": striker.mass * (1.0 - share) / share})
        controlled = with_body(spec, light)
        residuals = jump_residuals(spec, world.trajectory, impossible.trajectory, frame)
        span = (seconds, spec.seconds[frame])
        return Break(world, impossible, World(controlled, simulate(controlled)), span, residuals)


class ActionWithoutContact(_Collision):
    """A ball is pushed off before it is touched; in the control the other ball comes all the way."""

    info: ClassVar[EditorInfo] = EditorInfo(
        name="action_without_contact",
        law="contact: a ball pushes another where they touch",
        category="collision",
        severity=f"gap over which the balls act, 0 to {_GAP:g} m; residual: the same, m",
        is_switch=False,
        scenarios=("collide",),
        matched="speeds and their times, path lengths; the control has the first frame of the impossible clip",
    )

    def edit(self, world: World, severity: float, rng: np.random.Generator, simulate: Simulate) -> Break:
        """Return the collision, the same with a gap between the balls, and one that closes the gap first."""
        spec, lawful = world.spec, world.trajectory
        striker, target = _pair(world)
        index = spec.body_index(target.name)
        _, seconds = _known_impact(world)
        offset = severity * _GAP * _line(world)
        apart = with_body(spec, moved_by(target, offset))
        position = lawful.position.copy()
        position[:, index] += offset
        contacts = lawful.contacts
        pair = (spec.body_index(striker.name), index)
        between = np.isin(contacts.body_a, pair) & np.isin(contacts.body_b, pair)
        kept = select(contacts, ~between)
        point = kept.point.copy()
        point[(kept.body_a == index) | (kept.body_b == index)] += offset
        rest = {name: getattr(kept, name) for name in kept.__dataclass_fields__} | {"point": point}
        motion = Trajectory(
            position, lawful.orientation, lawful.linear_velocity, lawful.angular_velocity, type(kept)(**rest)
        )
        control = World(apart, simulate(apart))
        return Break(world, World(apart, motion), control, (seconds, seconds), {"gap_m": severity * _GAP})


def _pair(world: World) -> tuple[Body, Body]:
    spec = world.spec
    return spec.bodies[spec.body_index("striker")], spec.bodies[spec.body_index("target")]


def _line(world: World) -> Float[np.ndarray, "3"]:
    """Return the horizontal unit vector from the striker to the target, along which both move."""
    striker, target = _pair(world)
    between = np.subtract(target.position, striker.position) * (1.0, 1.0, 0.0)
    return between / np.linalg.norm(between)


def _impact(world: World) -> tuple[int, float] | None:
    """Return the first frame after the balls first touch, and when that is, s; None if it is not well inside."""
    spec, contacts = world.spec, world.trajectory.contacts
    pair = [spec.body_index(body.name) for body in _pair(world)]
    rows = np.isin(contacts.body_a, pair) & np.isin(contacts.body_b, pair)
    if not rows.any():
        return None
    frame = int(contacts.frame_index[rows][0])
    return (frame, float(contacts.seconds[rows][0])) if 2 <= frame <= spec.num_frames - 4 else None


def _known_impact(world: World) -> tuple[int, float]:
    found = _impact(world)
    if found is None:
        raise refuse(world, "its balls do not meet in time", "no_impact")
    return found
