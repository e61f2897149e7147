"""PhyWorld's protocol: its published table, its floors reproduced, and what needs no model at all."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Float, UInt8

from benchmarks.phyworld.world import GIVEN_FRAMES, RANGES, BallScene, Kind, draw, evaluation_scenes, motion
from eval.public.phyworld import (
    SECONDS,
    WORLD,
    collision_errors,
    official_balls,
    parabola_errors,
    unbiased_error,
    uniform_error,
)

Where = Literal["in", "out"]


@dataclass(frozen=True)
class SceneError:
    """Errors of one clip: as published (NaN = left out there), and unbiased (a missing ball costs)."""

    is_in_range: bool
    published: float
    unbiased: float


def scene_error(scene: BallScene, frames: UInt8[np.ndarray, "t s s 3"]) -> SceneError | None:
    """Score one clip of any size; the last frame is left out, as published. None where no frame shows a ball whole.

    Units:
        frames:  sRGB, 32 frames, row 0 is y = 0 (turn a stored clip upside down first)
    """
    frames, positions = frames[:-1], scene.positions[:-1]
    if scene.kind == "uniform":
        published = uniform_error(frames, positions[:, 0], scene.radii[0], scene.speeds[0])
    elif scene.kind == "parabola":
        published = float(np.mean(parabola_errors(frames, positions[:, 0], scene.radii[0])))
    else:
        sides = np.array(collision_errors(frames, positions, (scene.radii[0], scene.radii[1])))
        published = float(sides[np.isfinite(sides)].mean()) if np.isfinite(sides).any() else float("nan")
    try:
        own = unbiased_error(frames, positions, scene.radii, "impact" if scene.kind == "collision" else "none")
    except ValueError:
        return None
    return SceneError(scene.is_in_range, published, own.error)


Predictor = Callable[[BallScene], Float[np.ndarray, "t b 2"]]


def truth(scene: BallScene) -> Float[np.ndarray, "t b 2"]:
    """Return the true motion: what the metric says of it is its floor."""
    return scene.positions


def frozen(scene: BallScene) -> Float[np.ndarray, "t b 2"]:
    """Return the last given frame throughout."""
    return scene.positions[np.minimum(np.arange(len(scene.positions)), GIVEN_FRAMES - 1)]


def copied_velocity(scene: BallScene) -> Float[np.ndarray, "t b 2"]:
    """Go on with the velocity that the given frames show, read from their pixels: no gravity, no impact."""
    given = draw(scene, scene.positions[:GIVEN_FRAMES])
    colours: tuple[Literal["red", "blue"], ...] = ("red", "blue")
    balls = [official_balls(given, colour, WORLD)[:, :2] for colour in colours[: len(scene.radii)]]
    seen = np.stack(balls, axis=1)
    velocity = (seen[-1] - seen[0]) / ((GIVEN_FRAMES - 1) * SECONDS)
    ahead = SECONDS * np.maximum(np.arange(len(scene.positions)) - (GIVEN_FRAMES - 1), 0)
    return frozen(scene) + ahead[:, None, None] * velocity


def clamped_speed(scene: BallScene) -> Float[np.ndarray, "t b 2"]:
    """Follow the law, but at the nearest speed of training's range after the given frames."""
    low, high = RANGES[scene.kind].speed
    speeds = tuple(float(np.clip(speed, low, high)) for speed in scene.speeds)
    positions = motion(scene.kind, scene.radii, speeds, scene.start)
    if scene.kind != "collision":
        positions = positions + (scene.positions - positions)[GIVEN_FRAMES - 1] * (1, 0)
    return np.concatenate([scene.positions[:GIVEN_FRAMES], positions[GIVEN_FRAMES:]])


PREDICTORS: dict[str, Predictor] = {
    "truth": truth,
    "frozen": frozen,
    "copied velocity": copied_velocity,
    "clamped speed": clamped_speed,
}


def predictor_errors(kind: Kind, predictor: Predictor, rng: np.random.Generator, every: int = 1) -> list[SceneError]:
    """Score a predictor of positions on the published evaluation scenes, drawn at 256 x 256."""
    scored = (scene_error(scene, draw(scene, predictor(scene))) for scene in evaluation_scenes(kind, rng, every))
    return [error for error in scored if error is not None]
