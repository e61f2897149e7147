"""The limits a simulated clip must keep to be stored."""

import math

import numpy as np

from physics_data.core.clip import Rendering
from physics_data.core.errors import ClipRejectedError
from physics_data.core.mechanics import colliding_pairs, kinetic_energy, potential_energy
from physics_data.core.scene import SceneSpec
from physics_data.core.trajectory import Trajectory
from physics_data.pipeline.clearance import gap, size
from physics_data.scenarios.base import Scenario

MAX_PENETRATION = 0.02
"""Overlap of two bodies at a frame, relative to the smaller one's size."""

MAX_ENERGY_GROWTH = 0.01
"""Growth of mechanical energy between any two frames, relative to the energy that the clip turns over."""


def check_quality(
    scenario: Scenario, spec: SceneSpec, trajectory: Trajectory, rendering: Rendering
) -> dict[str, float]:
    """Return all residuals of a clip that may be stored: those of its law, penetration and energy growth.

    Raises:
        ClipRejectedError: a residual is not a number or over its limit, or an object is not seen in the first frame.
    """
    limits = scenario.tolerances | {
        "penetration_relative": MAX_PENETRATION,
        "energy_growth_relative": MAX_ENERGY_GROWTH,
    }
    residuals = scenario.residuals(spec, trajectory) | {
        "penetration_relative": penetration(spec, trajectory),
        "energy_growth_relative": energy_growth(spec, trajectory),
    }
    for name, value in residuals.items():
        if math.isnan(value):
            raise ClipRejectedError(
                f"{_what(spec)}: {name} cannot be measured in {spec.num_frames} frames at {spec.frame_rate:g} Hz; "
                "draw again, or make the clip longer."
            )
        if value > limits[name]:
            raise ClipRejectedError(
                f"{_what(spec)}: {name} is {value:.3g}, the limit is {limits[name]:.3g}; draw again."
            )
    _check_seen(spec, rendering)
    return residuals


def penetration(spec: SceneSpec, trajectory: Trajectory) -> float:
    """Return the deepest overlap of two bodies at any frame, relative to the smaller one's size; 0 without overlap."""
    deepest = 0.0
    for a, b in colliding_pairs(spec):
        depth = -float(gap(spec, trajectory, a, b).min())
        deepest = max(deepest, depth / min(size(spec.bodies[a]), size(spec.bodies[b])))
    return deepest


def energy_growth(spec: SceneSpec, trajectory: Trajectory) -> float:
    """Return the largest growth of mechanical energy from a frame to a later one; nothing here may add any.

    Relative to the largest kinetic energy plus the range of the potential energy; 0 where nothing moves.
    """
    kinetic, potential = kinetic_energy(spec, trajectory), potential_energy(spec, trajectory)
    total = kinetic + potential
    turnover = float(kinetic.max() + np.ptp(potential))
    growth = float((total - np.minimum.accumulate(total)).max())
    return growth / turnover if turnover > 0 else 0.0


def _check_seen(spec: SceneSpec, rendering: Rendering) -> None:
    seen = rendering.visible_fraction()[0]
    for body, fraction in zip(spec.instances, seen, strict=True):
        if body.role == "object" and fraction == 0:
            raise ClipRejectedError(
                f"{_what(spec)}: no pixel of object '{body.name}' is visible in the first frame, one is needed; "
                "draw again, or move the camera."
            )


def _what(spec: SceneSpec) -> str:
    return f"scene {spec.index} of '{spec.scenario}'"
