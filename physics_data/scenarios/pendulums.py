"""Balls on rods: the bodies of the pendulum scenes and the closed form of their swing."""

import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from scipy.special import ellipj, ellipk

from physics_data.core.conventions import STANDARD_GRAVITY
from physics_data.core.mechanics import volume
from physics_data.core.scene import (
    Appearance,
    Body,
    Box,
    Compound,
    Cylinder,
    Hinge,
    Part,
    Sphere,
    Surface,
    Vector3,
)
from physics_data.core.trajectory import Trajectory
from physics_data.scenarios.parts import DENSITY, about_y, make_fixture

ROD_RADIUS = 0.035
"""Radius of a pendulum's rod, m."""

BEAM_TOP = 4.2
"""Height over the floor at which beams end, above the default picture, m."""


@dataclass(frozen=True)
class Bob:
    """A ball on a rod: reach is the distance from the pivot to the ball's centre. All in m.

    The rod ends where the ball begins, so that volumes add up.
    """

    reach: float
    radius: float

    @classmethod
    def of(cls, body: Body) -> "Bob":
        """Return the measures of a body from ``body``."""
        assert isinstance(body.shape, Compound), f"body '{body.name}' is a ball on a rod"
        rod, ball = (part.shape for part in body.shape.parts)
        assert isinstance(rod, Cylinder) and isinstance(ball, Sphere), f"body '{body.name}' is a ball on a rod"
        return cls(2.0 * rod.half_height + ball.radius, ball.radius)

    @property
    def _rod(self) -> Cylinder:
        return Cylinder(radius=ROD_RADIUS, half_height=0.5 * (self.reach - self.radius))

    @property
    def _masses(self) -> tuple[float, float]:
        return DENSITY * volume(self._rod), DENSITY * volume(Sphere(radius=self.radius))

    @property
    def mass(self) -> float:
        """Mass of rod and ball, kg."""
        return sum(self._masses)

    @property
    def centre(self) -> float:
        """Distance from the pivot to the centre of mass, m."""
        rod, ball = self._masses
        return (rod * self._rod.half_height + ball * self.reach) / (rod + ball)

    @property
    def inertia(self) -> float:
        """Moment of inertia about an axis through the pivot, across the rod, kg m²."""
        rod, ball = self._masses
        half = self._rod.half_height
        return rod * (4.0 / 3.0 * half**2 + 0.25 * ROD_RADIUS**2) + ball * (self.reach**2 + 0.4 * self.radius**2)

    @property
    def rate(self) -> float:
        """Angular frequency of small swings, rad/s."""
        return math.sqrt(self.mass * STANDARD_GRAVITY * self.centre / self.inertia)

    def body(
        self, name: str, noun: str, appearance: Appearance, pivot: Vector3, angle: float, surface: Surface
    ) -> Body:
        """Hang it at rest in a pivot (m), turned by an angle (rad) about y: positive to the left."""
        half = self._rod.half_height
        shape = Compound(
            parts=(
                Part(shape=self._rod, position=(0.0, 0.0, self.centre - half)),
                Part(shape=Sphere(radius=self.radius), position=(0.0, 0.0, self.centre - self.reach)),
            )
        )
        return Body(
            name=name,
            noun=noun,
            shape=shape,
            mass=self.mass,
            surface=surface,
            appearance=appearance,
            position=(
                pivot[0] - self.centre * math.sin(angle),
                pivot[1],
                pivot[2] - self.centre * math.cos(angle),
            ),
            orientation=about_y(angle),
        )

    def period(self, amplitude: float) -> float:
        """Return the period of a swing from rest at an angle (rad), s."""
        return 4.0 * float(ellipk(math.sin(0.5 * amplitude) ** 2)) / self.rate

    def swing(self, amplitude: float, seconds: Float[np.ndarray, "t"]) -> Float[np.ndarray, "t"]:
        """Return the angles (rad) at some times (s) after it is let go at rest.

        Source: Whittaker (1904), A Treatise on the Analytical Dynamics, section 44: sin(angle / 2) = k cd(w t, k).
        """
        k = math.sin(0.5 * amplitude)
        _, cn, dn, _ = ellipj(self.rate * np.asarray(seconds), k * k)
        return 2.0 * np.arcsin(k * cn / dn)

    def speed_below(self, amplitude: float) -> float:
        """Return the speed of the ball's centre at the lowest point of a swing from rest at an angle (rad), m/s."""
        return 2.0 * self.rate * math.sin(0.5 * abs(amplitude)) * self.reach


def hinge_across(body: Body, pivot: Vector3) -> Hinge:
    """Let a body swing about y, the line of sight, in a pivot that stands still."""
    return Hinge(body=body.name, anchor=pivot, axis=(0.0, 1.0, 0.0))


def angle_of(trajectory: Trajectory, body: int) -> Float[np.ndarray, "t"]:
    """Return the angle of a body that turns about y, rad, without jumps; at first in [-pi, pi]."""
    w, y = trajectory.orientation[:, body, 0], trajectory.orientation[:, body, 2]
    angle = np.unwrap(2.0 * np.arctan2(y, w))
    return angle - 2.0 * math.pi * round(angle[0] / (2.0 * math.pi))


def start_angle(body: Body) -> float:
    """Return the angle about y at which a body starts, rad in (-pi, pi]."""
    w, _, y, _ = body.orientation
    return math.remainder(2.0 * math.atan2(y, w), 2.0 * math.pi)


def make_beam(pivot: Vector3, half_length: float = 0.12) -> Body:
    """Return a beam that comes down from above the picture and ends just over a pivot."""
    half_height = 0.5 * (BEAM_TOP - pivot[2])
    return make_fixture(
        "beam",
        "beam",
        Box(half_extents=(half_length, 0.12, half_height)),
        position=(pivot[0], pivot[1], pivot[2] + 0.05 + half_height),
    )
