"""What may vary around any scenario: the appearance of its bodies, bystanders behind it, screens in front of it.

Nothing here touches what happens, and every number comes from a generator that is spawned for it: one index shows the
same motion with every setting.
"""

import itertools
import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from physics_data.core.errors import ConfigError
from physics_data.core.geometry import PinholeView, bounding_radius, swept_bounds, view_of, world_bounds
from physics_data.core.scene import Appearance, Body, Box, Camera, Cylinder, Plane, Sphere, Surface, Vector3
from physics_data.scenarios.shared.settings import SceneSettings
from physics_data.variation.appearance import sample_appearances, sample_prop, spawned
from physics_data.variation.colors import COLORS, SCREEN

MARGIN = 0.35
"""Room between what happens and what lies or stands around it, m."""

LANE_DEPTH = 1.0
"""How deep the strip behind the action is in which bodies lie about, m; it grows while no free place is found."""

MOVING_CHANCE = 0.3
"""Share of the bodies behind that roll across instead of lying still."""

_SIZES = (0.22, 0.28)
"""Half widths of bodies 7 m from the camera, m; they grow with the distance, so that they are seen as well there."""

_LEAST_SHARE = 0.25
"""Smallest size of a body near the camera, as a share of one 7 m away from it."""

_ROUNDS = 60
_SHRINKS, _LEAST_SHRUNK = 0.93, 0.6
"""Where bystanders find no room, all are drawn again, smaller every time, to the least share of their size."""

_TRIES = 40
_TRIES_PER_STRIP = 10
_GOOD_ENOUGH = 0.2
"""A place in which others hide at most this share in the first picture is taken."""

_BORDER = 0.04
"""Border of the picture that stays free, as a share of its width."""


class _Place(NamedTuple):
    """Where a bystander is: its middle at the start, its half extents, m; and its speed along x, m/s."""

    middle: Vector3
    half: Vector3
    speed: float = 0.0

    def on_screen(self, view: PinholeView, seconds: float = 0.0) -> Float[np.ndarray, "2 2"]:
        """Return the lowest and highest pixel coordinates at a time."""
        middle = np.array(self.middle) + np.array([self.speed * seconds, 0.0, 0.0])
        return _on_screen(view, np.stack([middle - self.half, middle + self.half]))

    def keeps_apart(self, other: "_Place", duration: float) -> bool:
        """Whether room stays between the two, seen from above and however they are turned."""
        ahead, across = np.subtract(other.middle, self.middle)[:2]
        drift = (other.speed - self.speed) * duration
        closest = 0.0 if drift == 0.0 else min(max(-ahead / drift, 0.0), 1.0)
        needed = 1.2 * (math.hypot(*self.half[:2]) + math.hypot(*other.half[:2]))
        return math.hypot(ahead + closest * drift, across) > needed


_NOWHERE = _Place((0.0, 0.0, 0.0), (0.0, 0.0, 0.0))


def dressed(rng: np.random.Generator, settings: SceneSettings, bodies: Sequence[Body]) -> tuple[Body, ...]:
    """Return bodies with an appearance from the settings' set.

    Named colours stay, and so does transparency; a pattern that shows how a body turns makes way for another one only.
    """
    rng = spawned(rng)
    return tuple(_dressed(spawned(rng), settings, body) for body in bodies)


