"""One game: a scene in the simulator, its player's actions, and a recording that replays to the same bytes."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from jaxtyping import UInt8
from pydantic import Field

from physics_data.core.actions import Impulse, SetGravity
from physics_data.core.config import StrictModel, validate_config
from physics_data.core.errors import SceneSpecError
from physics_data.core.geometry import view_of
from physics_data.core.mechanics import kinetic_energy, potential_energy
from physics_data.core.scene import Appearance, Body, Camera, SceneSpec, Sphere, Surface
from physics_data.core.trajectory import Trajectory
from physics_data.engines.live_scene import LiveScene
from worldsim.studio.scene_editing import draw_frame, orbited

FORMAT = "worldsim.play/1"

PUSH_SPEED = 2.0
"""Speed that a click gives to the body it hits, m/s."""

_DROP_RADIUS, _DROP_HEIGHT, _MOST_DROPPED = 0.15, 1.6, 40
_DROPPED = (("yellow", (0.85, 0.62, 0.05)), ("green", (0.08, 0.42, 0.12)), ("purple", (0.32, 0.09, 0.45)))

Pixel = tuple[float, float]


class Push(StrictModel):
    """Push the body that a pixel shows, or a named one: away from the camera, or along a way in the picture's plane.

    pixel, along: shares of the picture's width and height
    """

    kind: Literal["push"] = "push"
    pixel: Pixel | None = None
    body: str = ""
    along: Pixel | None = None


class Drop(StrictModel):
    """Let a ball fall onto the place of the floor that a pixel shows."""

    kind: Literal["drop"] = "drop"
    pixel: Pixel


class Gravity(StrictModel):
    """Change gravity, m/s²."""

    kind: Literal["gravity"] = "gravity"
    gravity: tuple[float, float, float]


class Turn(StrictModel):
    """Move the camera: radians round its target and up, and nearer by a factor."""

    kind: Literal["turn"] = "turn"
    around: float = 0.0
    up: float = 0.0
    zoom: float = 1.0


class Recording(StrictModel):
    """A game: the scene with all that was done, where the camera was from which frame on, and how many frames.

    looks: frames at which the generator looked at the simulator anew; prompt, seed: what it was told
    """

    format: Literal["worldsim.play/1"] = FORMAT
    scene: SceneSpec
    cameras: list[tuple[int, Camera]]
    frames: int = Field(ge=1)
    size: tuple[int, int]
    prompt: str = ""
    seed: int = 0
    looks: list[int] = []


@dataclass(frozen=True)
class PlayFrame:
    """One frame of the simulator: its pictures and energies (J).

    rgb: for the player, None where the picture was dropped; small: at the size of the generator, with the instance
    ids of dynamic bodies
    """

    number: int
    rgb: UInt8[np.ndarray, "h w 3"] | None
    small: UInt8[np.ndarray, "h2 w2 3"]
    small_ids: UInt8[np.ndarray, "h2 w2"]
    kinetic: float
    potential: float


class PlaySession:
    """A scene that is played. ``act`` and ``advance`` are called by one thread at a time."""

    def __init__(self, spec: SceneSpec, size: tuple[int, int], small: tuple[int, int] = (64, 64)) -> None:
        """Start a scene at its first frame.

        Args:
            spec: the scene; its own actions are left aside, a moving camera stays at its start
            size: width and height of the pictures, pixels
            small: of the pictures for the generator
        """
        camera = spec.camera.model_copy(update={"path": (), "shake": None})
        self._scene = LiveScene(spec.model_copy(update={"camera": camera}))
        self._size, self._small = size, small
        self.camera = camera
        self.cameras: list[tuple[int, Camera]] = [(0, camera)]
        self.looks: list[int] = []
        self._dropped = 0

    @property
    def frame(self) -> int:
        """Number of the present frame."""
        return self._scene.frame

    @property
    def pushable(self) -> list[str]:
        """The names of the bodies that a push moves."""
        spec, _ = self._scene.now()
        held = {name for joint in spec.joints for name in (joint.body, joint.parent)}
        return [body.name for body in spec.bodies if body.is_dynamic and body.name not in held]

    @property
    def is_over(self) -> bool:
        """Whether the longest run was reached."""
        return self._scene.is_over

    def advance(self) -> None:
        """Go on to the next frame."""
        self._scene.step()

    def act(self, action: Push | Drop | Gravity | Turn) -> str:
        """Do something at the present frame and return what it was, in words.

        Raises:
            SceneSpecError, EngineError: it cannot be done; the scene is as before.
        """
        match action:
            case Push():
                return self._push(action)
            case Drop():
                return self._drop(action)
            case Gravity(gravity=gravity):
                if any(abs(value) > 50 for value in gravity):
                    raise SceneSpecError("gravity is at most 50 m/s² along each axis.")
                self._scene.act(SetGravity(frame=self.frame, gravity=gravity))
                return f"gravity is {math.sqrt(sum(value**2 for value in gravity)):.2f} m/s²"
            case Turn():
                self.camera = orbited(self.camera, action.around, action.up, action.zoom)
                earlier = [one for one in self.cameras if one[0] <= self.frame]
                self.cameras = [*earlier, (self.frame + 1, self.camera)]
                return "the camera moved"

    def draw(self, *, has_large: bool = True) -> PlayFrame:
        """Draw the present frame, for the player and for the generator, or for the generator alone."""
        return drawn(self._scene, self.camera, self._size if has_large else None, self._small)

    def recording(self, prompt: str, seed: int) -> Recording:
        """Return the game so far."""
        facts = {"prompt": prompt, "seed": seed, "looks": self.looks}
        fields = {"scene": self._scene.recording, "cameras": self.cameras, "frames": self.frame + 1}
        return Recording(**fields, size=self._size, **facts)

    def _hit(self, pixel: Pixel) -> Body | None:
        """Return what is seen at a pixel (shares of the picture)."""
        spec, now = self._scene.now()
        ids = draw_frame(spec.model_copy(update={"camera": self.camera}), now, self._size).instance_ids[0]
        column, row = (int(min(max(at, 0.0), 0.999) * side) for at, side in zip(pixel, self._size, strict=True))
        number = int(ids[row, column])
        return spec.instances[number - 1] if number else None

    def _push(self, action: Push) -> str:
        spec, now = self._scene.now()
        if action.pixel is not None:
            body = self._hit(action.pixel)
        else:
            body = next((one for one in spec.bodies if one.name == action.body), None)
        if body is None:
            raise SceneSpecError("there is nothing to push there.")
        if not body.is_dynamic:
            raise SceneSpecError(f"{body.name} does not move.")
        view = view_of(self.camera, *self._size)
        here = now.position[0, spec.body_index(body.name)]
        if action.along is None:
            way = (here - view.origin) * (1.0, 1.0, 0.0)
            speed = PUSH_SPEED
        else:
            right, down = view.world_from_camera[:, 0], view.world_from_camera[:, 1]
            way = action.along[0] * right - action.along[1] * np.array([0.0, 0.0, 1.0]) * abs(down[2])
            speed = min(12.0 * float(np.linalg.norm(action.along)), 6.0)
        length = float(np.linalg.norm(way))
        if length < 1e-9 or not math.isfinite(length):
            raise SceneSpecError("a push needs a direction; drag a little further.")
        x, y, z = (float(value) for value in way / length * speed * body.mass)
        self._scene.act(Impulse(frame=self.frame, body=body.name, impulse=(x, y, z)))
        return f"pushed {body.name} by {speed * body.mass:.2f} N s"

    def _drop(self, action: Drop) -> str:
        if self._dropped >= _MOST_DROPPED:
            raise SceneSpecError(f"{_MOST_DROPPED} balls were dropped, which is the most; start again.")
        view = view_of(self.camera, *self._size)
        pixel = np.array([action.pixel[0] * self._size[0], action.pixel[1] * self._size[1]])
        place = view.unproject_to_plane(pixel, np.zeros(3), np.array([0.0, 0.0, 1.0]))
        ahead = (place - view.origin) @ view.world_from_camera[:, 2]
        if not np.isfinite(place).all() or ahead <= 0 or np.linalg.norm(place) > 30:
            raise SceneSpecError("a ball is dropped onto the floor; choose a place below the horizon.")
        self._dropped += 1
        color, albedo = _DROPPED[self._dropped % len(_DROPPED)]
        spec, _ = self._scene.now()
        name = next(n for k in range(1, 300) if (n := f"dropped_{k}") not in {body.name for body in spec.bodies})
        ball = Body(
            name=name,
            shape=Sphere(radius=_DROP_RADIUS),
            mass=1.0,
            surface=Surface(friction=0.5, restitution=0.6),
            appearance=Appearance(color_name=color, albedo=albedo),
            position=(float(place[0]), float(place[1]), _DROP_HEIGHT),
        )
        self._scene.insert(ball)
        return f"dropped a {color} ball"


def replay(recording: Recording, small: tuple[int, int] = (64, 64)) -> Iterator[PlayFrame]:
    """Yield the frames of a recorded game, which have the bytes that the player could see.

    Raises:
        SceneSpecError: the recording does not fit its scene.
    """
    scene = recording.scene
    inserted = {action.body for action in scene.actions if action.kind == "insert"}
    new = {body.name: body for body in scene.bodies if body.name in inserted}
    bare = scene.model_copy(update={"bodies": tuple(body for body in scene.bodies if body.name not in inserted)})
    live = LiveScene(bare, (scene.num_frames - 1) / scene.frame_rate)
    actions = list(scene.actions)
    cameras = dict(recording.cameras)
    camera = scene.camera
    for number in range(recording.frames):
        camera = cameras.get(number, camera)
        yield drawn(live, camera, recording.size, small)
        while actions and actions[0].frame == number:
            action = actions.pop(0)
            live.act(action, new[action.body] if action.kind == "insert" else None)
        if number < recording.frames - 1:
            live.step()
    if actions and actions[0].frame < recording.frames:
        raise SceneSpecError("the actions of the recording are not in the order of their frames.")


def drawn(scene: LiveScene, camera: Camera, size: tuple[int, int] | None, small: tuple[int, int]) -> PlayFrame:
    """Draw the present frame of a live scene at both sizes, or at the small one alone."""
    spec, now = scene.now()
    spec = spec.model_copy(update={"camera": camera})
    large = None if size is None else draw_frame(spec, now, size).rgb[0]
    little = draw_frame(spec, now, small)
    dynamic = [0, *(number for number, body in enumerate(spec.instances, 1) if body.is_dynamic)]
    ids = np.where(np.isin(little.instance_ids[0], dynamic), little.instance_ids[0], 0).astype(np.uint8)
    moved, states = _moving(spec, now)
    kinetic, potential = float(kinetic_energy(moved, states)[0]), float(potential_energy(moved, states)[0])
    return PlayFrame(scene.frame, large, little.rgb[0], ids, kinetic, potential)


def read_recording(value: Any) -> Recording:
    """Return a recording from plain data.

    Raises:
        SceneSpecError: it does not fit.
    """
    return validate_config(Recording, value, source="the recording", error_class=SceneSpecError)


def _moving(spec: SceneSpec, now: Trajectory) -> tuple[SceneSpec, Trajectory]:
    """Leave out the bodies that are not there."""
    if now.present is not None:
        for index in np.flatnonzero(~now.present[0])[::-1]:
            spec, now = spec.without(spec.bodies[int(index)].name), now.without(int(index))
    return spec, now
