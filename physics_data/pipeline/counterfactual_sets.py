"""Counterfactual sets: the same scene and seed with one thing changed, stored with what must and must not differ."""

import csv
import io
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import numpy as np
from pydantic import Field

from physics_data.core.actions import Action, Impulse, Insert, Remove, SetBody, SetGravity
from physics_data.core.atomic import write_text
from physics_data.core.clip import Clip
from physics_data.core.config import StrictModel
from physics_data.core.counterfactual import Counterfactual, CounterfactualSet, pairs_of, read_sets, write_sets
from physics_data.core.dataset import ShardDataset, write_dataset
from physics_data.core.errors import ConfigError, EngineError, UnknownNameError, suggest
from physics_data.core.geometry import views_of
from physics_data.core.scene import Body, SceneSpec
from physics_data.core.trajectory import Trajectory
from physics_data.core.video import write_video

TOLERANCE = 0.01
"""Distance in the last frame from which on a body counts as elsewhere, m."""

SAME = 1e-4
"""Distance in every frame below which a body counts as unmoved, m. Bodies that touch nothing in common are solved
together, so their states differ by rounding."""

CHANGES = ("gravity", "push", "mass", "friction", "restitution", "remove")


class SetPlan(StrictModel):
    """What a dataset of counterfactual sets is made of, as its record tells."""

    scenes: tuple[str, ...]
    engine: str
    changes: tuple[str, ...]
    frame: Annotated[int, Field(ge=0)] | None


