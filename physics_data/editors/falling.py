"""Bodies that fall too slowly, too fast or not at all, and one that friction drives on."""

from typing import ClassVar

import numpy as np
from scipy.spatial.transform import Rotation

from physics_data.core.scene import Body, Box, SceneSpec, Surface
from physics_data.core.trajectory import Trajectory
from physics_data.editors.editor import Break, EditorInfo, Simulate, World, refuse
from physics_data.editors.motions import (
    WALL_LOOK,
    ball_of,
    floor_height,
    moved_by,
    need_ball,
    need_subject,
    the_subject,
    vector,
    with_body,
    without_contacts_of,
)
from physics_data.editors.residuals import acceleration_error, energy_gain

_LARGEST = 4.0
_MOVED = 1e-3
"""A body that is farther than this from where it should be touches nothing any more, m."""


class Float:
    """A ball that is let go falls too slowly or hangs in the air; in the control it lies on a post."""

    info: ClassVar[EditorInfo] = EditorInfo(
        name="float",
        law="gravity: what nothing holds falls with g",
        category="gravity",
        severity="share of its weight that the ball lacks; residual: error of its acceleration, m/s²",
        is_switch=False,
        scenarios=("free_drop",),
        matched="scene and first frame, with a post that stands aside; the control's ball stays up on the post",
    )

    def applies_to(self, world: World) -> str | None:
        """Return why no ball can float, or None."""
        why = need_ball(world)
        if why is None:
            ball, _, radius = ball_of(world.spec)
            if ball.position[2] - radius - floor_height(world.spec) < radius:
                return "its ball starts too near the floor"
        return why

    def edit(self, world: World, severity: float, rng: np.random.Generator, simulate: Simulate) -> Break:
        """Return the fall beside a post, the slower one, and the ball on the post."""
        ball, index, radius = ball_of(world.spec)
        half = 0.5 * (ball.position[2] - radius - floor_height(world.spec))
        post = Body(
            name="post",
            noun="post",
            shape=Box(half_extents=(0.7 * radius, 0.7 * radius, half)),
            role="ground",
            is_static=True,
            surface=Surface(friction=0.0, restitution=0.0),
            appearance=WALL_LOOK,
            position=(ball.position[0], ball.position[1], floor_height(world.spec) + half),
        )
        controlled = with_body(world.spec, post)
        side = -1.0 if ball.position[0] > 0 else 1.0
        spec = with_body(world.spec, moved_by(post, np.array([2.4 * side * radius, 0.0, 0.0])))
        possible = World(spec, simulate(spec))
        impossible = World(spec, simulate(_with_gravity(spec, 1.0 - severity)))
        residuals = _acceleration(impossible, index)
        return Break(possible, impossible, World(controlled, simulate(controlled)), (0.0, spec.seconds[-1]), residuals)


class WrongGravity:
    """A ball falls as on another planet; in the control it is thrown so that it lands at the same time."""

    info: ClassVar[EditorInfo] = EditorInfo(
        name="wrong_g",
        law="gravity: everything here falls with the same g",
        category="gravity",
        severity=f"g is 1 to {_LARGEST:g} times too large or too small; residual: error of the acceleration, m/s²",
        is_switch=False,
        scenarios=("free_drop", "projectile"),
        matched="scene and first frame; the control lands in the same moment, or is up for as long",
    )

    def applies_to(self, world: World) -> str | None:
        """Return why no ball falls, or None."""
        return Float().applies_to(world)

    def edit(self, world: World, severity: float, rng: np.random.Generator, simulate: Simulate) -> Break:
        """Return the motion under g, that under another g, and that of a ball thrown faster or slower."""
        spec = world.spec
        ball, index, radius = ball_of(spec)
        factor = 1.0 + (_LARGEST - 1.0) * severity
        factor = factor if rng.random() < 0.5 else 1.0 / factor
        impossible = World(spec, simulate(_with_gravity(spec, factor)))
        gravity, speed = -spec.gravity[2], ball.linear_velocity[2]
        height = ball.position[2] - radius - floor_height(spec)
        fall = (speed + np.sqrt(speed**2 + 2.0 * factor * gravity * height)) / (factor * gravity)
        velocity = (*ball.linear_velocity[:2], float(0.5 * gravity * fall - height / fall))
        controlled = with_body(spec, ball.model_copy(update={"linear_velocity": velocity}))
        control = World(controlled, simulate(controlled))
        residuals = _acceleration(impossible, index)
        return Break(world, impossible, control, (0.0, spec.seconds[-1]), residuals)


class NoSupportNeeded:
    """A body whose support is pulled away sinks slowly or stays; in the control the support stays."""

    info: ClassVar[EditorInfo] = EditorInfo(
        name="no_support_needed",
        law="support: what loses its support falls with g",
        category="support",
        severity="share of its fall that the body leaves out; residual: error of its acceleration, m/s²",
        is_switch=False,
        scenarios=("support_removal",),
        matched="scene, camera and motion until the support is gone; the control's body stays up on its support",
    )

    def applies_to(self, world: World) -> str | None:
        """Return why no body loses its support, or None."""
        if (why := need_subject(world)) is not None:
            return why
        return None if any(body.is_scripted for body in world.spec.bodies) else "no support is moved away"

    def edit(self, world: World, severity: float, rng: np.random.Generator, simulate: Simulate) -> Break:
        """Return the fall, a part of it, and the body on a support that stays."""
        spec, lawful = world.spec, world.trajectory
        body = the_subject(spec)
        index = spec.body_index(body.name)
        slowed = _slowed(spec, lawful, index, 1.0 - severity)
        away = np.linalg.norm(slowed.position[:, index] - lawful.position[:, index], axis=1) > _MOVED
        if not away.any():
            raise refuse(world, "its body does not fall before the end", "nothing_falls")
        frame = int(np.argmax(away))
        still = [
            other.model_copy(update={"path": (), "is_static": True}) if other.is_scripted else other
            for other in spec.bodies
        ]
        controlled = spec.model_copy(update={"bodies": tuple(still)})
        falling = lawful.airborne()[:, index]
        impossible = World(spec, slowed)
        residuals = _acceleration(impossible, index, falling)
        seconds = (spec.seconds[max(frame - 1, 0)], spec.seconds[-1])
        return Break(world, impossible, World(controlled, simulate(controlled)), seconds, residuals)


