"""One clip, from a draw to a labelled video: the data half of the picture, as code."""

import math
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Literal

from physics_data.core.arguments import require_memory
from physics_data.core.clip import DEFAULT_STREAMS, Clip, ClipMeta, PairInfo, Rendering, Split, Stream
from physics_data.core.conventions import clip_generator
from physics_data.core.errors import ClipRejectedError, EngineError
from physics_data.core.scene import SceneSpec
from physics_data.core.trajectory import Trajectory
from physics_data.engines import ENGINES
from physics_data.engines.engine import Engine
from physics_data.pipeline.captions import write_captions
from physics_data.pipeline.combinations import NO_COMBINATIONS, Combination, combinations_in
from physics_data.pipeline.events import events
from physics_data.pipeline.quality import check_quality
from physics_data.renderers import RENDERERS
from physics_data.scenarios import SCENARIOS
from physics_data.scenarios.shared.scenario import Scenario, SceneSettings

SPLIT_LENGTH = 1_000_000
"""Scenes that the numbers of one split have room for."""

FIRST_INDEX: Mapping[Split, int] = {
    "train": 0,
    "test": SPLIT_LENGTH,
    "val": 2 * SPLIT_LENGTH,
    "ood": 3 * SPLIT_LENGTH,
}
"""Where the scenes of each split are numbered from, so that a larger split never changes another."""

FIRST_TEST_INDEX = FIRST_INDEX["test"]

MAX_DRAWS = 50
"""Draws of one clip before the scenario counts as broken."""

_TRIAL_DRAWS = 6
"""Draws of a scenario before its clips count as too short or too coarse to show it."""

MAX_MISSES = 5000
"""Draws of one scene, in a row, with a combination that is not asked for, before there counts as none without."""


def split_of(index: int) -> Split:
    """Return the split that a scene of this number belongs to."""
    return next(split for split, first in FIRST_INDEX.items() if first <= index < first + SPLIT_LENGTH)


@dataclass(frozen=True)
class ClipTask:
    """Which clip to make. Equal tasks with equal settings give equal bytes.

    ranges:       "held_out" draws the scenario's numbers from outside of training's ranges, whatever the settings say
    combination:  the one of the held-out combinations that the scene has; None = it has none
    """

    scenario: str
    engine: str
    index: int
    ranges: Literal["train", "held_out"] = "train"
    combination: str | None = None

    @property
    def split(self) -> Split:
        """The split the index belongs to."""
        return split_of(self.index)

    @property
    def key(self) -> str:
        """The clip's name in its dataset."""
        held_out = "" if self.combination is None else f"{self.combination}-"
        return f"{self.scenario}-{held_out}{self.engine}-{self.index:07d}"


@dataclass(frozen=True)
class Generated:
    """A clip and the short reasons for which earlier draws of it were rejected."""

    clip: Clip
    rejections: tuple[str, ...]


def generate_clip(
    task: ClipTask,
    settings: SceneSettings,
    root_seed: int,
    renderer_name: str,
    streams: Collection[Stream] = DEFAULT_STREAMS,
    combinations: Mapping[str, Combination] = NO_COMBINATIONS,
    scenario: Scenario | None = None,
) -> Generated:
    """Draw a scene, simulate it, render it, hold it against its law, label it.

    A draw that breaks the quality limits is replaced by the next draw of the same generator, and so is one that has
    another of the held-out combinations than the task's, before anything of it is computed.

    ``scenario`` takes the place of the registered one of the task's name.

    Raises:
        UnknownNameError: no such scenario, engine or renderer.
        EngineError: the engine cannot run the scene.
        ClipRejectedError: every one of MAX_DRAWS draws was rejected, or none of MAX_MISSES had what the task asks for.
    """
    require_clip_memory(settings.num_frames, settings.height, settings.width, streams)
    scenario = scenario or SCENARIOS.get(task.scenario)()
    engine = ENGINES.get(task.engine)()
    renderer = RENDERERS.get(renderer_name)()
    if task.ranges == "held_out":
        settings = settings.model_copy(update={"ranges": "held_out"})
    rng = clip_generator(root_seed, task.scenario, task.index)
    rejections: list[ClipRejectedError] = []
    while len(rejections) < MAX_DRAWS:
        spec = _drawn(task, lambda: scenario.sample(rng, settings, root_seed, task.index), combinations)
        trajectory = engine.simulate(spec)
        try:
            rendering = renderer.render(spec, trajectory, streams)
            residuals = check_quality(scenario, spec, trajectory, rendering)
        except ClipRejectedError as rejection:
            rejections.append(rejection)
            continue
        clip = labelled_clip(
            task.key,
            task.split,
            scenario.caption(spec),
            spec,
            trajectory,
            rendering,
            engine=engine,
            renderer_name=renderer_name,
            residuals=residuals,
        )
        return Generated(clip, tuple(rejection.reason for rejection in rejections))
    raise ClipRejectedError(
        f"all {MAX_DRAWS} draws of '{task.key}' broke the quality limits; the last one: {rejections[-1]} "
        "Make the clips longer (num_frames), raise frame_rate or physics_rate, or leave the scenario out.",
        reason=rejections[-1].reason,
    )


