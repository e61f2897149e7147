"""PhyWorld's three kinds of clips in closed form, and their frames as drawn and as a model sees them.

A ball moves in a straight line, a ball falls, two balls collide.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from typing import Literal

import numpy as np
from jaxtyping import Float, UInt8
from PIL import Image

from eval.public.phyworld import NATIVE_SIZE, WORLD
from physics_data.core.errors import ConfigError

Kind = Literal["uniform", "parabola", "collision"]
KINDS: tuple[Kind, ...] = ("uniform", "parabola", "collision")

NUM_FRAMES = 32
GIVEN_FRAMES = 3
STEP = 0.01
STRIDE = 10
GRAVITY = 2.5
RED, BLUE = (255, 0, 0), (0, 0, 255)

_SHOWN_FRAMES = 24
_PHASE_FRAMES = 8
_MARGIN = 0.05 * WORLD
_EDGE = 0.03


@dataclass(frozen=True)
class Ranges:
    """What training draws from; smallest and largest, world units."""

    radius: tuple[float, float]
    speed: tuple[float, float]
    min_radius: float
    """Scenes with a smaller ball (or, in a collision, one as small) are left out of the published means."""


RANGES: dict[Kind, Ranges] = {
    "uniform": Ranges((0.7, 1.4), (1.0, 4.0), 0.6),
    "parabola": Ranges((0.7, 1.4), (1.0, 4.0), 0.6),
    "collision": Ranges((0.5, 1.5), (1.0, 4.0), 0.5),
}


@dataclass(frozen=True)
class BallScene:
    """One clip: kind, and what determines it. radii, speeds: one or two; the second ball comes from the right.

    positions:  centres, world units; frame k is the state after engine step 10 k + 1, as published
    """

    kind: Kind
    radii: tuple[float, ...]
    speeds: tuple[float, ...]
    start: Float[np.ndarray, "b 2"]
    positions: Float[np.ndarray, "t b 2"]

    def moved(self, num_frames: int) -> Float[np.ndarray, "t b 2"]:
        """Return the centres over another number of frames, for models that take no 32."""
        return motion(self.kind, self.radii, self.speeds, self.start, num_frames)

    @property
    def is_in_range(self) -> bool:
        """Whether training's ranges hold every radius and speed."""
        ranges = RANGES[self.kind]
        return all(_within(r, ranges.radius) for r in self.radii) and all(_within(v, ranges.speed) for v in self.speeds)

    @property
    def counts(self) -> bool:
        """Whether the published means count the scene."""
        least = RANGES[self.kind].min_radius
        return all(r > least if self.kind == "collision" else r >= least for r in self.radii)


def _within(value: float, ends: tuple[float, float]) -> bool:
    return ends[0] <= value <= ends[1]


def scene_seconds(num_frames: int = NUM_FRAMES) -> Float[np.ndarray, "t"]:
    """Return the world's time at each frame."""
    return STEP * (STRIDE * np.arange(num_frames) + 1)


def motion(
    kind: Kind,
    radii: tuple[float, ...],
    speeds: tuple[float, ...],
    start: Float[np.ndarray, "b 2"],
    num_frames: int = NUM_FRAMES,
) -> Float[np.ndarray, "t b 2"]:
    """Return the centres of the balls at every frame.

    The parabola falls by the engine's own rule (semi-implicit Euler, a sum in closed form); the collision is the exact
    head-on elastic one of discs whose mass goes with the square of their radius.
    """
    seconds = scene_seconds(num_frames)
    signs = np.array([1.0, -1.0])[: len(speeds)]
    velocity = signs * np.array(speeds)
    positions = np.tile(start, (len(seconds), 1, 1))
    positions[:, :, 0] += seconds[:, None] * velocity
    if kind == "parabola":
        steps = np.round(seconds / STEP)
        positions[:, :, 1] -= (GRAVITY * STEP**2 * steps * (steps + 1) / 2)[:, None]
    if kind == "collision" and velocity[0] > velocity[1]:
        impact = (start[1, 0] - start[0, 0] - sum(radii)) / (velocity[0] - velocity[1])
        masses = np.square(radii)
        common = masses @ velocity / masses.sum()
        change = 2 * (common - velocity)
        positions[:, :, 0] += np.maximum(seconds - impact, 0.0)[:, None] * change
    return positions