def sample_distractors(
    rng: np.random.Generator, settings: SceneSettings, bodies: Sequence[Body], camera: Camera, spread: float
) -> tuple[Body, ...]:
    """Draw bodies that lie on the floor, or roll along it, behind the action or in front of it; none touches another.

    They have other colours than the objects of the scene as long as the palette has some, are inside the first
    picture, and in plain sight there as far as there is room.

    Units:
        spread:  m, how far a dynamic body may be thrown towards or away from the camera

    Raises:
        ConfigError: there is no room for so many.
    """
    rng = spawned(rng)
    count = int(rng.integers(settings.distractors[0], settings.distractors[1] + 1))
    if not count:
        return ()
    actors = [body for body in bodies if not isinstance(body.shape, Plane)]
    front, back = _depth_of_action(actors, settings.duration, spread)
    view = view_of(camera, settings.width, settings.height)
    seen = [_on_screen(view, world_bounds(body)) for body in actors]

    def draw(attempt: int, round_number: int) -> _Place:
        away = float(rng.uniform(0.0, LANE_DEPTH * (1.0 + attempt / _TRIES_PER_STRIP)))
        share, turn = float(rng.uniform(*_SIZES)) / 7.0, -1.0 if rng.random() < 0.5 else 1.0
        share *= max(_SHRINKS**round_number, _LEAST_SHRUNK)
        if settings.is_wide:  # as large in the picture as in the settings' field of view
            share *= math.tan(math.radians(camera.fov_y) / 2) / math.tan(math.radians(settings.camera_fov_y) / 2)
        speed = turn * float(rng.uniform(0.6, 1.4)) / settings.duration
        # Where a camera looks down steeply there may be no room behind: then some lie in front.
        is_behind = attempt < _TRIES_PER_STRIP or rng.random() < 0.5
        depth = back + away if is_behind else front - away
        size = share * (depth - float(view.origin[1]))
        depth += math.sqrt(2.0) * size if is_behind else -math.sqrt(2.0) * size
        if size < _LEAST_SHARE * _SIZES[0]:
            return _NOWHERE
        place = (_drawn_across(rng, settings, view, depth), depth, size)
        # What rolls needs more room than what lies.
        is_moving = rng.random() < MOVING_CHANCE and attempt < _TRIES_PER_STRIP
        return _Place(place, (size, size, size), speed if is_moving else 0.0)

    def cost(place: _Place, placed: Sequence[_Place]) -> float:
        if place is _NOWHERE:
            return math.inf
        mine = place.on_screen(view)
        if not all(_is_inside(rectangle, settings) for rectangle in (mine, place.on_screen(view, settings.duration))):
            return math.inf
        return max(_covered(mine, other) for other in (*seen, *(other.on_screen(view) for other in placed)))

    places = _placed(count, draw, cost, settings.duration, "distractors")
    used = {body.appearance.color_name for body in actors}
    colors = rng.permutation(sorted(set(settings.palette) - used) or sorted(set(settings.palette)))
    return tuple(
        _bystander(rng, f"distractor_{number + 1}", str(colors[number % len(colors)]), place)
        for number, place in enumerate(places)
    )


def sample_occluders(
    rng: np.random.Generator, settings: SceneSettings, bodies: Sequence[Body], camera: Camera, spread: float
) -> tuple[Body, ...]:
    """Draw narrow screens that stand in front of the action and hide as little of the objects at first as they can.

    Units:
        spread:  m, how far a dynamic body may be thrown towards or away from the camera

    Raises:
        ConfigError: there is no room for so many.
    """
    rng = spawned(rng)
    count = int(rng.integers(settings.occluders[0], settings.occluders[1] + 1))
    if not count:
        return ()
    actors = [body for body in bodies if not isinstance(body.shape, Plane)]
    front, _ = _depth_of_action(actors, settings.duration, spread)
    view = view_of(camera, settings.width, settings.height)
    # As large in the picture as those 5 m from the camera, where the action reaches up to nearer than that.
    scale = min(1.0, (front - float(view.origin[1])) / 5.0)
    if scale < 0.1:
        raise ConfigError(
            f"occluders={settings.occluders}: the action comes up to {MARGIN + 5.0 * scale:.2g} m from the camera, "
            "a screen needs 0.85 m; set occluders to (0, 0) or move the camera away."
        )
    objects = [_on_screen(view, world_bounds(body)) for body in actors if body.role == "object"]

    def draw(_attempt: int, _round: int) -> _Place:
        half_width, half_height = scale * float(rng.uniform(0.1, 0.22)), scale * float(rng.uniform(0.3, 0.65))
        place = (_drawn_across(rng, settings, view, front), front, half_height)
        return _Place(place, (half_width, 0.04 * scale, half_height))

    def cost(place: _Place, _: Sequence[_Place]) -> float:
        return max((_covered(other, place.on_screen(view)) for other in objects), default=0.0)

    return tuple(
        Body(
            name=f"front_screen_{number + 1}",
            noun="screen",
            shape=Box(half_extents=place.half),
            role="occluder",
            is_static=True,
            surface=Surface(friction=0.0, restitution=0.0),
            appearance=SCREEN,
            position=place.middle,
        )
        for number, place in enumerate(_placed(count, draw, cost, 0.0, "occluders"))
    )


def _dressed(rng: np.random.Generator, settings: SceneSettings, body: Body) -> Body:
    plain = body.appearance
    if settings.appearance == "plain":
        return body
    if body.role == "object" and plain.color_name in COLORS:
        look = sample_appearances(rng, settings.model_copy(update={"palette": (plain.color_name,)}), 1)[0]
    else:
        look = sample_prop(rng, settings, plain)
    kept: dict[str, object] = {"transparency": plain.transparency}
    if plain.pattern != "plain" and look.pattern == "plain":
        kept |= {name: getattr(plain, name) for name in ("pattern", "pattern_scale", "second_albedo")}
    return body.model_copy(update={"appearance": look.model_copy(update=kept)})


