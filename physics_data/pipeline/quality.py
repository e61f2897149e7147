"""The limits a simulated clip must keep to be stored."""

import math

import numpy as np
from jaxtyping import Bool, Float

from physics_data.core.clip import Rendering
from physics_data.core.errors import ClipRejectedError
from physics_data.core.geometry import bounding_radius, min_width
from physics_data.core.mechanics import colliding_pairs, kinetic_energy, potential_energy
from physics_data.core.scene import SceneSpec
from physics_data.core.trajectory import Trajectory
from physics_data.pipeline.clearance import gap
from physics_data.scenarios.shared.scenario import Scenario

MAX_PENETRATION = 0.02
"""Overlap of two bodies at a frame, relative to the smaller one's size."""

MAX_ENERGY_GROWTH = 0.01
"""Growth of mechanical energy between any two frames, relative to the energy that the clip turns over."""

MIN_MOVEMENT = 1e-3
"""Something must move by more than this, m; or turn by more than this, rad."""

_LEAST_LIFT = 0.01
"""Share of its size by which a body's lift is the least energy that a clip is said to turn over: in one in which
all stand still, it would be that of rounding."""


def check_quality(
    scenario: Scenario, spec: SceneSpec, trajectory: Trajectory, rendering: Rendering
) -> dict[str, float]:
    """Return all residuals of a clip that may be stored: those of its law, penetration and energy growth.

    Where a scenario's clips are meant to have something that is rejected here, it says so in a class variable
    ``waives``, a frozenset: "not_visible" lets objects be out of sight in the first frame, as long as each is seen in
    some frame, and "nothing_moves" lets everything stand still.

    Raises:
        ClipRejectedError: a state is not finite, a residual is not a number or over its limit, an object is not
            seen, or nothing moves. Its ``reason`` is "not_finite", the residual's name, "not_visible" or
            "nothing_moves".
    """
    _check_finite(spec, trajectory)
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
                "draw again, or make the clip longer.",
                reason=name,
            )
        if value > limits[name]:
            raise ClipRejectedError(
                f"{_what(spec)}: {name} is {value:.3g}, the limit is {limits[name]:.3g}; draw again.", reason=name
            )
    waived = getattr(scenario, "waives", frozenset[str]())
    _check_seen(spec, rendering, "not_visible" in waived)
    if "nothing_moves" not in waived:
        _check_moves(spec, trajectory)
    return residuals


def penetration(spec: SceneSpec, trajectory: Trajectory) -> float:
    """Return the deepest overlap of two bodies at any frame, relative to the smaller one's size; 0 without overlap."""
    deepest = 0.0
    pairs = np.array(colliding_pairs(spec), dtype=np.int64).reshape(-1, 2)
    away = np.linalg.norm(trajectory.position[:, pairs[:, 0]] - trajectory.position[:, pairs[:, 1]], axis=-1)
    within = np.array([bounding_radius(body.shape) for body in spec.bodies])
    near = away.min(axis=0) < within[pairs].sum(axis=1)
    for a, b in pairs[near].tolist():
        depth = -float(gap(spec, trajectory, a, b).min())
        deepest = max(deepest, depth / min(min_width(spec.bodies[a].shape), min_width(spec.bodies[b].shape)))
    return deepest


def energy_growth(spec: SceneSpec, trajectory: Trajectory) -> float:
    """Return the largest growth of mechanical energy from a frame to a later one, of what nothing can have added.

    A frame interval in which a scripted body or a belt touches a dynamic one may change the energy by any amount;
    its change is left out. Relative to the largest kinetic energy plus the range of the potential energy, or to
    the energy that lifts each body by a hundredth of its size, where that is more; 0 where nothing moves.
    """
    kinetic, potential = kinetic_energy(spec, trajectory), potential_energy(spec, trajectory)
    change = np.diff(kinetic + potential)
    change[_driven_intervals(spec, trajectory)] = 0.0
    total = np.concatenate([[0.0], np.cumsum(change)])
    lift = sum(body.mass * min_width(body.shape) for body in spec.bodies if body.is_dynamic)
    least = _LEAST_LIFT * lift * float(np.linalg.norm(spec.gravity))
    turnover = max(float(kinetic.max() + np.ptp(potential)), least)
    growth = float((total - np.minimum.accumulate(total)).max())
    return growth / turnover if turnover > 0 else 0.0


def _driven_intervals(spec: SceneSpec, trajectory: Trajectory) -> Bool[np.ndarray, "_"]:
    """Return the frame intervals in which a body that can do work from outside touches another."""
    driven = np.array([body.is_scripted or any(body.surface.belt_velocity) for body in spec.bodies])
    contacts = trajectory.contacts
    found = np.zeros(spec.num_frames - 1, dtype=bool)
    found[contacts.frame_index[driven[contacts.body_a] | driven[contacts.body_b]] - 1] = True
    return found


def _check_finite(spec: SceneSpec, trajectory: Trajectory) -> None:
    for name in ("position", "orientation", "linear_velocity", "angular_velocity"):
        bad = ~np.isfinite(getattr(trajectory, name)).all(axis=(0, 2))
        if bad.any():
            body = spec.bodies[int(np.argmax(bad))].name
            raise ClipRejectedError(
                f"{_what(spec)}: {name} of '{body}' is not finite; draw again, or raise physics_rate.",
                reason="not_finite",
            )


def _check_seen(spec: SceneSpec, rendering: Rendering, may_be_hidden: bool) -> None:
    seen = rendering.visible_fraction()
    seen, when = (seen.max(axis=0), "any frame") if may_be_hidden else (seen[0], "the first frame")
    for body, fraction in zip(spec.instances, seen, strict=True):
        if body.role == "object" and fraction == 0:
            raise ClipRejectedError(
                f"{_what(spec)}: no pixel of object '{body.name}' is visible in {when}, one is needed; "
                "draw again, or move the camera.",
                reason="not_visible",
            )


def _check_moves(spec: SceneSpec, trajectory: Trajectory) -> None:
    if spec.camera.is_moving or spec.num_frames == 1:
        return
    moved = np.linalg.norm(trajectory.position - trajectory.position[:1], axis=-1).max(initial=0.0)
    turned = _turn(trajectory.orientation).max(initial=0.0)
    if max(moved, turned) <= MIN_MOVEMENT:
        raise ClipRejectedError(
            f"{_what(spec)}: no body moves by more than {moved:.2g} m or turns by more than {turned:.2g} rad, and the "
            f"camera stands still; {MIN_MOVEMENT:g} is needed of one of them: draw again.",
            reason="nothing_moves",
        )


def _turn(orientation: Float[np.ndarray, "t o 4"]) -> Float[np.ndarray, "t o"]:
    """Return the angles between the orientations of every frame and those of the first, rad."""
    alignment = np.abs(np.einsum("toc,oc->to", orientation, orientation[0]))
    return 2.0 * np.arccos(np.clip(alignment, 0.0, 1.0))


def _what(spec: SceneSpec) -> str:
    return f"scene {spec.index} of '{spec.scenario}'"
