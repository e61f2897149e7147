"""PhyWorld's protocol: its published table, its floors reproduced, and what needs no model at all."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Float, UInt8

from benchmarks.phyworld.world import GIVEN_FRAMES, KINDS, RANGES, BallScene, Kind, draw, evaluation_scenes, motion
from eval.public.phyworld import (
    SECONDS,
    WORLD,
    collision_errors,
    official_balls,
    parabola_errors,
    unbiased_error,
    uniform_error,
)
from eval.statistics import Interval, bootstrap_mean
from physics_data.core.provenance import hardware

SIZES = ("30K", "300K", "3M")

PUBLISHED: dict[Kind, dict[str, tuple[tuple[float, float, float], tuple[float, float, float]]]] = {
    "uniform": {
        "DiT-S": ((0.0221, 0.0184, 0.0149), (0.435, 0.293, 0.288)),
        "DiT-B": ((0.0166, 0.0148, 0.0138), (0.433, 0.328, 0.358)),
        "DiT-L": ((0.0150, 0.0140, 0.0124), (0.378, 0.385, 0.427)),
    },
    "collision": {
        "DiT-S": ((0.0267, 0.0241, 0.0227), (0.187, 0.200, 0.153)),
        "DiT-B": ((0.0302, 0.0193, 0.0181), (0.241, 0.167, 0.211)),
        "DiT-L": ((0.0240, 0.0158, 0.0153), (0.270, 0.173, 0.161)),
    },
    "parabola": {
        "DiT-S": ((0.0510, 0.0493, 0.0472), (0.307, 0.285, 0.307)),
        "DiT-B": ((0.0429, 0.0380, 0.0358), (0.317, 0.376, 0.288)),
        "DiT-L": ((0.0379, 0.0345, 0.0331), (0.314, 0.352, 0.338)),
    },
}
"""Errors in and out of training's range at 30K, 300K and 3M clips (arXiv 2411.02385, figure 3, read off the figure to
about 0.001; the values that the text prints agree)."""

PUBLISHED_FLOORS: dict[Kind, float] = {"uniform": 0.0099, "collision": 0.0117, "parabola": 0.0210}
"""The metric's value for true clips (arXiv 2411.02385, table 3)."""

COMMAND = "python -m benchmarks phyworld --json"

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


def error_rows(name: str, kind: Kind, errors: Iterable[SceneError], target: float | None = None) -> list[dict]:
    """Return benchmark rows: published and unbiased error in and out of range, with 95 % intervals over scenes."""
    rows: list[dict] = []
    places: tuple[Where, ...] = ("in", "out")
    listed = list(errors)
    for where in places:
        chosen = [error for error in listed if error.is_in_range == (where == "in")]
        for reading in ("published", "unbiased"):
            values = np.array([getattr(error, reading) for error in chosen])
            values = values[np.isfinite(values)]
            if len(values):
                rows.append(_row(f"{kind}, {where} of range, {name}, {reading}", kind, where, values, reading, target))
    return rows


def _row(name: str, kind: Kind, where: Where, values: np.ndarray, reading: str, target: float | None) -> dict:
    interval = bootstrap_mean(values, np.random.default_rng(0))
    best = min(min(cell[where == "out"]) for cell in PUBLISHED[kind].values())
    is_published = reading == "published"
    return {
        "name": name,
        "value": interval.mean,
        "unit": "length" if kind == "parabola" and is_published else "length / time",
        "target": target,
        "meets": None if target is None else interval.mean <= target,
        "peer": "best published DiT" if is_published else None,
        "peer_value": best if is_published else None,
        "ratio": interval.mean / best if is_published else None,
        "spread": _spread(interval),
        "hardware": hardware(),
        "command": COMMAND,
    }


def _spread(interval: Interval) -> str:
    scenes = f"{interval.scenes} scene" + ("" if interval.scenes == 1 else "s")
    return scenes if interval.low is None else f"{interval.low:.4f} to {interval.high:.4f}, {scenes}"


def phyworld_floors(every: int = 4, seed: int = 0) -> list[dict]:
    """Return the rows of the floors and of the baselines that need no model, on one in ``every`` published scenes."""
    rows: list[dict] = []
    for kind in KINDS:
        for name, predictor in PREDICTORS.items():
            errors = predictor_errors(kind, predictor, np.random.default_rng(seed), every)
            rows += error_rows(name, kind, errors)
            if name == "truth":
                values = np.array([error.published for error in errors if np.isfinite(error.published)])
                rows.append(_floor_row(kind, values))
    return rows


def _floor_row(kind: Kind, values: np.ndarray) -> dict:
    """The floor over all scenes, beside the published one."""
    interval, floor = bootstrap_mean(values, np.random.default_rng(0)), PUBLISHED_FLOORS[kind]
    return {
        "name": f"{kind}, floor, all scenes",
        "value": interval.mean,
        "unit": "length" if kind == "parabola" else "length / time",
        "target": floor,
        "meets": abs(interval.mean - floor) <= 0.05 * floor,
        "peer": "published floor",
        "peer_value": floor,
        "ratio": interval.mean / floor,
        "spread": _spread(interval),
        "hardware": hardware(),
        "command": COMMAND,
    }
