"""MuJoCo, with Newton's law of restitution written into its contact parameters."""

from typing import ClassVar

import mujoco
import numpy as np
from jaxtyping import Bool, Float, Int

from physics_data.core.scene import SceneSpec
from physics_data.core.trajectory import Trajectory
from physics_data.engines.engine import check_centred
from physics_data.engines.interventions import run_with_actions
from physics_data.engines.joint_tree import check_joints
from physics_data.engines.mujoco_model import build_model
from physics_data.engines.mujoco_step import MujocoStepper
from physics_data.engines.recorder import Touches, TrajectoryRecorder
from physics_data.engines.stepping import finer, stepped
from physics_data.engines.surfaces import MovingSurfaces, check_belts, moving_surfaces

# pyright: reportAttributeAccessIssue=false
# MuJoCo's compiled module comes without type stubs.


_MOST_TURN = 0.016
"""Largest turn of a tumbling body in a step, rad: at four times that it loses 0.6 % of its angular momentum in 2 s."""


class MujocoEngine:
    """MuJoCo rigid bodies: elliptic friction cones, dense Newton solver, leapfrog time steps.

    MuJoCo has no coefficient of restitution. Its contacts ask for the acceleration ``-b v - k r`` along the
    normal (``solref="-k -b"``; v = separation speed, r = distance, negative inside) and never pull. With
    ``b = (1 + e) / dt`` one Euler step turns an approach at v into a departure at ``-e v``, whatever the
    masses; a departing contact stays slack. This replaces the usual spring (``b = 0``, large k), whose impacts
    last several steps and whose restitution varies by 3 to 10 % with the phase of the impact in the step.

    Joints are MuJoCo's own: a body on a hinge has one degree of freedom, and no error to correct.

    Source: the constraint model is in the MuJoCo documentation, "Computation", section "Reference".
    """

    name: ClassVar[str] = "mujoco"

    def version(self) -> str:
        """Return the version of MuJoCo."""
        return mujoco.mj_versionString()

    def supports(self, spec: SceneSpec) -> None:
        """Return if joints make trees and fit the start, no dynamic body has a belt, and solids are centred.

        Raises:
            EngineError: one of these does not hold.
        """
        check_centred(spec)
        check_belts(spec)
        check_joints(spec)
        finer(spec, self.name, spin=_MOST_TURN)

    def simulate(self, spec: SceneSpec) -> Trajectory:
        """Run a scene and sample it at its frames.

        Raises:
            EngineError: the scene is not supported, or a state stopped being finite.
        """
        return run_with_actions(self._uninterrupted, spec)

    def begin(self, spec: SceneSpec) -> "MujocoRun":
        """Return a scene without actions at its start, to be stepped from frame to frame.

        Raises:
            EngineError: the scene is not supported.
        """
        self.supports(spec)
        return MujocoRun(stepped(spec, finer(spec, self.name, spin=_MOST_TURN)))

    def _uninterrupted(self, spec: SceneSpec) -> Trajectory:
        run = self.begin(spec)
        for frame in range(spec.num_frames):
            run.sample(frame)
            if frame < spec.num_frames - 1:
                run.advance(frame)
        return run.finish(self.name)


class MujocoRun:
    """One scene on its way: ``sample(k)``, then ``advance(k)``, for k = 0, 1, ..."""

    def __init__(self, spec: SceneSpec) -> None:
        self._spec = spec
        self._model = model = build_model(spec)
        self._data = data = mujoco.MjData(model)
        self._recorder = TrajectoryRecorder(spec)
        names = [model.geom(geom).name.split("/")[0] for geom in range(model.ngeom)]
        self._body_of_geom = np.array([spec.body_index(name) for name in names])
        self._surfaces = moving_surfaces(spec, (spec.num_frames - 1) * spec.steps_per_frame + 1)
        scripted = [
            (int(model.body(body.name).mocapid[0]), int(self._surfaces.slot[index]))
            for index, body in enumerate(spec.bodies)
            if body.is_scripted
        ]
        self._stepper = MujocoStepper(
            model,
            data,
            self._surfaces,
            self._surfaces.slot[self._body_of_geom],
            np.array(scripted, dtype=np.int64).reshape(-1, 2),
        )
        self._state = MujocoState(spec, model, data)
        self._stepper.place_scripted(0)
        self._state.start()
        mujoco.mj_forward(model, data)
        flying = self._state.flying()
        data.qvel[flying] -= self._state.kick(self._stepper.start())[flying]

    def sample(self, frame: int) -> None:
        """Record the state at a frame, with the velocities of bodies in free flight moved to the frame's time."""
        self._stepper.place_scripted(frame * self._spec.steps_per_frame)
        acceleration = self._stepper.measure()
        flying = self._state.flying()
        velocity = self._data.qvel.copy()
        velocity[flying] += self._state.kick(acceleration)[flying]
        self._state.sample(self._recorder, frame, velocity)

    def advance(self, frame: int) -> None:
        """Take the steps from a frame to the next one."""
        self._stepper.advance(frame * self._spec.steps_per_frame, self._spec.steps_per_frame)

    @property
    def recorder(self) -> TrajectoryRecorder:
        """The states of the frames that were sampled; those of later frames are not set yet."""
        return self._recorder

    def finish(self, engine_name: str) -> Trajectory:
        """Return everything recorded.

        Raises:
            EngineError: a state is not finite.
        """
        log = touches(self._stepper.log, 1.0 / self._spec.physics_rate, self._body_of_geom, self._surfaces)
        return self._recorder.finish(engine_name, log)


# pyright: reportAttributeAccessIssue=false
# MuJoCo's compiled module comes without type stubs.


