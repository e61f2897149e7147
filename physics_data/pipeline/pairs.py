"""Sets of clips of which some can happen and some cannot: from a draw and an editor to labelled clips."""

import string
from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from physics_data.core.clip import DEFAULT_STREAMS, Clip, PairInfo, Rendering, Split, Stream
from physics_data.core.conventions import clip_generator
from physics_data.core.errors import ClipRejectedError, ConfigError
from physics_data.core.scene import Body, SceneSpec
from physics_data.core.shards import json_record
from physics_data.editors import EDITORS
from physics_data.editors.editor import Break, Editor, Switch, World, refuse
from physics_data.editors.motions import joined
from physics_data.editors.residuals import switch_residuals
from physics_data.engines import ENGINES
from physics_data.engines.engine import Engine
from physics_data.pipeline.generate import labelled_clip, split_of
from physics_data.pipeline.splice import (
    Cut,
    check_lawful,
    check_one_difference,
    check_residuals,
    check_room,
    check_same_frames,
    check_start,
    hidden_cut,
    joined_rendering,
    neutral_caption,
    open_cut,
    visibly_differ,
)
from physics_data.renderers import RENDERERS
from physics_data.renderers.renderer import Renderer
from physics_data.scenarios import SCENARIOS
from physics_data.scenarios.shared.scenario import SceneSettings

MAX_DRAWS = 400
"""Draws of one set before its editor counts as broken. Editors are choosy; a refused draw costs a few milliseconds."""

_RECORD_ROOM = 4096
"""Bytes in a clip's JSON for what is beside its meta: shapes, types and scales of the arrays, and white space."""

_LEAST_FRAMES = 3
"""Frames of an impossible clip that have to look different from the possible one."""

Role = Literal["possible", "impossible", "control", "AA", "BB", "AB", "BA"]


@dataclass(frozen=True)
class PairTask:
    """Which pair set to make. Equal tasks with equal settings give equal bytes.

    severity:  from 0 (all clips can happen) to 1, as the editor defines it
    scenario:  whose scenes are edited; None = one of the editor's, drawn
    """

    editor: str
    engine: str
    index: int
    severity: float = 0.5
    scenario: str | None = None

    @property
    def split(self) -> Split:
        """The split the index belongs to."""
        return split_of(self.index)

    @property
    def key(self) -> str:
        """The name of the set; its clips are called after it, with a letter at the end that says nothing."""
        name = self.editor if self.scenario is None else f"{self.editor}-{self.scenario}"
        return f"{name}-{self.engine}-{self.index:07d}"


def make_pairs(
    task: PairTask,
    settings: SceneSettings,
    root_seed: int,
    renderer_name: str,
    streams: Collection[Stream] = DEFAULT_STREAMS,
) -> list[Clip]:
    """Draw a scene, edit it, render it, and label every clip of the set.

    A quadruplet comes as AA, BB, AB, BA; any other set as possible, impossible, control. All clips of a set have one
    caption, which says what is there and nothing of what happens, and records of one length. The letters at the end of
    their keys are drawn; a shard holds them in the order of their keys. A draw that leaves no room for the violation,
    or in which a lawful clip breaks the quality limits, is replaced by the next draw of the same generator.

    Raises:
        UnknownNameError: no such editor, scenario, engine or renderer.
        ConfigError: the severity is not in [0, 1], or the editor does not edit such scenes.
        ClipRejectedError: every one of MAX_DRAWS draws was refused.
    """
    editor, engine, renderer = EDITORS.get(task.editor)(), ENGINES.get(task.engine)(), RENDERERS.get(renderer_name)()
    if not 0.0 <= task.severity <= 1.0:
        raise ConfigError(f"severity={task.severity:g} of '{task.key}'; write a number from 0 to 1.")
    rng = clip_generator(root_seed, f"twins/{task.editor}", task.index)
    scenario = SCENARIOS.get(_scenario_name(task, editor, rng))()
    maker = _Maker(task, editor, engine, renderer, renderer_name, tuple(streams), settings.is_wide)
    last: ClipRejectedError | None = None
    for _ in range(MAX_DRAWS):
        spec = scenario.sample(rng, settings, root_seed, task.index)
        try:
            world = World(spec, engine.simulate(spec))
            if (why := editor.applies_to(world)) is not None:
                raise refuse(world, why, "does_not_apply")
            check_residuals(scenario.residuals(spec, world.trajectory), scenario.tolerances, world)
            return _indistinct(maker.clips(world, rng), task, root_seed)
        except ClipRejectedError as rejection:
            last = rejection
    raise ClipRejectedError(
        f"all {MAX_DRAWS} draws of '{task.key}' were refused; the last one: {last} Make the clips longer or larger, or "
        "leave this editor out.",
        reason=last.reason if last else "",
    )


