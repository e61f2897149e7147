"""Lawful and broken motion in closed form, drawn by a renderer that is not Worldsim's: Bullet's TinyRenderer."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, UInt8

from eval.audit.footage import SIDE, footage_of
from eval.audit.result import PERMANENCE_KINDS, VideoAudit
from eval.audit.video import audit_footage
from eval.statistics import auroc
from physics_data.engines.bullet_bodies import physics_server, pybullet

RATE = 24.0
"""Hz."""

_FRAMES, _SIZE = 48, (320, 240)  # larger ones take TinyRenderer 0.13 s each
_GRAVITY = 9.81
_RADII = (0.05, 0.09)  # m

Path = Float[np.ndarray, "t 3"]


@dataclass(frozen=True)
class Motion:
    """What moves in one rendering. radius: m; path: of its centre, m, z up; pivot: of the rod it hangs on, or None."""

    radius: float
    path: Path
    pivot: tuple[float, float, float] | None = None


Maker = Callable[[np.random.Generator, np.ndarray], list[Motion]]


def _fall(time: np.ndarray, height: float, restitution: float, gravity: float = _GRAVITY) -> np.ndarray:
    """Height of a ball that is dropped at time 0 and bounces."""
    found, begin, speed, level = np.empty_like(time), 0.0, 0.0, height
    for k, now in enumerate(time):
        while True:
            impact = (speed + np.sqrt(speed**2 + 2 * gravity * level)) / gravity
            if now - begin <= impact or (level == 0.0 and speed < 0.3):
                break
            speed, begin, level = restitution * (gravity * impact - speed), begin + impact, 0.0
        gone = now - begin
        found[k] = max(level + speed * gone - gravity * gone**2 / 2, 0.0)
    return found


def _ball(rng: np.random.Generator, z: np.ndarray, x: float | None = None) -> Motion:
    radius = float(rng.uniform(*_RADII))
    place = float(rng.uniform(-0.5, 0.5)) if x is None else x
    return Motion(radius, np.stack([np.full(len(z), place), np.zeros(len(z)), z + radius], axis=1))


def _swung(rng: np.random.Generator, angle: np.ndarray, length: float) -> Motion:
    x, z = length * np.sin(angle), 1.35 - length * np.cos(angle)
    return Motion(float(rng.uniform(*_RADII)), np.stack([x, np.zeros(len(x)), z], axis=1), (0.0, 0.0, 1.35))


def _pendulum(rng: np.random.Generator, time: np.ndarray) -> tuple[np.ndarray, float]:
    """Angle of a pendulum that is let go, rad, and its length, m (semi-implicit Euler, 50 steps a frame)."""
    length, angle = float(rng.uniform(0.6, 1.0)), float(rng.uniform(0.6, 1.2)) * (1 if rng.random() < 0.5 else -1)
    speed, found, step = 0.0, [], float(time[1] - time[0]) / 50
    for _ in time:
        found.append(angle)
        for _ in range(50):
            speed -= step * (_GRAVITY / length * np.sin(angle) + 0.15 * speed)
            angle += step * speed
    return np.array(found), length


def _bouncing(rng: np.random.Generator, time: np.ndarray) -> list[Motion]:
    return [_ball(rng, _fall(time, float(rng.uniform(0.7, 1.2)), float(rng.uniform(0.5, 0.85))))]


def _two_falls(rng: np.random.Generator, time: np.ndarray) -> list[Motion]:
    first, second = (_fall(time, float(rng.uniform(0.7, 1.2)), float(rng.uniform(0.5, 0.85))) for _ in range(2))
    return [_ball(rng, first, -0.4), _ball(rng, second, 0.4)]


def _swinging(rng: np.random.Generator, time: np.ndarray) -> list[Motion]:
    return [_swung(rng, *_pendulum(rng, time))]


def _hovering(rng: np.random.Generator, time: np.ndarray) -> list[Motion]:
    """It stops in mid-air and stays, or falls on after a second."""
    start, free = float(rng.uniform(0.9, 1.2)), float(rng.uniform(0.25, 0.35))
    pause = float(rng.choice([0.8, 9.0]))
    on = np.where(time < free, time, np.where(time < free + pause, free, time - pause))
    return [_ball(rng, _fall(on, start, 0.6))]


def _light(rng: np.random.Generator, time: np.ndarray) -> list[Motion]:
    """Beside a ball that falls as it should, another one falls with a tenth of g."""
    first = _fall(time, float(rng.uniform(0.7, 1.2)), float(rng.uniform(0.5, 0.85)))
    return [_ball(rng, first, -0.4), _ball(rng, _fall(time, float(rng.uniform(0.9, 1.2)), 0.6, 0.1 * _GRAVITY), 0.4)]


def _staying_up(rng: np.random.Generator, time: np.ndarray) -> list[Motion]:
    """A pendulum swings up on the other side and stays there."""
    angle, length = _pendulum(rng, time)
    speed = np.gradient(angle)
    turns = np.flatnonzero((angle[1:] * angle[0] < 0) & (speed[1:] * speed[3] <= 0))
    stop = int(turns[0]) + 1 if len(turns) else int(np.abs(angle).argmin())
    angle[stop:] = angle[stop]
    return [_swung(rng, angle, length)]


def _gaining(rng: np.random.Generator, time: np.ndarray) -> list[Motion]:
    return [_ball(rng, _fall(time, float(rng.uniform(0.3, 0.5)), float(rng.uniform(1.2, 1.35))))]


def _still(rng: np.random.Generator, time: np.ndarray) -> list[Motion]:
    return [_ball(rng, np.full(len(time), float(rng.uniform(0.4, 1.0))))]


LAWFUL: dict[str, Maker] = {"bouncing": _bouncing, "two_falls": _two_falls, "swinging": _swinging}
BROKEN: dict[str, Maker] = {
    "hover": _hovering,
    "tenth_of_g": _light,
    "stays_up": _staying_up,
    "bounces_higher": _gaining,
    "still": _still,
}


@dataclass(frozen=True)
class RenderedTrial:
    """The audit of one rendering. strength: of the strongest event that has a verdict; 1 where all is still."""

    kind: str
    strength: float
    event: str


def rendered_trials(
    count: int = 6, side: int = SIDE, progress: Callable[[str], None] | None = None, seed: int = 0
) -> Iterator[RenderedTrial]:
    """Render and audit ``count`` clips of every lawful and broken motion."""
    time = np.arange(_FRAMES) / RATE
    for kind, maker in {**LAWFUL, **BROKEN}.items():
        if progress is not None:
            progress(f"rendering and auditing {kind}")
        for number in range(count):
            rng = np.random.default_rng([seed, number, *kind.encode()])
            audit = audit_footage(footage_of(rendered(maker(rng, time), rng), RATE, side=side))
            strength, event = suspicion(audit)
            yield RenderedTrial(kind, strength, event)


def rendered_figures(trials: Sequence[RenderedTrial]) -> dict[str, float]:
    """Return the AUROC of every broken motion against all lawful ones, and of all together."""
    lawful = np.array([-trial.strength for trial in trials if trial.kind in LAWFUL])
    broken = {kind: np.array([-t.strength for t in trials if t.kind == kind]) for kind in BROKEN}
    return {kind: auroc(lawful, found) for kind, found in broken.items()} | {
        "all": auroc(lawful, np.concatenate([*broken.values()]))
    }


def suspicion(audit: VideoAudit) -> tuple[float, str]:
    """Strength of the strongest event of which there is a verdict, with its kind; 1 where nothing moves."""
    if any(finding.kind == "still" for finding in audit.findings):
        return 1.0, "still"
    verdict = {True: audit.permanence.value is not None, False: audit.realism.value is not None}
    told = [event for event in audit.events if verdict[event.kind in PERMANENCE_KINDS]]
    return (told[0].strength, told[0].kind) if told else (0.0, "")


def rendered(motions: list[Motion], rng: np.random.Generator) -> UInt8[np.ndarray, "t h w 3"]:
    """Draw spheres, and the rods they hang on, before a wall and on a floor, with shadows."""
    with physics_server() as client:
        _box((3.0, 3.0, 0.05), (0.0, 0.0, -0.05), rng.uniform(0.5, 0.8, 3), client)
        _box((3.0, 0.05, 3.0), (0.0, 1.5, 0.0), rng.uniform(0.4, 0.7, 3), client)
        for x in (-1.1, 1.1):
            _box((0.12, 0.12, float(rng.uniform(0.1, 0.3))), (x, 0.5, 0.0), rng.uniform(0.2, 0.9, 3), client)
        bodies = [_drawn(motion, rng, client) for motion in motions]
        view = pybullet.computeViewMatrix((float(rng.uniform(-0.2, 0.2)), -3.2, 0.9), (0, 0, 0.65), (0, 0, 1))
        lens = pybullet.computeProjectionMatrixFOV(40.0, _SIZE[0] / _SIZE[1], 0.1, 20.0)
        light, frames = (float(rng.uniform(-1, 1)), -2.0, 3.0), []
        for frame in range(len(motions[0].path)):
            for motion, body in zip(motions, bodies, strict=True):
                _place(motion, body, frame, client)
            shown = pybullet.getCameraImage(
                *_SIZE,
                view,
                lens,
                lightDirection=light,
                shadow=1,
                renderer=pybullet.ER_TINY_RENDERER,
                physicsClientId=client,
            )
            frames.append(np.reshape(shown[2], (_SIZE[1], _SIZE[0], 4))[..., :3].astype(np.uint8))
        return np.stack(frames)


def _box(half: tuple[float, float, float], at: tuple[float, float, float], color: np.ndarray, client: int) -> None:
    shape = pybullet.createVisualShape(
        pybullet.GEOM_BOX, halfExtents=half, rgbaColor=[*color, 1.0], physicsClientId=client
    )
    pybullet.createMultiBody(baseVisualShapeIndex=shape, basePosition=at, physicsClientId=client)


def _drawn(motion: Motion, rng: np.random.Generator, client: int) -> list[int]:
    color = [*rng.permutation([float(rng.uniform(0.7, 0.95)), float(rng.uniform(0.1, 0.5)), 0.1]), 1.0]
    ball = pybullet.createVisualShape(
        pybullet.GEOM_SPHERE, radius=motion.radius, rgbaColor=color, physicsClientId=client
    )
    shapes = [ball]
    if motion.pivot is not None:
        length = float(np.linalg.norm(motion.path[0] - motion.pivot))
        shapes.append(
            pybullet.createVisualShape(
                pybullet.GEOM_BOX,
                halfExtents=[0.006, 0.006, length / 2],
                rgbaColor=[0.15, 0.15, 0.15, 1.0],
                physicsClientId=client,
            )
        )
    return [pybullet.createMultiBody(baseVisualShapeIndex=shape, physicsClientId=client) for shape in shapes]


def _place(motion: Motion, bodies: list[int], frame: int, client: int) -> None:
    at = motion.path[frame]
    pybullet.resetBasePositionAndOrientation(bodies[0], at, (0, 0, 0, 1), physicsClientId=client)
    if motion.pivot is not None:
        along = np.array(motion.pivot) - at
        turned = pybullet.getQuaternionFromEuler((0.0, float(np.arctan2(along[0], along[2])), 0.0))
        pybullet.resetBasePositionAndOrientation(bodies[1], at + along / 2, turned, physicsClientId=client)
