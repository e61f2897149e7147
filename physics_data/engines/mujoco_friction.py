"""Coulomb friction on top of MuJoCo's convex contact model."""

# pyright: reportAttributeAccessIssue=false
# MuJoCo's compiled module comes without type stubs.

from dataclasses import dataclass

import mujoco
import numpy as np
from jaxtyping import Float, Int

from physics_data.core.errors import EngineError

_ON_THE_CONE = int(mujoco.mjtConstraintState.mjCNSTRSTATE_CONE)
"""The state of a contact whose friction is at its limit."""

_MAX_SOLVES = 60
_RELAXED_AFTER = 12
_TOLERANCE = 0.5
_RELATIVE_TOLERANCE = 5e-5
"""Change of the slip acceleration at which the iteration ends: absolute in m/s², plus relative. The relative part
ends the slow drift of load between the corners of a box, of which only the sum is determined."""

_TOLERATED_HOP = 0.02
"""Speed, m/s, that a contact whose iteration does not end may be wrong by; it lifts a body by 0.02 mm."""

_PARTING = 10.0
"""Rate, 1/s, at which rough bodies that stay together lose their overlap."""

_VISIBLE_DEPTH = 1e-4
"""Overlap that is let be, m."""

_LASTING = 0.05
"""Approach below which a touch is no impact, m/s; gravity adds 0.01 m/s in a step at 960 Hz."""


@dataclass(frozen=True)
class _Layout:
    """Where the rough contacts of one set of contacts have their rows among the constraints.

    tangents:  the first tangents of all contacts, then the second ones
    """

    normal: Int[np.ndarray, "n"]
    tangents: Int[np.ndarray, "2*n"]
    friction: Float[np.ndarray, "n"]


class CoulombFriction:
    """Solves for the contact forces of a step.

    MuJoCo's contacts minimise a convex cost, and the price is that a contact that slips faster than friction can
    stop it also separates, at about friction × slip: a box that slides at 3 m/s hops by 3 cm. Lowering the wanted
    normal acceleration of each contact by friction × its remaining slip acceleration undoes this, and the fixed
    point of repeated solves is Coulomb's law. The first guess follows from the step before, so that bodies at rest
    or in steady sliding need one solve.

    Source: De Saxcé & Feng (1998), Mathematical and Computer Modelling 28, "The bipotential method"; solved by
    the fixed point of Cadoux (2009), doctoral thesis, Université Joseph Fourier, Grenoble.
    """

    def __init__(self, model: mujoco.MjModel, data: mujoco.MjData) -> None:
        self._model, self._data = model, data
        self._dt = model.opt.timestep
        self._layouts: dict[bytes, _Layout] = {}
        self._last: _Layout | None = None
        self._pull = np.zeros(0)
        self._is_sliding = False

    def solve(self) -> None:
        """Find the accelerations and contact forces; the smooth forces and contacts are up to date.

        Raises:
            EngineError: the repeated solves do not settle.
        """
        model, data = self._model, self._data
        self._push_apart()
        if not self._is_sliding:
            mujoco.mj_fwdConstraint(model, data)
            if not (data.efc_state == _ON_THE_CONE).any():
                return  # no contact slips: the convex contact is Coulomb's
        layout = self._layout()
        count = len(layout.normal)
        if not count:
            mujoco.mj_fwdConstraint(model, data)
            return
        reached, aref = np.empty(data.nefc), data.efc_aref
        wanted, reference = aref[layout.tangents], aref[layout.normal]
        # The slip acceleration that would be left without friction, and how much friction took off it last time.
        rate = np.hypot(wanted[:count], wanted[count:])
        slip = np.maximum(rate - self._pull, 0.0) if layout is self._last else rate
        weight = 1.0
        for solve in range(_MAX_SOLVES):
            aref[layout.normal] = reference - layout.friction * slip
            mujoco.mj_fwdConstraint(model, data)
            mujoco.mj_mulJacVec(model, data, reached, data.qacc)
            residual = reached[layout.tangents] - wanted
            found = np.hypot(residual[:count], residual[count:])
            away = np.abs(found - slip)
            if (away <= _TOLERANCE + _RELATIVE_TOLERANCE * found).all():
                break
            if solve == _RELAXED_AFTER:
                weight = 0.5
            slip = slip + weight * (found - slip)
            data.qacc_warmstart[:] = data.qacc
        else:
            if (layout.friction * away).max() * self._dt > _TOLERATED_HOP:
                raise EngineError(
                    f"the friction of {count} contacts has not settled after {_MAX_SOLVES} solves at "
                    f"{data.time:.4f} s; raise physics_rate={1.0 / self._dt:g} Hz, or lower the friction."
                )
        self._is_sliding = bool((data.efc_state == _ON_THE_CONE).any())
        self._pull, self._last = rate - found, layout

    def _layout(self) -> _Layout:
        contact = self._data.contact
        address = contact.efc_address
        key = contact.geom.tobytes() + address.tobytes()
        if key not in self._layouts:
            rough = (contact.dim == 3) & (address >= 0)
            normal = address[rough].copy()
            tangents = np.concatenate([normal + 1, normal + 2])
            self._layouts[key] = _Layout(normal, tangents, contact.friction[rough, 0].copy())
        return self._layouts[key]

    def _push_apart(self) -> None:
        """Let rough bodies that overlap but do not approach part faster, at ``_PARTING`` × depth.

        An impact is found up to one step late. Where the bodies stay together, that overlap would last.
        """
        contact = self._data.contact
        if contact.dist.min() > -_VISIBLE_DEPTH:
            return
        deep = (contact.dist < -_VISIBLE_DEPTH) & (contact.dim == 3)
        rows = contact.efc_address[deep]
        lasting = self._data.efc_vel[rows] > -_LASTING
        depth, damping = -contact.dist[deep][lasting], -contact.solref[deep, 1][lasting]
        self._data.efc_aref[rows[lasting]] += _PARTING * depth * damping
