"""Mass properties and mechanical quantities of bodies, from closed forms."""

import itertools
import math
from collections.abc import Sequence

import numpy as np
from jaxtyping import Float, Int

from physics_data.core.errors import SceneSpecError
from physics_data.core.geometry import rotation_matrix
from physics_data.core.scene import (
    Body,
    Box,
    Capsule,
    Compound,
    Cylinder,
    Ellipsoid,
    Mesh,
    Part,
    Plane,
    SceneSpec,
    Shape,
    Sphere,
    Vector3,
)
from physics_data.core.trajectory import Trajectory


def volume(shape: Shape) -> float:
    """Return the volume of a solid, m³; parts of a compound are added, also where they overlap.

    Raises:
        SceneSpecError: the shape is a plane, or a mesh whose triangles face inwards.
    """
    match shape:
        case Sphere(radius=radius):
            return 4.0 / 3.0 * math.pi * radius**3
        case Box(half_extents=(x, y, z)):
            return 8.0 * x * y * z
        case Cylinder(radius=radius, half_height=half):
            return 2.0 * math.pi * radius**2 * half
        case Capsule(radius=radius, half_height=half):
            return math.pi * radius**2 * (2.0 * half + 4.0 / 3.0 * radius)
        case Ellipsoid(half_axes=(x, y, z)):
            return 4.0 / 3.0 * math.pi * x * y * z
        case Mesh():
            return _mesh_integrals(shape)[0]
        case Compound(parts=parts):
            return sum(volume(part.shape) for part in parts)
        case Plane():
            raise SceneSpecError("a plane has no finite volume; ask for a solid.")


def centre_of_mass(shape: Shape) -> Float[np.ndarray, "3"]:
    """Return the centre of mass of a homogeneous solid, m, body frame."""
    match shape:
        case Mesh():
            return _mesh_integrals(shape)[1]
        case Compound(parts=parts):
            weight = np.array([volume(part.shape) for part in parts])
            return weight @ np.array([part.position for part in parts]) / weight.sum()
        case _:
            return np.zeros(3)


def centred(parts: Sequence[Part]) -> Compound:
    """Return the parts as one solid, moved so that the origin is the centre of mass.

    A body that should lie where its parts were written is placed at ``centre_of_mass(Compound(parts=parts))``.
    """
    offset = centre_of_mass(Compound(parts=tuple(parts)))
    moved = [part.model_copy(update={"position": _vector(part.position - offset)}) for part in parts]
    return Compound(parts=tuple(moved))


def centred_mesh(
    vertices: Float[np.ndarray, "v 3"],
    triangles: Int[np.ndarray, "f 3"],
    hulls: Sequence[Float[np.ndarray, "_ 3"]] = (),
) -> Mesh:
    """Return a closed mesh, and the convex parts that collide in its place, so that the origin is its centre of mass.

    Raises:
        SceneSpecError: its triangles face inwards.
    """
    corners = tuple((int(a), int(b), int(c)) for a, b, c in triangles)
    mesh = Mesh(vertices=tuple(_vector(vertex) for vertex in vertices), triangles=corners)
    centre = centre_of_mass(mesh)
    moved, *parts = (tuple(_vector(corner) for corner in part - centre) for part in (np.asarray(vertices), *hulls))
    return Mesh(vertices=moved, triangles=corners, hulls=tuple(parts))


