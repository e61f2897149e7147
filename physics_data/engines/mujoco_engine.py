"""MuJoCo, with Newton's law of restitution written into its contact parameters."""

# pyright: reportAttributeAccessIssue=false
# MuJoCo's compiled module comes without type stubs.

from typing import ClassVar

import mujoco
import numpy as np

from physics_data.core.scene import SceneSpec
from physics_data.core.trajectory import Trajectory
from physics_data.engines.joint_tree import check_joints
from physics_data.engines.moving_surfaces import check_belts, moving_surfaces
from physics_data.engines.mujoco_contacts import touches
from physics_data.engines.mujoco_model import build_model
from physics_data.engines.mujoco_state import MujocoState
from physics_data.engines.mujoco_step import MujocoStepper
from physics_data.engines.recorder import TrajectoryRecorder
from physics_data.engines.solids import check_centred
from physics_data.engines.stepping import finer, stepped

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
        self.supports(spec)
        spec = stepped(spec, finer(spec, self.name, spin=_MOST_TURN))
        run = _Run(spec)
        for frame in range(spec.num_frames):
            run.sample(frame)
            if frame < spec.num_frames - 1:
                run.advance(frame)
        return run.finish(self.name)


class _Run:
    """One scene on its way."""

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

    def finish(self, engine_name: str) -> Trajectory:
        """Return everything recorded.

        Raises:
            EngineError: a state is not finite.
        """
        log = touches(self._stepper.log, 1.0 / self._spec.physics_rate, self._body_of_geom, self._surfaces)
        return self._recorder.finish(engine_name, log)
