"""Steps of MuJoCo: time-centred velocities, moving surfaces, Coulomb friction."""

# pyright: reportAttributeAccessIssue=false
# MuJoCo's compiled module comes without type stubs.

import mujoco
import numpy as np
from jaxtyping import Float, Int
from scipy.spatial.transform import Rotation

from physics_data.core.errors import EngineError
from physics_data.engines.mujoco_loop import CONTACT_COLUMNS, PARTING, World, advance
from physics_data.engines.native_memory import library
from physics_data.engines.surfaces import MovingSurfaces

_STEPS_AT_FIRST = 2
"""Steps for which a new contact log has room, however many contacts there are; it grows where they do not do."""


class MujocoStepper:
    """Advances a model, and logs its contacts. Its steps differ from MuJoCo's own in up to three ways.

    - The velocities stored between steps belong half a step before the positions. Forces that depend on them
      (of a tumbling body, or one on joints) are taken at the velocities of the positions' own time, which makes
      the scheme exact to second order: energy oscillates instead of drifting.
    - Scripted bodies and belts have no degrees of freedom, so contacts do not feel how their surfaces move. The
      acceleration that a contact asks for is set off by that motion.
    - Rough contacts obey Coulomb's law (``mujoco_loop``).

    ``scripted`` holds, for every scripted body, its number among MuJoCo's mocap bodies and its slot in ``surfaces``.
    """

    def __init__(
        self,
        model: mujoco.MjModel,
        data: mujoco.MjData,
        surfaces: MovingSurfaces,
        slot_of_geom: Int[np.ndarray, "g"],
        scripted: Int[np.ndarray, "p 2"],
    ) -> None:
        self._model, self._data = model, data
        is_centred = _has_velocity_forces(model)
        is_frictional = bool((model.pair_dim == 3).any())
        is_driven = len(surfaces.bodies) > 0
        most = mujoco.mjMAXCONPAIR * max(int(model.npair), 1)
        self._world = World(
            library=library(),
            model=model._address,
            data=data._address,
            dt=model.opt.timestep,
            parting=PARTING if model.opt.gravity.any() else 0.0,
            is_plain=not (is_centred or is_frictional or is_driven),
            is_centred=is_centred,
            is_frictional=is_frictional,
            is_driven=is_driven,
            has_belts=bool(surfaces.belt.any()),
            qvel=data.qvel,
            qfrc_bias=data.qfrc_bias,
            qacc=data.qacc,
            qacc_smooth=data.qacc_smooth,
            qacc_warmstart=data.qacc_warmstart,
            cvel=data.cvel,
            subtree_com=data.subtree_com,
            mocap_pos=data.mocap_pos,
            mocap_quat=data.mocap_quat,
            geom_body=model.geom_bodyid,
            body_root=model.body_rootid,
            slots=slot_of_geom,
            motion=_point_motion(surfaces, model.opt.timestep),
            belt=surfaces.belt,
            mocap=scripted,
            place=surfaces.position,
            turn=surfaces.orientation,
            free_acceleration=np.zeros(model.nv),
            pull=np.zeros(most),
            key=np.zeros((most, 3), dtype=np.int64),
            sizes=np.zeros(2, dtype=np.int64),
            rough=np.empty((most, 7)),
            rows=np.empty(most, dtype=np.int64),
            reached=np.empty(3 * most),
            kept=np.empty((2, model.nv)),
        )
        self._log, self._used = np.empty((_STEPS_AT_FIRST * most, CONTACT_COLUMNS)), 0

    @property
    def log(self) -> Float[np.ndarray, "n 17"]:
        """The contacts so far, in the columns of ``mujoco_loop.CONTACT_COLUMNS``."""
        return self._log[: self._used]

    def place_scripted(self, step_index: int) -> None:
        """Put scripted bodies where their paths are at the start of a step."""
        world = self._world
        body, slot = world.mocap.T
        world.mocap_pos[body], world.mocap_quat[body] = world.place[step_index, slot], world.turn[step_index, slot]

    def start(self) -> Float[np.ndarray, "v"]:
        """Return the acceleration without contact forces at time 0, for the velocities as they stand."""
        mujoco.mj_fwdAcceleration(self._model, self._data)
        self._world.free_acceleration[:] = self._data.qacc_smooth
        return self._world.free_acceleration.copy()

    def measure(self) -> Float[np.ndarray, "v"]:
        """Return the acceleration without contact forces at the time of the positions; find the contacts there."""
        model, data = self._model, self._data
        mujoco.mj_fwdPosition(model, data)
        if not self._world.is_centred:
            return np.zeros(model.nv)
        half = data.qvel.copy()
        data.qvel += 0.5 * self._world.dt * self._world.free_acceleration
        mujoco.mj_fwdVelocity(model, data)
        mujoco.mj_fwdAcceleration(model, data)
        data.qvel[:] = half
        return data.qacc_smooth.copy()

    def advance(self, first: int, count: int) -> None:
        """Take steps, from number ``first`` on.

        Raises:
            EngineError: the repeated solves of friction do not settle.
        """
        last = first + count
        while first < last:
            taken, self._used, settled = advance(self._world, first, last - first, self._log, self._used)
            first += taken
            if not settled:
                rate = 1.0 / self._world.dt
                raise EngineError(
                    f"the friction of {self._data.ncon} contacts has not settled at {first / rate:.4f} s; raise "
                    f"physics_rate={rate:g} Hz, or lower the friction."
                )
            if first < last:
                self._log = np.concatenate([self._log[: self._used], np.empty_like(self._log)])


def _point_motion(surfaces: MovingSurfaces, dt: float) -> Float[np.ndarray, "s k 3 4"]:
    """Return the matrices that, times (p, 1), are the mean velocities of surface points p over each step (dt, s).

    The mean is along the chord of a point's way: what rides on a turning body would drift outwards along its tangents.
    The last slot stands still.
    """
    motion = np.zeros((*surfaces.angular.shape, 4))
    driven = surfaces.angular[:, :-1]
    if driven.size:
        turn = Rotation.from_rotvec((driven * dt).reshape(-1, 3)).as_matrix() - np.eye(3)
        spin = turn.reshape(*driven.shape, 3) / dt
        motion[:, :-1, :, :3] = spin
        motion[:, :-1, :, 3] = surfaces.linear[:, :-1] - np.einsum("skij,skj->ski", spin, surfaces.position[:, :-1])
    return motion


def _has_velocity_forces(model: mujoco.MjModel) -> bool:
    """Return whether a body's inertia is not that of a ball, or a joint holds one."""
    free = (model.jnt_type == mujoco.mjtJoint.mjJNT_FREE).all()
    moving = model.body_dofnum > 0
    inertia = model.body_inertia[moving]
    return bool(not free or np.ptp(inertia, axis=1).max(initial=0.0) > 1e-9 * inertia.max(initial=0.0))
