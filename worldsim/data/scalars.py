"""Conditioning scalars of a clip's scene: gravity, friction, mass, the camera's path.

Not every clip knows every scalar: footage knows none, a scene without a second body has no ratio of masses, and in a
clip that cannot happen bodies do not move as the numbers of its scene say. What is not known is None, never 0.
"""

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float

from physics_data.core.clip import ClipMeta
from physics_data.core.errors import ConfigError, suggest
from physics_data.core.geometry import camera_matrices
from physics_data.core.paths import scripted_poses
from physics_data.core.scene import Body, SceneSpec
from worldsim.model.conditioning import Scalars
from worldsim.model.model_config import ScalarConfig

Values = Float[np.ndarray, "_t k"]
"""One row for the whole clip, or one for each of the video frames that are asked for."""


@dataclass(frozen=True)
class SceneScalar:
    """A scalar, or a few, of a scene.

    size:       how many values
    per_frame:  whether each frame has its own
    read:       from the scene and the video frames at which it is wanted; None = the scene does not have it
    unit:       of the values, for listings
    """

    size: int
    per_frame: bool
    read: Callable[[SceneSpec, np.ndarray], Values | None]
    unit: str


def _gravity(spec: SceneSpec, frames: np.ndarray) -> Values:
    return np.array([[math.hypot(*spec.gravity)]])


def _mass(spec: SceneSpec, frames: np.ndarray) -> Values | None:
    moved = _moved(spec)
    return np.array([[moved[0].mass]]) if moved else None


def _mass_ratio(spec: SceneSpec, frames: np.ndarray) -> Values | None:
    moved = _moved(spec)
    return np.array([[moved[1].mass / moved[0].mass]]) if len(moved) > 1 else None


def _friction(spec: SceneSpec, frames: np.ndarray) -> Values | None:
    pair = _on_ground(spec)
    return None if pair is None else np.array([[math.sqrt(pair[0].surface.friction * pair[1].surface.friction)]])


def _restitution(spec: SceneSpec, frames: np.ndarray) -> Values | None:
    pair = _on_ground(spec)
    return None if pair is None else np.array([[min(body.surface.restitution for body in pair)]])


def _camera(spec: SceneSpec, frames: np.ndarray) -> Values:
    poses = camera_matrices(spec).world_from_camera
    return (np.linalg.inv(poses[0]) @ poses[frames])[:, :3].reshape(len(frames), 12)


def _action(spec: SceneSpec, frames: np.ndarray) -> Values | None:
    driven = [body for body in spec.bodies if body.is_scripted]
    if not driven:
        return None
    position, _ = scripted_poses(driven[0], frames / spec.frame_rate)
    spacing = frames[1] - frames[0] if len(frames) > 1 else 1
    return np.diff(position, axis=0, prepend=position[:1]) / spacing * spec.frame_rate


SCALARS: dict[str, SceneScalar] = {
    "gravity": SceneScalar(1, False, _gravity, "m/s²"),
    "mass": SceneScalar(1, False, _mass, "kg"),
    "mass_ratio": SceneScalar(1, False, _mass_ratio, "1"),
    "friction": SceneScalar(1, False, _friction, "1"),
    "restitution": SceneScalar(1, False, _restitution, "1"),
    "camera": SceneScalar(12, True, _camera, "1 and m"),
    "action": SceneScalar(3, True, _action, "m/s"),
}
"""What can be read.

    gravity:      strength of the pull
    mass:         of the first object that forces move, in the order of the scene
    mass_ratio:   of the second such object over the first
    friction:     with which that first object slides on the ground: the geometric mean of both coefficients
    restitution:  of that object on the ground: the smaller of both
    camera:       pose of the camera in the frame of its first pose, the upper three rows of the matrix, row by row
                  (x right, y down, z forward): what MotionCtrl is told (Wang et al. 2023, MotionCtrl: a unified and
                  flexible motion controller for video generation)
    action:       mean velocity of the first scripted body since the frame before, world frame: what is done to the
                  scene; 0 at the first
"""


def require_known(wanted: Iterable[tuple[str, int, bool]]) -> None:
    """Check that clips can give scalars of these names, sizes and kinds (name, size, per_frame).

    Raises:
        ConfigError: there is no such scalar, or it has another size or kind.
    """
    for name, size, per_frame in wanted:
        if name not in SCALARS:
            raise ConfigError(f"model.scalars: no clip has '{name}': {suggest(name, SCALARS)}")
        known = SCALARS[name]
        if (size, per_frame) != (known.size, known.per_frame):
            right = f"{{name: {name}, size: {known.size}, per_frame: {str(known.per_frame).lower()}}}"
            raise ConfigError(
                f"model.scalars: '{name}' has size {size} and per_frame {str(per_frame).lower()}, clips have another; "
                f"write {right}."
            )


def read_scalars(meta: ClipMeta, names: Iterable[str], frames: Iterable[int]) -> dict[str, Values | None]:
    """Return the scalars of a clip, those that change at some evenly spaced video frames; None = not known.

    Raises:
        KeyError: a name that is not in ``SCALARS``; ask ``require_known`` first.
    """
    spec = meta.spec
    if spec is None or (meta.pair is not None and not meta.pair.is_possible):
        return dict.fromkeys(names)
    at = np.array(list(frames))
    return {name: SCALARS[name].read(spec, at) for name in names}


class ClipScalars:
    """Reads of clips the scalars that a transformer takes (``model.scalars``)."""

    def __init__(self, wanted: Sequence[ScalarConfig], temporal_factor: int) -> None:
        """Check the names.

        Raises:
            ConfigError: a scalar that no clip has, or of another size or kind.
        """
        require_known((one.name, one.size, one.per_frame) for one in wanted)
        self._wanted = tuple(wanted)
        self._factor = temporal_factor

    def __bool__(self) -> bool:
        return bool(self._wanted)

    def of(self, meta: ClipMeta, num_frames: int) -> dict[str, Scalars]:
        """Return the scalars of one clip of so many video frames (b = 1); what it does not know is not present.

        Scalars of frames are those of the last video frame that each latent frame stands for.
        """
        frames = range(0, num_frames, self._factor)
        known = read_scalars(meta, [one.name for one in self._wanted], frames)
        found: dict[str, Scalars] = {}
        for one in self._wanted:
            values = known[one.name]
            rows = len(frames) if one.per_frame else 1
            held = torch.zeros(rows, one.size) if values is None else torch.from_numpy(values).float()
            found[one.name] = Scalars(held[None], torch.full((1, rows), values is not None))
        return found


def _moved(spec: SceneSpec) -> list[Body]:
    """Return the objects that forces move."""
    return [body for body in spec.bodies if body.is_dynamic and body.role == "object"]


def _on_ground(spec: SceneSpec) -> tuple[Body, Body] | None:
    """Return the first object that forces move and the first ground, if there are both."""
    moved, ground = _moved(spec), [body for body in spec.bodies if body.role == "ground"]
    return (moved[0], ground[0]) if moved and ground else None
