"""The config of a dataset build."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Annotated, Any, ClassVar, Literal, overload

from pydantic import Field, field_validator, model_serializer, model_validator

from physics_data.core.clip import DEFAULT_STREAMS, Split, Stream
from physics_data.core.config import StrictModel
from physics_data.core.errors import ConfigError
from physics_data.engines import ENGINES
from physics_data.pipeline.combinations import NO_COMBINATIONS, Combination
from physics_data.pipeline.generate import FIRST_INDEX, SPLIT_LENGTH, ClipTask
from physics_data.renderers import RENDERERS
from physics_data.scenarios import SCENARIOS
from physics_data.scenarios.shared.scenario import SceneSettings
from physics_data.scenes.file_scenario import FileScenario, check_documents, read_folder

Scenes = Annotated[int, Field(ge=0, lt=SPLIT_LENGTH)]
_Kind = tuple[str, Literal["train", "held_out"], str | None]
"""Scenario, ranges and combination of a task."""

_Place = tuple[int, str, str, Literal["train", "held_out"], str | None]
"""Scene, scenario, engine, ranges and combination of a task."""


class SplitSizes(StrictModel):
    """Scenes of one scenario in each split.

    train, val, test:  scenes of the split
    """

    train: Scenes = 64
    val: Scenes = 0
    test: Scenes = 8


class PairSizes(StrictModel):
    """Pair sets of one editor in each split.

    train, val, test:  sets of the split
    """

    train: Scenes = 0
    val: Scenes = 0
    test: Scenes = 8


class PairPlan(StrictModel):
    """Which sets of possible and impossible clips to make.

    editors:   violations, by the names of their editors
    sets_per_editor:  sets of pairs of each editor in each split
    scenarios: whose scenes editors may change; None = all that each editor can
    severity:  how large the violations are, from 0 (barely there) to 1, as each editor defines it
    """

    editors: Annotated[tuple[str, ...], Field(min_length=1)]
    scenarios: tuple[str, ...] | None = None
    sets_per_editor: PairSizes = PairSizes()
    severity: Annotated[float, Field(gt=0, le=1)] = 0.5

    @field_validator("editors")
    @classmethod
    def _known_editors(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        from physics_data.editors import EDITORS

        return tuple(EDITORS.check(name) for name in names)

    @model_validator(mode="after")
    def _known_scenarios(self) -> "PairPlan":
        for name in self.scenarios or ():
            SCENARIOS.check(name)
        for editor in self.editors if self.scenarios is not None else ():
            if not self.scenarios_of(editor):
                raise ValueError(f"editor '{editor}' changes scenes of none of {list(self.scenarios or ())}")
        return self

    @model_serializer(mode="wrap")
    def _without_the_default(self, dump: Callable[[Any], dict[str, Any]]) -> dict[str, Any]:
        """Leave ``scenarios`` out where it is None, so that fingerprints of earlier plans stay as they are."""
        return {name: value for name, value in dump(self).items() if name != "scenarios" or value is not None}

    def scenarios_of(self, editor: str) -> tuple[str, ...]:
        """Return whose scenes an editor changes here."""
        from physics_data.editors import EDITORS

        changed = EDITORS.get(editor).info.scenarios
        return changed if self.scenarios is None else tuple(name for name in changed if name in self.scenarios)


class HeldOut(StrictModel):
    """What only the split "ood" shows: whole scenarios, combinations, and numbers from outside of training's ranges.

    scenarios:     drawn for "ood" alone, from their ordinary ranges; none of them may be among the build's own
    combinations:  name → what bodies of no other split have at once; a scene of "ood" has at most one of them, which
                   the key of its clip names
    scenes:        of each of these, and of each of the build's own scenarios that has held-out ranges
    """

    scenarios: tuple[str, ...] = ()
    combinations: dict[Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_]*$")], Combination] = {}
    scenes: Scenes = 8

    @field_validator("scenarios")
    @classmethod
    def _known_scenarios(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(SCENARIOS.check(name) for name in names)


class BuildConfig(StrictModel):
    """What to build. Worker count and output folder are no part of it: they never change a byte.

    A scenario runs on those of ``engines`` that it claims.

    seed:            root seed; every clip's own generator follows from it
    scenarios:       names of scenarios, or ``[all]``; may be left out where there are scenes
    scenes:          folder of scene files, each of which is one more scenario named like its file; the record of the
                     dataset holds what they say
    scenes_per_scenario:  scenes of each scenario in each split
    held_out:        what only the split "ood" shows; None = nothing
    pairs:           possible/impossible pairs; None = none
    engines:         names of engines
    renderer:        name of the renderer
    clips_per_shard:  clips in one tar file
    settings:        what all scenes share: length, size, appearance, camera
    assign_engines:  ``alternate`` gives scene 0 to the first engine, scene 1 to the second, and so on;
                     ``all`` runs every scene on every engine
    streams:         labels to draw beside ids, depth and amodal masks
    """

    renamed_keys: ClassVar[Mapping[str, str]] = {"twins": "pairs"}

    seed: Annotated[int, Field(ge=0)] = 0
    scenarios: tuple[str, ...] = ()
    scenes: dict[Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")], dict[str, Any]] = {}
    scenes_per_scenario: SplitSizes = SplitSizes()
    held_out: HeldOut | None = None
    pairs: Annotated[PairPlan | None, Field(serialization_alias="twins")] = None
    engines: Annotated[tuple[str, ...], Field(min_length=1)] = ("mujoco", "bullet")
    assign_engines: Literal["alternate", "all"] = "alternate"
    renderer: str = "raycast"
    streams: tuple[Stream, ...] = tuple(sorted(DEFAULT_STREAMS))
    clips_per_shard: Annotated[int, Field(ge=1)] = 64
    settings: SceneSettings = SceneSettings()

    @field_validator("scenes", mode="before")
    @classmethod
    def _read_scenes(cls, given: Any) -> Any:
        try:
            return read_folder(given) if isinstance(given, str) else given
        except ConfigError as error:
            raise ValueError(str(error)) from error

    @model_serializer(mode="wrap")
    def _without_no_scenes(self, dump: Callable[[Any], dict[str, Any]]) -> dict[str, Any]:
        """Leave ``scenes`` out where there are none, so that fingerprints of earlier plans stay as they are."""
        return {name: value for name, value in dump(self).items() if name != "scenes" or value}

    @field_validator("scenarios")
    @classmethod
    def _known_scenarios(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        names = tuple(SCENARIOS) if names == ("all",) else names
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"{twice} are listed twice; name every scenario once")
        return tuple(SCENARIOS.check(name) for name in names)

    @field_validator("engines")
    @classmethod
    def _known_engines(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(ENGINES.check(name) for name in names)

    @field_validator("renderer")
    @classmethod
    def _known_renderer(cls, name: str) -> str:
        return RENDERERS.check(name)

    @model_validator(mode="after")
    def _nothing_leaks(self) -> "BuildConfig":
        if not self.scenarios and not self.scenes:
            raise ValueError("scenarios and scenes are both empty; name scenarios, or a folder of scene files")
        try:
            check_documents(self.scenes, self.seed)
        except ConfigError as error:
            raise ValueError(str(error)) from error
        for name in (*self.scenarios, *(self.held_out.scenarios if self.held_out else ())):
            if not self._usable(name):
                claimed = ", ".join(SCENARIOS.get(name).engines)
                raise ValueError(
                    f"scenario '{name}' runs on {claimed}, engines are {', '.join(self.engines)}; "
                    "add an engine or leave the scenario out"
                )
        if self.held_out is None:
            return self
        leaking = sorted(set(self.held_out.scenarios) & set(self.scenarios))
        if leaking:
            raise ValueError(f"{leaking} are held out and would be trained on; leave them out of one of the two lists")
        for name, combination in self.held_out.combinations.items():
            strange = [scenario for scenario in combination.scenarios if scenario not in self.scenarios]
            if strange:
                raise ValueError(
                    f"held_out.combinations.{name}: '{strange[0]}' is none of the build's scenarios, "
                    f"{', '.join(self.scenarios)}; write some of these"
                )
        if self.pairs is not None and self.held_out.combinations:
            raise ValueError("pair sets draw every combination; leave pairs out, or held_out.combinations")
        if self.pairs is not None and (self.pairs.sets_per_editor.train or self.pairs.sets_per_editor.val):
            for editor in self.pairs.editors:
                leaking = sorted(set(self.pairs.scenarios_of(editor)) & set(self.held_out.scenarios))
                if leaking:
                    raise ValueError(
                        f"pairs: editor '{editor}' draws scenes of '{leaking[0]}', which is held out, for training; "
                        "set pairs.scenarios to those that may be trained on, or leave the editor out"
                    )
        if self.settings.ranges == "held_out":
            raise ValueError(
                'settings.ranges is "held_out", so training would see the held-out ranges; leave it out, or held_out'
            )
        return self

    @property
    def combinations(self) -> Mapping[str, Combination]:
        """The combinations that are held out, by name."""
        return NO_COMBINATIONS if self.held_out is None else self.held_out.combinations

    def shards(self) -> dict[str, Sequence[ClipTask]]:
        """Return shard name → its clips, in order. A shard holds one split and mixes scenarios and engines.

        Tasks are made when they are asked for: a plan of 10^8 clips takes no more memory than the names of its shards.
        """
        named: dict[str, Sequence[ClipTask]] = {}
        sizes = self.scenes_per_scenario
        counts: dict[Split, int] = {"train": sizes.train, "val": sizes.val, "test": sizes.test}
        for split, count in counts.items():
            kinds: list[_Kind] = [(scenario, "train", None) for scenario in (*self.scenarios, *self.scenes)]
            named |= self._cut(split, self._tasks(kinds, FIRST_INDEX[split], count))
        return named | self._cut("ood", self._held_out_tasks())

    def pair_shards(self) -> dict[str, list[Any]]:
        """Return shard name → its pair sets, in order. A set never lies in two shards."""
        if self.pairs is None:
            return {}
        from physics_data.pipeline.pairs import PairTask

        named: dict[str, list[Any]] = {}
        sizes = self.pairs.sets_per_editor
        counts: dict[Split, int] = {"train": sizes.train, "val": sizes.val, "test": sizes.test}
        sets_per_shard = max(1, self.clips_per_shard // CLIPS_PER_SET)
        for split, count in counts.items():
            tasks = [
                PairTask(
                    editor,
                    engine,
                    FIRST_INDEX[split] + number,
                    self.pairs.severity,
                    None if self.pairs.scenarios is None else self._scenario_of_set(editor, engine, number),
                )
                for number in range(count)
                for editor in self.pairs.editors
                for engine in (self.engines[number % len(self.engines)],)
            ]
            for number, start in enumerate(range(0, len(tasks), sets_per_shard)):
                named[f"{split}-twins-{number:05d}"] = tasks[start : start + sets_per_shard]
        return named

    def _scenario_of_set(self, editor: str, engine: str, number: int) -> str:
        """Return whose scene a set of pairs is made of, in turns among those that the plan allows."""
        assert self.pairs is not None
        allowed = self.pairs.scenarios_of(editor)
        usable = [name for name in allowed if engine in SCENARIOS.get(name).engines] or allowed
        return usable[number // len(self.engines) % len(usable)]

    def _held_out_tasks(self) -> Sequence[ClipTask]:
        if self.held_out is None:
            return []
        plan = self.held_out
        with_ranges = [name for name in self.scenarios if any(r.held_out for r in SCENARIOS.get(name).ranges.values())]
        kinds: list[_Kind] = []
        kinds.extend((name, "train", None) for name in plan.scenarios)
        kinds.extend((name, "held_out", None) for name in with_ranges)
        kinds.extend((name, "train", held) for held, one in plan.combinations.items() for name in one.scenarios)
        return self._tasks(kinds, FIRST_INDEX["ood"], plan.scenes)

    def _tasks(self, kinds: Sequence[_Kind], first: int, scenes: int) -> "_SceneTasks":
        """Return the tasks of some scenes of each kind: scene by scene, kind by kind, engine by engine."""
        period = math.lcm(*(max(len(self._usable(scenario)), 1) for scenario, _, _ in kinds))
        pattern: tuple[_Place, ...] = tuple(
            (scene, scenario, engine, ranges, combination)
            for scene in range(period)
            for scenario, ranges, combination in kinds
            for engine in self._engines_of(scenario, scene)
        )
        rest = sum(scene < scenes % period for scene, *_ in pattern)
        return _SceneTasks(pattern, period, first, range(scenes // period * len(pattern) + rest))

    def _cut(self, split: Split, tasks: Sequence[ClipTask]) -> dict[str, Sequence[ClipTask]]:
        starts = range(0, len(tasks), self.clips_per_shard)
        return {f"{split}-{n:05d}": tasks[start : start + self.clips_per_shard] for n, start in enumerate(starts)}

    def _usable(self, scenario: str) -> tuple[str, ...]:
        claimed = FileScenario.engines if scenario in self.scenes else SCENARIOS.get(scenario).engines
        return tuple(engine for engine in self.engines if engine in claimed)

    def _engines_of(self, scenario: str, scene: int) -> tuple[str, ...]:
        usable = self._usable(scenario)
        return usable if self.assign_engines == "all" else (usable[scene % len(usable)],)


@dataclass(frozen=True)
class _SceneTasks(Sequence[ClipTask]):
    """Tasks by their places, none of them in memory: engines repeat after a few scenes.

    pattern:  those of the first ``period`` scenes
    first:    index of the first scene
    places:   which of all tasks these are
    """

    pattern: tuple[_Place, ...]
    period: int
    first: int
    places: range

    def __len__(self) -> int:
        return len(self.places)

    @overload
    def __getitem__(self, position: int) -> ClipTask: ...

    @overload
    def __getitem__(self, position: slice) -> "_SceneTasks": ...

    def __getitem__(self, position: int | slice) -> "ClipTask | _SceneTasks":
        if isinstance(position, slice):
            return replace(self, places=self.places[position])
        turn, place = divmod(self.places[position], len(self.pattern))
        scene, scenario, engine, ranges, combination = self.pattern[place]
        return ClipTask(scenario, engine, self.first + turn * self.period + scene, ranges, combination)


CLIPS_PER_SET = 4
"""Clips of a pair set, at most: the four of a quadruplet."""
