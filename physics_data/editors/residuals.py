"""How large a violation is, measured on motions: 0 for those that follow the laws."""

import numpy as np
from jaxtyping import Bool, Float

from physics_data.core.mechanics import kinetic_energy, momentum, potential_energy, volume
from physics_data.core.scene import Body, SceneSpec
from physics_data.core.trajectory import Trajectory
from physics_data.editors.editor import World
from physics_data.editors.motions import presence


def jump_residuals(spec: SceneSpec, before: Trajectory, after: Trajectory, frame: int) -> dict[str, float]:
    """Return how far the states of two motions of one scene are apart at a frame, where one would be continued as the
    other: the largest jump of a body's place (m) and velocity (m/s), and those of the summed momentum (kg m/s) and
    energy (J).
    """
    place = np.linalg.norm(after.position[frame] - before.position[frame], axis=-1).max()
    velocity = np.linalg.norm(after.linear_velocity[frame] - before.linear_velocity[frame], axis=-1).max()
    pushed = momentum(spec, after)[frame] - momentum(spec, before)[frame]
    energy = mechanical_energy(spec, after)[frame] - mechanical_energy(spec, before)[frame]
    return {
        "position_jump_m": float(place),
        "velocity_jump_m_per_s": float(velocity),
        "momentum_jump_kg_m_per_s": float(np.linalg.norm(pushed)),
        "energy_jump_J": float(abs(energy)),
    }


def switch_residuals(first: World, second: World, frame: int) -> dict[str, float]:
    """Return what changes when a motion begins in one world and from a frame on goes on in another.

    position_jump_m:        of a body that is in both
    mass_change_kg:         of bodies that are in one alone, or differ in mass, summed
    volume_change_relative: of the bodies that are in both; by how much the larger is larger
    color_change:           distance of the albedos (linear light), the largest
    texture_change:         difference of the contrasts of the two albedos of a pattern, the largest
    shape_change_relative:  difference of length over width
    """
    there = [presence(world.trajectory)[frame] for world in (first, second)]
    found: dict[str, float] = dict.fromkeys(SWITCH_RESIDUALS, 0.0)
    both = zip(first.spec.bodies, second.spec.bodies, strict=True)
    for index, (a, b) in enumerate(both):
        if there[0][index] != there[1][index]:
            found["mass_change_kg"] += (a if there[0][index] else b).mass
        if not (there[0][index] and there[1][index]):
            continue
        jump = second.trajectory.position[frame, index] - first.trajectory.position[frame, index]
        values = {"position_jump_m": float(np.linalg.norm(jump))} | _body_changes(a, b)
        found["mass_change_kg"] += abs(b.mass - a.mass)
        found |= {name: max(found[name], value) for name, value in values.items()}
    return found


SWITCH_RESIDUALS = (
    "position_jump_m",
    "mass_change_kg",
    "volume_change_relative",
    "color_change",
    "texture_change",
    "shape_change_relative",
)


def _body_changes(a: Body, b: Body) -> dict[str, float]:
    if not a.is_instance:
        return {}
    sizes = sorted((volume(a.shape), volume(b.shape)))
    color = np.linalg.norm(np.subtract(a.appearance.albedo, b.appearance.albedo))
    return {
        "volume_change_relative": sizes[1] / sizes[0] - 1.0,
        "color_change": float(color),
        "texture_change": abs(_contrast(a) - _contrast(b)),
        "shape_change_relative": abs(_elongation(a) - _elongation(b)),
    }


def _contrast(body: Body) -> float:
    look = body.appearance
    return 0.0 if look.pattern == "plain" else float(np.linalg.norm(np.subtract(look.albedo, look.second_albedo)))


def _elongation(body: Body) -> float:
    shape = body.shape
    return 1.0 + shape.half_height / shape.radius if shape.kind == "capsule" else 1.0


def mechanical_energy(spec: SceneSpec, trajectory: Trajectory) -> Float[np.ndarray, "t"]:
    """Return kinetic and potential energy of the dynamic bodies, J."""
    return kinetic_energy(spec, trajectory) + potential_energy(spec, trajectory)


def energy_gain(spec: SceneSpec, trajectory: Trajectory) -> float:
    """Return the largest growth of the mechanical energy from a frame to a later one, J."""
    energy = mechanical_energy(spec, trajectory)
    return float((energy - np.minimum.accumulate(energy)).max())


def acceleration_error(
    spec: SceneSpec,
    trajectory: Trajectory,
    body: int,
    frames: Bool[np.ndarray, "t"],
    expected: Float[np.ndarray, "3"],
) -> float:
    """Return how far the mean acceleration over frames in a row is from what it should be, m/s².

    Measured from second differences of the places; NaN without three frames in a row.
    """
    rows = [k for k in range(1, len(frames) - 1) if frames[k - 1] and frames[k] and frames[k + 1]]
    if not rows:
        return float("nan")
    place = trajectory.position[:, body]
    bend = np.mean([place[k - 1] - 2.0 * place[k] + place[k + 1] for k in rows], axis=0)
    return float(np.linalg.norm(bend * spec.frame_rate**2 - expected))
