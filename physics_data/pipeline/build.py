"""Datasets of shards that workers make in any order with equal bytes, resumable; the estimate of time and size."""

import contextlib
import shutil
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from physics_data import __version__
from physics_data.core.atomic import LOCK_NAME, folder_lock, remove_partials
from physics_data.core.clip_index import write_index
from physics_data.core.config import fingerprint
from physics_data.core.dataset import RECORD_NAME, claim_folder, read_manifests
from physics_data.core.errors import ConfigError, DataError, MissingPackageError
from physics_data.core.provenance import package_versions
from physics_data.core.remote import remove_files, size_of, staged
from physics_data.core.shards import IndexRow, encode_clip
from physics_data.core.urls import is_remote
from physics_data.editors import EDITORS
from physics_data.engines import ENGINES
from physics_data.pipeline.build_config import BuildConfig
from physics_data.pipeline.executors import ExecutorName, run_work
from physics_data.pipeline.generate import ClipTask, generate_clip, why_not_shown
from physics_data.pipeline.shard_maker import ShardMaker, plan
from physics_data.scenarios import SCENARIOS
from physics_data.scenes.file_scenario import scenario_named

_VERSIONS_THAT_MATTER = ("numpy", "numba", "mujoco", "pybullet", "zstandard")


@dataclass
class BuildSummary:
    """What a build did. ``reused`` counts clips found finished.

    drawn:       draws by scenario and engine, rejected ones included
    rejections:  rejected draws by scenario, engine and reason
    """

    clips: int = 0
    reused: int = 0
    bytes: int = 0
    seconds: float = 0.0
    drawn: Counter[tuple[str, str]] = field(default_factory=Counter)
    rejections: Counter[tuple[str, str, str]] = field(default_factory=Counter)

    def add(self, manifest: dict[str, Any]) -> None:
        """Count a finished shard. Its manifest is not kept: those of 10 million clips are 10 GB."""
        self.clips += len(manifest["rows"])
        self.bytes += manifest["bytes"]
        count_draws(manifest, self.drawn, self.rejections)


def build(
    config: BuildConfig,
    out: Path,
    *,
    workers: int = 1,
    executor: ExecutorName = "local",
    fresh: bool = False,
    on_clips: Callable[[int], None] = lambda count: None,
) -> BuildSummary:
    """Build a dataset into ``out``, or finish one that was interrupted there.

    Args:
        config: what to build
        out: dataset folder, or its URL: each shard is then made in a scratch folder of this machine and uploaded. There
            is no lock behind a URL; two builds of one config at a time write equal bytes twice
        workers: shards that are made at the same time; never changes the result
        executor: who makes them, see ``executors``; never changes the result
        fresh: delete what is in ``out`` first
        on_clips: called with the number of further clips that are done; negative where a dead worker's are lost

    Raises:
        DataError: ``out`` holds a dataset of another config or of other library versions.
        ConfigError: clips of the settings cannot show one of the scenarios; nothing is made then.
        EngineError: workers keep dying.
        MissingPackageError: an engine of the config is not installed; nothing is made then.
        StorageError: the disk or the server refused, or another process writes there; finished shards stay.
    """
    with contextlib.nullcontext() if is_remote(out) else folder_lock(out):
        return _build(config, out, workers, executor, fresh, on_clips)


def _build(
    config: BuildConfig,
    out: Path,
    workers: int,
    executor: ExecutorName,
    fresh: bool,
    on_clips: Callable[[int], None],
) -> BuildSummary:
    started = time.monotonic()
    if fresh or size_of(out / RECORD_NAME) is None:
        _check_shown(config)
    _claim(config, out, fresh)
    make = ShardMaker(config, out if is_remote(out) else out.absolute())
    names = list(plan(config))
    summary = BuildSummary()
    waiting = []
    for name, manifest in zip(names, read_manifests(out, names), strict=True):
        if manifest is None or manifest.get("recipe") != make.recipe(name):
            waiting.append(name)
        else:
            summary.add(manifest)
    summary.reused = summary.clips
    on_clips(summary.reused)
    for reason in ENGINES.missing(config.engines if waiting else ()).values():
        raise MissingPackageError(reason)
    try:
        for _, manifest in run_work(executor, make, waiting, workers, on_clips):
            summary.add(manifest)
    finally:
        remove_partials(out / "shards")  # of workers that died or were stopped on the way
    with staged(out) as folder:
        write_index(folder, _rows(out, names))
    summary.seconds = time.monotonic() - started
    return summary


def _rows(out: Path, names: Sequence[str]) -> Iterator[IndexRow]:
    """Yield the rows of all shards from their manifests.

    Raises:
        DataError: a manifest vanished or was damaged meanwhile.
    """
    for name, manifest in zip(names, read_manifests(out, names), strict=True):
        if manifest is None:
            raise DataError(f"shard '{name}' of {out} vanished or changed while the dataset was built; build it again.")
        yield from (IndexRow(**row) for row in manifest["rows"])


def _check_shown(config: BuildConfig) -> None:
    """Refuse scenarios that clips of these settings cannot show, before anything is made.

    Raises:
        ConfigError: there are some; the message names the others, which can be built.
    """
    sizes, held_out = config.scenes_per_scenario, config.held_out
    own = config.scenarios if sizes.train or sizes.val or sizes.test or held_out else ()
    names = dict.fromkeys((*own, *(held_out.scenarios if held_out else ())))
    wrong = {}
    for name in names:
        engine = next(engine for engine in config.engines if engine in SCENARIOS.get(name).engines)
        if (why := why_not_shown(name, engine, config.settings, config.seed)) is not None:
            wrong[name] = why
    if not wrong:
        return
    shown = [name for name in own if name not in wrong]
    settings = config.settings
    raise ConfigError(
        f"{settings.num_frames} frames at {settings.frame_rate:g} Hz cannot show "
        + ", ".join(f"'{name}' ({why})" for name, why in wrong.items())
        + ". Raise settings.num_frames or settings.frame_rate, or build the others: "
        + (f"--set 'scenarios=[{', '.join(shown)}]'" if shown else "none of this config's scenarios can be shown")
        + "."
    )


def count_draws(
    manifest: dict[str, Any], drawn: Counter[tuple[str, str]], rejections: Counter[tuple[str, str, str]]
) -> None:
    """Add a shard's draws and rejected draws to the counts of a dataset."""
    for scenario, engine, count in manifest["drawn"]:
        drawn[scenario, engine] += count
    for scenario, engine, reason, count in manifest["rejections"]:
        rejections[scenario, engine, reason] += count


def _claim(config: BuildConfig, out: Path, fresh: bool) -> None:
    if fresh and size_of(out / RECORD_NAME) is not None:
        if is_remote(out):
            remove_files(out)
        for path in () if is_remote(out) else [path for path in out.iterdir() if path.name != LOCK_NAME]:
            shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()
    versions = {name: version for name, version in package_versions().items() if name in _VERSIONS_THAT_MATTER}
    identity = {"config": fingerprint(config), "worldsim": __version__, **versions}
    claim_folder(out, config, identity=identity, advice="start over with --fresh (deletes that folder)")


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
