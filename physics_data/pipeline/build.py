"""Whole datasets: shards made by workers in any order, equal to the byte whoever makes them, resumable."""

import multiprocessing
import queue
import shutil
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from physics_data import __version__
from physics_data.core.clip import Clip
from physics_data.core.config import fingerprint
from physics_data.core.dataset import RECORD_NAME, write_index
from physics_data.core.dataset_folder import claim_folder, read_manifest, shard_path, write_manifest
from physics_data.core.errors import EngineError
from physics_data.core.provenance import package_versions
from physics_data.core.shards import IndexRow, write_shard
from physics_data.pipeline.build_config import BuildConfig
from physics_data.pipeline.generate import ClipTask, generate_clip

_VERSIONS_THAT_MATTER = ("numpy", "numba", "mujoco", "pybullet", "zstandard")


@dataclass
class BuildSummary:
    """What a build did. ``rejections`` counts rejected draws per engine; ``reused`` counts clips found finished."""

    clips: int = 0
    reused: int = 0
    bytes: int = 0
    seconds: float = 0.0
    rejections: Counter[str] = field(default_factory=Counter)


def build(
    config: BuildConfig,
    out: Path,
    *,
    workers: int = 1,
    fresh: bool = False,
    on_clips: Callable[[int], None] = lambda count: None,
) -> BuildSummary:
    """Build a dataset into ``out``, or finish one that was interrupted there.

    Args:
        config: what to build
        out: dataset folder
        workers: processes; never changes the result
        fresh: delete what is in ``out`` first
        on_clips: called with the number of further clips that are done

    Raises:
        DataError: ``out`` holds a dataset of another config or of other library versions.
        StorageError: the disk refused; finished shards stay.
    """
    started = time.monotonic()
    _claim(config, out, fresh)
    shards = config.shards()
    finished = {name: manifest for name in shards if (manifest := read_manifest(shard_path(out, name))) is not None}
    summary = BuildSummary(reused=sum(len(manifest["rows"]) for manifest in finished.values()))
    on_clips(summary.reused)
    waiting = {name: tasks for name, tasks in shards.items() if name not in finished}
    finished |= dict(_make_shards(config, out, waiting, workers, on_clips))
    rows = [IndexRow(**row) for name in shards for row in finished[name]["rows"]]
    write_index(out, rows)
    for manifest in finished.values():
        summary.rejections.update(manifest["rejections"])
    summary.clips = len(rows)
    summary.bytes = sum(manifest["bytes"] for manifest in finished.values())
    summary.seconds = time.monotonic() - started
    return summary


def _claim(config: BuildConfig, out: Path, fresh: bool) -> None:
    if fresh and (out / RECORD_NAME).is_file():
        shutil.rmtree(out)
    versions = {name: version for name, version in package_versions().items() if name in _VERSIONS_THAT_MATTER}
    identity = {"config": fingerprint(config), "worldsim": __version__, **versions}
    claim_folder(out, config, identity=identity, advice="start over with --fresh (deletes that folder)")


def _make_shard(
    config: BuildConfig, out: Path, name: str, tasks: list[ClipTask], on_clip: Callable[[], None]
) -> dict[str, Any]:
    rejections: Counter[str] = Counter()

    def clips() -> Iterator[Clip]:
        for task in tasks:
            generated = generate_clip(task, config.settings, config.seed, config.renderer)
            if generated.rejections:
                rejections[task.engine] += len(generated.rejections)
            yield generated.clip
            on_clip()

    path = shard_path(out, name)
    rows = write_shard(path, clips())
    return write_manifest(path, rows, rejections=dict(rejections))


def _make_shards(
    config: BuildConfig, out: Path, waiting: dict[str, list[ClipTask]], workers: int, on_clips: Callable[[int], None]
) -> Iterator[tuple[str, dict[str, Any]]]:
    if workers <= 1 or len(waiting) <= 1:
        for name, tasks in waiting.items():
            yield name, _make_shard(config, out, name, tasks, lambda: on_clips(1))
        return
    # spawn: a forked child would inherit the thread pools of Numba and the engines in an undefined condition.
    context = multiprocessing.get_context("spawn")
    ticks = context.Queue()
    pool = ProcessPoolExecutor(min(workers, len(waiting)), context, _start_worker, (ticks,))
    try:
        futures: dict[Future[dict[str, Any]], str] = {
            pool.submit(_work, config, out, name, tasks): name for name, tasks in waiting.items()
        }
        while futures:
            done, _ = wait(futures, timeout=0.2, return_when=FIRST_COMPLETED)
            on_clips(_drain(ticks))
            for future in done:
                yield futures.pop(future), future.result()
        pool.shutdown()
    except BaseException as error:
        for process in multiprocessing.active_children():
            process.terminate()
        pool.shutdown(wait=False, cancel_futures=True)
        if isinstance(error, BrokenProcessPool):
            raise EngineError(
                "a worker process died (killed, or out of memory). Finished shards are kept: run the same command "
                "again, with fewer --workers if memory is short."
            ) from error
        raise


def _drain(ticks: Any) -> int:
    count = 0
    while True:
        try:
            ticks.get_nowait()
        except queue.Empty:
            return count
        count += 1


_ticks: Any = None


def _start_worker(ticks: Any) -> None:
    global _ticks
    _ticks = ticks


def _work(config: BuildConfig, out: Path, name: str, tasks: list[ClipTask]) -> dict[str, Any]:
    return _make_shard(config, out, name, tasks, lambda: _ticks.put(1))
