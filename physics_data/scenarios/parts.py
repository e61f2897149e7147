"""Solids that scenes are built of: blocks, rollers, ramps and fixtures, with masses that follow from their sizes."""

import math

import numpy as np

from physics_data.core.mechanics import volume
from physics_data.core.scene import Appearance, Body, Box, Quaternion, Shape, Surface, Vector3
from physics_data.scenarios.base import BALL_DENSITY

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
