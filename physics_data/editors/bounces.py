"""Balls that leave the floor too fast or the wrong way, and bounces played backwards."""

import math
from dataclasses import dataclass, fields
from typing import ClassVar

import numpy as np
from jaxtyping import Float

from physics_data.core.scene import Body, SceneSpec
from physics_data.core.trajectory import Contacts, Trajectory
from physics_data.editors.editor import Break, EditorInfo, Simulate, World, refuse
from physics_data.editors.motions import ball_of, continued, floor_height, need_ball, vector, with_body
from physics_data.editors.residuals import energy_gain, jump_residuals

_STEEPEST = math.radians(60.0)
_LIVELIEST = 1.35
_LOSS = 0.55


class EnergyGain:
    """A ball bounces higher than it fell; in the control it bounces as high as a ball can."""

    info: ClassVar[EditorInfo] = EditorInfo(
        name="energy_gain",
        law="energy: a bounce gives back at most what came in",
        category="collision",
        severity=f"restitution of the bounce, 1 to {_LIVELIEST:g}; residual: energy that is made, J",
        is_switch=False,
        scenarios=("free_drop", "drop_bounce"),
        matched="scene, motion up to the bounce, its frame; the control is the liveliest lawful bounce",
    )

    def applies_to(self, world: World) -> str | None:
        """Return why no ball bounces on the floor, or None."""
        if (why := need_ball(world)) is not None:
            return why
        return None if _bounce(world) is not None else "its ball does not bounce and fly on"

    def edit(self, world: World, severity: float, rng: np.random.Generator, simulate: Simulate) -> Break:
        """Return the bounce, one with more energy, and one without loss."""
        spec = world.spec
        ball, _, _ = ball_of(spec)
        bounce = _known_bounce(world)
        frame, incoming = bounce.frame, bounce.incoming
        outgoing = (1.0 + (_LIVELIEST - 1.0) * severity) * incoming
        change = np.array([0.0, 0.0, outgoing - bounce.outgoing])
        impossible = World(spec, _turned(world, bounce, change, simulate))
        controlled = _with_restitution(spec, ball, 1.0)
        residuals = {"energy_gain_J": 0.5 * ball.mass * (outgoing**2 - incoming**2)}
        residuals |= jump_residuals(spec, world.trajectory, impossible.trajectory, frame)
        seconds = (spec.seconds[frame - 1], spec.seconds[frame])
        return Break(world, impossible, World(controlled, simulate(controlled)), seconds, residuals)


class WrongBounce:
    """A ball that falls straight down leaves the floor aslant; in the control it comes in aslant."""

    info: ClassVar[EditorInfo] = EditorInfo(
        name="wrong_bounce",
        law="collision: a smooth floor pushes straight up",
        category="collision",
        severity="angle by which the bounce is aslant, 0 to 60 degrees; residual: push along the floor, kg m/s",
        is_switch=False,
        scenarios=("drop_bounce",),
        matched="scene, motion up to the bounce, speed after it; the control leaves the floor with the same velocity",
    )

    def applies_to(self, world: World) -> str | None:
        """Return why no ball bounces straight up, or None."""
        return EnergyGain().applies_to(world)

    def edit(self, world: World, severity: float, rng: np.random.Generator, simulate: Simulate) -> Break:
        """Return the bounce, one that is turned, and one of a ball that came in with that sideways speed."""
        spec = world.spec
        ball, _, _ = ball_of(spec)
        bounce = _known_bounce(world)
        frame, speed = bounce.frame, bounce.outgoing
        angle = severity * _STEEPEST * (-1.0 if rng.random() < 0.5 else 1.0)
        sideways, upwards = speed * math.sin(angle), speed * math.cos(angle)
        impossible = World(spec, _turned(world, bounce, np.array([sideways, 0.0, upwards - speed]), simulate))
        start = ball.position[0] - sideways * (spec.seconds[frame] - bounce.since)
        thrown = ball.model_copy(
            update={
                "position": (start, *ball.position[1:]),
                "linear_velocity": (sideways, 0.0, 0.0),
            }
        )
        controlled = _with_restitution(spec, thrown, min(1.0, upwards / bounce.incoming))
        residuals = jump_residuals(spec, world.trajectory, impossible.trajectory, frame)
        seconds = (spec.seconds[frame - 1], spec.seconds[frame])
        return Break(world, impossible, World(controlled, simulate(controlled)), seconds, residuals)


