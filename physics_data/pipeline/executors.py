"""Who makes the shards: this process, processes beside it, or a Ray cluster. None of them changes a byte.

All take the same work, a picklable function from a shard's name to its manifest, and yield what is finished as it
comes. A shard whose worker dies is made again by another.
"""

import multiprocessing
import queue
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from concurrent.futures.process import BrokenProcessPool
from typing import Any, Literal

from physics_data.core.errors import ConfigError, EngineError, WorldsimError
from physics_data.core.workers import worker_pool

Manifest = dict[str, Any]
Work = Callable[[str, Callable[[], None]], Manifest]
"""Makes a shard: (name, called after each clip) -> manifest."""

ExecutorName = Literal["local", "ray"]

DEATHS_WITHOUT_PROGRESS = 3
"""Workers that may die in a row without a single shard being finished in between."""


def run_work(
    executor: ExecutorName, work: Work, names: Sequence[str], workers: int, on_clips: Callable[[int], None]
) -> Iterator[tuple[str, Manifest]]:
    """Make shards and yield (name, manifest) in the order in which they are finished.

    Args:
        executor: "local" for this machine's processes, "ray" for the cluster that Ray finds (``RAY_ADDRESS``), or a
            new one on this machine
        work: makes one shard
        names: the shards to make
        workers: processes of "local"; shards at a time of "ray"
        on_clips: called with the number of further clips that are done

    Raises:
        EngineError: workers keep dying.
        ConfigError: Ray is asked for and not installed.
    """
    if executor == "ray":
        yield from _with_ray(work, names, workers, on_clips)
    elif workers <= 1 or len(names) <= 1:
        for name in names:
            yield name, work(name, lambda: on_clips(1))
    else:
        yield from _with_processes(work, names, workers, on_clips)


def _with_processes(
    work: Work, names: Sequence[str], workers: int, on_clips: Callable[[int], None]
) -> Iterator[tuple[str, Manifest]]:
    waiting = list(names)
    deaths = 0
    while waiting:
        try:
            for name, manifest in _one_pool(work, waiting, workers, on_clips):
                waiting.remove(name)
                deaths = 0
                yield name, manifest
        except BrokenProcessPool as error:
            deaths += 1
            if deaths >= DEATHS_WITHOUT_PROGRESS:
                raise EngineError(
                    f"worker processes died {deaths} times in a row (killed, or out of memory). Finished shards are "
                    "kept: run the same command again, with fewer --workers if memory is short."
                ) from error


def _one_pool(
    work: Work, names: Sequence[str], workers: int, on_clips: Callable[[int], None]
) -> Iterator[tuple[str, Manifest]]:
    """Run a pool until it is done or one of its processes dies; clips of shards that died are taken back."""
    ticks = multiprocessing.get_context("spawn").Queue()
    pool = worker_pool(min(workers, len(names)), _start_worker, ticks)
    counted: dict[str, int] = dict.fromkeys(names, 0)
    try:
        futures: dict[Future[Manifest], str] = {pool.submit(_work, work, name): name for name in names}
        while futures:
            done, _ = wait(futures, timeout=0.2, return_when=FIRST_COMPLETED)
            _drain(ticks, counted, on_clips)
            for future in done:
                name = futures.pop(future)
                manifest = future.result()
                on_clips(len(manifest["rows"]) - counted.pop(name))
                yield name, manifest
        pool.shutdown()
    except BaseException:
        for process in list((pool._processes or {}).values()):
            process.terminate()
        pool.shutdown(wait=True, cancel_futures=True)
        on_clips(-sum(counted.values()))
        raise


def _drain(ticks: Any, counted: dict[str, int], on_clips: Callable[[int], None]) -> None:
    while True:
        try:
            name = ticks.get_nowait()
        except queue.Empty:
            return
        if name in counted:
            counted[name] += 1
            on_clips(1)


_ticks: Any = None


def _start_worker(ticks: Any) -> None:
    global _ticks
    _ticks = ticks


def _work(work: Work, name: str) -> Manifest:
    return work(name, lambda: _ticks.put(name))


def _with_ray(
    work: Work, names: Sequence[str], workers: int, on_clips: Callable[[int], None]
) -> Iterator[tuple[str, Manifest]]:
    """Run on a Ray cluster whose machines all see the dataset's folder under the same path, or reach its URL."""
    try:
        import ray  # pyright: ignore[reportMissingImports]
        import ray.exceptions  # pyright: ignore[reportMissingImports]
    except ImportError as error:
        raise ConfigError(
            "--executor ray needs Ray, which is not installed; run: pip install 'worldsim[ray]', or leave the option "
            "out to use this machine's processes."
        ) from error
    began_here = not ray.is_initialized()
    if began_here:
        ray.init(log_to_driver=False, include_dashboard=False)
    # A task whose worker or machine dies starts again elsewhere; a mistake in the work itself does not.
    remote = ray.remote(max_retries=DEATHS_WITHOUT_PROGRESS, num_cpus=1)(_work_quietly)
    shared = ray.put(work)
    waiting, running = list(reversed(names)), {}
    try:
        while waiting or running:
            while waiting and len(running) < workers:
                name = waiting.pop()
                running[remote.remote(shared, name)] = name
            (done, *_), _ = ray.wait(list(running), num_returns=1)
            name = running.pop(done)
            try:
                manifest = ray.get(done)
            except ray.exceptions.RayTaskError as error:
                if isinstance(error.cause, WorldsimError):
                    raise error.cause from None
                raise EngineError(
                    f"a Ray worker failed on shard '{name}'; every machine of the cluster needs this version of "
                    f"worldsim and the dataset's folder, or its URL. It says:\n{error}"
                ) from error
            except ray.exceptions.RayError as error:
                raise EngineError(
                    f"the workers that made shard '{name}' died {DEATHS_WITHOUT_PROGRESS + 1} times. Finished shards "
                    "are kept: run the same command again, with fewer --workers if memory is short."
                ) from error
            on_clips(len(manifest["rows"]))
            yield name, manifest
    finally:
        for task in running:
            ray.cancel(task, force=True)
        if began_here:
            ray.shutdown()


def _work_quietly(work: Work, name: str) -> Manifest:
    return work(name, lambda: None)
