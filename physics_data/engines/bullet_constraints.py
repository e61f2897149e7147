"""Contacts and joints of Bullet."""

from array import array
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Int
from scipy.spatial.transform import Rotation

from physics_data.core.errors import EngineError
from physics_data.core.geometry import rotation_matrix
from physics_data.core.scene import AxisJoint, Body, Box, Hinge, Plane, SceneSpec, Slide, Sphere
from physics_data.engines.bullet_bodies import add_body, body_from_principal, pybullet
from physics_data.engines.recorder import Touches
from physics_data.engines.surfaces import MovingSurfaces

_STRIDE = 4
"""Steps from one reading of lasting contacts' velocities to the next. They change in between by friction or a slope
only, by 0.03 m/s at 960 Hz."""

_BLOW = 0.2
"""Change of the sum of all forces, relative, that counts as a blow."""

_ROW, _ENTRY = 11, 13


class ContactLog:
    """Contacts of one run, with the velocities before each step.

    Bullet reports no velocities with a contact, and reading them costs as much as a step. So only bodies that touch
    are read: after every step in which points of contact came or went or forces changed, and otherwise after every
    fourth one and for the last one of a frame interval; for its first one all are known anyhow. One that has flown
    since has gained exactly gravity's speed.

    ``stand_ins`` names the body of the scene for each of Bullet's that is not one.
    """

    def __init__(self, server: int, spec: SceneSpec, stand_ins: dict[int, int]) -> None:
        self._server = server
        self._dynamic = {index for index, body in enumerate(spec.bodies) if body.is_dynamic}
        self._dt, self._gravity = 1.0 / spec.physics_rate, np.array(spec.gravity)
        self._per_frame = spec.steps_per_frame
        self._restless = {spec.body_index(joint.body) for joint in spec.joints}
        self._restless |= {spec.body_index(joint.parent) for joint in spec.joints if joint.parent is not None}
        self._restless &= self._dynamic
        self._body_of = {**{index: index for index in range(len(spec.bodies))}, **stand_ins}
        self._rows, self._entries = array("d"), array("d")
        self._pairs: list[tuple[int, int]] = []
        self._force = 0.0
        self._touching = set[int]()
        self._last: dict[int, tuple[float, ...]] = {}
        self._read_at = -1

    def keep(
        self, index: int, step_index: int, place: tuple[float, ...], motion: tuple[tuple[float, ...], ...]
    ) -> None:
        """Keep position (m) and velocities (m/s, rad/s) of a dynamic body at the start of a step."""
        self._last[index] = (step_index, *place, *motion[0], *motion[1])
        self._read_at = step_index

    def read(self, bodies: set[int], step_index: int) -> None:
        """Read and keep the states of some dynamic bodies at the start of a step."""
        for index in bodies:
            place, _ = pybullet.getBasePositionAndOrientation(index, physicsClientId=self._server)
            self.keep(index, step_index, place, pybullet.getBaseVelocity(index, physicsClientId=self._server))

    def _points(self) -> list[tuple[Any, ...]]:
        """Return the overlapping points; Bullet also lists bodies that are only close to each other."""
        return [point for point in pybullet.getContactPoints(physicsClientId=self._server) if point[8] <= 0.0]

    def touching(self) -> set[int]:
        """Return the bodies that overlap another."""
        return {self._body_of[side] for point in self._points() for side in point[1:3]}

    def rider_of(self, driven: int) -> int | None:
        """Return the dynamic body that touched a driven one in the last step; None where none did, or several."""
        pairs = ((self._body_of[a], self._body_of[b]) for a, b in self._pairs)
        riders = {b if a == driven else a for a, b in pairs if driven in (a, b)} & self._dynamic
        return riders.pop() if len(riders) == 1 else None

    def record(self, step_index: int) -> set[int]:
        """Keep the contacts of the step just taken, and return the dynamic bodies that touch."""
        points = self._points()
        pairs = [point[1:3] for point in points]
        for p in points:
            self._rows.extend((step_index, p[1], p[2], *p[6], *p[7], p[8], p[9]))
        following, last_force, self._force = step_index + 1, self._force, sum(point[9] for point in points)
        if pairs != self._pairs or abs(self._force - last_force) > _BLOW * last_force:
            before, self._pairs = self._touching, pairs
            self._touching = {self._body_of[side] for pair in pairs for side in pair} & self._dynamic
            self._note(step_index, before)
            self.read(self._touching | before | self._restless, following)
            return self._touching
        if self._read_at == step_index:
            self._note(step_index, self._touching)
        place = following % self._per_frame
        if place and (place % _STRIDE == 0 or place == self._per_frame - 1) and (pairs or self._restless):
            self.read(self._touching | self._restless, following)
        return self._touching

    def _note(self, step_index: int, before: set[int]) -> None:
        """Note the velocities that bodies touch each other with; those that touched ``before`` have not flown."""
        held = before | self._restless
        for index in self._touching:
            self._entries.extend((step_index, index, index not in held, *self._last[index]))

    def touches(self, surfaces: MovingSurfaces) -> Touches:
        """Return everything recorded; the slip of steps whose velocities were not read is 0.

        Bullet's normals point from body B to body A.
        """
        rows = np.frombuffer(self._rows).reshape(-1, _ROW)
        step_index, second, first = rows[:, :3].T.astype(np.int64)
        scene_body = np.array([self._body_of[index] for index in sorted(self._body_of)], dtype=np.int64)
        bodies = (scene_body[first], scene_body[second])
        point, normal = rows[:, 3:6], rows[:, 6:9]
        states, record, is_noted = self._states_before(step_index)
        record, noted_step, at = record[is_noted], step_index[is_noted], point[is_noted]
        sides = []
        for body in bodies:
            side = np.zeros_like(point)
            position, linear, angular = np.split(states[record, body[is_noted]], 3, axis=-1)
            scripted, belt = surfaces.at(body[is_noted], noted_step, at)
            side[is_noted] = linear + np.cross(angular, at - position) + scripted + belt
            sides.append(side)
        return Touches.between(step_index, bodies, point, normal, rows[:, 10] * self._dt, sides, rows[:, 9])

    def _states_before(
        self, step_index: Int[np.ndarray, "n"]
    ) -> tuple[Float[np.ndarray, "s o 9"], Int[np.ndarray, "n"], Bool[np.ndarray, "n"]]:
        """Return position and velocities of touching bodies at the start of noted steps, 0 for all others.

        And for each contact the noted step it belongs to, and whether it belongs to one.
        """
        entries = np.frombuffer(self._entries).reshape(-1, _ENTRY)
        steps, body = entries[:, :2].T.astype(np.int64)
        noted, record = np.unique(steps, return_inverse=True)
        flown, own = ((entries[:, 0] - entries[:, 3]) * self._dt)[:, None], entries[:, 4:].copy()
        pull = entries[:, 2:3] * self._gravity
        # Leapfrog: each of n steps adds g dt to the velocity, and then the velocity to the position.
        own[:, :3] += flown * (own[:, 3:6] + 0.5 * (flown + self._dt) * pull)
        own[:, 3:6] += flown * pull
        states = np.zeros((max(len(noted), 1), len(self._body_of), 9))
        states[record, body] = own
        place = np.searchsorted(noted, step_index)
        is_noted = np.isin(step_index, noted)
        return states, place, is_noted


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
