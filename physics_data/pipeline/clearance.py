"""Distances between the surfaces of bodies: in closed form where there is one, by separating planes elsewhere."""

import itertools
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from physics_data.core.errors import SceneSpecError
from physics_data.core.geometry import bounding_radius, rotation_matrix
from physics_data.core.scene import (
    Body,
    Box,
    Capsule,
    Compound,
    Cylinder,
    Ellipsoid,
    Mesh,
    Plane,
    SceneSpec,
    Shape,
    Sphere,
)
from physics_data.core.trajectory import Trajectory

_DIRECTIONS = 128
"""Normals, spread over the sphere, that are tried for a pair of which one is curved."""

_CLIMBS = 20
"""Rounds of looking for a better normal around the best one."""


def gap(spec: SceneSpec, trajectory: Trajectory, body_a: int, body_b: int) -> Float[np.ndarray, "t"]:
    """Return the distance between the surfaces of two bodies at every frame, m; negative where they overlap.

    Exact for a plane with any body, for a sphere with a sphere, box, cylinder or capsule, and for boxes that
    overlap. For other pairs it is the widest slit between two parallel planes that is found to part them, which is
    never wider than the distance. Meshes count as the convex parts that engines collide, compounds as their parts.

    Raises:
        SceneSpecError: both are planes.
    """
    first, second = (_solids(spec.bodies[body], trajectory, body) for body in (body_a, body_b))
    if isinstance(first[0].shape, Plane) and isinstance(second[0].shape, Plane):
        names = f"'{spec.bodies[body_a].name}', '{spec.bodies[body_b].name}'"
        raise SceneSpecError(f"two planes ({names}) have no distance; make one a box.")
    return np.min([_solid_gap(a, b) for a, b in itertools.product(first, second)], axis=0)


@dataclass(frozen=True)
class _Solid:
    """A shape on its way: position [t 3], m, and world_from_solid rotation [t 3 3]."""

    shape: Shape
    position: Float[np.ndarray, "t 3"]
    turn: Float[np.ndarray, "t 3 3"]


def _solids(body: Body, trajectory: Trajectory, index: int) -> list[_Solid]:
    position, turn = trajectory.position[:, index], rotation_matrix(trajectory.orientation[:, index])
    if isinstance(body.shape, Mesh) and body.shape.hulls:
        hulls = (Mesh.model_construct(kind="mesh", vertices=hull, triangles=()) for hull in body.shape.hulls)
        return [_Solid(hull, position, turn) for hull in hulls]
    if not isinstance(body.shape, Compound):
        return [_Solid(body.shape, position, turn)]
    return [
        _Solid(part.shape, position + turn @ part.position, turn @ rotation_matrix(np.array(part.orientation)))
        for part in body.shape.parts
    ]


def _solid_gap(a: _Solid, b: _Solid) -> Float[np.ndarray, "t"]:
    if isinstance(b.shape, Plane) or (isinstance(b.shape, Sphere) and not isinstance(a.shape, Plane)):
        a, b = b, a
    local = np.einsum("tji,tj->ti", b.turn, a.position - b.position)
    if isinstance(a.shape, Plane):
        up = a.turn[:, :, 2]
        height = np.einsum("tc,tc->t", b.position - a.position, up)
        return height - _support(b.shape, np.einsum("tji,tj->ti", b.turn, -up))
    if isinstance(a.shape, Sphere):
        match b.shape:
            case Sphere(radius=radius):
                return np.linalg.norm(local, axis=1) - radius - a.shape.radius
            case Box(half_extents=half_extents):
                return _box_distance(np.abs(local), np.array(half_extents)) - a.shape.radius
            case Cylinder(radius=radius, half_height=half_height):
                folded = np.stack([np.hypot(local[:, 0], local[:, 1]), np.abs(local[:, 2])], axis=1)
                return _box_distance(folded, np.array([radius, half_height])) - a.shape.radius
            case Capsule(radius=radius, half_height=half_height):
                local[:, 2] -= np.clip(local[:, 2], -half_height, half_height)
                return np.linalg.norm(local, axis=1) - radius - a.shape.radius
            case _:
                pass
    return _widest_slit(a, b)


