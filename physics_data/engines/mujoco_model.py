"""A scene as a MuJoCo model."""

# pyright: reportAttributeAccessIssue=false
# MuJoCo's compiled module comes without type stubs.

import math

import mujoco
import numpy as np
from scipy.spatial.transform import Rotation

from physics_data.core.errors import EngineError
from physics_data.core.mechanics import colliding_pairs, inertia_tensor, pair_friction, pair_restitution
from physics_data.core.scene import (
    AxisJoint,
    Body,
    Box,
    Capsule,
    Compound,
    Cylinder,
    Ellipsoid,
    Hinge,
    Joint,
    Mesh,
    Plane,
    SceneSpec,
    Sphere,
)
from physics_data.engines.joint_tree import joint_tree

_IMPEDANCE = 0.9999
"""The largest MuJoCo allows: the constraint, not the free acceleration, decides what a contact does."""

_DEPTH_DECAY = 0.5
"""Rate at which bodies at rest are pushed out of each other, 1/s. An impact of depth p gains (1 + e) p / 2 per
second of speed from it: less than 0.2 % at 960 Hz."""

_LOSSLESS = 0.999
"""From this restitution on nothing pushes bodies out of each other: what an impact would gain, it does not lose."""

_DENSE_BODIES = 5
"""Up to this many dynamic bodies dense matrices are faster."""


def build_model(spec: SceneSpec) -> mujoco.MjModel:
    """Compile a scene (``build_spec``).

    Raises:
        EngineError: the joints do not make trees, or MuJoCo refuses a body.
    """
    try:
        return build_spec(spec).compile()
    except ValueError as error:
        reason = " ".join(str(error).split()).removeprefix("Error: ")
        raise EngineError(
            f"MuJoCo cannot build the scene ({reason}; mjMINVAL is 1e-15 kg and kg m^2): make that body larger or "
            "heavier, or use the engine 'bullet'."
        ) from error


def build_spec(spec: SceneSpec) -> mujoco.MjSpec:
    """Return a scene as a model: geoms are named "<body>/<part>", contacts are explicit pairs, joints make trees.

    A dynamic body without a joint has a free joint; a scripted one is a mocap body.

    Raises:
        EngineError: the joints do not make trees.
    """
    mjspec = mujoco.MjSpec()
    dt = 1.0 / spec.physics_rate
    option = mjspec.option
    option.timestep = dt
    option.gravity = spec.gravity
    option.integrator = mujoco.mjtIntegrator.mjINT_EULER
    option.cone = mujoco.mjtCone.mjCONE_ELLIPTIC
    is_large = sum(body.is_dynamic for body in spec.bodies) > _DENSE_BODIES
    option.jacobian = mujoco.mjtJacobian.mjJAC_SPARSE if is_large else mujoco.mjtJacobian.mjJAC_DENSE
    option.solver = mujoco.mjtSolver.mjSOL_NEWTON
    option.iterations, option.tolerance = 100, 1e-12
    # A state that is not finite is to be seen, not replaced by the initial one.
    option.disableflags = mujoco.mjtDisableBit.mjDSBL_AUTORESET
    held = joint_tree(spec)
    owners: dict[str, mujoco.MjsBody] = {}
    for name in held.order:
        body = spec.bodies[spec.body_index(name)]
        joint = held.joint_of.get(name)
        parent = held.parent_of.get(name)
        owner = mjspec.worldbody if parent is None else owners[parent]
        origin = None if parent is None else spec.bodies[spec.body_index(parent)]
        owners[name] = _add_body(mjspec, owner, origin, body, joint)
    for a, b in colliding_pairs(spec):
        first, second = spec.bodies[a], spec.bodies[b]
        friction, restitution = pair_friction(first, second), pair_restitution(first, second)
        for geom1 in geom_names(first):
            for geom2 in geom_names(second):
                pair = mjspec.add_pair(geomname1=geom1, geomname2=geom2)
                pair.condim = 3 if friction > 0 else 1
                pair.friction = [friction, friction, 0.0, 0.0, 0.0]
                pair.solref = contact_solref(restitution, dt)
                # Friction brings a sliding contact to rest in one step, as far as the cone allows.
                pair.solreffriction = [0.0, -1.0 / dt]
                pair.solimp = [_IMPEDANCE, _IMPEDANCE, 0.001, 0.5, 2.0]
    return mjspec


def contact_solref(restitution: float, timestep: float) -> list[float]:
    """Return the ``solref`` with which a contact has a restitution; see ``MujocoEngine``."""
    damping = (1.0 + restitution) / timestep
    return [-(_DEPTH_DECAY if restitution < _LOSSLESS else 0.0) * damping, -damping]


