"""What Bullet's contacts do, collected step by step."""

from typing import Any

import numpy as np
from jaxtyping import Float

from physics_data.core.scene import SceneSpec
from physics_data.engines.bullet_bodies import pybullet
from physics_data.engines.moving_surfaces import MovingSurfaces
from physics_data.engines.recorder import Touches


class ContactLog:
    """Contacts of one run, with the velocities before each step.

    Bullet reports no velocities with a contact, and reading them from every body at every step costs more than
    a step. So only bodies that touch are read, after the step; one that has flown since then has gained exactly
    gravity's speed.

    ``stand_ins`` names the body of the scene for each of Bullet's that is not one.
    """

    def __init__(self, server: int, spec: SceneSpec, stand_ins: dict[int, int]) -> None:
        self._server = server
        self._dynamic = {index for index, body in enumerate(spec.bodies) if body.is_dynamic}
        self._dt, self._gravity = 1.0 / spec.physics_rate, np.array(spec.gravity)
        self._restless = {spec.body_index(joint.body) for joint in spec.joints}
        self._restless |= {spec.body_index(joint.parent) for joint in spec.joints if joint.parent is not None}
        self._body_of = {**{index: index for index in range(len(spec.bodies))}, **stand_ins}
        self._rows: list[tuple[float, ...]] = []
        self._entries: list[tuple[float, ...]] = []
        self._steps: list[int] = []
        self._last: dict[int, tuple[float, ...]] = {}

    def read(self, bodies: set[int], step_index: int) -> None:
        """Keep position and velocities of some bodies at the start of a step."""
        for index in bodies & self._dynamic:
            position, _ = pybullet.getBasePositionAndOrientation(index, physicsClientId=self._server)
            linear, angular = pybullet.getBaseVelocity(index, physicsClientId=self._server)
            self._last[index] = (step_index, *position, *linear, *angular)

    def _points(self) -> list[tuple[Any, ...]]:
        """Return the overlapping points; Bullet also lists bodies that are only close to each other."""
        return [point for point in pybullet.getContactPoints(physicsClientId=self._server) if point[8] <= 0.0]

    def touching(self) -> set[int]:
        """Return the bodies that overlap another."""
        return {self._body_of[side] for point in self._points() for side in point[1:3]}

    def record(self, step_index: int) -> set[int]:
        """Keep the contacts of the step just taken, and return the bodies that touch.

        Bullet's normals point from body B to body A.
        """
        points = self._points()
        if not points:
            if self._restless:
                self.read(self._restless, step_index + 1)
            return set()
        number, touching = len(self._steps), set[int]()
        for p in points:
            a, b = self._body_of[p[2]], self._body_of[p[1]]
            touching.update((a, b))
            self._rows.append((number, a, b, *p[6], *p[7], p[8], p[9]))
        self._steps.append(step_index)
        for index in touching & self._dynamic:
            self._entries.append((number, index, *self._last[index]))
        self.read(touching | self._restless, step_index + 1)
        return touching

    def touches(self, surfaces: MovingSurfaces) -> Touches:
        """Return everything recorded."""
        rows = np.array(self._rows, dtype=np.float64).reshape(-1, 11)
        record, body_a, body_b = rows[:, :3].T.astype(np.int64)
        point, normal = rows[:, 3:6], rows[:, 6:9]
        step_index = np.array(self._steps, dtype=np.int64)[record]
        states = self._states_before()
        sides = []
        for body in (body_a, body_b):
            position, linear, angular = np.split(states[record, body], 3, axis=-1)
            scripted, belt = surfaces.at(body, step_index, point)
            sides.append(linear + np.cross(angular, point - position) + scripted + belt)
        impulse = rows[:, 10] * self._dt
        return Touches.between(step_index, (body_a, body_b), point, normal, impulse, sides, rows[:, 9])

    def _states_before(self) -> Float[np.ndarray, "s o 9"]:
        """Return position and velocities of touching bodies at the start of every recorded step, 0 for all others."""
        entries = np.array(self._entries, dtype=np.float64).reshape(-1, 12)
        record, body, read_at = entries[:, :3].T.astype(np.int64)
        states = np.zeros((len(self._steps), len(self._body_of), 9))
        flown = (np.array(self._steps, dtype=np.int64)[record] - read_at)[:, None] * self._dt
        own = entries[:, 3:]
        # Leapfrog: each of n steps adds g dt to the velocity, and then the velocity to the position.
        own[:, :3] += flown * (own[:, 3:6] + 0.5 * (flown + self._dt) * self._gravity)
        own[:, 3:6] += flown * self._gravity
        states[record, body] = own
        return states
