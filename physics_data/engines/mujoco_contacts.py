"""What MuJoCo's contacts do, collected step by step as raw arrays and made sense of at the end."""

# pyright: reportAttributeAccessIssue=false
# MuJoCo's compiled module comes without type stubs.

import mujoco
import numpy as np
from jaxtyping import Int

from physics_data.engines.moving_surfaces import MovingSurfaces
from physics_data.engines.recorder import Touches


class ContactLog:
    """Contacts of one run. Recording a step costs eight copies of small arrays, whatever the number of contacts."""

    def __init__(self, model: mujoco.MjModel, data: mujoco.MjData) -> None:
        self._model, self._data = model, data
        self._steps: list[int] = []
        self._rows: list[tuple[np.ndarray, ...]] = []
        self._forces: list[np.ndarray] = []
        self._velocities: list[tuple[np.ndarray, np.ndarray]] = []

    def record(self, step_index: int) -> None:
        """Keep the contacts of the step just taken; places, velocities and forces are those at its start."""
        data = self._data
        contact = data.contact
        self._steps.append(step_index)
        self._rows.append(
            (
                contact.geom.copy(),
                contact.pos.copy(),
                contact.frame.copy(),
                contact.dist.copy(),
                contact.efc_address.copy(),
            )
        )
        self._forces.append(data.efc_force.copy())
        self._velocities.append((data.cvel.copy(), data.subtree_com.copy()))

    def touches(self, body_of_geom: Int[np.ndarray, "g"], surfaces: MovingSurfaces) -> Touches:
        """Return everything recorded, with scene bodies in place of geoms."""
        if not self._steps:
            index, vector, scalar = np.zeros(0, dtype=np.int64), np.zeros((0, 3)), np.zeros(0)
            return Touches(index, index, index, vector, vector, scalar, scalar, scalar)
        counts = [len(row[0]) for row in self._rows]
        geom, point, frame, distance, address = (np.concatenate(column) for column in zip(*self._rows, strict=True))
        record = np.repeat(np.arange(len(counts)), counts)
        # A contact at distance 0 is listed, but has no force yet.
        felt = address >= 0
        record, geom, point, normal, distance = record[felt], geom[felt], point[felt], frame[felt, :3], distance[felt]
        first = np.cumsum([0, *(len(force) for force in self._forces[:-1])])
        force = np.concatenate(self._forces)[first[record] + address[felt]]
        twist, centre = (np.stack(column) for column in zip(*self._velocities, strict=True))
        step_index = np.array(self._steps)[record]
        velocity = []
        for geom_side in geom.T:
            part = self._model.geom_bodyid[geom_side]
            turning = twist[record, part]
            arm = point - centre[record, self._model.body_rootid[part]]
            side = turning[:, 3:] + np.cross(turning[:, :3], arm)
            scripted, belt = surfaces.at(body_of_geom[geom_side], step_index, point)
            side += scripted + belt
            velocity.append(side)
        body_a, body_b = body_of_geom[geom].T
        impulse = force * self._model.opt.timestep
        return Touches.between(step_index, (body_a, body_b), point, normal, impulse, velocity, distance)
