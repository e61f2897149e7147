"""Coulomb friction on top of MuJoCo's convex contact model."""

# pyright: reportAttributeAccessIssue=false
# MuJoCo's compiled module comes without type stubs.

import mujoco
import numpy as np

from physics_data.core.errors import EngineError

_MAX_ITERATIONS = 100
_TOLERANCE = 0.01
_RELATIVE_TOLERANCE = 5e-5
"""Change of the slip acceleration at which the iteration ends: absolute in m/s², plus relative. The relative part
ends the slow drift of load between the corners of a box, of which only the sum is determined."""


def step_with_coulomb_friction(model: mujoco.MjModel, data: mujoco.MjData) -> None:
    """Take one Euler step in which sliding bodies do not lift off.

    MuJoCo's contacts minimise a convex cost, and the price is that a contact that slips faster than friction
    can stop it also separates, at about friction × slip: a box that slides at 3 m/s hops by 3 cm. Lowering the
    wanted normal acceleration of each contact by friction × its remaining slip acceleration undoes this, and
    the fixed point of repeated solves is Coulomb's law. Where nothing slips, one solve is the answer.

    Raises:
        EngineError: the repeated solves do not settle.

    Source: De Saxcé & Feng (1998), Mathematical and Computer Modelling 28, "The bipotential method"; solved by
    the fixed point of Cadoux (2009), doctoral thesis, Université Joseph Fourier, Grenoble.
    """
    mujoco.mj_step1(model, data)
    if data.ncon:
        _correct_normal_reference(model, data)
    mujoco.mj_step2(model, data)


def _correct_normal_reference(model: mujoco.MjModel, data: mujoco.MjData) -> None:
    contact = data.contact
    frictional = (contact.dim == 3) & (contact.efc_address >= 0)
    if not frictional.any():
        return
    normal = contact.efc_address[frictional]
    friction = contact.friction[frictional, 0]
    jacobian = data.efc_J.reshape(-1, model.nv)
    tangents = np.concatenate([normal + 1, normal + 2])
    tangent_jacobian, tangent_reference = jacobian[tangents], data.efc_aref[tangents]
    reference = data.efc_aref[normal]
    mujoco.mj_fwdActuation(model, data)
    mujoco.mj_fwdAcceleration(model, data)
    slip = np.zeros(len(normal))
    for _ in range(_MAX_ITERATIONS):
        mujoco.mj_fwdConstraint(model, data)
        residual = (tangent_jacobian @ data.qacc - tangent_reference).reshape(2, -1)
        before, slip = slip, np.hypot(*residual)
        data.efc_aref[normal] = reference - friction * slip
        if (np.abs(slip - before) < _TOLERANCE + _RELATIVE_TOLERANCE * slip).all():
            return
    raise EngineError(
        f"the friction of {len(normal)} contacts has not settled after {_MAX_ITERATIONS} solves at {data.time:.4f} s; "
        f"raise physics_rate={1.0 / model.opt.timestep:g} Hz, or lower the friction."
    )
