"""What a build will make, and how long and how large it will be, from a few clips made for trial."""

import time
from collections import Counter
from dataclasses import dataclass

from physics_data.core.shards import encode_clip
from physics_data.editors import EDITORS
from physics_data.pipeline.build_config import BuildConfig
from physics_data.pipeline.generate import ClipTask, generate_clip
from physics_data.pipeline.shard_maker import plan
from physics_data.scenes.file_scenario import scenario_named

SAMPLES = 8
"""Clips made for trial, at most; no scenario more than once per engine."""


@dataclass(frozen=True)
class Estimate:
    """The plan of a build.

    clips:        planned clips by split and scenario or pairs of an editor
    shards:       files
    sampled:      clips that were made to measure
    clip_bytes:   mean size of these, stored
    clip_seconds: mean time of these on one core
    """

    clips: Counter[tuple[str, str]]
    shards: int
    sampled: int
    clip_bytes: float
    clip_seconds: float

    @property
    def total_clips(self) -> int:
        """All clips of the plan, those of every pair set among them."""
        return sum(self.clips.values())

    def minutes(self, workers: int) -> float:
        """Return the time that the build takes with some workers, each on a core of its own."""
        return self.total_clips * self.clip_seconds / workers / 60.0

    @property
    def total_bytes(self) -> float:
        """Size of all shards."""
        return self.total_clips * self.clip_bytes


def estimate(config: BuildConfig) -> Estimate:
    """Count what a config plans, and make a few of its clips to measure time and size."""
    clips: Counter[tuple[str, str]] = Counter()
    samples: dict[tuple[str, str], ClipTask] = {}
    planned = plan(config)
    for tasks in planned.values():
        for task in tasks:
            if isinstance(task, ClipTask):
                clips[task.split, task.scenario] += 1
                samples.setdefault((task.scenario, task.engine), task)
            else:
                clips[task.split, f"pairs: {task.editor}"] += clips_of_a_set(task.editor)
    chosen = _spread(list(samples.values()))
    sizes, seconds = [], []
    for number, task in enumerate([*chosen[:1], *chosen]):  # the first one compiles, and is made again
        started = time.perf_counter()
        own = scenario_named(task.scenario, config.scenes)
        made = generate_clip(
            task, config.settings, config.seed, config.renderer, config.streams, config.combinations, own
        )
        size = sum(map(len, encode_clip(made.clip).values()))
        if number:
            seconds.append(time.perf_counter() - started)
            sizes.append(size)
    count = max(len(sizes), 1)
    return Estimate(clips, len(planned), len(sizes), sum(sizes) / count, sum(seconds) / count)


def planned_clips(config: BuildConfig) -> int:
    """Return how many clips a config plans, those of every pair set among them."""
    tasks = [task for planned in plan(config).values() for task in planned]
    return sum(1 if isinstance(task, ClipTask) else clips_of_a_set(task.editor) for task in tasks)


def clips_of_a_set(editor: str) -> int:
    """Return the number of clips that a set of an editor's pairs has: quadruplets four, triples three."""
    return 4 if EDITORS.get(editor).info.is_switch else 3


def _spread(tasks: list[ClipTask]) -> list[ClipTask]:
    if len(tasks) <= SAMPLES:
        return tasks
    return [tasks[round(number * (len(tasks) - 1) / (SAMPLES - 1))] for number in range(SAMPLES)]