class MujocoState:
    """Reads and writes the dynamic bodies of a model made of a scene."""

    def __init__(self, spec: SceneSpec, model: mujoco.MjModel, data: mujoco.MjData) -> None:
        self._spec, self._model, self._data = spec, model, data
        self._gravity = np.array(spec.gravity)
        self._half = 0.5 * model.opt.timestep
        held = {joint.body for joint in spec.joints}
        free = [i for i, body in enumerate(spec.bodies) if body.is_dynamic and body.name not in held]
        self._free = np.array(free, dtype=np.int64)
        self._held = np.array([spec.body_index(name) for name in sorted(held)], dtype=np.int64)
        self._held_part = np.array([model.body(spec.bodies[i].name).id for i in self._held], dtype=np.int64)
        joints = [model.joint(spec.bodies[i].name) for i in free]
        self._free_place = np.array([joint.qposadr[0] for joint in joints], dtype=np.int64)[:, None] + np.arange(7)
        self._free_motion = np.array([joint.dofadr[0] for joint in joints], dtype=np.int64)[:, None] + np.arange(6)

    def start(self) -> None:
        """Set the initial velocities, which the joints allow."""
        spec, model, data = self._spec, self._model, self._data
        mujoco.mj_fwdPosition(model, data)
        for body, place, row in zip(
            (spec.bodies[i] for i in self._free), data.qpos[self._free_place], self._free_motion, strict=True
        ):
            spin, inverse = np.zeros(3), np.zeros(4)
            mujoco.mju_negQuat(inverse, place[3:])
            mujoco.mju_rotVecQuat(spin, np.array(body.angular_velocity), inverse)
            data.qvel[row] = (*body.linear_velocity, *spin)
        if len(self._held):
            self._fit_joints()

    def _fit_joints(self) -> None:
        spec, model, data = self._spec, self._model, self._data
        jointed = np.setdiff1d(np.arange(model.nv), self._free_motion)
        jacobian, wanted = [], []
        for index, part in zip(self._held, self._held_part, strict=True):
            linear, angular = np.zeros((3, model.nv)), np.zeros((3, model.nv))
            mujoco.mj_jac(model, data, linear, angular, data.xpos[part], int(part))
            jacobian += [linear, angular]
            wanted += [spec.bodies[index].linear_velocity, spec.bodies[index].angular_velocity]
        stacked, aim = np.concatenate(jacobian), np.concatenate(wanted)
        data.qvel[jointed] = np.linalg.lstsq(stacked[:, jointed], aim - stacked @ data.qvel, rcond=None)[0]

    def flying(self) -> Bool[np.ndarray, "v"]:
        """Return the degrees of freedom of which no body touches another, at the positions measured last."""
        model, contact = self._model, self._data.contact
        geoms = contact.geom[contact.efc_address >= 0].reshape(-1)
        touching = model.body_treeid[model.geom_bodyid[geoms]]
        return ~np.isin(model.dof_treeid, touching)

    def kick(self, acceleration: Float[np.ndarray, "v"]) -> Float[np.ndarray, "v"]:
        """Return the change of velocity within half a step, given the acceleration without contact forces."""
        kick = self._half * acceleration
        # Exactly gravity: the compiled solver returns it with a rounding error.
        kick[self._free_motion[:, :3]] = self._half * self._gravity
        return kick

    def sample(self, recorder: TrajectoryRecorder, frame: int, velocity: Float[np.ndarray, "v"]) -> None:
        """Write the bodies' poses, and the velocities that belong to ``velocity``, into a frame."""
        model, data = self._model, self._data
        place, motion = data.qpos[self._free_place], velocity[self._free_motion]
        recorder.position[frame, self._free] = place[:, :3]
        recorder.orientation[frame, self._free] = place[:, 3:]
        recorder.linear_velocity[frame, self._free] = motion[:, :3]
        recorder.angular_velocity[frame, self._free] = _rotate_into_world(place[:, 3:], motion[:, 3:])
        if not len(self._held):
            return
        kept = data.qvel.copy()
        data.qvel[:] = velocity
        mujoco.mj_comVel(model, data)
        part = self._held_part
        turning, arm = data.cvel[part], data.xpos[part] - data.subtree_com[model.body_rootid[part]]
        recorder.position[frame, self._held] = data.xpos[part]
        recorder.orientation[frame, self._held] = data.xquat[part]
        recorder.linear_velocity[frame, self._held] = turning[:, 3:] + np.cross(turning[:, :3], arm)
        recorder.angular_velocity[frame, self._held] = turning[:, :3]
        data.qvel[:] = kept


def _rotate_into_world(orientation: Float[np.ndarray, "n 4"], spin: Float[np.ndarray, "n 3"]) -> np.ndarray:
    world = np.empty_like(spin)
    for row in range(len(spin)):
        mujoco.mju_rotVecQuat(world[row], spin[row], orientation[row])
    return world


def touches(
    log: Float[np.ndarray, "n 17"], dt: float, body_of_geom: Int[np.ndarray, "g"], surfaces: MovingSurfaces
) -> Touches:
    """Return what ``mujoco_loop.advance`` logged, with scene bodies in place of geoms.

    Args:
        dt: length of a step, s
    """
    step_index, *geoms = log[:, :3].T.astype(np.int64)
    bodies = (body_of_geom[geoms[0]], body_of_geom[geoms[1]])
    point, normal, own = log[:, 3:6], log[:, 6:9], (log[:, 11:14], log[:, 14:17])
    velocities = []
    for body, velocity in zip(bodies, own, strict=True):
        scripted, belt = surfaces.at(body, step_index, point)
        velocities.append(velocity + scripted + belt)
    return Touches.between(step_index, bodies, point, normal, dt * log[:, 10], velocities, log[:, 9])
