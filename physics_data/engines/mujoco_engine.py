"""MuJoCo, with Newton's law of restitution written into its contact parameters."""

# pyright: reportAttributeAccessIssue=false
# MuJoCo's compiled module comes without type stubs.

from typing import ClassVar

import mujoco
import numpy as np

from physics_data.core.mechanics import colliding_pairs
from physics_data.core.scene import Body, Box, Cylinder, Plane, SceneSpec, Sphere
from physics_data.core.trajectory import Trajectory
from physics_data.engines.mujoco_friction import step_with_coulomb_friction
from physics_data.engines.pair_rules import pair_friction, pair_restitution
from physics_data.engines.recorder import Touch, TrajectoryRecorder

_IMPEDANCE = 0.9999
"""The largest MuJoCo allows: the constraint, not the free acceleration, decides what a contact does."""

_DEPTH_DECAY = 0.5
"""Rate at which bodies at rest are pushed out of each other, 1/s. An impact of depth p gains (1 + e) p / 2 per
second of speed from it: less than 0.2 % at 960 Hz."""


class MujocoEngine:
    """MuJoCo rigid bodies: elliptic friction cones, dense Newton solver, leapfrog time steps.

    MuJoCo has no coefficient of restitution. Its contacts ask for the acceleration ``-b v - k r`` along the
    normal (``solref="-k -b"``; v = separation speed, r = distance, negative inside) and never pull. With
    ``b = (1 + e) / dt`` one Euler step turns an approach at v into a departure at ``-e v``, whatever the
    masses; a departing contact stays slack. This replaces the usual spring (``b = 0``, large k), whose impacts
    last several steps and whose restitution varies by 3 to 10 % with the phase of the impact in the step.

    Source: the constraint model is in the MuJoCo documentation, "Computation", section "Reference".
    """

    name: ClassVar[str] = "mujoco"

    def version(self) -> str:
        """Return the version of MuJoCo."""
        return mujoco.mj_versionString()

    def supports(self, spec: SceneSpec) -> None:
        """Accept every scene: each pair of bodies gets its own contact parameters."""

    def simulate(self, spec: SceneSpec) -> Trajectory:
        """Run a scene and sample it at its frames.

        Raises:
            EngineError: a state stopped being finite.
        """
        model = build_model(spec)
        data = mujoco.MjData(model)
        # The compiler numbers geoms of static bodies first.
        body_of_geom = [spec.body_index(model.geom(geom).name) for geom in range(model.ngeom)]
        recorder = TrajectoryRecorder(spec)
        moving = np.array([i for i, body in enumerate(spec.bodies) if not body.is_static], dtype=np.int64)
        dt = 1.0 / spec.physics_rate
        # Views of the engine's own arrays: one row per moving body, in the order of the scene.
        pose, motion = data.qpos.reshape(-1, 7), data.qvel.reshape(-1, 6)
        for row, index in enumerate(moving):
            body = spec.bodies[index]
            motion[row] = (*body.linear_velocity, *_rotate_into_body(body))
        mujoco.mj_forward(model, data)
        airborne = ~np.isin(moving, [side for touch in _touches(data, body_of_geom, dt) for side in touch[:2]])
        motion[airborne, :3] -= 0.5 * dt * np.array(spec.gravity)

        # Without friction a plain step is the same to the bit, and faster.
        take_step = step_with_coulomb_friction if (model.pair_dim == 3).any() else mujoco.mj_step
        per_frame = spec.steps_per_frame
        for step_index in range((spec.num_frames - 1) * per_frame + 1):
            frame, remainder = divmod(step_index, per_frame)
            if remainder == 0:
                recorder.position[frame, moving] = pose[:, :3]
                recorder.orientation[frame, moving] = pose[:, 3:]
                recorder.linear_velocity[frame, moving] = motion[:, :3]
                recorder.angular_velocity[frame, moving] = _rotate_into_world(pose[:, 3:], motion[:, 3:])
            take_step(model, data)
            touches = _touches(data, body_of_geom, dt) if data.ncon else []
            recorder.add_touches(step_index, touches)
            if remainder == 0:
                recorder.synchronise_velocity(frame, {side for touch in touches for side in touch[:2]})
        return recorder.finish(self.name)


