"""PyBullet, and the bodies of a scene in one of its servers."""

import contextlib
import math
import os
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
from scipy.spatial import ConvexHull
from scipy.spatial.transform import Rotation

from physics_data.core.errors import EngineError, MissingPackageError
from physics_data.core.mechanics import principal_axes, solid_inertia
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
    Primitive,
    Quaternion,
    SceneSpec,
    Sphere,
    Vector3,
)


def load_pybullet() -> ModuleType:
    """Import PyBullet with its "build time" line sent nowhere; C code writes it, so the descriptor itself is moved.

    Raises:
        MissingPackageError: PyBullet is not installed.
    """
    sys.stderr.flush()
    kept, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        import pybullet

        return pybullet
    except ImportError as error:
        is_absent = isinstance(error, ModuleNotFoundError) and error.name == "pybullet"
        reason = "is not installed; it has no wheel for Python 3.12 and later" if is_absent else f"fails: {error}"
        raise MissingPackageError(
            f"engine 'bullet' needs PyBullet, which {reason}. Use Python 3.11 with PyBullet 3.2.7, or do without the "
            "engine (in a dataset config: engines: [mujoco])."
        ) from error
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)


pybullet = load_pybullet()

DRIVEN_MASS = 1e12
"""Mass of a body that moves as it is told, kg: contacts feel its velocity, which static bodies have none of."""

MOST_PARTS = 16
"""Parts of one body that PyBullet keeps; it drops the others without a word
(https://github.com/bulletphysics/bullet3/issues/2185)."""

_RIM_BALLS, _RIM_BALL, _RIM_INSET = 7, 0.1, 0.02
"""Balls at each face of a cylinder; their radius, as a share of the smaller of radius and half height; and how far
they stay inside the curved side, as a share of the radius."""

_HULL_MARGIN = 1e-4
"""Thickness that Bullet adds around a convex hull, m; its own 1 mm lifts a body by as much, and with 0 faces slip."""

_idle_servers: list[int] = []


@contextlib.contextmanager
def physics_server() -> Iterator[int]:
    """Lend an empty physics server."""
    server = _idle_servers.pop() if _idle_servers else pybullet.connect(pybullet.DIRECT)
    if server < 0:
        raise EngineError("PyBullet opened no physics server; it allows 1024 at once in a process, close some.")
    try:
        yield server
        pybullet.resetSimulation(physicsClientId=server)
    except BaseException:
        pybullet.disconnect(physicsClientId=server)
        raise
    _idle_servers.append(server)


def check_shapes(bodies: tuple[Body, ...]) -> None:
    """Refuse shapes that Bullet does not have.

    Raises:
        EngineError: there is an ellipsoid, or a body that moves has more parts than PyBullet keeps.
    """
    for body in bodies:
        parts = len(body.shape.parts) if isinstance(body.shape, Compound) else 1
        if parts > MOST_PARTS and not body.is_static:
            raise EngineError(
                f"PyBullet keeps {MOST_PARTS} parts of a body that moves, '{body.name}' has {parts}; write at most "
                f"{MOST_PARTS}, or use the engine 'mujoco'."
            )
        shapes = [part.shape for part in body.shape.parts] if isinstance(body.shape, Compound) else [body.shape]
        if any(isinstance(shape, Ellipsoid) for shape in shapes):
            raise EngineError(f"Bullet has no ellipsoids, and '{body.name}' is or has one; use the engine 'mujoco'.")


def body_from_principal(body: Body) -> Rotation:
    """Return the turn from the frame in which Bullet holds a body, that of its principal axes, to the scene's."""
    return Rotation.from_matrix(np.eye(3) if not body.is_dynamic else principal_axes(body))


def add_body(server: int, body: Body, is_driven: bool, friction: float, restitution: float) -> int:
    """Create one body and return Bullet's number for it; ``is_driven`` ones move as they are told."""
    inward = body_from_principal(body).inv()
    world = Rotation.from_quat(body.orientation, scalar_first=True) * inward.inv()
    mass = DRIVEN_MASS if is_driven else body.mass if body.is_dynamic else 0.0
    with tempfile.TemporaryDirectory() if _is_from_file(body) else contextlib.nullcontext("") as folder:
        # Maximal coordinates: plain rigid bodies, not the articulated ones with their own damping.
        number = pybullet.createMultiBody(
            baseMass=mass,
            baseCollisionShapeIndex=_collision_shape(server, body, inward, Path(folder)),
            basePosition=body.position,
            baseOrientation=world.as_quat(),
            useMaximalCoordinates=True,
            physicsClientId=server,
        )
    # Bullet approximates a cylinder's inertia by its box's. The mass is set with it, or it would become 0.
    inertia = (mass, mass, mass) if is_driven else solid_inertia(body) if body.is_dynamic else ()
    pybullet.changeDynamics(
        number,
        -1,
        lateralFriction=friction,
        rollingFriction=0.0,
        spinningFriction=0.0,
        restitution=restitution,
        linearDamping=0.0,
        angularDamping=0.0,
        # Only overlapping bodies push; the default acts across gaps and eats restitution.
        contactProcessingThreshold=0.0,
        **({"mass": mass, "localInertiaDiagonal": inertia} if inertia else {}),
        **({"collisionMargin": _HULL_MARGIN} if isinstance(body.shape, Mesh) else {}),
        physicsClientId=server,
    )
    return number


