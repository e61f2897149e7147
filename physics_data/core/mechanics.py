"""Mass properties and mechanical quantities of bodies, from closed forms."""

import itertools

import numpy as np
from jaxtyping import Float

from physics_data.core.errors import SceneSpecError
from physics_data.core.geometry import rotation_matrix
from physics_data.core.scene import Body, Box, Cylinder, SceneSpec, Sphere, Vector3
from physics_data.core.trajectory import Trajectory


def solid_inertia(body: Body) -> Vector3:
    """Return the moments of inertia about the body's own axes, kg m², of a homogeneous solid.

    Raises:
        SceneSpecError: the body is a plane, which has no finite inertia.
    """
    match body.shape:
        case Sphere(radius=radius):
            moment = 0.4 * body.mass * radius * radius
            return (moment, moment, moment)
        case Box(half_extents=(x, y, z)):
            third = body.mass / 3.0
            return (third * (y * y + z * z), third * (x * x + z * z), third * (x * x + y * y))
        case Cylinder(radius=radius, half_height=half):
            across = body.mass * (0.25 * radius * radius + half * half / 3.0)
            return (across, across, 0.5 * body.mass * radius * radius)
        case _:
            raise SceneSpecError(
                f"body '{body.name}' is a {body.shape.kind}, which has no finite inertia; "
                "ask for a sphere, box or cylinder."
            )


def colliding_pairs(spec: SceneSpec) -> list[tuple[int, int]]:
    """Return all pairs (a < b) of positions in ``spec.bodies`` of which one or both can move."""
    pairs = itertools.combinations(range(len(spec.bodies)), 2)
    return [(a, b) for a, b in pairs if spec.bodies[a].is_dynamic or spec.bodies[b].is_dynamic]


def _dynamic(spec: SceneSpec) -> list[int]:
    return [index for index, body in enumerate(spec.bodies) if body.is_dynamic]


def momentum(spec: SceneSpec, trajectory: Trajectory) -> Float[np.ndarray, "t 3"]:
    """Return the summed linear momentum of the dynamic bodies, kg m/s, world frame."""
    moving = _dynamic(spec)
    mass = np.array([spec.bodies[index].mass for index in moving])
    return np.einsum("o,toc->tc", mass, trajectory.linear_velocity[:, moving])


def kinetic_energy(spec: SceneSpec, trajectory: Trajectory) -> Float[np.ndarray, "t"]:
    """Return the summed kinetic energy of the dynamic bodies, J: translation and rotation."""
    moving = _dynamic(spec)
    mass = np.array([spec.bodies[index].mass for index in moving])
    inertia = np.array([solid_inertia(spec.bodies[index]) for index in moving]).reshape(-1, 3)
    world_from_body = rotation_matrix(trajectory.orientation[:, moving])
    spin = np.einsum("toji,toj->toi", world_from_body, trajectory.angular_velocity[:, moving])
    translation = 0.5 * np.einsum("o,toc,toc->t", mass, *[trajectory.linear_velocity[:, moving]] * 2)
    return translation + 0.5 * np.einsum("oc,toc,toc->t", inertia, spin, spin)


def potential_energy(spec: SceneSpec, trajectory: Trajectory) -> Float[np.ndarray, "t"]:
    """Return the summed gravitational energy of the dynamic bodies, J; zero at the world origin."""
    moving = _dynamic(spec)
    mass = np.array([spec.bodies[index].mass for index in moving])
    return -np.einsum("o,toc,c->t", mass, trajectory.position[:, moving], np.array(spec.gravity))
