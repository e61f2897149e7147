"""Distances between the surfaces of bodies, in closed form."""

import numpy as np
from jaxtyping import Float

from physics_data.core.errors import SceneSpecError
from physics_data.core.geometry import rotation_matrix
from physics_data.core.scene import Body, Box, Cylinder, Plane, SceneSpec, Sphere
from physics_data.core.trajectory import Trajectory


def gap(spec: SceneSpec, trajectory: Trajectory, body_a: int, body_b: int) -> Float[np.ndarray, "t"]:
    """Return the distance between the surfaces of two bodies at every frame, m; negative where they overlap.

    Known are a plane with any body, and a sphere with a sphere, box or cylinder.

    Raises:
        SceneSpecError: the distance of these two shapes is not known.
    """
    first, second = spec.bodies[body_a], spec.bodies[body_b]
    if isinstance(second.shape, Plane) or (isinstance(first.shape, Sphere) and not isinstance(second.shape, Sphere)):
        body_a, body_b, first, second = body_b, body_a, second, first
    world_from_a = rotation_matrix(trajectory.orientation[:, body_a])
    offset = trajectory.position[:, body_b] - trajectory.position[:, body_a]
    local = np.einsum("tji,tj->ti", world_from_a, offset)
    if isinstance(first.shape, Plane) and not isinstance(second.shape, Plane):
        down = np.einsum("tji,tj->ti", rotation_matrix(trajectory.orientation[:, body_b]), -world_from_a[:, :, 2])
        return local[:, 2] - _support(second, down)
    if not isinstance(second.shape, Sphere):
        raise SceneSpecError(
            f"the distance of '{first.name}' ({first.shape.kind}) to '{second.name}' ({second.shape.kind}) is not "
            "known in closed form; use a sphere or a plane for one of them."
        )
    radius = second.shape.radius
    match first.shape:
        case Sphere(radius=other):
            return np.linalg.norm(local, axis=1) - other - radius
        case Box(half_extents=half_extents):
            return _box_distance(np.abs(local), np.array(half_extents)) - radius
        case Cylinder(radius=other, half_height=half_height):
            folded = np.stack([np.hypot(local[:, 0], local[:, 1]), np.abs(local[:, 2])], axis=1)
            return _box_distance(folded, np.array([other, half_height])) - radius
        case _:
            raise SceneSpecError(f"two planes ('{first.name}', '{second.name}') have no distance; make one a box.")


def size(body: Body) -> float:
    """Return the smallest extent of a body, m; infinite for a plane."""
    match body.shape:
        case Sphere(radius=radius):
            return 2.0 * radius
        case Box(half_extents=half_extents):
            return 2.0 * min(half_extents)
        case Cylinder(radius=radius, half_height=half_height):
            return 2.0 * min(radius, half_height)
        case _:
            return float("inf")


def _support(body: Body, direction: Float[np.ndarray, "t 3"]) -> Float[np.ndarray, "t"]:
    """Return how far a body reaches from its origin along unit directions of its own frame, m."""
    match body.shape:
        case Sphere(radius=radius):
            return np.full(len(direction), radius)
        case Box(half_extents=half_extents):
            return np.abs(direction) @ np.array(half_extents)
        case Cylinder(radius=radius, half_height=half_height):
            return radius * np.hypot(direction[:, 0], direction[:, 1]) + half_height * np.abs(direction[:, 2])
        case _:
            raise SceneSpecError(f"plane '{body.name}' reaches infinitely far; ask for a sphere, box or cylinder.")


def _box_distance(folded: Float[np.ndarray, "t d"], half_extents: Float[np.ndarray, "d"]) -> Float[np.ndarray, "t"]:
    """Return the signed distance of points in the positive octant to a box around the origin, m."""
    beyond = folded - half_extents
    return np.linalg.norm(np.maximum(beyond, 0.0), axis=1) + np.minimum(beyond.max(axis=1), 0.0)