def _placed(
    count: int,
    draw: Callable[[int, int], _Place],
    cost: Callable[[_Place, Sequence[_Place]], float],
    duration: float,
    setting: str,
) -> list[_Place]:
    """Return places that keep apart: each the first of some draws that costs little, or else the cheapest.

    Where the first ones leave no room for the last, all are drawn again.
    """
    most = 0
    for round_number in range(_ROUNDS):
        placed: list[_Place] = []
        while len(placed) < count and (place := _one_more(placed, draw, cost, duration, round_number)) is not None:
            placed.append(place)
        if len(placed) == count:
            return placed
        most = max(most, len(placed))
    raise ConfigError(
        f"{setting}: {count} were drawn, there is room for {most} around this scene, after {_ROUNDS} trials; ask for "
        "fewer, or for wider pictures."
    )


def _one_more(
    placed: Sequence[_Place],
    draw: Callable[[int, int], _Place],
    cost: Callable[[_Place, Sequence[_Place]], float],
    duration: float,
    round_number: int,
) -> _Place | None:
    best, lowest = None, math.inf
    for attempt in range(5 * _TRIES):
        candidate = draw(attempt, round_number)
        if not all(candidate.keeps_apart(other, duration) for other in placed):
            continue
        price = cost(candidate, placed)
        if price < lowest:
            best, lowest = candidate, price
        if lowest <= _GOOD_ENOUGH or (attempt >= _TRIES and best is not None):
            break
    return best


def _bystander(rng: np.random.Generator, name: str, color: str, place: _Place) -> Body:
    """Return a ball that rolls, or a ball, box or cylinder that stands there, turned as is drawn."""
    size, turn = place.half[0], 0.5 * float(rng.uniform(0.0, math.pi))
    shapes = (Sphere(radius=size), Box(half_extents=place.half), Cylinder(radius=size, half_height=size))
    kind = int(rng.integers(len(shapes)))
    is_moving = place.speed != 0.0
    shape = shapes[0 if is_moving else kind]
    return Body(
        name=name,
        noun={"sphere": "ball"}.get(shape.kind, shape.kind),
        shape=shape,
        is_static=not is_moving,
        surface=Surface(friction=0.0, restitution=0.0),
        appearance=Appearance(color_name=color, albedo=COLORS[color]),
        position=place.middle,
        orientation=(math.cos(turn), 0.0, 0.0, math.sin(turn)),
        linear_velocity=(place.speed, 0.0, 0.0),
        angular_velocity=(0.0, place.speed / size, 0.0),
    )


def _drawn_across(rng: np.random.Generator, settings: SceneSettings, view: PinholeView, depth: float) -> float:
    """Draw the x (m) at a depth (y, m) that is seen in a uniformly drawn column of the first picture."""
    column = settings.width * float(rng.uniform(0.06, 0.94))
    pixel = np.array([column, 0.5 * settings.height])
    return float(view.unproject_to_plane(pixel, np.array([0.0, depth, 0.0]), np.array([0.0, 1.0, 0.0]))[0])


def _depth_of_action(actors: Sequence[Body], duration: float, spread: float) -> tuple[float, float]:
    """Return from where (y, m) on the camera's side to where behind no bystander may be."""
    ends: list[float] = [0.0]
    for body in actors:
        if body.is_dynamic:
            reach = bounding_radius(body.shape) + spread
            way = body.linear_velocity[1] * duration
            ends += [body.position[1] + min(way, 0.0) - reach, body.position[1] + max(way, 0.0) + reach]
        else:
            ends += [float(end) for end in swept_bounds(body)[:, 1]]
    return min(ends) - MARGIN, max(ends) + MARGIN


def _on_screen(view: PinholeView, bounds: Float[np.ndarray, "2 3"]) -> Float[np.ndarray, "2 2"]:
    """Return the lowest and highest pixel coordinates of a box in the world."""
    pixels = view.project(np.array(list(itertools.product(*bounds.T))))[:, :2]
    return np.stack([pixels.min(axis=0), pixels.max(axis=0)])


def _is_inside(rectangle: Float[np.ndarray, "2 2"], settings: SceneSettings) -> bool:
    border = _BORDER * settings.width
    return bool(
        (rectangle >= border).all() and (rectangle[1] <= (settings.width - border, settings.height - border)).all()
    )


def _covered(rectangle: Float[np.ndarray, "2 2"], other: Float[np.ndarray, "2 2"]) -> float:
    """Return the share of a rectangle that another one covers."""
    common = np.minimum(rectangle[1], other[1]) - np.maximum(rectangle[0], other[0])
    return float(np.prod(np.maximum(common, 0.0)) / np.prod(rectangle[1] - rectangle[0]))
