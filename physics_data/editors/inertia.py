"""Balls that turn, stop, start or bounce back where nothing pushes them; the control has a wall or a ball that does."""

import math
from typing import ClassVar

import numpy as np
from jaxtyping import Float

from physics_data.editors.editor import Break, EditorInfo, Simulate, World, refuse
from physics_data.editors.motions import WALL_HALF, ball_of, continued, moved_by, need_ball, vector, wall, with_body
from physics_data.editors.residuals import jump_residuals
from physics_data.variation.colors import COLORS

_QUARTER = 0.5 * math.pi
_AHEAD = 0.6
"""How far beyond the place of the edit the wall stands that is not used, so that nobody takes it for the cause, m."""

_MATCHED = "scene, motion up to the edit and its frame; the control has the same motion after it for a visible reason"


class SuddenTurn:
    """A rolling ball turns without a push; in the control it meets a wall that stands aside in the other clips."""

    info: ClassVar[EditorInfo] = EditorInfo(
        name="sudden_turn",
        law="inertia: without a force the velocity keeps its direction",
        category="inertia",
        severity="angle of the turn, 0 to 90 degrees; residual: change of velocity, m/s",
        is_switch=False,
        scenarios=("uniform_motion",),
        matched=f"{_MATCHED}; speed and path length",
    )

    def applies_to(self, world: World) -> str | None:
        """Return why no rolling ball can be edited, or None."""
        why = need_ball(world)
        if why is None and not any(ball_of(world.spec)[0].linear_velocity):
            return "its ball stands still"
        return why

    def edit(self, world: World, severity: float, rng: np.random.Generator, simulate: Simulate) -> Break:
        """Return the way past the wall, the same with a change of velocity, and the way that meets the wall."""
        spec = world.spec
        frame = int(rng.integers(round(0.35 * spec.num_frames), round(0.6 * spec.num_frames)))
        body, index, radius = ball_of(spec)
        before = world.trajectory.linear_velocity[frame, index]
        after, restitution = self._after(before, severity)
        normal = (after - before) / np.linalg.norm(after - before)
        touched = world.trajectory.position[frame, index] - radius * normal
        standing = wall(spec, touched, normal, restitution)
        bouncy = body.model_copy(
            update={"surface": body.surface.model_copy(update={"restitution": restitution, "friction": 0.0})}
        )
        spec = with_body(spec, bouncy)
        controlled = with_body(spec, standing)
        spec = with_body(spec, moved_by(standing, _aside(before, normal, radius)))
        possible, control = World(spec, simulate(spec)), World(controlled, simulate(controlled))
        impossible = World(spec, continued(possible, frame, simulate, {body.name: after}))
        if any(_touches(each, index) for each in (possible, impossible)) or not _touches(control, index):
            raise refuse(world, "the wall is in the way where it should not be", "wall_in_the_way")
        seconds = spec.seconds[frame]
        residuals = jump_residuals(spec, possible.trajectory, impossible.trajectory, frame)
        return Break(possible, impossible, control, (seconds, seconds), residuals)

    def _after(self, before: Float[np.ndarray, "3"], severity: float) -> tuple[Float[np.ndarray, "3"], float]:
        """Return the velocity after the edit (m/s), and the restitution of a wall that would give it."""
        # The ball turns towards the camera, so that the wall stands behind it.
        angle = -severity * _QUARTER * np.sign(before[0] or 1.0)
        cosine, sine = math.cos(angle), math.sin(angle)
        turned = np.array([cosine * before[0] - sine * before[1], sine * before[0] + cosine * before[1], before[2]])
        return turned, 1.0


class SuddenStop(SuddenTurn):
    """A rolling ball slows down at once without a push; in the control it runs into a soft wall and stops."""

    info: ClassVar[EditorInfo] = SuddenTurn.info.model_copy(
        update={
            "name": "sudden_stop",
            "law": "inertia: without a force the velocity stays",
            "severity": "share of the velocity that is lost; residual: change of velocity, m/s",
            "matched": "scene, motion up to the edit and its frame; the control stops there for a visible reason",
        }
    )

    def _after(self, before: Float[np.ndarray, "3"], severity: float) -> tuple[Float[np.ndarray, "3"], float]:
        return (1.0 - severity) * before, 0.0