class FrictionSign:
    """A sliding box is driven on by friction; in the control there is none."""

    info: ClassVar[EditorInfo] = EditorInfo(
        name="friction_sign",
        law="friction acts against the motion and takes energy out of it",
        category="friction",
        severity="acceleration along the motion, 0 to 1 times mu g; residual: growth of the energy, J",
        is_switch=False,
        scenarios=("slide_floor",),
        matched="scene, motion up to the edit; the control glides on at the speed of that frame",
    )

    def applies_to(self, world: World) -> str | None:
        """Return why nothing slides, or None."""
        if (why := need_subject(world)) is not None:
            return why
        return None if the_subject(world.spec).surface.friction > 0 else "its body is smooth"

    def edit(self, world: World, severity: float, rng: np.random.Generator, simulate: Simulate) -> Break:
        """Return the box that friction stops, one that it drives on, and one that slides without friction."""
        spec, lawful = world.spec, world.trajectory
        body = the_subject(spec)
        index = spec.body_index(body.name)
        frame = int(rng.integers(round(0.25 * spec.num_frames), round(0.4 * spec.num_frames)))
        velocity = lawful.linear_velocity[frame, index]
        speed = float(np.linalg.norm(velocity[:2]))
        if speed < 0.3:
            raise refuse(world, f"its body is at {speed:.2g} m/s by then", "too_slow")
        push = severity * body.surface.friction * -spec.gravity[2] * velocity * (1.0, 1.0, 0.0) / speed
        seconds = (np.arange(spec.num_frames - frame) / spec.frame_rate)[:, None]
        driven = _copied(lawful)
        start = lawful.position[frame, index]
        driven.position[frame:, index] = start + velocity * (1.0, 1.0, 0.0) * seconds + 0.5 * push * seconds**2
        driven.linear_velocity[frame:, index] = velocity * (1.0, 1.0, 0.0) + push * seconds
        driven.orientation[frame:, index] = lawful.orientation[frame, index]
        driven.angular_velocity[frame:, index] = 0.0
        smooth = body.surface.model_copy(update={"friction": 0.0})
        glide = {"surface": smooth, "linear_velocity": vector(velocity * (1.0, 1.0, 0.0))}
        controlled = with_body(spec, body.model_copy(update=glide))
        slowing = -body.surface.friction * -spec.gravity[2] * velocity * (1.0, 1.0, 0.0) / speed
        edited = np.arange(spec.num_frames) >= frame
        residuals = {
            "energy_gain_J": energy_gain(spec, driven),
            "acceleration_error_m_per_s2": acceleration_error(spec, driven, index, edited, slowing),
        }
        return Break(
            world,
            World(spec, driven),
            World(controlled, simulate(controlled)),
            (spec.seconds[frame], spec.seconds[-1]),
            residuals,
        )


def _with_gravity(spec: SceneSpec, factor: float) -> SceneSpec:
    return spec.model_copy(update={"gravity": vector(factor * np.array(spec.gravity))})


def _acceleration(world: World, body: int, frames: np.ndarray | None = None) -> dict[str, float]:
    """Return the error of a body's acceleration while it should fall freely."""
    free = world.trajectory.airborne()[:, body] if frames is None else frames
    if frames is None:  # up to the first touch
        free = np.logical_and.accumulate(free)
    error = acceleration_error(world.spec, world.trajectory, body, free, np.array(world.spec.gravity))
    if np.isnan(error):
        raise refuse(world, "its body is in the air for less than three frames", "short_flight")
    return {"acceleration_error_m_per_s2": error}


def _slowed(spec: SceneSpec, lawful: Trajectory, body: int, share: float) -> Trajectory:
    """Return the motion in which a body goes only a share of its way and turn."""
    slowed = _copied(lawful)
    slowed.position[:, body] = lawful.position[:1, body] + share * (
        lawful.position[:, body] - lawful.position[:1, body]
    )
    start = Rotation.from_quat(lawful.orientation[0, body], scalar_first=True)
    turn = (Rotation.from_quat(lawful.orientation[:, body], scalar_first=True) * start.inv()).as_rotvec()
    slowed.orientation[:, body] = (Rotation.from_rotvec(share * turn) * start).as_quat(scalar_first=True)
    slowed.linear_velocity[:, body] *= share
    slowed.angular_velocity[:, body] *= share
    away = np.linalg.norm(slowed.position[:, body] - lawful.position[:, body], axis=1) > _MOVED
    first = int(np.argmax(away)) if away.any() else spec.num_frames
    states = (slowed.position, slowed.orientation, slowed.linear_velocity, slowed.angular_velocity)
    return Trajectory(*states, contacts=without_contacts_of(lawful, body, first))


def _copied(trajectory: Trajectory) -> Trajectory:
    return Trajectory(
        trajectory.position.copy(),
        trajectory.orientation.copy(),
        trajectory.linear_velocity.copy(),
        trajectory.angular_velocity.copy(),
        trajectory.contacts,
        trajectory.present,
    )
