"""A slab under every plane, for bodies that touch it in more than one point."""

import numpy as np

from physics_data.core.geometry import rotation_matrix
from physics_data.core.scene import Box, Plane, SceneSpec, Sphere
from physics_data.engines.bullet_bodies import add_body, pybullet

_SLAB = Box(half_extents=(60.0, 60.0, 5.0))


def add_slabs(server: int, spec: SceneSpec, factors: list[tuple[float, float]]) -> dict[int, int]:
    """Let all but balls meet a thick slab in place of a plane; return the plane that each slab's number stands for.

    Bullet finds the points in which a body meets a plane one by one and keeps them for several steps. A box then
    slides askew, by a hundredth of its way, and a capsule that falls flat with e = 1 bounces at 0.92 and spins.
    Those with a box it finds all at once, but for the rim of an upright cylinder. Slabs are 120 m wide.

    Units:
        factors:  friction and restitution of every body of the scene, as for ``add_body``
    """
    flat = [index for index, body in enumerate(spec.bodies) if body.is_dynamic and not isinstance(body.shape, Sphere)]
    planes = [index for index, body in enumerate(spec.bodies) if isinstance(body.shape, Plane)]
    slabs = {}
    for plane in planes if flat else ():
        body = spec.bodies[plane]
        down = -_SLAB.half_extents[2] * rotation_matrix(np.array(body.orientation))[:, 2]
        x, y, z = (float(value) for value in np.add(body.position, down))
        slab = body.model_copy(update={"shape": _SLAB, "position": (x, y, z)})
        number = add_body(server, slab, False, *factors[plane])
        slabs[number] = plane
        for index, other in enumerate(spec.bodies):
            if other.is_dynamic:
                unused = plane if index in flat else number
                pybullet.setCollisionFilterPair(index, unused, -1, -1, 0, physicsClientId=server)
    return slabs