def _indistinct(clips: list[Clip], task: PairTask, root_seed: int) -> list[Clip]:
    """Give the clips of a set keys in a drawn order and records of one length, which say nothing of their roles."""
    letters = clip_generator(root_seed, f"keys/{task.key}", task.index).permutation(len(clips))
    named = [
        clip.meta.model_copy(update={"key": f"{task.key}-{string.ascii_lowercase[letter]}"})
        for clip, letter in zip(clips, letters, strict=True)
    ]
    longest = max(len(json_record(meta, {})) for meta in named)
    length = -(-(longest + _RECORD_ROOM) // 1024) * 1024
    return [
        replace(clip, meta=meta.model_copy(update={"pair": meta.pair.model_copy(update={"record_bytes": length})}))
        for clip, meta in zip(clips, named, strict=True)
        if meta.pair is not None
    ]


def _scenario_name(task: PairTask, editor: Editor, rng: np.random.Generator) -> str:
    names = [name for name in editor.info.scenarios if task.engine in SCENARIOS.get(name).engines]
    drawn = names[int(rng.integers(len(names)))]
    if task.scenario is None:
        return drawn
    if SCENARIOS.check(task.scenario) not in names:
        raise ConfigError(
            f"editor '{task.editor}' does not edit scenes of '{task.scenario}' on '{task.engine}'; "
            f"write one of {', '.join(names)}."
        )
    return task.scenario


@dataclass(frozen=True)
class _Maker:
    task: PairTask
    editor: Editor
    engine: Engine
    renderer: Renderer
    renderer_name: str
    streams: tuple[Stream, ...]
    is_wide: bool

    def clips(self, world: World, rng: np.random.Generator) -> list[Clip]:
        """Return the clips of a set from one draw."""
        severity = self.task.severity
        # Without a violation the second half of a set repeats the first; the scene is staged as for a small one.
        edited = self.editor.edit(world, severity or 0.5, rng, self.engine.simulate)
        check_room(world, edited.worlds)
        if isinstance(edited, Switch):
            check_lawful(edited.first, edited.second)
            check_one_difference(edited)
            return self._quadruplet(edited, rng)
        check_lawful(edited.possible, edited.control)
        return self._triple(edited)

    def _quadruplet(self, switch: Switch, rng: np.random.Generator) -> list[Clip]:
        cut, drawn = self._cut(switch, rng)
        if cut is None:  # a shadow that comes out from behind the screen is a trace too: once more, without shadows
            switch = _unshadowed(switch)
            cut, drawn = self._cut(switch, rng)
        if cut is None:
            raise refuse(switch.first, "no frame in which one world could become the other", "no_cut")
        worlds = {"A": switch.first, "B": switch.second}
        pictures = dict(zip("AB", drawn, strict=True))
        if not self.task.severity:
            worlds["B"], pictures["B"] = worlds["A"], pictures["A"]
        residuals = switch_residuals(worlds["A"], worlds["B"], cut.frame)
        rate = switch.first.spec.frame_rate
        seconds = (cut.first_frame / rate, cut.last_frame / rate)
        caption = neutral_caption([worlds["A"], worlds["B"]])
        clips = []
        roles: tuple[Role, ...] = ("AA", "BB", "AB", "BA")
        for role in roles:
            first, second = worlds[role[0]], worlds[role[1]]
            shown = joined_rendering(first.spec, switch.bodies, pictures[role[0]], pictures[role[1]], cut.frame)
            motion = joined(first.trajectory, second.trajectory, cut.frame)
            pair = self._info(role, residuals, seconds)
            if not pair.is_possible:
                later = _later_bodies(first.spec, second.spec)
                pair = pair.model_copy(update={"switch_frame": cut.frame, "later_bodies": later})
            clips.append(self._clip(World(first.spec, motion), shown, pair, caption))
        check_same_frames(clips)
        return clips

    def _cut(self, switch: Switch, rng: np.random.Generator) -> tuple[Cut | None, tuple[Rendering, Rendering]]:
        first, second = (self._draw(world) for world in switch.worlds)
        spec = switch.first.spec
        if self.editor.info.is_hidden:
            cut = hidden_cut(spec, switch.bodies, first, second, rng if self.is_wide else None)
            return cut, (first, second)
        return open_cut(spec, switch.bodies, first, second, rng), (first, second)

    def _triple(self, broken: Break) -> list[Clip]:
        if not self.task.severity:
            broken = replace(broken, impossible=broken.possible, residuals=dict.fromkeys(broken.residuals, 0.0))
        drawn = [self._draw(world) for world in broken.worlds]
        for world, shown in zip(broken.worlds, drawn, strict=True):
            check_start(world, shown)
        if self.task.severity and visibly_differ(drawn[0], drawn[1]).sum() < _LEAST_FRAMES:
            raise refuse(broken.possible, "one hardly sees the violation", "not_visible")
        caption = neutral_caption(list(broken.worlds))
        roles: tuple[Role, ...] = ("possible", "impossible", "control")
        return [
            self._clip(world, shown, self._info(role, broken.residuals, broken.seconds), caption)
            for role, world, shown in zip(roles, broken.worlds, drawn, strict=True)
        ]

    def _draw(self, world: World) -> Rendering:
        return self.renderer.render(world.spec, world.trajectory, self.streams)

    def _info(self, role: Role, residuals: dict[str, float], seconds: tuple[float, float]) -> PairInfo:
        is_possible = role not in ("impossible", "AB", "BA") or not self.task.severity
        return PairInfo(
            set_id=self.task.key,
            editor=self.task.editor,
            role=role,
            is_possible=is_possible,
            is_hidden=self.editor.info.is_hidden,
            severity=0.0 if is_possible else self.task.severity,
            violation_seconds=None if is_possible else seconds,
            residuals=dict.fromkeys(residuals, 0.0) if is_possible else residuals,
        )

    def _clip(self, world: World, shown: Rendering, pair: PairInfo, caption: str) -> Clip:
        clip = labelled_clip(
            self.task.key,
            self.task.split,
            caption,
            world.spec,
            world.trajectory,
            shown,
            engine=self.engine,
            renderer_name=self.renderer_name,
            residuals={},
            pair=pair,
        )
        # Longer captions would tell the members of a set apart by what happens in them.
        return replace(clip, meta=clip.meta.model_copy(update={"captions": None}))


def _unshadowed(switch: Switch) -> Switch:
    worlds = [
        World(
            world.spec.model_copy(update={"lighting": world.spec.lighting.model_copy(update={"casts_shadows": False})}),
            world.trajectory,
        )
        for world in switch.worlds
    ]
    return Switch(worlds[0], worlds[1], switch.bodies)


def _later_bodies(first: SceneSpec, second: SceneSpec) -> tuple[Body, ...]:
    return tuple(b for a, b in zip(first.bodies, second.bodies, strict=True) if a != b)