def require_clip_memory(num_frames: int, height: int, width: int, streams: Collection[Stream]) -> None:
    """Refuse a clip whose pixels alone (colour, depth, ids and the streams) do not fit into memory.

    Raises:
        ConfigError: they do not.
    """
    per_pixel = 8 + sum(12 if stream in ("normal_map", "object_coordinates") else 8 for stream in streams)
    require_memory(
        float(num_frames) * height * width * per_pixel,
        f"a clip of {num_frames} frames of {width}x{height}",
        "ask for fewer or smaller frames",
    )


def why_not_shown(scenario_name: str, engine_name: str, settings: SceneSettings, root_seed: int) -> str | None:
    """Return why clips of these settings cannot show a scenario, or None if one of a few draws can be measured.

    Draws are simulated and held against their law; nothing is rendered.
    """
    scenario, engine, why = SCENARIOS.get(scenario_name)(), ENGINES.get(engine_name)(), ""
    for index in range(_TRIAL_DRAWS):
        spec = scenario.sample(clip_generator(root_seed, scenario_name, index), settings, root_seed, index)
        try:
            residuals = scenario.residuals(spec, engine.simulate(spec))
        except EngineError as error:
            why = why or str(error)
            continue
        wrong = [name for name, value in residuals.items() if not value <= scenario.tolerances[name]]
        if not wrong:
            return None
        is_measured = all(not math.isnan(residuals[name]) for name in wrong)
        why = why or f"{wrong[0]} {'is beyond its tolerance' if is_measured else 'cannot be measured'}"
    return why


def _drawn(task: ClipTask, sample: Callable[[], SceneSpec], combinations: Mapping[str, Combination]) -> SceneSpec:
    """Return the first draw that has the task's combination and no other one that is held out."""
    wanted = set() if task.combination is None else {task.combination}
    for _ in range(MAX_MISSES):
        spec = sample()
        if combinations_in(spec, combinations) == wanted:
            return spec
    asked = "no held-out combination" if task.combination is None else f"the combination '{task.combination}' alone"
    raise ClipRejectedError(
        f"none of {MAX_MISSES} draws of '{task.key}' has {asked}; compare the intervals, colors and nouns of "
        "held_out.combinations with what the scenario and settings draw.",
        reason="combination",
    )


def labelled_clip(
    key: str,
    split: Split,
    caption: str,
    spec: SceneSpec,
    trajectory: Trajectory,
    rendering: Rendering,
    *,
    engine: Engine,
    renderer_name: str,
    residuals: Mapping[str, float],
    pair: PairInfo | None = None,
) -> Clip:
    """Put a drawn motion together with its events and captions.

    Args:
        caption: the short one, which the scenario says
        residuals: how far the motion is from its laws, by name
        pair: how the clip belongs to a pair set, if it does
    """
    found = events(spec, trajectory, rendering)
    meta = ClipMeta(
        key=key,
        source="physics",
        split=split,
        caption=caption,
        captions=write_captions(caption, spec, trajectory, rendering, found),
        frame_rate=spec.frame_rate,
        num_frames=spec.num_frames,
        height=spec.height,
        width=spec.width,
        spec=spec,
        engine=engine.name,
        engine_version=engine.version(),
        renderer=renderer_name,
        events=found,
        residuals=dict(residuals),
        pair=pair,
    )
    return Clip(meta, rendering.rgb, rendering, trajectory)
