"""Solids that scenes are built of: blocks, rollers, ramps, fixtures and containers. Masses follow from sizes."""

import math
from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

from physics_data.core.mechanics import centre_of_mass, centred, volume
from physics_data.core.scene import Appearance, Body, Box, Compound, Part, PoseKey, Quaternion, Shape, Surface, Vector3
from physics_data.core.trajectory import Trajectory
from physics_data.scenarios.shared.scenario import BALL_DENSITY
from physics_data.variation.colors import SCREEN

DENSITY = 0.75 * BALL_DENSITY / math.pi
"""Density of all dynamic solids, kg/m³: that of ``base.make_ball``."""

LYING: Quaternion = (math.sqrt(0.5), math.sqrt(0.5), 0.0, 0.0)
"""Turns the axis of a cylinder or capsule along the line of sight, so that it rolls across the picture."""

WOOD = Appearance(color_name="brown", albedo=(0.24, 0.12, 0.05), specular=0.03)
"""The look of ramps, ledges, planks and stands."""


def make_solid(
    name: str,
    noun: str,
    shape: Shape,
    appearance: Appearance,
    *,
    friction: float = 0.0,
    restitution: float = 0.0,
    position: Vector3,
    orientation: Quaternion = (1.0, 0.0, 0.0, 0.0),
    linear_velocity: Vector3 = (0.0, 0.0, 0.0),
    angular_velocity: Vector3 = (0.0, 0.0, 0.0),
) -> Body:
    """Return a dynamic solid whose mass follows from its size."""
    return Body(
        name=name,
        noun=noun,
        shape=shape,
        mass=DENSITY * volume(shape),
        surface=Surface(friction=friction, restitution=restitution),
        appearance=appearance,
        position=position,
        orientation=orientation,
        linear_velocity=linear_velocity,
        angular_velocity=angular_velocity,
    )


def make_fixture(
    name: str,
    noun: str,
    shape: Shape,
    *,
    friction: float = 0.0,
    restitution: float = 0.0,
    position: Vector3,
    orientation: Quaternion = (1.0, 0.0, 0.0, 0.0),
    appearance: Appearance = WOOD,
) -> Body:
    """Return a solid that stands still and carries others."""
    return Body(
        name=name,
        noun=noun,
        shape=shape,
        role="ground",
        is_static=True,
        surface=Surface(friction=friction, restitution=restitution),
        appearance=appearance,
        position=position,
        orientation=orientation,
    )


def about_y(angle: float) -> Quaternion:
    """Return the turn by an angle (rad) about the world's y axis; positive lowers what points along +x."""
    return (math.cos(0.5 * angle), 0.0, math.sin(0.5 * angle), 0.0)


def turned(first: Quaternion, then: Quaternion) -> Quaternion:
    """Return the rotation that makes two turns about world axes, one after the other."""
    w, *v = then
    p, *q = first
    real = w * p - float(np.dot(v, q))
    x, y, z = (float(c) for c in w * np.array(q) + p * np.array(v) + np.cross(v, q))
    return (real, x, y, z)


def patterned(appearance: Appearance, scale: float) -> Appearance:
    """Give a body a two-tone pattern of its own colour, so that its turning can be seen.

    Units:
        scale:  length of a period, m; a ball with a scale of twice its diameter is cut into eight fields
    """
    tone = np.array(appearance.albedo)
    second = 0.3 * tone if tone @ (0.21, 0.72, 0.07) > 0.25 else 0.5 * tone + 0.4
    red, green, blue = (float(value) for value in second)
    return appearance.model_copy(
        update={"pattern": "checker", "pattern_scale": scale, "second_albedo": (red, green, blue)}
    )


class Slope:
    """A straight way down towards +x or -x in the plane y = 0, and the thick slab whose upper face it is.

    angle in rad; side +1 = it descends to the right; middle = the face's centre, m.
    """

    def __init__(self, angle: float, side: float, middle: Vector3, length: float) -> None:
        self.angle, self.side, self.length = angle, side, length
        self.orientation = about_y(side * angle)
        self.down: Vector3 = (side * math.cos(angle), 0.0, -math.sin(angle))
        self.normal: Vector3 = (side * math.sin(angle), 0.0, math.cos(angle))
        self._middle = np.array(middle)

    @classmethod
    def of(cls, ramp: Body) -> "Slope":
        """Return the slope that a ramp from ``slab`` offers."""
        assert isinstance(ramp.shape, Box), f"ramp '{ramp.name}' is a slab"
        w, _, y, _ = ramp.orientation
        turn, (half_length, _, half_thickness) = 2.0 * math.atan2(y, w), ramp.shape.half_extents
        centre = cls(abs(turn), math.copysign(1.0, turn), ramp.position, 2.0 * half_length)
        return cls(centre.angle, centre.side, centre.point(0.0, half_thickness), centre.length)

    def point(self, along: float, above: float) -> Vector3:
        """Return the point ``along`` m down the slope from its middle and ``above`` m off its face."""
        x, y, z = (float(c) for c in self._middle + along * np.array(self.down) + above * np.array(self.normal))
        return (x, y, z)

    def slab(self, half_width: float, friction: float, restitution: float = 0.0) -> Body:
        """Return the ramp: a slab so thick that its underside lies below the floor."""
        half_thickness = 0.5 * self.length * math.sin(self.angle) + 0.05
        return make_fixture(
            "ramp",
            "ramp",
            Box(half_extents=(0.5 * self.length, half_width, half_thickness)),
            friction=friction,
            restitution=restitution,
            position=self.point(0.0, -half_thickness),
            orientation=self.orientation,
        )


def slope_across(angle: float, side: float) -> Slope:
    """Return a slope (angle in rad) that crosses the default picture and ends on the floor."""
    length = 3.3 / math.cos(angle)
    return Slope(angle, side, (-side * 0.05, 0.0, 0.5 * length * math.sin(angle)), length)


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
