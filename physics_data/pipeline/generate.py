"""One clip, from a draw to a labelled video: the data half of the picture, as code."""

from dataclasses import dataclass
from typing import Literal

from physics_data.core.clip import Clip, ClipMeta
from physics_data.core.errors import ClipRejectedError
from physics_data.core.seeding import clip_generator
from physics_data.engines import ENGINES
from physics_data.pipeline.annotate import events
from physics_data.pipeline.quality import check_quality
from physics_data.renderers import RENDERERS
from physics_data.scenarios import SCENARIOS
from physics_data.scenarios.base import SceneSettings

FIRST_TEST_INDEX = 1_000_000
"""Test scenes are numbered from here, so a larger training split never changes them."""

MAX_DRAWS = 50
"""Draws of one clip before the scenario counts as broken."""


@dataclass(frozen=True)
class ClipTask:
    """Which clip to make. Equal tasks with equal settings give equal bytes."""

    scenario: str
    engine: str
    index: int

    @property
    def split(self) -> Literal["train", "test"]:
        """The split the index belongs to."""
        return "test" if self.index >= FIRST_TEST_INDEX else "train"

    @property
    def key(self) -> str:
        """The clip's name in its dataset."""
        return f"{self.scenario}-{self.engine}-{self.index:07d}"


@dataclass(frozen=True)
class Generated:
    """A clip and the reasons for which earlier draws of it were rejected."""

    clip: Clip
    rejections: tuple[str, ...]


def generate_clip(task: ClipTask, settings: SceneSettings, root_seed: int, renderer_name: str) -> Generated:
    """Draw a scene, simulate it, render it, hold it against its law, label it.

    A draw that breaks the quality limits is replaced by the next draw of the same generator.

    Raises:
        UnknownNameError: no such scenario, engine or renderer.
        EngineError: the engine cannot run the scene.
        ClipRejectedError: every one of MAX_DRAWS draws was rejected.
    """
    scenario = SCENARIOS.get(task.scenario)()
    engine = ENGINES.get(task.engine)()
    renderer = RENDERERS.get(renderer_name)()
    rng = clip_generator(root_seed, task.scenario, task.index)
    rejections: list[str] = []
    while len(rejections) < MAX_DRAWS:
        spec = scenario.sample(rng, settings, root_seed, task.index)
        trajectory = engine.simulate(spec)
        rendering = renderer.render(spec, trajectory)
        try:
            residuals = check_quality(scenario, spec, trajectory, rendering)
        except ClipRejectedError as rejection:
            rejections.append(str(rejection))
            continue
        meta = ClipMeta(
            key=task.key,
            source="physics",
            split=task.split,
            caption=scenario.caption(spec),
            frame_rate=spec.frame_rate,
            num_frames=spec.num_frames,
            height=spec.height,
            width=spec.width,
            spec=spec,
            engine=task.engine,
            engine_version=engine.version(),
            renderer=renderer_name,
            events=events(spec, trajectory, rendering),
            residuals=residuals,
        )
        return Generated(Clip(meta, rendering.rgb, rendering, trajectory), tuple(rejections))
    raise ClipRejectedError(
        f"all {MAX_DRAWS} draws of '{task.key}' broke the quality limits; the last one: {rejections[-1]} "
        "Widen the scenario's ranges or raise physics_rate."
    )