def solid_inertia(body: Body) -> Vector3:
    """Return the principal moments of inertia about the centre of mass, kg m².

    For a homogeneous sphere, box, cylinder, capsule or ellipsoid those about the body's own axes, in their order; for
    others in rising order, about the axes of ``principal_axes``.

    Raises:
        SceneSpecError: the body is a plane, which has no finite inertia.
    """
    mass = body.mass
    if body.inertia is not None:
        return _vector(np.linalg.eigvalsh(inertia_tensor(body)))
    match body.shape:
        case Sphere(radius=radius):
            moment = 0.4 * mass * radius * radius
            return (moment, moment, moment)
        case Box(half_extents=(x, y, z)):
            third = mass / 3.0
            return (third * (y * y + z * z), third * (x * x + z * z), third * (x * x + y * y))
        case Cylinder(radius=radius, half_height=half):
            across = mass * (0.25 * radius * radius + half * half / 3.0)
            return (across, across, 0.5 * mass * radius * radius)
        case Capsule(radius=radius, half_height=half):
            caps = mass * (4.0 * radius) / (6.0 * half + 4.0 * radius)
            tube = mass - caps
            across = tube * (0.25 * radius**2 + half**2 / 3.0) + caps * (
                0.4 * radius**2 + half**2 + 0.75 * half * radius
            )
            return (across, across, (0.5 * tube + 0.4 * caps) * radius**2)
        case Ellipsoid(half_axes=(x, y, z)):
            fifth = mass / 5.0
            return (fifth * (y * y + z * z), fifth * (x * x + z * z), fifth * (x * x + y * y))
        case Mesh() | Compound():
            return _vector(np.linalg.eigvalsh(inertia_tensor(body)))
        case Plane():
            raise SceneSpecError(f"body '{body.name}' is a plane, which has no finite inertia; ask for a solid.")


def principal_axes(body: Body) -> Float[np.ndarray, "3 3"]:
    """Return the axes of ``solid_inertia`` as the columns of a rotation, body frame.

    Raises:
        SceneSpecError: the body is a plane.
    """
    if body.inertia is None and not isinstance(body.shape, Mesh | Compound | Plane):
        return np.eye(3)
    axes = np.linalg.eigh(inertia_tensor(body))[1]
    axes[:, 2] *= np.sign(np.linalg.det(axes))
    return axes


def inertia_tensor(body: Body) -> Float[np.ndarray, "3 3"]:
    """Return the inertia of a body about its centre of mass, kg m², body frame: stated, or of a homogeneous solid.

    Raises:
        SceneSpecError: the body is a plane, which has no finite inertia.

    Source: Steiner's theorem for the parts of a compound; for a mesh the integrals of second moments over the
    tetrahedra between its triangles and the origin, Tonon (2005), J. Math. Stat. 1.
    """
    if body.inertia is not None:
        xx, yy, zz, xy, xz, yz = body.inertia
        return np.array([[xx, xy, xz], [xy, yy, yz], [xz, yz, zz]])
    match body.shape:
        case Mesh() as mesh:
            size, centre, second = _mesh_integrals(mesh)
            second = body.mass * (second / size - np.outer(centre, centre))
            return np.trace(second) * np.eye(3) - second
        case Compound(parts=parts) as compound:
            density, centre = body.mass / volume(compound), centre_of_mass(compound)
            total = np.zeros((3, 3))
            for part in parts:
                piece = body.model_copy(
                    update={"shape": part.shape, "mass": density * volume(part.shape), "inertia": None}
                )
                turn = rotation_matrix(np.array(part.orientation))
                away = np.array(part.position) - centre
                total += turn @ np.diag(solid_inertia(piece)) @ turn.T
                total += piece.mass * (away @ away * np.eye(3) - np.outer(away, away))
            return total
        case _:
            return np.diag(solid_inertia(body))


def colliding_pairs(spec: SceneSpec) -> list[tuple[int, int]]:
    """Return all pairs (a < b) of positions in ``spec.bodies`` that collide.

    Those are the pairs of which one or both are dynamic, but for two bodies that a joint holds together.
    """
    joined = {frozenset((joint.body, joint.parent)) for joint in spec.joints}
    found = []
    for (a, first), (b, second) in itertools.combinations(enumerate(spec.bodies), 2):
        if (first.is_dynamic or second.is_dynamic) and frozenset((first.name, second.name)) not in joined:
            found.append((a, b))
    return found


def body_momentum(spec: SceneSpec, trajectory: Trajectory) -> Float[np.ndarray, "t o 3"]:
    """Return the linear momentum of every body, kg m/s, world frame; 0 for bodies that forces do not move."""
    return _dynamic_mass(spec)[:, None] * trajectory.linear_velocity


