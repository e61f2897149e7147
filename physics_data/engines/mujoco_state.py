"""Initial motion into MuJoCo's coordinates, and poses and velocities out of them."""

# pyright: reportAttributeAccessIssue=false
# MuJoCo's compiled module comes without type stubs.

import mujoco
import numpy as np
from jaxtyping import Bool, Float

from physics_data.core.scene import SceneSpec
from physics_data.engines.recorder import TrajectoryRecorder


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
