"""Joints and floors in Bullet: points of two bodies held together, and a slab under every plane."""

import numpy as np
from scipy.spatial.transform import Rotation

from physics_data.core.errors import EngineError
from physics_data.core.geometry import rotation_matrix
from physics_data.core.scene import AxisJoint, Body, Box, Hinge, Plane, SceneSpec, Slide, Sphere
from physics_data.engines.bullet_bodies import add_body, body_from_principal, pybullet

_HINGE_REACH = 0.5
"""Distance of a hinge's two points from its anchor, m."""

JOINT_PARAMETERS = {"erp": 0.8}
"""The share of a joint's error in position that one step removes. A pendulum of 1 m loses 5e-5 of its energy in 4 s
with it, 2e-4 with Bullet's default."""


def check_joint_kinds(spec: SceneSpec) -> None:
    """Refuse the joints that Bullet's points of two bodies cannot make.

    Raises:
        EngineError: a slide, a spring or a damper.
    """
    for joint in spec.joints:
        if isinstance(joint, Slide) or (isinstance(joint, AxisJoint) and (joint.stiffness or joint.damping)):
            what = "slides" if isinstance(joint, Slide) else "has a spring or a damper"
            raise EngineError(
                f"the joint of '{joint.body}' {what}, which engine 'bullet' cannot do here; use 'mujoco'."
            )


def add_joints(server: int, spec: SceneSpec) -> None:
    """Add the joints of a scene to a server that holds its bodies, numbered as in the scene."""
    if not spec.joints:
        return
    pybullet.setPhysicsEngineParameter(**JOINT_PARAMETERS, physicsClientId=server)
    world: int | None = None
    for joint in spec.joints:
        body = spec.body_index(joint.body)
        points = [np.array(joint.anchor)]
        if isinstance(joint, Hinge):
            along = _HINGE_REACH * np.array(joint.axis) / np.linalg.norm(joint.axis)
            points = [points[0] + along, points[0] - along]
        if joint.parent is None:
            world = _add_world(server) if world is None else world
            parent, local = world, points
        else:
            parent = spec.body_index(joint.parent)
            local = [_in_body(spec.bodies[parent], point) for point in points]
            pybullet.setCollisionFilterPair(body, parent, -1, -1, 0, physicsClientId=server)
        for point, other in zip(points, local, strict=True):
            pybullet.createConstraint(
                body,
                -1,
                parent,
                -1,
                pybullet.JOINT_POINT2POINT,
                (0.0, 0.0, 0.0),
                _in_body(spec.bodies[body], point).tolist(),
                other.tolist(),
                physicsClientId=server,
            )


def _add_world(server: int) -> int:
    """Add a body at the origin that touches nothing: Bullet holds bodies to bodies only."""
    shape = pybullet.createCollisionShape(pybullet.GEOM_SPHERE, radius=0.1, physicsClientId=server)
    number = pybullet.createMultiBody(
        baseMass=0.0, baseCollisionShapeIndex=shape, useMaximalCoordinates=True, physicsClientId=server
    )
    pybullet.setCollisionFilterGroupMask(number, -1, 0, 0, physicsClientId=server)
    return number


def _in_body(body: Body, point: np.ndarray) -> np.ndarray:
    """Return a world point in the frame in which Bullet holds a body."""
    turn = Rotation.from_quat(body.orientation, scalar_first=True) * body_from_principal(body)
    return turn.inv().apply(point - np.array(body.position))


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
