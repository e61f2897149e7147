"""The config of a dataset build."""

from typing import Annotated, Literal

from pydantic import Field, field_validator

from physics_data.core.config import StrictModel
from physics_data.engines import ENGINES
from physics_data.pipeline.generate import FIRST_TEST_INDEX, ClipTask
from physics_data.renderers import RENDERERS
from physics_data.scenarios import SCENARIOS
from physics_data.scenarios.base import SceneSettings


class SplitSizes(StrictModel):
    """Scenes of one scenario in each split."""

    train: Annotated[int, Field(ge=0, lt=FIRST_TEST_INDEX)] = 64
    test: Annotated[int, Field(ge=0)] = 8


class BuildConfig(StrictModel):
    """What to build. Worker count and output folder are no part of it: they never change a byte.

    assign_engines:  ``alternate`` gives scene 0 to the first engine, scene 1 to the second, and so on;
                     ``all`` runs every scene on every engine
    """

    seed: Annotated[int, Field(ge=0)] = 0
    scenarios: Annotated[tuple[str, ...], Field(min_length=1)]
    scenes_per_scenario: SplitSizes = SplitSizes()
    engines: Annotated[tuple[str, ...], Field(min_length=1)] = ("mujoco", "bullet")
    assign_engines: Literal["alternate", "all"] = "alternate"
    renderer: str = "raycast"
    clips_per_shard: Annotated[int, Field(ge=1)] = 64
    settings: SceneSettings = SceneSettings()

    @field_validator("scenarios")
    @classmethod
    def _known_scenarios(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(SCENARIOS.check(name) for name in names)

    @field_validator("engines")
    @classmethod
    def _known_engines(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(ENGINES.check(name) for name in names)

    @field_validator("renderer")
    @classmethod
    def _known_renderer(cls, name: str) -> str:
        return RENDERERS.check(name)

    def shards(self) -> dict[str, list[ClipTask]]:
        """Return shard name → its clips, in order. A shard holds one split and mixes scenarios and engines."""
        named: dict[str, list[ClipTask]] = {}
        sizes = self.scenes_per_scenario
        for split, first, count in (("train", 0, sizes.train), ("test", FIRST_TEST_INDEX, sizes.test)):
            tasks = [
                ClipTask(scenario, engine, first + scene)
                for scene in range(count)
                for scenario in self.scenarios
                for engine in self._engines_of(scene)
            ]
            for number, start in enumerate(range(0, len(tasks), self.clips_per_shard)):
                named[f"{split}-{number:05d}"] = tasks[start : start + self.clips_per_shard]
        return named

    def _engines_of(self, scene: int) -> tuple[str, ...]:
        return self.engines if self.assign_engines == "all" else (self.engines[scene % len(self.engines)],)
