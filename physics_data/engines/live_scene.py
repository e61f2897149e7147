"""``LiveScene``: a scene that runs frame by frame in MuJoCo and takes actions while it runs."""

import numpy as np

from physics_data.core.actions import Action, Insert, Remove
from physics_data.core.config import validate_config
from physics_data.core.errors import EngineError, SceneSpecError
from physics_data.core.scene import Body, SceneSpec
from physics_data.core.trajectory import Contacts, Trajectory
from physics_data.engines.interventions import acted, restarted
from physics_data.engines.mujoco_engine import MujocoEngine, MujocoRun

LIMIT_SECONDS = 120.0
"""Longest run, s. The engine chooses its step from the speeds that are possible until then."""


class LiveScene:
    """A scene on its way, whose actions are not known beforehand.

    ``recording`` is the scene with the actions so far. Its trajectory by ``MujocoEngine.simulate`` has the same bytes
    as the states that were seen here.
    """

    def __init__(self, spec: SceneSpec, limit_seconds: float = LIMIT_SECONDS) -> None:
        """Start a scene; its own actions and its length are left aside.

        Raises:
            EngineError: MuJoCo does not run the scene.
        """
        frames = 1 + round(limit_seconds * spec.frame_rate)
        self._whole = self._current = spec.model_copy(update={"actions": (), "num_frames": frames})
        self._start = 0
        self._poses = _initial(self._whole)
        self._run: MujocoRun | None = None
        self.frame = 0
        self._begin()

    @property
    def recording(self) -> SceneSpec:
        """The scene with all actions so far, as long as the longest run."""
        return self._whole

    @property
    def is_over(self) -> bool:
        """Whether the longest run was reached."""
        return self.frame >= self._whole.num_frames - 1

    @property
    def gravity(self) -> np.ndarray:
        """Gravity now, m/s²."""
        return np.array(self._current.gravity)

    def step(self) -> None:
        """Go on to the next frame.

        Raises:
            EngineError: a state is not finite, or the longest run was reached.
        """
        if self.is_over:
            raise EngineError(f"a live scene ends after {self.frame} frames; start it again.")
        if self._run is None:
            self._begin()
        local = self.frame - self._start
        assert self._run is not None
        self._run.advance(local)
        self._run.sample(local + 1)
        self.frame += 1
        self._note(local + 1)

    def act(self, action: Action, body: Body | None = None) -> None:
        """Do something right after the present frame; a refused action changes nothing.

        Args:
            action: whose ``frame`` is the present one
            body: the new body of an ``Insert``

        Raises:
            SceneSpecError: the action does not fit the scene, or belongs to another frame.
            EngineError: the engine cannot go on with it.
        """
        if action.frame != self.frame:
            raise SceneSpecError(
                f"an action at frame {action.frame} comes at frame {self.frame}; give the present one."
            )
        bodies = self._whole.bodies if body is None else (*self._whole.bodies, body)
        fields = self._whole.model_dump(mode="json")
        fields["bodies"] = [one.model_dump(mode="json") for one in bodies]
        fields["actions"] = [one.model_dump(mode="json") for one in (*self._whole.actions, action)]
        whole = validate_config(SceneSpec, fields, source="the live scene", error_class=SceneSpecError)
        current = self._current
        if self._run is not None and self.frame > self._start:
            current = restarted(current, self._recorded(), self.frame - self._start)
        before = self._whole, self._current, self._start, self._run
        self._whole, self._start, self._run = whole, self.frame, None
        self._current = acted(current, action, whole)
        if body is not None:
            self._poses |= _initial(whole.model_copy(update={"bodies": (body,)}))
        try:
            self._begin()
        except EngineError:
            self._whole, self._current, self._start, self._run = before
            raise

    def insert(self, body: Body) -> None:
        """Let a new body start here from its initial state; raises as ``act``."""
        self.act(Insert(frame=self.frame, body=body.name), body)

    def remove(self, name: str) -> None:
        """Take a body away; raises as ``act``."""
        self.act(Remove(frame=self.frame, body=name))

    def now(self) -> tuple[SceneSpec, Trajectory]:
        """Return the present frame as a scene and a trajectory of one frame, for a renderer."""
        names = {body.name for body in self._current.bodies}
        present = np.array([[body.name in names for body in self._whole.bodies]])
        position, orientation, velocity, spin = (
            np.stack([self._poses[body.name][k] for body in self._whole.bodies])[None] for k in range(4)
        )
        spec = self._whole.model_copy(update={"num_frames": 1, "actions": (), "gravity": self._current.gravity})
        return spec, Trajectory(
            position, orientation, velocity, spin, Contacts.none(), None if present.all() else present
        )

    def _begin(self) -> None:
        """Build the engine's model of the present scene."""
        if self._current.bodies:
            self._run = MujocoEngine().begin(self._current)
            self._run.sample(0)
            if self.frame == 0:
                self._note(0)

    def _recorded(self) -> Trajectory:
        assert self._run is not None
        kept = self._run.recorder
        return Trajectory(kept.position, kept.orientation, kept.linear_velocity, kept.angular_velocity, Contacts.none())

    def _note(self, local: int) -> None:
        """Keep the states of a frame of the present run."""
        part = self._recorded()
        states = (
            part.position[local],
            part.orientation[local],
            part.linear_velocity[local],
            part.angular_velocity[local],
        )
        if not all(np.isfinite(values).all() for values in states):
            raise EngineError("the scene ended with values that are not finite; start it again with gentler actions.")
        for index, body in enumerate(self._current.bodies):
            self._poses[body.name] = tuple(values[index] for values in states)


def _initial(spec: SceneSpec) -> dict[str, tuple[np.ndarray, ...]]:
    still = np.zeros(3)
    return {body.name: (np.array(body.position), np.array(body.orientation), still, still) for body in spec.bodies}
