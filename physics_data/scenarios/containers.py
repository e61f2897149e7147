"""What hides, holds and covers others: screens, open boxes, covers."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

from physics_data.core.mechanics import centre_of_mass, centred
from physics_data.core.scene import Body, Box, Compound, Part, PoseKey, Surface, Vector3
from physics_data.core.trajectory import Trajectory
from physics_data.scenarios.parts import WOOD
from physics_data.variation.appearance import SCREEN

WALL = 0.08
"""Thickness of a container's walls, m."""

FRONT = 0.12
"""Height of the wall on the camera's side of a box that one can look into, m."""


def make_screen(name: str, x: float, distance: float, half_width: float, height: float) -> Body:
    """Return a screen that stands on the floor, ``distance`` m on the camera's side of the plane y = 0."""
    return Body(
        name=name,
        noun="screen",
        shape=Box(half_extents=(half_width, 0.04, 0.5 * height)),
        role="occluder",
        is_static=True,
        surface=Surface(friction=0.0, restitution=1.0),
        appearance=SCREEN,
        position=(x, -distance, 0.5 * height),
    )


def open_box(inner: Vector3, name: str, place: Vector3, restitution: float = 1.0) -> Body:
    """Return a wooden box without a lid that stands still; its front wall is low, so that one sees into it.

    Units:
        inner:  half width, half depth and height of the room inside, m
        place:  middle of the floor of that room, m
    """
    x, y, height = inner
    half = 0.5 * WALL
    middle, outer = 0.5 * height - half, 0.5 * height + half
    parts = [
        _block((0.0, 0.0, -half), (x, y, half)),
        _block((-x - half, 0.0, middle), (half, y + WALL, outer)),
        _block((x + half, 0.0, middle), (half, y + WALL, outer)),
        _block((0.0, y + half, middle), (x, half, outer)),
        _block((0.0, -y - half, 0.5 * FRONT - half), (x, half, 0.5 * FRONT + half)),
    ]
    return _still(parts, name, "box", place, restitution)


def cover(inner: Vector3, name: str, place: Vector3, restitution: float = 1.0) -> Body:
    """Return a wooden box without a floor, which hides whatever is under it.

    Units:
        inner:  half width, half depth and height of the room inside, m
        place:  middle of the lower edge, m
    """
    x, y, height = inner
    half = 0.5 * WALL
    parts = [
        _block((0.0, 0.0, height + half), (x + WALL, y + WALL, half)),
        _block((-x - half, 0.0, 0.5 * height), (half, y + WALL, 0.5 * height)),
        _block((x + half, 0.0, 0.5 * height), (half, y + WALL, 0.5 * height)),
        _block((0.0, y + half, 0.5 * height), (x, half, 0.5 * height)),
        _block((0.0, -y - half, 0.5 * height), (x, half, 0.5 * height)),
    ]
    return _still(parts, name, "cover", place, restitution)


def moved(body: Body, ways: Sequence[tuple[float, Vector3]]) -> Body:
    """Return a body that stands still as a scripted one: at each time (s) it is so far (m) from where it stands now."""
    keys = []
    for seconds, way in ways:
        x, y, z = (float(value) for value in np.add(body.position, way))
        keys.append(PoseKey(seconds=seconds, position=(x, y, z), orientation=body.orientation))
    return body.model_copy(update={"is_static": False, "path": tuple(keys)})


def room(body: Body) -> Float[np.ndarray, "2 3"]:
    """Return the lowest and highest corner of the room inside an open box or cover, m, body frame."""
    assert isinstance(body.shape, Compound), f"'{body.name}' is an open box or a cover"
    (plate, plate_half), (left, left_half), (right, right_half), (back, back_half), (front, front_half) = (
        (np.array(part.position), np.array(part.shape.half_extents))
        for part in body.shape.parts
        if isinstance(part.shape, Box)
    )
    has_floor = plate[2] < left[2]
    low = plate[2] + plate_half[2] if has_floor else left[2] - left_half[2]
    high = left[2] + left_half[2] if has_floor else plate[2] - plate_half[2]
    return np.array(
        [
            [left[0] + left_half[0], front[1] + front_half[1], low],
            [right[0] - right_half[0], back[1] - back_half[1], high],
        ]
    )


def way_out(
    trajectory: Trajectory, ball: int, container: int, room_inside: Float[np.ndarray, "2 3"], radius: float
) -> Float[np.ndarray, "t"]:
    """Return how far a ball reaches out of the room of a container that does not turn, m; 0 = it is inside.

    Through its walls or its plate, not through its open side.
    """
    local = trajectory.position[:, ball] - trajectory.position[:, container]
    beyond = np.maximum(room_inside[0] - (local - radius), (local + radius) - room_inside[1])
    return np.maximum(beyond[:, :2].max(axis=1), 0.0)


def _block(middle: Vector3, half_extents: Vector3) -> Part:
    return Part(shape=Box(half_extents=half_extents), position=middle)


def _still(parts: list[Part], name: str, noun: str, place: Vector3, restitution: float) -> Body:
    x, y, z = (float(value) for value in np.add(place, centre_of_mass(Compound(parts=tuple(parts)))))
    return Body(
        name=name,
        noun=noun,
        shape=centred(parts),
        role="ground",
        is_static=True,
        surface=Surface(friction=0.0, restitution=restitution),
        appearance=WOOD,
        position=(x, y, z),
    )