def standard_changes(spec: SceneSpec, frame: int | None = None, names: Sequence[str] = CHANGES) -> dict[str, Action]:
    """Return one change of each kind that fits a scene, on its first free dynamic body.

    gravity: a third; push: a change of speed by 1 m/s across the view; mass: four times; friction: 0, or 0.8 where it
    was below 0.4; restitution: 0, or 0.9 where it was below 0.5; remove: the first other body, or that one.

    Args:
        spec: the scene
        frame: after which the change happens; default: a quarter of the clip
        names: of ``CHANGES``

    Raises:
        UnknownNameError: no such change.
        ConfigError: no body can be changed.
    """
    for name in names:
        if name not in CHANGES:
            raise UnknownNameError(f"unknown change '{name}': {suggest(name, CHANGES)}")
    at = max((spec.num_frames - 1) // 4, 0) if frame is None else frame
    jointed = {name for joint in spec.joints for name in (joint.body, joint.parent)}
    free = [body for body in spec.bodies if body.is_dynamic and body.name not in jointed]
    if not free:
        raise ConfigError("no body of the scene is dynamic and free of joints, so nothing can be changed.")
    body, gone = free[0], _removed(spec, free[0])
    surface = body.surface
    x, y, z = spec.gravity
    every: dict[str, Action] = {
        "gravity": SetGravity(frame=at, gravity=(x / 3, y / 3, z / 3)),
        "push": Impulse(frame=at, body=body.name, impulse=(0.0, body.mass, 0.0)),
        "mass": SetBody(frame=at, body=body.name, mass=4 * body.mass),
        "friction": SetBody(frame=at, body=body.name, friction=0.8 if surface.friction < 0.4 else 0.0),
        "restitution": SetBody(frame=at, body=body.name, restitution=0.9 if surface.restitution < 0.5 else 0.0),
        "remove": Remove(frame=at, body=gone.name),
    }
    return {name: every[name] for name in names}


def _removed(spec: SceneSpec, pushed: Body) -> Body:
    others = [body for body in spec.bodies if body.is_instance and body.name != pushed.name]
    return others[0] if others else pushed


def write_counterfactuals(
    scenes: Sequence[tuple[SceneSpec, str | None]],
    out: str | Path,
    *,
    changes: Mapping[str, Action] | Sequence[str] = CHANGES,
    frame: int | None = None,
    engine: str = "mujoco",
    on_clip: Callable[[], None] = lambda: None,
) -> ShardDataset:
    """Simulate scenes, and each once more for every change, and write all clips with the record of the sets.

    All clips of a set have one caption, which says nothing of the change; the change is the last of the scene's
    ``actions``. A change that moves nothing by ``TOLERANCE`` is left out of its set. ``prompts.csv`` says what a
    model is asked, ``given/KEY.mp4`` holds the frames up to the change.

    Args:
        scenes: each with its caption; None lists the bodies
        out: dataset folder
        changes: actions by name, or names of ``standard_changes``
        frame: of the standard changes
        engine: name of the engine
        on_clip: called after each clip

    Raises:
        ConfigError: a change does not fit a scene, or no change of a scene moves anything.
        EngineError: the engine cannot run a scene.
    """
    from physics_data.simulation import simulate_scene

    sets: list[CounterfactualSet] = []

    def clips() -> Iterator[Clip]:
        for number, (spec, caption) in enumerate(scenes):
            name = f"{spec.scenario}-{number:05d}"
            factual = _named(simulate_scene(spec, engine, caption=caption), f"{name}-factual")
            yield factual
            on_clip()
            chosen = changes if isinstance(changes, Mapping) else standard_changes(spec, frame, tuple(changes))
            members = []
            for change, action in chosen.items():
                clip = simulate_scene(
                    spec.edited(actions=(*spec.actions, action)), engine, caption=factual.meta.caption
                )
                clip = _named(clip, f"{name}-{change}")
                member = compare(factual, clip, change, action)
                if member.must_differ:
                    members.append(member)
                    yield clip
                    on_clip()
            if not members:
                raise ConfigError(
                    f"none of the changes {', '.join(chosen)} moves anything in '{spec.scenario}' by {TOLERANCE:g} m; "
                    "make the clip longer, or the change larger."
                )
            sets.append(CounterfactualSet(name=name, factual=factual.meta.key, counterfactuals=tuple(members)))

    named = tuple(changes)
    plan = SetPlan(scenes=tuple(spec.scenario for spec, _ in scenes), engine=engine, changes=named, frame=frame)
    data = write_dataset(Path(out), clips(), plan)
    write_sets(data.folder, tuple(sets))
    _write_questions(data)
    return data


def _write_questions(data: ShardDataset) -> None:
    """Write what a model is asked: ``prompts.csv``, and the frames up to each change as ``given/KEY.mp4``."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["key", "factual", "given_frames", "num_frames", "frame_rate", "prompt", "change"])
    for factual, member in pairs_of(read_sets(data.folder)):
        clip = data.load(data.find(factual))
        meta, given = clip.meta, member.action.frame + 1
        change = change_in_words(clip.labelled[0], member.action)
        writer.writerow([member.key, factual, given, meta.num_frames, meta.frame_rate, meta.caption, change])
        (data.folder / "given").mkdir(exist_ok=True)
        write_video(data.folder / "given" / f"{member.key}.mp4", clip.rgb[:given], meta.frame_rate)
    write_text(data.folder / "prompts.csv", text.getvalue())


def change_in_words(spec: SceneSpec, action: Action) -> str:
    """Return a sentence that tells a model of a change; ``spec`` is the scene without it."""
    when = f"After {action.frame / spec.frame_rate:.3g} s"
    if isinstance(action, SetGravity):
        before, after = (math.hypot(*gravity) for gravity in (spec.gravity, action.gravity))
        return f"{when} gravity is {after:.3g} m/s² instead of {before:.3g} m/s²."
    body = spec.bodies[spec.body_index(action.body)]
    which = f"the {body.appearance.color_name} {body.noun}"
    alike = [(other.appearance.color_name, other.noun) for other in spec.bodies]
    if alike.count((body.appearance.color_name, body.noun)) > 1:
        which += f" '{body.name}'"
    match action:
        case Impulse(impulse=impulse):
            seen = np.array(impulse) @ views_of(spec)[action.frame].world_from_camera
            axis = int(np.abs(seen).argmax())
            side = (("left", "right"), ("up", "down"), ("towards the camera", "away from the camera"))[axis]
            return f"{when} {which} is pushed {side[int(seen[axis] > 0)]} with {math.hypot(*impulse):.3g} N s."
        case SetBody():
            said = {
                "mass": (action.mass, body.mass, " kg"),
                "friction": (action.friction, body.surface.friction, ""),
                "restitution": (action.restitution, body.surface.restitution, ""),
            }
            parts = [
                f"the {name} of {which} is {new:.3g}{unit} instead of {old:.3g}{unit}"
                for name, (new, old, unit) in said.items()
                if new is not None
            ]
            return f"{when} {' and '.join(parts)}."
        case Remove():
            return f"{when} {which} is gone."
        case Insert():
            return f"{when} {which} appears."


def compare(factual: Clip, changed: Clip, change: str, action: Action) -> Counterfactual:
    """Return what differs between two clips of a set.

    Raises:
        EngineError: they differ before the change.
    """
    spec, _, before = factual.labelled
    _, _, after = changed.labelled
    same = _equal_frames(before, after)
    if not same[: action.frame + 1].all():
        raise EngineError(f"'{changed.meta.key}' differs from '{factual.meta.key}' before frame {action.frame}.")
    moved = np.linalg.norm(before.position[-1] - after.position[-1], axis=1) > TOLERANCE
    moved |= _present(before)[-1] != _present(after)[-1]
    apart = np.linalg.norm(before.position - after.position, axis=2)
    together = np.array(_present(before) == _present(after)) & (apart < SAME)
    unchanged = [bool(column.all()) for column in together.T]
    return Counterfactual(
        key=changed.meta.key,
        change=change,
        action=action,
        must_differ=tuple(body.name for body, flag in zip(spec.bodies, moved, strict=True) if flag),
        must_not_differ=tuple(body.name for body, flag in zip(spec.bodies, unchanged, strict=True) if flag),
        tolerance=TOLERANCE,
    )


def check_counterfactuals(dataset: ShardDataset) -> list[str]:
    """Return what is wrong with the sets of a dataset: pictures or states that differ too early, or too late.

    Raises:
        DataError: it has no sets.
    """
    wrong = []
    for key, member in pairs_of(read_sets(dataset.folder)):
        factual, changed = dataset.load(dataset.find(key)), dataset.load(dataset.find(member.key))
        frame = member.action.frame
        if not np.array_equal(factual.rgb[: frame + 1], changed.rgb[: frame + 1]):
            wrong.append(f"{member.key}: its pictures differ from those of {key} before frame {frame}")
        try:
            found = compare(factual, changed, member.change, member.action)
        except EngineError as error:
            wrong.append(str(error))
            continue
        if (found.must_differ, found.must_not_differ) != (member.must_differ, member.must_not_differ):
            wrong.append(f"{member.key}: {found.must_differ} differ, the record says {member.must_differ}")
    return wrong


def _named(clip: Clip, key: str) -> Clip:
    return replace(clip, meta=clip.meta.model_copy(update={"key": key}))


def _present(motion: Trajectory) -> np.ndarray:
    return np.ones(motion.position.shape[:2], dtype=bool) if motion.present is None else motion.present


def _equal_frames(first: Trajectory, second: Trajectory) -> np.ndarray:
    """Return bool [t o]: equal states, to the bit."""
    same = np.array(_present(first) == _present(second))
    for name in ("position", "orientation", "linear_velocity", "angular_velocity"):
        same &= (getattr(first, name) == getattr(second, name)).all(axis=-1)
    return same