class TimeReversal:
    """Bounces that lose energy are played backwards; in the control they lose none and look the same both ways."""

    info: ClassVar[EditorInfo] = EditorInfo(
        name="time_reversal",
        law="energy: bounces take it out of a motion and never put it in",
        category="collision",
        severity=f"share of its speed that the ball loses in a bounce, 0 to {_LOSS:g}; residual: energy made, J",
        is_switch=False,
        scenarios=("free_drop", "drop_bounce"),
        matched="the very same frames in the opposite order; the control is a reversed motion too, without loss",
    )

    def applies_to(self, world: World) -> str | None:
        """Return why no ball bounces on the floor, or None."""
        return EnergyGain().applies_to(world)

    def edit(self, world: World, severity: float, rng: np.random.Generator, simulate: Simulate) -> Break:
        """Return the bounces forwards, backwards, and without loss backwards."""
        ball, _, _ = ball_of(world.spec)
        spec = _with_restitution(world.spec, ball, 1.0 - _LOSS * severity)
        lively = _with_restitution(world.spec, ball, 1.0)
        possible = World(spec, simulate(spec))
        impossible, control = _backwards(possible), _backwards(World(lively, simulate(lively)))
        residuals = {"energy_gain_J": energy_gain(spec, impossible.trajectory)}
        return Break(possible, impossible, control, (0.0, spec.seconds[-1]), residuals)


def _backwards(world: World) -> World:
    """Return a motion backwards in time, and the scene that begins with its first state."""
    spec, there = world.spec, world.trajectory
    contacts = {field.name: getattr(there.contacts, field.name)[::-1] for field in fields(Contacts)}
    contacts["frame_index"] = spec.num_frames - contacts["frame_index"]
    contacts["seconds"] = spec.seconds[-1] - contacts["seconds"]
    # Rows of one frame stay in the order of their bodies.
    order = np.lexsort((contacts["body_b"], contacts["body_a"], contacts["frame_index"]))
    trajectory = Trajectory(
        there.position[::-1].copy(),
        there.orientation[::-1].copy(),
        -there.linear_velocity[::-1],
        -there.angular_velocity[::-1],
        Contacts(**{name: array[order] for name, array in contacts.items()}),
    )
    bodies = []
    for index, body in enumerate(spec.bodies):
        w, x, y, z = (float(value) for value in trajectory.orientation[0, index])
        state = {
            "position": vector(trajectory.position[0, index]),
            "orientation": (w, x, y, z),
            "linear_velocity": vector(trajectory.linear_velocity[0, index]),
            "angular_velocity": vector(trajectory.angular_velocity[0, index]),
        }
        bodies.append(body.model_copy(update=state) if body.is_dynamic else body)
    return World(spec.model_copy(update={"bodies": tuple(bodies)}), trajectory)


def _with_restitution(spec: SceneSpec, ball: Body, restitution: float) -> SceneSpec:
    surface = ball.surface.model_copy(update={"restitution": restitution})
    return with_body(spec, ball.model_copy(update={"surface": surface}))


@dataclass(frozen=True)
class _Bounce:
    """The first bounce on the floor: the first frame in the air after it, and how long it is ago by then, s.

    incoming, outgoing: speeds at floor level before and after, m/s
    """

    frame: int
    since: float
    incoming: float
    outgoing: float


def _bounce(world: World) -> _Bounce | None:
    """Return the first bounce; None where the clip has none, or less than three frames after it."""
    spec, motion = world.spec, world.trajectory
    _, index, radius = ball_of(spec)
    contacts, gravity = motion.contacts, -spec.gravity[2]
    touched = contacts.frame_index[(contacts.body_a == 0) & (contacts.body_b == index)]
    if not len(touched) or touched[0] < 2:
        return None
    first = int(touched[0])
    height = motion.position[:, index, 2] - radius - floor_height(spec)
    speed = motion.linear_velocity[:, index, 2]
    rising = np.flatnonzero((speed[first:] > 0) & (height[first:] > 0))
    if not len(rising) or first + int(rising[0]) > spec.num_frames - 4:
        return None
    frame = first + int(rising[0])
    incoming, outgoing = (math.sqrt(speed[k] ** 2 + 2.0 * gravity * height[k]) for k in (first - 1, frame))
    return _Bounce(frame, (outgoing - float(speed[frame])) / gravity, incoming, outgoing)


def _known_bounce(world: World) -> _Bounce:
    found = _bounce(world)
    if found is None:
        raise refuse(world, "its ball does not bounce and fly on", "no_bounce")
    return found


def _turned(world: World, bounce: _Bounce, change: Float[np.ndarray, "3"], simulate: Simulate) -> Trajectory:
    """Return the motion in which the ball leaves the floor with a velocity that is changed by so much, m/s."""
    ball, index, radius = ball_of(world.spec)
    velocity = world.trajectory.linear_velocity[bounce.frame, index] + change
    position = world.trajectory.position[bounce.frame, index] + change * bounce.since
    if position[2] - radius < floor_height(world.spec):
        raise refuse(world, "its ball would be on the floor again in the frame after the bounce", "low_bounce")
    return continued(world, bounce.frame, simulate, {ball.name: velocity}, {ball.name: position})