def build_model(spec: SceneSpec) -> mujoco.MjModel:
    """Compile a scene: one geom a body with its name, one free joint a moving body, one explicit contact a pair."""
    mjspec = mujoco.MjSpec()
    dt = 1.0 / spec.physics_rate
    option = mjspec.option
    option.timestep = dt
    option.gravity = spec.gravity
    option.integrator = mujoco.mjtIntegrator.mjINT_EULER
    option.cone = mujoco.mjtCone.mjCONE_ELLIPTIC
    option.jacobian = mujoco.mjtJacobian.mjJAC_DENSE
    option.solver = mujoco.mjtSolver.mjSOL_NEWTON
    option.iterations, option.tolerance = 100, 1e-12
    for body in spec.bodies:
        _add_body(mjspec, body)
    for a, b in colliding_pairs(spec):
        first, second = spec.bodies[a], spec.bodies[b]
        friction, damping = pair_friction(first, second), (1.0 + pair_restitution(first, second)) / dt
        pair = mjspec.add_pair(geomname1=first.name, geomname2=second.name)
        pair.condim = 3 if friction > 0 else 1
        pair.friction = [friction, friction, 0.0, 0.0, 0.0]
        pair.solref = [-_DEPTH_DECAY * damping, -damping]
        # Friction brings a sliding contact to rest in one step, as far as the cone allows.
        pair.solreffriction = [0.0, -1.0 / dt]
        pair.solimp = [_IMPEDANCE, _IMPEDANCE, 0.001, 0.5, 2.0]
    return mjspec.compile()


def _add_body(mjspec: mujoco.MjSpec, body: Body) -> None:
    if body.is_static:
        owner, place = mjspec.worldbody, {"pos": body.position, "quat": body.orientation}
    else:
        owner, place = mjspec.worldbody.add_body(name=body.name, pos=body.position, quat=body.orientation), {}
        owner.add_freejoint()
    match body.shape:
        case Sphere(radius=radius):
            kind, size = mujoco.mjtGeom.mjGEOM_SPHERE, [radius, 0.0, 0.0]
        case Box(half_extents=half_extents):
            kind, size = mujoco.mjtGeom.mjGEOM_BOX, list(half_extents)
        case Cylinder(radius=radius, half_height=half_height):
            kind, size = mujoco.mjtGeom.mjGEOM_CYLINDER, [radius, half_height, 0.0]
        case Plane():
            kind, size = mujoco.mjtGeom.mjGEOM_PLANE, [0.0, 0.0, 1.0]
    # The inertia follows from shape and mass. contype 0: only the explicit pairs collide.
    owner.add_geom(name=body.name, type=kind, size=size, mass=body.mass, contype=0, conaffinity=0, **place)


def _touches(data: mujoco.MjData, body_of_geom: list[int], dt: float) -> list[Touch]:
    """Return the contacts of the step just taken, whose forces act at the step's start."""
    contact = data.contact
    found = []
    for (a, b), point, frame, address in zip(
        contact.geom.tolist(), contact.pos.tolist(), contact.frame.tolist(), contact.efc_address.tolist(), strict=True
    ):
        if address >= 0:
            impulse = float(data.efc_force[address]) * dt
            found.append(Touch(body_of_geom[a], body_of_geom[b], tuple(point), tuple(frame[:3]), impulse))
    return found


def _rotate_into_body(body: Body) -> np.ndarray:
    spin, inverse = np.zeros(3), np.zeros(4)
    mujoco.mju_negQuat(inverse, np.array(body.orientation))
    mujoco.mju_rotVecQuat(spin, np.array(body.angular_velocity), inverse)
    return spin


def _rotate_into_world(orientation: np.ndarray, spin: np.ndarray) -> np.ndarray:
    world = np.empty_like(spin)
    for row in range(len(spin)):
        mujoco.mju_rotVecQuat(world[row], spin[row], orientation[row])
    return world