def _add_body(
    mjspec: mujoco.MjSpec, owner: mujoco.MjsBody, origin: Body | None, body: Body, joint: Joint | None
) -> mujoco.MjsBody:
    place = {"pos": body.position, "quat": body.orientation}
    if body.is_static:
        _add_geoms(
            mjspec, owner, body, np.array(body.position), Rotation.from_quat(body.orientation, scalar_first=True)
        )
        return owner
    if origin is not None:
        back = Rotation.from_quat(origin.orientation, scalar_first=True).inv()
        turned = back * Rotation.from_quat(body.orientation, scalar_first=True)
        place = {
            "pos": back.apply(np.subtract(body.position, origin.position)),
            "quat": turned.as_quat(scalar_first=True),
        }
    node = owner.add_body(name=body.name, **place)
    if body.is_scripted:
        node.mocap = True
    elif joint is None:
        node.add_freejoint(name=body.name)
    else:
        inward = Rotation.from_quat(body.orientation, scalar_first=True).inv()
        anchor = inward.apply(np.subtract(joint.anchor, body.position))
        if isinstance(joint, AxisJoint):
            axis = inward.apply(np.array(joint.axis) / math.hypot(*joint.axis))
            kind = mujoco.mjtJoint.mjJNT_HINGE if isinstance(joint, Hinge) else mujoco.mjtJoint.mjJNT_SLIDE
            added = node.add_joint(name=body.name, type=kind, pos=anchor, axis=axis)
            _set_spring(added, joint)
        else:
            node.add_joint(name=body.name, type=mujoco.mjtJoint.mjJNT_BALL, pos=anchor)
    if body.is_dynamic and (body.inertia is not None or isinstance(body.shape, Mesh | Compound)):
        # Of the solid itself: a mesh's hull and a compound's parts are only what others touch.
        tensor = inertia_tensor(body)
        node.explicitinertial = True
        node.mass, node.ipos = body.mass, (0.0, 0.0, 0.0)
        node.fullinertia = [tensor[i, j] for i, j in ((0, 0), (1, 1), (2, 2), (0, 1), (0, 2), (1, 2))]
    _add_geoms(mjspec, node, body, np.zeros(3), Rotation.identity())
    return node


def _set_spring(added: mujoco.MjsJoint, joint: AxisJoint) -> None:
    # Newer versions hold the coefficients of a polynomial there, the linear one first.
    for name, value in (("stiffness", joint.stiffness), ("damping", joint.damping)):
        held = getattr(added, name)
        setattr(added, name, value if np.ndim(held) == 0 else [value, *[0.0] * (np.size(held) - 1)])
    added.springref = joint.rest


def geom_names(body: Body) -> list[str]:
    """Return the names of a body's geoms: one for each part of a compound and each convex part of a mesh."""
    parts = 1
    if isinstance(body.shape, Compound):
        parts = len(body.shape.parts)
    elif isinstance(body.shape, Mesh):
        parts = len(body.shape.colliding_parts)
    return [f"{body.name}/{part}" for part in range(parts)]


def _add_geoms(mjspec: mujoco.MjSpec, owner: mujoco.MjsBody, body: Body, position: np.ndarray, turn: Rotation) -> None:
    if isinstance(body.shape, Mesh) and body.shape.hulls:
        place = {"pos": position, "quat": turn.as_quat(scalar_first=True), "contype": 0, "conaffinity": 0}
        for name, corners in zip(geom_names(body), body.shape.hulls, strict=True):
            mjspec.add_mesh(name=name, uservert=np.ravel(corners))
            owner.add_geom(name=name, type=mujoco.mjtGeom.mjGEOM_MESH, meshname=name, mass=body.mass, **place)
        return
    shapes = body.shape.parts if isinstance(body.shape, Compound) else (body,)
    for name, solid in zip(geom_names(body), shapes, strict=True):
        if solid is body:
            place = {"pos": position, "quat": turn.as_quat(scalar_first=True)}
        else:
            own = Rotation.from_quat(solid.orientation, scalar_first=True)
            place = {"pos": position + turn.apply(solid.position), "quat": (turn * own).as_quat(scalar_first=True)}
        match solid.shape:
            case Sphere(radius=radius):
                kind, size = mujoco.mjtGeom.mjGEOM_SPHERE, [radius, 0.0, 0.0]
            case Box(half_extents=half_extents):
                kind, size = mujoco.mjtGeom.mjGEOM_BOX, list(half_extents)
            case Cylinder(radius=radius, half_height=half_height):
                kind, size = mujoco.mjtGeom.mjGEOM_CYLINDER, [radius, half_height, 0.0]
            case Capsule(radius=radius, half_height=half_height):
                kind, size = mujoco.mjtGeom.mjGEOM_CAPSULE, [radius, half_height, 0.0]
            case Ellipsoid(half_axes=half_axes):
                kind, size = mujoco.mjtGeom.mjGEOM_ELLIPSOID, list(half_axes)
            case Mesh(vertices=vertices, triangles=triangles):
                kind, size = mujoco.mjtGeom.mjGEOM_MESH, [0.0, 0.0, 0.0]
                mjspec.add_mesh(name=name, uservert=np.ravel(vertices), userface=np.ravel(triangles))
                place["meshname"] = name
            case Plane():
                kind, size = mujoco.mjtGeom.mjGEOM_PLANE, [0.0, 0.0, 1.0]
        # The inertia of a primitive follows from shape and mass. contype 0: only the explicit pairs collide.
        owner.add_geom(name=name, type=kind, size=size, mass=body.mass, contype=0, conaffinity=0, **place)