def _widest_slit(a: _Solid, b: _Solid) -> Float[np.ndarray, "t"]:
    """Return the largest distance found between two parallel planes with one solid behind each; negative: overlap.

    Source: for boxes the 15 axes of Gottschalk, Lin & Manocha (1996), SIGGRAPH, "OBBTree".
    """
    between = b.position - a.position
    distance = np.linalg.norm(between, axis=1)
    found = distance - bounding_radius(a.shape) - bounding_radius(b.shape)
    near = np.flatnonzero(found < 0)
    if not len(near):
        return found
    near_a, near_b = (_Solid(solid.shape, solid.position[near], solid.turn[near]) for solid in (a, b))
    between = between[near]

    def slit(normal: Float[np.ndarray, "t n 3"]) -> Float[np.ndarray, "t n"]:
        wide = np.einsum("tnc,tc->tn", normal, between)
        for solid, sign in ((near_a, 1.0), (near_b, -1.0)):
            wide = wide - _support(solid.shape, sign * (normal @ solid.turn))
        return wide

    axes = [np.swapaxes(near_a.turn, 1, 2), np.swapaxes(near_b.turn, 1, 2)]
    axes.append(np.cross(axes[0][:, :, None], axes[1][:, None]).reshape(len(near), 9, 3))
    axes.append(between[:, None])
    is_curved = not (isinstance(a.shape, Box) and isinstance(b.shape, Box))
    if is_curved:
        axes.append(np.broadcast_to(_spread(_DIRECTIONS), (len(near), _DIRECTIONS, 3)))
    normal = np.concatenate(axes, axis=1)
    length = np.linalg.norm(normal, axis=-1, keepdims=True)
    # Parallel edges span no axis; the upright one stands in for it.
    normal = np.where(length > 1e-9, normal / np.maximum(length, 1e-9), (0.0, 0.0, 1.0))
    normal = np.concatenate([normal, -normal], axis=1)
    wide = slit(normal)
    rows, best = np.arange(len(near)), wide.argmax(axis=1)
    widest, at = wide[rows, best], normal[rows, best]
    edges = np.concatenate(axes[:2], axis=1)
    stride = 0.15
    for _ in range(_CLIMBS if is_curved else 0):
        around = _nearby(at, edges, stride)
        wide = slit(around)
        best = wide.argmax(axis=1)
        better = wide[rows, best] > widest
        widest = np.where(better, wide[rows, best], widest)
        at = np.where(better[:, None], around[rows, best], at)
        stride *= 0.7
    found[near] = widest
    return found


def _nearby(
    normal: Float[np.ndarray, "t 3"], edges: Float[np.ndarray, "t 6 3"], stride: float
) -> Float[np.ndarray, "t n 3"]:
    """Return unit normals near a given one: around it, turned about the solids' axes, and at right angles to them.

    The slit of a solid with flat faces has ridges where the normal is at right angles to an axis, as between the
    walls of two upright cylinders. Steps in all directions fall off a ridge; those about and across the axes follow it.
    """
    at = normal[:, None]
    along = np.einsum("tnc,tc->tn", edges, normal)[..., None] * edges
    aside = np.cross(edges, at)
    turned = [np.cos(stride) * (at - along) + along + sign * np.sin(stride) * aside for sign in (1.0, -1.0)]
    found = np.concatenate([at + stride * _spread(16), *turned, at - along], axis=1)
    length = np.linalg.norm(found, axis=-1, keepdims=True)
    return np.where(length > 1e-9, found / np.maximum(length, 1e-9), at)


def _spread(count: int) -> Float[np.ndarray, "n 3"]:
    """Return directions spread evenly over the sphere: a spiral with the golden angle."""
    place = np.arange(count) + 0.5
    height, around = 1.0 - 2.0 * place / count, np.pi * (1.0 + np.sqrt(5.0)) * place
    across = np.sqrt(1.0 - height**2)
    return np.stack([across * np.cos(around), across * np.sin(around), height], axis=1)


def _support(shape: Shape, direction: Float[np.ndarray, "*n 3"]) -> Float[np.ndarray, "*n"]:
    """Return how far a shape reaches from its origin along unit directions of its own frame, m."""
    match shape:
        case Sphere(radius=radius):
            return np.full(direction.shape[:-1], radius)
        case Box(half_extents=half_extents):
            return np.abs(direction) @ np.array(half_extents)
        case Cylinder(radius=radius, half_height=half_height):
            return radius * np.hypot(direction[..., 0], direction[..., 1]) + half_height * np.abs(direction[..., 2])
        case Capsule(radius=radius, half_height=half_height):
            return radius + half_height * np.abs(direction[..., 2])
        case Ellipsoid(half_axes=half_axes):
            return np.linalg.norm(direction * np.array(half_axes), axis=-1)
        case Mesh(vertices=vertices):
            return (direction @ np.array(vertices).T).max(axis=-1)
        case _:
            raise SceneSpecError(f"a {shape.kind} has no reach of its own; ask for its parts, or for a solid.")


def _box_distance(folded: Float[np.ndarray, "t d"], half_extents: Float[np.ndarray, "d"]) -> Float[np.ndarray, "t"]:
    """Return the signed distance of points in the positive octant to a box around the origin, m."""
    beyond = folded - half_extents
    return np.linalg.norm(np.maximum(beyond, 0.0), axis=1) + np.minimum(beyond.max(axis=1), 0.0)