def add_further_parts(server: int, spec: SceneSpec, factors: list[tuple[float, float]]) -> dict[int, int]:
    """Add the parts of static compounds beyond MOST_PARTS as bodies of their own; return whose parts each one has.

    Units:
        factors:  friction and restitution of every body of the scene, as for ``add_body``
    """
    owners = {}
    for index, body in enumerate(spec.bodies):
        if not isinstance(body.shape, Compound):
            continue
        for start in range(MOST_PARTS, len(body.shape.parts), MOST_PARTS):
            shape = Compound.model_construct(kind="compound", parts=body.shape.parts[start : start + MOST_PARTS])
            rest = body.model_copy(update={"shape": shape})
            owners[add_body(server, rest, False, *factors[index])] = index
    return owners


def _is_from_file(body: Body) -> bool:
    return isinstance(body.shape, Mesh) and len(body.shape.hulls) > 1


def _collision_shape(server: int, body: Body, inward: Rotation, folder: Path) -> int:
    match body.shape:
        case Plane():
            shape: dict[str, Any] = {"shapeType": pybullet.GEOM_PLANE, "planeNormal": (0.0, 0.0, 1.0)}
        case Mesh(hulls=hulls) if _is_from_file(body):
            return _hulls_shape(server, hulls, inward, folder)
        case Mesh() as mesh:
            corners = inward.apply(np.array(mesh.colliding_parts[0]))
            shape = {"shapeType": pybullet.GEOM_MESH, "vertices": corners.tolist()}
        case Compound(parts=parts):
            return _compound_shape(server, parts[:MOST_PARTS], inward)
        case Cylinder() as cylinder if body.is_dynamic:
            return _rimmed_cylinder(server, cylinder, inward)
        case solid:
            shape = _primitive(solid)
    return pybullet.createCollisionShape(**shape, physicsClientId=server)


def _hulls_shape(server: int, hulls: tuple[tuple[Vector3, ...], ...], inward: Rotation, folder: Path) -> int:
    """Return several convex hulls as one shape.

    PyBullet takes the corners of one hull only; of a file it makes one hull of each object, without a limit.
    """
    lines: list[str] = []
    first = 1
    for number, corners in enumerate(hulls):
        turned = inward.apply(np.array(corners))
        faces = ConvexHull(turned).simplices + first
        lines.append(f"o part_{number}")
        lines += [f"v {x:.17g} {y:.17g} {z:.17g}" for x, y, z in turned]
        lines += [f"f {a} {b} {c}" for a, b, c in faces]
        first += len(corners)
    path = folder / "hulls.obj"
    path.write_text("\n".join(lines) + "\n", encoding="ascii")
    # Bullet keeps what it read of a file by its name.
    pybullet.setPhysicsEngineParameter(enableFileCaching=0, physicsClientId=server)
    return pybullet.createCollisionShape(pybullet.GEOM_MESH, fileName=str(path), physicsClientId=server)


def _rimmed_cylinder(server: int, cylinder: Cylinder, inward: Rotation) -> int:
    """Return a cylinder with small balls inside the rim of both faces, flush with them.

    Bullet finds the points of a face one by one: an upright cylinder that lands wobbles, and slides by a fifth of its
    radius. A ball's point is found at once, so it lands on its face. The balls stay inside its curved side.
    """
    radius, half = cylinder.radius, cylinder.half_height
    ball = _RIM_BALL * min(radius, half)
    away = (1.0 - _RIM_INSET) * radius - ball
    places = [(0.0, 0.0, 0.0)]
    for side in (-1.0, 1.0):
        for number in range(_RIM_BALLS):
            angle = 2.0 * math.pi * number / _RIM_BALLS
            places.append((away * math.cos(angle), away * math.sin(angle), side * (half - ball)))
    balls = len(places) - 1
    return pybullet.createCollisionShapeArray(
        shapeTypes=[pybullet.GEOM_CYLINDER] + [pybullet.GEOM_SPHERE] * balls,
        radii=[radius] + [ball] * balls,
        halfExtents=[(0.0, 0.0, 0.0)] * len(places),
        lengths=[2.0 * half] + [0.0] * balls,
        collisionFramePositions=inward.apply(places).tolist(),
        collisionFrameOrientations=[inward.as_quat().tolist()] * len(places),
        physicsClientId=server,
    )


def _compound_shape(server: int, parts: tuple[Part, ...], inward: Rotation) -> int:
    solids = [_primitive(part.shape) for part in parts]
    turns = [inward * Rotation.from_quat(part.orientation, scalar_first=True) for part in parts]
    return pybullet.createCollisionShapeArray(
        shapeTypes=[solid["shapeType"] for solid in solids],
        radii=[solid.get("radius", 0.0) for solid in solids],
        halfExtents=[solid.get("halfExtents", (0.0, 0.0, 0.0)) for solid in solids],
        lengths=[solid.get("height", 0.0) for solid in solids],
        collisionFramePositions=[inward.apply(part.position).tolist() for part in parts],
        collisionFrameOrientations=[turn.as_quat().tolist() for turn in turns],
        physicsClientId=server,
    )


def _primitive(shape: Primitive) -> dict[str, Any]:
    match shape:
        case Sphere(radius=radius):
            return {"shapeType": pybullet.GEOM_SPHERE, "radius": radius}
        case Box(half_extents=half_extents):
            return {"shapeType": pybullet.GEOM_BOX, "halfExtents": half_extents}
        case Cylinder(radius=radius, half_height=half_height):
            return {"shapeType": pybullet.GEOM_CYLINDER, "radius": radius, "height": 2.0 * half_height}
        case Capsule(radius=radius, half_height=half_height):
            return {"shapeType": pybullet.GEOM_CAPSULE, "radius": radius, "height": 2.0 * half_height}
        case Ellipsoid():
            raise EngineError("Bullet has no ellipsoids; use the engine 'mujoco'.")


def xyzw(orientation: Quaternion) -> Quaternion:
    """Return a quaternion in Bullet's order."""
    w, x, y, z = orientation
    return (x, y, z, w)
