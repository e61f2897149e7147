"""Storyboards: shots of words or scenes with cuts between them, which share bodies by name.

A body keeps its shape, material, mass and colour through the film, and one label (instance id) for all shots. A shot
that goes on after another (``continues``) starts with the states in which the other ended.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from jaxtyping import UInt8
from pydantic import Field, ValidationError, model_validator

from physics_data.core.atomic import atomic_path
from physics_data.core.clip import Clip
from physics_data.core.config import StrictModel, explain_mistake
from physics_data.core.errors import ConfigError, suggest
from physics_data.core.scene import SceneSpec
from physics_data.core.video import write_video
from physics_data.scenes.scene_file import CameraEntry, load_scene, scene_of
from physics_data.scenes.source_lines import SourceFile, read_source
from physics_data.scenes.words.direct import solve, understood
from physics_data.simulation import simulate

Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")]
_KEPT = ("shape", "mass", "surface", "appearance", "noun")
"""What a body with the name of an earlier one takes from it."""


class ShotEntry(StrictModel):
    """One shot: ``words``, a ``scene`` file, or neither where it goes on after another.

    continues:  "true" in YAML: the bodies start as the shot before ended
    words:      as for ``direct``; scene: path of a scene file, from the storyboard's folder
    camera:     as in a scene file; default: the one of the words or the scene, of a continuing shot the last one
    duration:   s, cut to this length; of a continuing shot how long it goes on
    """

    words: str | None = None
    scene: str | None = None
    continues: bool = False
    camera: CameraEntry | None = None
    duration: Annotated[float, Field(gt=0, le=60)] | None = None

    @model_validator(mode="after")
    def _check(self) -> "ShotEntry":
        given = [name for name in ("words", "scene", "continues") if getattr(self, name)]
        if len(given) != 1:
            raise ValueError(f"a shot has exactly one of words, scene, continues: true; given are {given or 'none'}")
        return self


class Storyboard(StrictModel):
    """A film: its shots in order, frames per second and size for all of them."""

    shots: Annotated[tuple[ShotEntry, ...], Field(min_length=1)]
    size: tuple[Annotated[int, Field(ge=16, le=4096)], Annotated[int, Field(ge=16, le=4096)]] = (256, 144)


@dataclass(frozen=True)
class Film:
    """The shots of a storyboard.

    clips:   one for each shot, with all labels
    labels:  body → its instance id in the whole film
    cuts:    first frame of every shot but the first
    """

    clips: tuple[Clip, ...]
    labels: dict[str, int]
    cuts: tuple[int, ...]

    @property
    def rgb(self) -> UInt8[np.ndarray, "t h w 3"]:
        """All frames."""
        return np.concatenate([clip.rgb for clip in self.clips])

    @property
    def instance_ids(self) -> UInt8[np.ndarray, "t h w"]:
        """The labels of all pixels, by ``labels``; 0 = background."""
        shots = []
        for clip in self.clips:
            spec, *_ = clip.labelled
            table = np.zeros(256, dtype=np.uint8)
            for own, body in enumerate(spec.instances, 1):
                table[own] = self.labels[body.name]
            shots.append(table[clip.instance_ids])
        return np.concatenate(shots)

    def save(self, path: str | Path) -> None:
        """Write the film as a video."""
        write_video(Path(path), self.rgb, self.clips[0].meta.frame_rate)

    def save_labels(self, path: str | Path) -> None:
        """Write ``instance_ids`` uint8 [t h w], ``names`` (that of id k at k - 1), ``cuts`` and ``shot`` int [t]."""
        path = Path(path)
        if path.suffix != ".npz":
            raise ConfigError(f"labels are written as .npz, {path} is not; write e.g. --labels {path.stem}.npz.")
        shot = np.concatenate([np.full(clip.meta.num_frames, k) for k, clip in enumerate(self.clips)])
        names = np.array(list(self.labels))
        with atomic_path(path) as partial, partial.open("wb") as file:
            np.savez_compressed(
                file, instance_ids=self.instance_ids, names=names, cuts=np.array(self.cuts, dtype=np.int64), shot=shot
            )


def make_film(path: str | Path, *, seed: int = 0) -> Film:
    """Make the film of a storyboard file.

    Args:
        path: YAML, see ``Storyboard``
        seed: of the numbers that ``direct`` tries

    Raises:
        ConfigError: the file does not fit, with the line; a first shot that continues; more than 255 bodies.
        WordsError: words of which no scene can be made.
    """
    source = read_source(Path(path))
    try:
        board = Storyboard.model_validate(source.data)
    except ValidationError as error:
        lines = [f"  {source.place(item['loc'])}: {explain_mistake(Storyboard, dict(item))}" for item in error.errors()]
        raise ConfigError(f"{source.path} does not fit:\n" + "\n".join(dict.fromkeys(lines))) from error
    known: dict[str, Any] = {}
    clips: list[Clip] = []
    for number, shot in enumerate(board.shots):
        spec = _spec_of(shot, number, clips, source, seed)
        spec = _with_shared_bodies(spec, known)
        spec = spec.model_copy(update={"width": board.size[0], "height": board.size[1], "index": number})
        for body in spec.bodies:
            known.setdefault(body.name, body)
        clips.append(simulate(spec))
    labels: dict[str, int] = {}
    for clip in clips:
        for body in clip.labelled[0].instances:
            labels.setdefault(body.name, len(labels) + 1)
    if len(labels) > 255:
        raise ConfigError(f"{source.path} shows {len(labels)} bodies; a film labels at most 255.")
    ends = np.cumsum([clip.meta.num_frames for clip in clips])
    return Film(tuple(clips), labels, tuple(int(end) for end in ends[:-1]))


def _spec_of(shot: ShotEntry, number: int, clips: list[Clip], source: SourceFile, seed: int) -> SceneSpec:
    place = source.place(("shots", number))
    if shot.continues:
        if not clips:
            raise ConfigError(f"{place}: the first shot has none before it to continue; give it words or a scene.")
        spec = _continued(clips[-1], shot.duration)
    elif shot.words is not None:
        spec = solve(understood(shot.words), seed).spec
    else:
        file = source.path.parent / str(shot.scene)
        if not file.is_file():
            near = suggest(str(shot.scene), [p.name for p in file.parent.glob("*.yaml")])
            raise ConfigError(f"{place}: no scene file {file}; {near}")
        spec = load_scene(file).spec
    if shot.camera is not None:
        document = {"bodies": {"any": {"sphere": 0.1}}, "camera": shot.camera.model_dump(exclude_defaults=True)}
        spec = spec.model_copy(update={"camera": scene_of(document, place).spec.camera})
    if shot.duration is not None:
        frames = 1 + round(shot.duration * spec.frame_rate)
        if not shot.continues and frames > spec.num_frames and shot.words is None:
            raise ConfigError(f"{place}: the scene lasts {spec.seconds[-1]:g} s, less than {shot.duration:g} s.")
        spec = spec.model_copy(update={"num_frames": frames})
    return spec


def _continued(clip: Clip, duration: float | None) -> SceneSpec:
    """Return the scene that starts in the states in which a clip ended."""
    spec, _, trajectory = clip.labelled
    if any(body.path for body in spec.bodies) or spec.joints:
        raise ConfigError("a shot with joints or scripted bodies cannot be continued; write its next shot as a scene.")
    bodies = []
    for index, body in enumerate(spec.bodies):
        if body.is_dynamic:
            turn = trajectory.orientation[-1, index]
            body = body.model_copy(
                update={
                    "position": _tuple(trajectory.position[-1, index]),
                    "orientation": _tuple(turn / np.linalg.norm(turn)),
                    "linear_velocity": _tuple(trajectory.linear_velocity[-1, index]),
                    "angular_velocity": _tuple(trajectory.angular_velocity[-1, index]),
                }
            )
        bodies.append(body)
    frames = 1 + round((duration or 2.0) * spec.frame_rate)
    return spec.model_copy(update={"bodies": tuple(bodies), "num_frames": frames})


def _with_shared_bodies(spec: SceneSpec, known: dict[str, Any]) -> SceneSpec:
    """Give bodies the colour, material and mass of earlier ones of their name.

    Raises:
        ConfigError: a body of that name has another shape.
    """
    bodies = []
    for body in spec.bodies:
        if (first := known.get(body.name)) is not None:
            if first.shape != body.shape:
                raise ConfigError(
                    f"'{body.name}' has another shape in an earlier shot; give one of the two another name, or say the "
                    "same size in both."
                )
            body = body.model_copy(update={name: getattr(first, name) for name in _KEPT})
        bodies.append(body)
    return spec.model_copy(update={"bodies": tuple(bodies)})


def _tuple(values: np.ndarray) -> tuple[float, ...]:
    return tuple(float(value) for value in values)
