"""Scenes as Gymnasium environments: actions are pushes, observations are pictures, states and masks."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal, SupportsFloat

import numpy as np
from jaxtyping import Float

from physics_data.core.actions import Action, Impulse, Insert, Remove
from physics_data.core.arguments import checked_arguments
from physics_data.core.clip import Clip, Rendering
from physics_data.core.errors import ConfigError, MissingPackageError
from physics_data.core.paths import camera_at
from physics_data.core.scene import SceneSpec
from physics_data.core.trajectory import Trajectory
from physics_data.engines import ENGINES
from physics_data.engines.interventions import InteractiveRun
from physics_data.renderers import RENDERERS
from physics_data.scene_draws import SceneDraws, scene_draws
from physics_data.simulation import simulate_scene

try:
    import gymnasium
    from gymnasium import spaces
except ImportError as error:
    raise MissingPackageError("environments need gymnasium; pip install 'worldsim[gym]'.") from error

Observed = Literal["rgb", "states", "masks"]
Reward = Callable[[SceneSpec, Trajectory], float]


class SceneEnv(gymnasium.Env[Any, Any]):
    """One scene, or a family of scenes, that an agent pushes; one step is one frame.

    The action is float32 [n 3] in [-1, 1]: times ``max_impulse`` it is the impulse, N s, on each of the n bodies of
    ``pushed`` right after the frame that was observed last. Zero pushes nothing. An episode ends (truncated) with the
    scene's last frame. ``episode`` returns it as a labelled clip, whose scene holds the pushes as ``actions``. Its
    states are equal to the bit to those observed, its pictures to a grey level, since here each frame is drawn alone.

    ``reset(seed=...)`` fixes the draws of a family; ``reset(options={"draw": 3})`` takes the scene that
    ``simulate(scene, seed=3)`` shows. Grain of a picture is drawn anew for each frame.

    Args:
        draws: the scenes
        engine: name of the engine
        renderer: name of the renderer
        bodies: which bodies are pushed; default: all that can be
        observations: "rgb" uint8 [h w 3]; "states" float64 [o 13], position, orientation wxyz, linear and angular
            velocity of each body of the scene, 0 for an absent one; "masks" uint8 [h w], instance ids. One name gives
            that array, several a dictionary
        max_impulse: N s; default: what changes the speed of each body by 1 m/s
        reward: of the scene and the states of the new frame; default: 0, as for collecting data
    """

    metadata: dict[str, Any] = {"render_modes": ["rgb_array"], "render_fps": 16}

    def __init__(
        self,
        draws: SceneDraws,
        *,
        engine: str = "mujoco",
        renderer: str = "raycast",
        bodies: Sequence[str] | None = None,
        observations: Sequence[Observed] = ("rgb",),
        max_impulse: float | None = None,
        reward: Reward | None = None,
        render_mode: str | None = "rgb_array",
    ) -> None:
        self._draws, self._asked = draws, bodies
        self._engine, self._renderer_name = ENGINES.get(engine)(), renderer
        self._renderer = RENDERERS.get(renderer)()
        self._observed, self._max_impulse, self._reward = tuple(observations), max_impulse, reward
        self.render_mode = render_mode
        if not self._observed or set(self._observed) - {"rgb", "states", "masks"}:
            raise ConfigError(f"observations={list(observations)}; write one or more of 'rgb', 'states', 'masks'.")
        if max_impulse is not None and not 0 < max_impulse < np.inf:
            raise ConfigError(f"max_impulse={max_impulse}; write a number of N s above 0, or leave it out.")
        self._spec, self._caption = draws.draw(0)
        self._names = tuple(body.name for body in self._spec.bodies)
        self.pushed = self._pushed(self._spec)
        self.metadata = {**self.metadata, "render_fps": self._spec.frame_rate}
        self.action_space = spaces.Box(-1.0, 1.0, (len(self.pushed), 3), np.float32)
        self.observation_space = self._space()
        self._run: InteractiveRun | None = None
        self._frame = 0
        self._pushes: list[Action] = []
        self._shown: Rendering | None = None

    @property
    def engine_name(self) -> str:
        """Name of the engine."""
        return self._engine.name

    @property
    def scene(self) -> SceneSpec:
        """The scene of this episode with the pushes so far."""
        return self._spec.edited(actions=(*self._spec.actions, *self._pushes)) if self._pushes else self._spec

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        """Start an episode; see the class.

        Raises:
            ConfigError: another option than "draw", or a drawn scene with other bodies or another size.
        """
        super().reset(seed=seed)
        if unknown := set(options or {}) - {"draw"}:
            raise ConfigError(f"reset has no option {sorted(unknown)}; write options={{'draw': 3}}.")
        number = int((options or {}).get("draw", self.np_random.integers(2**31)))
        if self._draws.is_drawn:
            spec, self._caption = self._draws.draw(number)
            names = tuple(body.name for body in spec.bodies)
            size = (spec.height, spec.width)
            if names != self._names or size != (self._spec.height, self._spec.width):
                raise ConfigError(
                    f"draw {number} has the bodies {', '.join(names)} at {size[1]}x{size[0]}, the first one had "
                    f"{', '.join(self._names)}; an environment keeps bodies and size."
                )
            self._spec = spec
        self._frame, self._pushes = 0, []
        self._engine.supports(self._spec)
        self._run = InteractiveRun(self._engine.simulate, self._spec)
        return self._observe(self._run.states(0)), {**self._info(), "draw": number}

    def step(self, action: Any) -> tuple[Any, SupportsFloat, bool, bool, dict[str, Any]]:
        """Push, and go on to the next frame.

        Raises:
            ConfigError: the action lies outside of the action space, or the episode is over.
            EngineError: the engine cannot run the scene on.
        """
        if self._run is None or self._frame >= self._spec.num_frames - 1:
            raise ConfigError("the episode is over, or has not begun; call reset() first.")
        values = np.asarray(action, dtype=np.float32)
        if not self.action_space.contains(values):
            shape = self.action_space.shape
            raise ConfigError(f"an action is float32 {list(shape or ())} in [-1, 1]; this one is {action!r}.")
        pushes = self._impulses(values)
        self._pushes += pushes
        if actions := [*(action for action in self._spec.actions if action.frame == self._frame), *pushes]:
            self._run.act(self._frame, actions)
        self._frame += 1
        states = self._run.states(self._frame)
        reward = 0.0 if self._reward is None else float(self._reward(self._spec, states))
        return self._observe(states), reward, False, self._frame == self._spec.num_frames - 1, self._info()

    def render(self) -> Any:
        """Return the picture of the newest frame, uint8 [h w 3].

        Raises:
            ConfigError: before the first ``reset``.
        """
        if self._run is None:
            raise ConfigError("nothing to render yet; call reset() first.")
        if self._shown is None:
            self._shown = self._picture(self._run.states(self._frame))
        return self._shown.rgb[0]

    def episode(self, key: str | None = None) -> Clip:
        """Return the episode as a labelled clip; after an early end the scene runs on without further pushes."""
        clip = simulate_scene(self.scene, self._engine.name, self._renderer_name, caption=self._caption)
        return clip if key is None else replace(clip, meta=clip.meta.model_copy(update={"key": key}))

    def _info(self) -> dict[str, Any]:
        return {"frame": self._frame, "seconds": self._frame / self._spec.frame_rate}

    def _impulses(self, values: Float[np.ndarray, "n 3"]) -> list[Action]:
        pushes: list[Action] = []
        for name, value in zip(self.pushed, values, strict=True):
            if value.any():
                strength = self._max_impulse or self._spec.bodies[self._spec.body_index(name)].mass
                x, y, z = (float(part) * strength for part in value)
                pushes.append(Impulse(frame=self._frame, body=name, impulse=(x, y, z)))
        return pushes

    def _pushed(self, spec: SceneSpec) -> tuple[str, ...]:
        jointed = {name for joint in spec.joints for name in (joint.body, joint.parent)}
        changing = {action.body for action in spec.actions if isinstance(action, Remove | Insert)}
        held = jointed | changing
        free = [body.name for body in spec.bodies if body.is_dynamic and body.name not in held]
        asked = tuple(free if self._asked is None else self._asked)
        if wrong := [name for name in asked if name not in free]:
            raise ConfigError(
                f"{', '.join(wrong)} cannot be pushed: only dynamic bodies that no joint holds and that are there all "
                f"the time; in this scene {', '.join(free) or 'none'}."
            )
        if not asked:
            raise ConfigError("the scene has no body that can be pushed: a dynamic one that no joint holds.")
        return asked

    def _space(self) -> "spaces.Space[Any]":
        spec = self._spec
        if spec.sensor.shutter or spec.camera.shake is not None or (spec.sensor.aperture and spec.camera.is_moving):
            raise ConfigError(
                "the scene has motion blur, camera shake, or a lens that moves in depth; an environment draws each "
                "frame by itself, so set sensor.shutter to 0, camera.shake to none, and sensor.aperture to 0."
            )
        every: dict[str, spaces.Space[Any]] = {
            "rgb": spaces.Box(0, 255, (spec.height, spec.width, 3), np.uint8),
            "states": spaces.Box(-np.inf, np.inf, (len(spec.bodies), 13), np.float64),
            "masks": spaces.Box(0, 255, (spec.height, spec.width), np.uint8),
        }
        chosen = {name: every[name] for name in self._observed}
        return chosen[self._observed[0]] if len(chosen) == 1 else spaces.Dict(chosen)

    def _observe(self, states: Trajectory) -> Any:
        needs_picture = "rgb" in self._observed or "masks" in self._observed
        self._shown = self._picture(states) if needs_picture else None
        seen: dict[str, np.ndarray] = {}
        for name in self._observed:
            if name == "states":
                parts = (states.position, states.orientation, states.linear_velocity, states.angular_velocity)
                seen[name] = np.concatenate([part[0] for part in parts], axis=-1)
                if states.present is not None:
                    seen[name] *= states.present[0, :, None]
            elif self._shown is not None:
                seen[name] = self._shown.rgb[0] if name == "rgb" else self._shown.instance_ids[0]
        return seen[self._observed[0]] if len(seen) == 1 else seen

    def _picture(self, states: Trajectory) -> Rendering:
        spec, camera = self._spec, self._spec.camera
        if camera.is_moving:
            place, target = camera_at(camera, np.array([self._frame / spec.frame_rate]))
            camera = camera.model_copy(update={"position": tuple(place[0]), "target": tuple(target[0]), "path": ()})
        sensor = spec.sensor.model_copy(update={"seed": spec.sensor.seed + self._frame})
        still = spec.model_copy(update={"num_frames": 1, "actions": (), "camera": camera, "sensor": sensor})
        return self._renderer.render(still, states, ())


@checked_arguments
def make_env(
    scene: str | Path | SceneSpec,
    *,
    engine: str | None = None,
    renderer: str = "raycast",
    bodies: Sequence[str] | None = None,
    observations: Sequence[Observed] = ("rgb",),
    max_impulse: float | None = None,
    reward: Callable[..., Any] | None = None,
    num_envs: int | None = None,
    parallel: bool = False,
    **settings: Any,
) -> "SceneEnv | gymnasium.vector.VectorEnv[Any, Any, Any]":
    """Make a Gymnasium environment of a scene.

    Args:
        scene: a ``SceneSpec``, a scene file, or the name of a scenario
        engine, renderer, bodies, observations, max_impulse, reward: see ``SceneEnv``
        num_envs: number of environments in a vector environment; default: a single one
        parallel: each environment of a vector in a process of its own
        settings: fields of ``SceneSettings``; a scenario only

    Raises:
        UnknownNameError: no such scenario, engine or renderer.
        ConfigError: arguments or a scene file that do not fit, or a scene in which nothing can be pushed.
        MissingPackageError: gymnasium is not installed (extra ``gym``).

    Examples:
        >>> env = make_env("collide", width=32, height=32)
        >>> first, info = env.reset(seed=1)
        >>> first.shape
        (32, 32, 3)
    """
    draws = scene_draws(scene, settings)
    chosen = ENGINES.check(engine or draws.engine)

    def single() -> SceneEnv:
        return SceneEnv(
            draws,
            engine=chosen,
            renderer=renderer,
            bodies=bodies,
            observations=observations,
            max_impulse=max_impulse,
            reward=reward,
        )

    if num_envs is None:
        if parallel:
            raise ConfigError("parallel=True needs num_envs, the number of environments.")
        return single()
    if num_envs < 1:
        raise ConfigError(f"num_envs={num_envs}; write 1 or more, or leave it out.")
    vector = gymnasium.vector.AsyncVectorEnv if parallel else gymnasium.vector.SyncVectorEnv
    return vector([single] * num_envs)
