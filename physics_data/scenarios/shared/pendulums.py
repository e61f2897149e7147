"""Bodies on joints: balls on rods, bars on pivots, and the closed forms of their swing."""

import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from scipy.special import ellipj, ellipk

from physics_data.core.conventions import STANDARD_GRAVITY
from physics_data.core.mechanics import solid_inertia, volume
from physics_data.core.scene import Appearance, Body, Box, Compound, Cylinder, Hinge, Part, Sphere, Surface, Vector3
from physics_data.core.trajectory import Trajectory
from physics_data.scenarios.shared.parts import DENSITY, about_y, make_fixture

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


_NODES = 64


def pivot_seconds(
    body: Body, ahead: float, above: float, turn: float, rate: float = 0.0, gravity: float = STANDARD_GRAVITY
) -> float:
    """Return the time in which a box turns by ``turn`` about an edge along y that neither slips nor lifts, s.

    From the conservation of energy: I w² / 2 = I w0² / 2 + m g (drop of the centre), I taken about the edge.

    Units:
        ahead, above:  m, the centre of mass at the start, seen from the edge; ahead is the way it turns
        turn:          rad
        rate:          rad/s at the start; without it the centre must be ahead of the edge
        gravity:       m/s²
    """
    about_edge = solid_inertia(body)[1] / body.mass + ahead**2 + above**2
    nodes, weights = np.polynomial.legendre.leggauss(_NODES)
    # With angle = s² the integrand stays finite where the body starts at rest.
    root = 0.5 * math.sqrt(turn) * (nodes + 1.0)
    angle = root**2
    drop = above * (1.0 - np.cos(angle)) + ahead * np.sin(angle)
    speed = np.sqrt(rate**2 + 2.0 * gravity * drop / about_edge)
    return float(0.5 * math.sqrt(turn) * (weights * 2.0 * root / speed).sum())


def seconds_at(values: Float[np.ndarray, "t"], level: float, frame_rate: float) -> float:
    """Return when a rising value first passes a level, s, linearly between frames; NaN if it never does."""
    over = np.flatnonzero(values >= level)
    if not len(over) or over[0] == 0:
        return 0.0 if len(over) else math.nan
    after = int(over[0])
    share = (level - values[after - 1]) / (values[after] - values[after - 1])
    return float(after - 1 + share) / frame_rate


def half_extents(body: Body) -> tuple[float, float, float]:
    """Return the half extents of a box, m."""
    assert isinstance(body.shape, Box), f"body '{body.name}' of this scenario is a box"
    return body.shape.half_extents


def support_margins(
    places: Float[np.ndarray, "n"], half_widths: Float[np.ndarray, "n"], masses: Float[np.ndarray, "n"]
) -> Float[np.ndarray, "n"]:
    """Return for every joint of a stack of boxes how far inside its support what lies above has its centre, m.

    Joint k is the lower face of box k; joint 0 lies on the floor. The stack stands if all margins are positive.
    A negative one falls over the nearer side.

    Units:
        places:       m, of the boxes' middles, lowest box first
        half_widths:  m
    """
    low, high = places - half_widths, places + half_widths
    low[1:], high[1:] = np.maximum(low[1:], low[:-1].copy()), np.minimum(high[1:], high[:-1].copy())
    centres = np.cumsum((masses * places)[::-1])[::-1] / np.cumsum(masses[::-1])[::-1]
    return np.minimum(centres - low, high - centres)
