"""Solids that turn about an edge they stand on: when they get where, and which stacks of boxes stay."""

import math

import numpy as np
from jaxtyping import Float

from physics_data.core.conventions import STANDARD_GRAVITY
from physics_data.core.mechanics import solid_inertia
from physics_data.core.scene import Body, Box

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