class BlockWithoutCause(SuddenTurn):
    """A rolling ball bounces back from nothing; in the control there is a wall in the place."""

    info: ClassVar[EditorInfo] = SuddenTurn.info.model_copy(
        update={
            "name": "block_without_cause",
            "law": "solidity: only a body stops a body",
            "category": "solidity",
            "severity": "restitution with which it bounces back, 0 to 1; residual: change of velocity, m/s",
            "matched": _MATCHED,
        }
    )

    def _after(self, before: Float[np.ndarray, "3"], severity: float) -> tuple[Float[np.ndarray, "3"], float]:
        return -severity * before, severity


class SpontaneousStart:
    """A ball at rest starts to roll; in the control another ball of its kind rolls into it."""

    info: ClassVar[EditorInfo] = EditorInfo(
        name="spontaneous_start",
        law="inertia: what rests stays at rest without a force",
        category="inertia",
        severity="speed with which it starts, 0 to 2 m/s; residual: change of velocity, m/s",
        is_switch=False,
        scenarios=("uniform_motion",),
        matched="scene and motion up to the edit; the control's ball starts with the same velocity in the same frame",
    )

    def applies_to(self, world: World) -> str | None:
        """Return why no ball can be set in motion, or None."""
        return SuddenTurn().applies_to(world)

    def edit(self, world: World, severity: float, rng: np.random.Generator, simulate: Simulate) -> Break:
        """Return two balls at rest, the same with one that starts, and one that is hit by the other."""
        body, _, radius = ball_of(world.spec)
        side = float(np.sign(body.linear_velocity[0]) or 1.0)
        velocity = np.array([2.0 * severity * side, 0.0, 0.0])
        frame = int(rng.integers(round(0.3 * world.spec.num_frames), round(0.5 * world.spec.num_frames)))
        seconds = world.spec.seconds[frame]
        surface = body.surface.model_copy(update={"restitution": 1.0, "friction": 0.0})
        resting = body.model_copy(
            update={
                "position": (-0.35 * side, body.position[1], radius),
                "linear_velocity": (0.0, 0.0, 0.0),
                "angular_velocity": (0.0, 0.0, 0.0),
                "surface": surface,
            }
        )
        ahead = np.array(resting.position) - np.array([2.0 * radius * side, 0.0, 0.0]) - velocity * seconds
        used = {other.appearance.color_name for other in world.spec.bodies}
        color = str(rng.choice([name for name in sorted(COLORS) if name not in {*used, "white", "black"}]))
        look = resting.appearance.model_copy(update={"color_name": color, "albedo": COLORS[color]})
        other = resting.model_copy(update={"name": "other", "position": vector(ahead), "appearance": look})
        spec = with_body(with_body(world.spec, resting), other)
        rolls = {"linear_velocity": vector(velocity), "angular_velocity": (0.0, float(velocity[0]) / radius, 0.0)}
        controlled = with_body(spec, other.model_copy(update=rolls))
        possible, control = World(spec, simulate(spec)), World(controlled, simulate(controlled))
        impossible = World(spec, continued(possible, frame, simulate, {body.name: velocity}))
        residuals = jump_residuals(spec, possible.trajectory, impossible.trajectory, frame)
        return Break(possible, impossible, control, (seconds, seconds), residuals)


def _aside(before: Float[np.ndarray, "3"], normal: Float[np.ndarray, "3"], radius: float) -> Float[np.ndarray, "3"]:
    """Return how far a wall is moved on and to the side of the way that it would block, m."""
    ahead = before / np.linalg.norm(before)
    across = np.array([-before[1], before[0], 0.0]) / np.linalg.norm(before[:2])
    # Away from the camera where the wall stands straight across, else to its own side.
    side = -float(across @ normal)
    side = side if abs(side) > 0.05 else float(across[1])
    return math.copysign(radius + WALL_HALF[1] + 0.1, side) * across + _AHEAD * ahead


def _touches(world: World, ball: int) -> bool:
    """Return whether a ball touches the wall."""
    contacts, standing = world.trajectory.contacts, world.spec.body_index("wall")
    pairs = zip(contacts.body_a.tolist(), contacts.body_b.tolist(), strict=True)
    return any({a, b} == {ball, standing} for a, b in pairs)