def draw(
    scene: BallScene, positions: Float[np.ndarray, "t b 2"] | None = None, size: int = NATIVE_SIZE
) -> UInt8[np.ndarray, "t s s 3"]:
    """Draw the scene, or other positions in it: white ground, soft rims; row 0 is y = 0.

    The published files hold the rows upside down and their evaluation turns them back.
    """
    places = scene.positions if positions is None else positions
    frames = np.full((len(places), size, size, 3), 255, np.uint8)
    axis = np.linspace(0, 1, size)
    for centres, frame in zip(places / WORLD, frames, strict=True):
        for (x, y), radius, colour in zip(centres, np.array(scene.radii) / WORLD, (RED, BLUE), strict=False):
            columns = slice(*np.searchsorted(axis, (x - radius, x + radius)))
            rows = slice(*np.searchsorted(axis, (y - radius, y + radius)))
            square = (axis[columns][None, :] - x) ** 2 + (axis[rows][:, None] - y) ** 2
            soft = np.clip((radius**2 - square) / (radius**2 * _EDGE), 0, 1)[..., None]
            frame[rows, columns] = ((1 - soft) * frame[rows, columns] + soft * colour).astype(np.uint8)
    return frames


def _between(first: float, second: float, rng: np.random.Generator) -> float:
    """Draw uniformly between two ends, whichever is larger, as the published generator does."""
    return first + float(rng.random()) * (second - first)


def place_one(kind: Kind, radius: float, speed: float, rng: np.random.Generator) -> Float[np.ndarray, "1 2"]:
    """Draw where a ball starts: at least 24 frames in view where that is possible, height as published."""
    last = WORLD - (_SHOWN_FRAMES * speed * STEP * STRIDE + radius)
    if last < radius:
        last = radius + rng.uniform(0, 0.5)
    x = _between(radius, last, rng)
    top = WORLD - _MARGIN - radius
    y = rng.uniform(top - 1.0, top) if kind == "parabola" else rng.uniform(radius + _MARGIN, top)
    return np.array([[x, y]])


def place_two(
    radii: tuple[float, float], speeds: tuple[float, float], rng: np.random.Generator
) -> Float[np.ndarray, "2 2"] | None:
    """Draw where two balls start, at least 8 frames before their impact; None where ten draws fail, as published."""
    reach, closing = sum(radii), sum(speeds) * STEP * STRIDE
    nearest = _PHASE_FRAMES * closing + reach
    farthest = min((NUM_FRAMES - _PHASE_FRAMES) * closing + reach, WORLD - reach)
    for _ in range(10):
        if radii[1] > 2 * radii[0]:
            distance = _between(nearest, min(1.25 * nearest, WORLD - reach), rng)
            right = WORLD - radii[1] - distance
            left = right - _MARGIN
        else:
            distance = _between(nearest, farthest, rng)
            left, right = radii[0], WORLD - radii[1] - distance
        x = max(_between(left, right, rng), radii[0])
        other = min(x + distance, WORLD - radii[1])
        if closing <= 0 or (other - x - reach) / closing >= _PHASE_FRAMES:
            widest = max(radii)
            y = rng.uniform(widest + _MARGIN, WORLD - _MARGIN - widest)
            return np.array([[x, y], [other, y]])
    return None


def make_scene(
    kind: Kind, radii: tuple[float, ...], speeds: tuple[float, ...], rng: np.random.Generator
) -> BallScene | None:
    """Place and move the balls of one clip; None where a collision cannot be placed."""
    if kind == "collision":
        start = place_two((radii[0], radii[1]), (speeds[0], speeds[1]), rng)
        if start is None:
            return None
    else:
        start = place_one(kind, radii[0], speeds[0], rng)
    return BallScene(kind, radii, speeds, start, motion(kind, radii, speeds, start))


Choice = tuple[tuple[float, ...], tuple[float, ...]]
"""Radii and speeds of one clip."""


def _grid(ends: tuple[float, float], count: int) -> Float[np.ndarray, "n"]:
    return np.linspace(ends[0], ends[1], count)


