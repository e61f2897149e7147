"""One engine step of MuJoCo: time-centred velocities, moving surfaces, Coulomb friction."""

# pyright: reportAttributeAccessIssue=false
# MuJoCo's compiled module comes without type stubs.

from dataclasses import dataclass

import mujoco
import numpy as np
from jaxtyping import Bool, Float, Int

from physics_data.engines.moving_surfaces import MovingSurfaces
from physics_data.engines.mujoco_friction import CoulombFriction


class MujocoStepper:
    """Advances a model. ``plain`` steps are MuJoCo's own; the others differ from it in up to three ways.

    - The velocities stored between steps belong half a step before the positions. Forces that depend on them
      (of a tumbling body, or one on joints) are taken at the velocities of the positions' own time, which makes
      the scheme exact to second order: energy oscillates instead of drifting.
    - Scripted bodies and belts have no degrees of freedom, so contacts do not feel how their surfaces move. The
      acceleration that a contact asks for is set off by that motion.
    - Rough contacts obey Coulomb's law (``mujoco_friction``).
    """

    def __init__(
        self,
        model: mujoco.MjModel,
        data: mujoco.MjData,
        surfaces: MovingSurfaces,
        slot_of_geom: Int[np.ndarray, "g"],
    ) -> None:
        self._model, self._data = model, data
        self._dt = model.opt.timestep
        self._centred = _has_velocity_forces(model)
        self._frictional = bool((model.pair_dim == 3).any())
        self._surfaces, self._slot_of_geom = surfaces, slot_of_geom
        self._is_driven = len(surfaces.bodies) > 0
        self.plain = not (self._centred or self._frictional or self._is_driven)
        self._free_acceleration = np.zeros(model.nv)
        self._friction = CoulombFriction(model, data)
        self._touched: dict[bytes, _Touched] = {}
        if self._is_driven:
            # Velocity of a surface point p: matrix @ (p, 1).
            x, y, z = np.moveaxis(surfaces.angular, -1, 0)
            zero = np.zeros_like(x)
            spin = np.stack([zero, -z, y, z, zero, -x, -y, x, zero], axis=-1).reshape(*x.shape, 3, 3)
            offset = surfaces.linear - np.einsum("skij,skj->ski", spin, surfaces.position)
            self._motion = np.concatenate([spin, offset[..., None]], axis=-1)
            self._has_belts = bool(surfaces.belt.any())

    def start(self) -> Float[np.ndarray, "v"]:
        """Return the acceleration without contact forces at time 0, for the velocities as they stand."""
        mujoco.mj_fwdAcceleration(self._model, self._data)
        self._free_acceleration = self._data.qacc_smooth.copy()
        return self._free_acceleration

    def measure(self) -> Float[np.ndarray, "v"]:
        """Return the acceleration without contact forces at the time of the positions; find the contacts there."""
        model, data = self._model, self._data
        mujoco.mj_fwdPosition(model, data)
        if not self._centred:
            return np.zeros(model.nv)
        half = data.qvel.copy()
        data.qvel += 0.5 * self._dt * self._free_acceleration
        mujoco.mj_fwdVelocity(model, data)
        mujoco.mj_fwdAcceleration(model, data)
        data.qvel[:] = half
        return data.qacc_smooth.copy()

    def step(self, step_index: int) -> None:
        """Take one step.

        Raises:
            EngineError: the repeated solves of friction do not settle.
        """
        model, data = self._model, self._data
        if self.plain:
            mujoco.mj_step(model, data)
            return
        mujoco.mj_fwdPosition(model, data)
        if self._centred:
            half = data.qvel.copy()
            data.qvel += 0.5 * self._dt * self._free_acceleration
            mujoco.mj_fwdVelocity(model, data)
            bias = data.qfrc_bias.copy()
            data.qvel[:] = half
            mujoco.mj_fwdVelocity(model, data)
            data.qfrc_bias[:] = bias
            mujoco.mj_fwdAcceleration(model, data)
            self._free_acceleration = data.qacc_smooth.copy()
        else:
            mujoco.mj_fwdVelocity(model, data)
            mujoco.mj_fwdAcceleration(model, data)
        if data.ncon and self._is_driven:
            self._move_surfaces(step_index)
        if data.ncon and self._frictional:
            self._friction.solve()
        else:
            mujoco.mj_fwdConstraint(model, data)
        mujoco.mj_Euler(model, data)

    def _move_surfaces(self, step_index: int) -> None:
        contact, aref = self._data.contact, self._data.efc_aref
        address = contact.efc_address
        key = contact.geom.tobytes() + address.tobytes()
        if key not in self._touched:
            slots = self._slot_of_geom[contact.geom]
            rows = np.flatnonzero((slots != self._motion.shape[1] - 1).any(axis=1) & (address >= 0))
            rough = contact.dim[rows] == 3
            tangents = address[rows][rough, None] + (1, 2)
            self._touched[key] = _Touched(
                rows, slots[rows], address[rows], contact.solref[rows, 1].copy(), rough, tangents
            )
        touched = self._touched[key]
        if not len(touched.rows):
            return
        motion, first, second = self._motion[step_index], touched.slots[:, 0], touched.slots[:, 1]
        point = np.ones((len(touched.rows), 4, 1))
        point[:, :3, 0] = contact.pos[touched.rows]
        frame = contact.frame[touched.rows].reshape(-1, 3, 3)
        velocity = (frame @ ((motion[second] - motion[first]) @ point))[..., 0]
        if self._has_belts:
            belt = self._surfaces.belt[step_index]
            velocity[:, 1:] += (frame[:, 1:] @ (belt[second] - belt[first])[..., None])[..., 0]
        aref[touched.normal] += touched.damping * velocity[:, 0]
        aref[touched.tangents] -= velocity[touched.rough, 1:] / self._dt


@dataclass(frozen=True)
class _Touched:
    """Which contacts of one set of contacts are with driven surfaces, and where their constraints have their rows."""

    rows: Int[np.ndarray, "n"]
    slots: Int[np.ndarray, "n 2"]
    normal: Int[np.ndarray, "n"]
    damping: Float[np.ndarray, "n"]
    rough: Bool[np.ndarray, "n"]
    tangents: Int[np.ndarray, "m 2"]


def _has_velocity_forces(model: mujoco.MjModel) -> bool:
    """Return whether a body's inertia is not that of a ball, or a joint holds one."""
    free = (model.jnt_type == mujoco.mjtJoint.mjJNT_FREE).all()
    moving = model.body_dofnum > 0
    inertia = model.body_inertia[moving]
    return bool(not free or np.ptp(inertia, axis=1).max(initial=0.0) > 1e-9 * inertia.max(initial=0.0))