def body_angular_momentum(spec: SceneSpec, trajectory: Trajectory) -> Float[np.ndarray, "t o 3"]:
    """Return the angular momentum of every body about its own centre of mass, kg m²/s, world frame.

    It is 0 for bodies that forces do not move.
    """
    world_from_body = rotation_matrix(trajectory.orientation)
    spin = np.einsum("toji,toj->toi", world_from_body, trajectory.angular_velocity)
    return np.einsum("toij,ojk,tok->toi", world_from_body, _dynamic_inertia(spec), spin)


def body_kinetic_energy(spec: SceneSpec, trajectory: Trajectory) -> Float[np.ndarray, "t o"]:
    """Return the kinetic energy of every body, translation and rotation, J; 0 for bodies that forces do not move."""
    translation = np.einsum("toc,toc->to", body_momentum(spec, trajectory), trajectory.linear_velocity)
    rotation = np.einsum("toc,toc->to", body_angular_momentum(spec, trajectory), trajectory.angular_velocity)
    return 0.5 * (translation + rotation)


def body_potential_energy(spec: SceneSpec, trajectory: Trajectory) -> Float[np.ndarray, "t o"]:
    """Return the gravitational energy of every body, J, zero at the world origin; 0 for bodies that are not dynamic."""
    return -_dynamic_mass(spec) * (trajectory.position @ np.array(spec.gravity))


def momentum(spec: SceneSpec, trajectory: Trajectory) -> Float[np.ndarray, "t 3"]:
    """Return the summed linear momentum of the dynamic bodies, kg m/s, world frame."""
    return body_momentum(spec, trajectory).sum(axis=1)


def kinetic_energy(spec: SceneSpec, trajectory: Trajectory) -> Float[np.ndarray, "t"]:
    """Return the summed kinetic energy of the dynamic bodies, J: translation and rotation."""
    return body_kinetic_energy(spec, trajectory).sum(axis=1)


def potential_energy(spec: SceneSpec, trajectory: Trajectory) -> Float[np.ndarray, "t"]:
    """Return the summed gravitational energy of the dynamic bodies, J; zero at the world origin."""
    return body_potential_energy(spec, trajectory).sum(axis=1)


def _dynamic_mass(spec: SceneSpec) -> Float[np.ndarray, "o"]:
    return np.array([body.mass if body.is_dynamic else 0.0 for body in spec.bodies])


def _dynamic_inertia(spec: SceneSpec) -> Float[np.ndarray, "o 3 3"]:
    return np.array([inertia_tensor(body) if body.is_dynamic else np.zeros((3, 3)) for body in spec.bodies])


def _mesh_integrals(mesh: Mesh) -> tuple[float, Float[np.ndarray, "3"], Float[np.ndarray, "3 3"]]:
    """Return volume (m³), centre (m) and the integral of x xᵀ (m⁵) over the inside of a closed mesh."""
    corners = np.array(mesh.vertices)[np.array(mesh.triangles)]
    spanned = np.linalg.det(corners)
    total, sums = spanned.sum() / 6.0, corners.sum(axis=1)
    if total <= 0:
        raise SceneSpecError(
            f"the mesh encloses {total:.3g} m³; it must be closed, and the corners of a triangle run counter-clockwise "
            "seen from outside: swap two corners of every triangle."
        )
    second = np.einsum("f,fki,fkj->ij", spanned, corners, corners) + np.einsum("f,fi,fj->ij", spanned, sums, sums)
    return float(total), spanned @ sums / (24.0 * total), second / 120.0


def _vector(values: Float[np.ndarray, "3"]) -> Vector3:
    x, y, z = (float(value) for value in values)
    return (x, y, z)


def pair_friction(first: Body, second: Body) -> float:
    """Return the Coulomb coefficient of a pair: the geometric mean of the two."""
    return math.sqrt(first.surface.friction * second.surface.friction)


def pair_restitution(first: Body, second: Body) -> float:
    """Return the restitution of a pair: the smaller of the two."""
    return min(first.surface.restitution, second.surface.restitution)
