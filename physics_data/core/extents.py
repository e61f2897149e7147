"""How far shapes and bodies reach: radius, smallest width, axis-aligned bounds."""

import math

import numpy as np
from jaxtyping import Float

from physics_data.core.errors import SceneSpecError
from physics_data.core.geometry import rotation_matrix
from physics_data.core.paths import scripted_poses
from physics_data.core.scene import Body, Box, Capsule, Compound, Cylinder, Ellipsoid, Mesh, Plane, Shape, Sphere

_PATH_SAMPLES = 33


def bounding_radius(shape: Shape) -> float:
    """Return the radius of a sphere around a shape's origin that holds all of it, m; infinite for a plane."""
    match shape:
        case Plane():
            return math.inf
        case Sphere(radius=radius):
            return radius
        case Capsule(radius=radius, half_height=half_height):
            return radius + half_height
        case Cylinder(radius=radius, half_height=half_height):
            return math.hypot(radius, half_height)
        case Box(half_extents=half_extents):
            return math.hypot(*half_extents)
        case Ellipsoid(half_axes=half_axes):
            return max(half_axes)
        case Mesh(vertices=vertices):
            return float(np.linalg.norm(vertices, axis=1).max())
        case Compound(parts=parts):
            return max(math.hypot(*part.position) + bounding_radius(part.shape) for part in parts)


def min_width(shape: Shape) -> float:
    """Return the smallest width of a solid, m; of a compound, of its thinnest part; infinite for a plane."""
    match shape:
        case Plane():
            return math.inf
        case Sphere(radius=radius):
            return 2.0 * radius
        case Box(half_extents=half_extents):
            return 2.0 * min(half_extents)
        case Cylinder(radius=radius, half_height=half):
            return 2.0 * min(radius, half)
        case Capsule(radius=radius):
            return 2.0 * radius
        case Ellipsoid(half_axes=half_axes):
            return 2.0 * min(half_axes)
        case Mesh(vertices=vertices):
            return float(np.ptp(np.array(vertices), axis=0).min())
        case Compound(parts=parts):
            return min(min_width(part.shape) for part in parts)


def shape_box(shape: Shape) -> tuple[Float[np.ndarray, "3"], Float[np.ndarray, "3"]]:
    """Return centre and half extents of the smallest box along the body's axes, m, body frame.

    Raises:
        SceneSpecError: the shape is a plane, which is unbounded.
    """
    low, high = _bounds(shape, np.eye(3))
    return 0.5 * (low + high), 0.5 * (high - low)


def world_bounds(body: Body) -> Float[np.ndarray, "2 3"]:
    """Return the lowest and highest coordinates of a body at the start, m, world frame.

    Raises:
        SceneSpecError: the body is a plane, which has none.
    """
    low, high = _bounds(body.shape, rotation_matrix(np.array(body.orientation)))
    return np.array(body.position) + np.stack([low, high])


def swept_bounds(body: Body) -> Float[np.ndarray, "2 3"]:
    """Return the box around all places of a scripted body; that of the start for any other, m, world frame."""
    if not body.is_scripted:
        return world_bounds(body)
    seconds = np.linspace(body.path[0].seconds, body.path[-1].seconds, _PATH_SAMPLES)
    position, orientation = scripted_poses(body, seconds)
    every = np.array([_bounds(body.shape, turn) for turn in rotation_matrix(orientation)]) + position[:, None]
    return np.stack([every[:, 0].min(axis=0), every[:, 1].max(axis=0)])


def _bounds(
    shape: Shape, world_from_body: Float[np.ndarray, "3 3"]
) -> tuple[Float[np.ndarray, "3"], Float[np.ndarray, "3"]]:
    axis = world_from_body[:, 2]
    match shape:
        case Sphere(radius=radius):
            reach = np.full(3, radius)
        case Box(half_extents=half_extents):
            reach = np.abs(world_from_body) @ np.array(half_extents)
        case Cylinder(radius=radius, half_height=half):
            reach = radius * np.sqrt(np.maximum(1.0 - axis**2, 0.0)) + half * np.abs(axis)
        case Capsule(radius=radius, half_height=half):
            reach = radius + half * np.abs(axis)
        case Ellipsoid(half_axes=half_axes):
            reach = np.linalg.norm(world_from_body * np.array(half_axes), axis=1)
        case Mesh(vertices=vertices):
            corners = np.array(vertices) @ world_from_body.T
            return corners.min(axis=0), corners.max(axis=0)
        case Compound(parts=parts):
            ends = []
            for part in parts:
                low, high = _bounds(part.shape, world_from_body @ rotation_matrix(np.array(part.orientation)))
                ends.append(world_from_body @ np.array(part.position) + np.stack([low, high]))
            every = np.array(ends)
            return every[:, 0].min(axis=0), every[:, 1].max(axis=0)
        case _:
            raise SceneSpecError("a plane is unbounded; ask for the bounds of another body.")
    return -reach, reach