def evaluation_choices(kind: Kind) -> list[Choice]:
    """Return radii and speeds of the published evaluation: in range, small and slow, large and fast, and across."""
    if kind == "collision":
        return _two_ball_choices()
    ranges = RANGES[kind]
    small, slow = np.linspace(0.3, 0.6, 8), np.linspace(0.0, 0.8, 16)
    large, fast = np.linspace(1.5, 2.0, 8), np.linspace(4.5, 6.0, 16)
    few = 8 if kind == "uniform" else 4
    near_radii, near_speeds = _grid(ranges.radius, few), _grid(ranges.speed, few)
    radii, speeds = _grid(ranges.radius, 10), _grid(ranges.speed, 16)
    inside = (_grid(ranges.radius, 30), _grid(ranges.speed, 100)) if kind == "uniform" else (radii, speeds)
    grids = [inside, (small, near_speeds), (near_radii, slow), (small, slow)]
    grids += [(large, speeds), (radii, fast), (large, fast), (small, fast), (large, slow)]
    return [((float(r),), (float(v),)) for grid in grids for r, v in product(*grid)]


def _two_ball_choices() -> list[Choice]:
    ranges = RANGES["collision"]
    radii, speeds = _grid(ranges.radius, 3), _grid(ranges.speed, 3)
    small, slow = np.linspace(0.3, 0.4, 3), np.linspace(0.0, 0.8, 4)
    large, fast = np.linspace(1.7, 2.0, 4), np.linspace(4.5, 6.0, 4)
    inside = _grid(ranges.radius, 4), _grid(ranges.speed, 4)
    grids = [(inside[0], inside[0], inside[1], inside[1])]
    for odd_radii, odd_speeds in ((small, slow), (large, fast)):
        grids += [(odd_radii, radii, speeds, speeds), (radii, radii, odd_speeds, speeds)]
        grids += [(odd_radii, odd_radii, speeds, speeds), (radii, radii, odd_speeds, odd_speeds)]
        grids += [(odd_radii, radii, odd_speeds, speeds), (odd_radii, odd_radii, odd_speeds, odd_speeds)]
    grids += [(small, large, speeds, speeds), (radii, radii, slow, fast)]
    grids += [(small, large, slow, fast), (large, small, slow, fast)]
    found = [tuple(float(value) for value in choice) for grid in grids for choice in product(*grid)]
    return [((a, b), (v, w)) for a, b, v, w in found]


def evaluation_scenes(kind: Kind, rng: np.random.Generator, every: int = 1) -> Iterator[BallScene]:
    """Yield the scenes of the published evaluation that its means count; ``every`` draws one in so many of them."""
    choices = evaluation_choices(kind)
    for number in rng.permutation(len(choices))[: -(-len(choices) // every)]:
        radii, speeds = choices[number]
        scene = make_scene(kind, radii, speeds, rng)
        if scene is not None and scene.counts:
            yield scene


def training_choice(kind: Kind, rng: np.random.Generator) -> Choice:
    """Draw radii and speeds uniformly from training's ranges."""
    ranges, balls = RANGES[kind], 2 if kind == "collision" else 1
    radii = tuple(float(value) for value in rng.uniform(*ranges.radius, balls))
    return radii, tuple(float(value) for value in rng.uniform(*ranges.speed, balls))


Native = UInt8[np.ndarray, "t n n 3"]
Small = UInt8[np.ndarray, "t s s 3"]


def as_seen(frames: Native, size: int) -> Small:
    """Return drawn frames as a model sees them: the ground below, each pixel the mean of the pixels it stands for.

    Raises:
        ConfigError: the size does not divide 256.
    """
    if size < 1 or NATIVE_SIZE % size:
        near = [2**power for power in range(4, 9) if 2**power >= size][:1] or [NATIVE_SIZE]
        raise ConfigError(
            f"size {size} px does not divide the {NATIVE_SIZE} px of the published pictures; write {near[0]}."
        )
    side = NATIVE_SIZE // size
    rows = frames[:, ::-1].reshape(len(frames), size, side, NATIVE_SIZE * 3).sum(2, dtype=np.uint32)
    return (rows.reshape(len(frames), size, size, side, 3).sum(3) / side**2).round().astype(np.uint8)


def as_drawn(frames: Small) -> Native:
    """Return a model's frames as the metric reads them: row 0 is y = 0, enlarged to 256 pixels between pixel centres.

    What was shrunk and enlarged is read where it was drawn, so a model of any size stays comparable with the published
    ones: the floor of uniform motion is 0.010 at 256, 128 and 64 px and 0.009 at 32 px.
    """
    size = (NATIVE_SIZE, NATIVE_SIZE)
    enlarged = [np.asarray(Image.fromarray(frame).resize(size, Image.Resampling.BILINEAR)) for frame in frames]
    return np.stack(enlarged)[:, ::-1]
