"""Do the parts of an ablation in order, several processes at a time; what is finished is not done again."""

import os
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from contextlib import contextmanager

from rich.progress import Progress

from benchmarks.ablation.plan import Plan, Run
from benchmarks.ablation.work import RunRecord, is_finished, perform, share_latents, train_stage
from physics_data.core.errors import WorldsimError
from physics_data.core.program import messages
from physics_data.core.workers import worker_pool
from worldsim.config import TrainConfig

THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS")


def run_plan(plan: Plan, runs: Sequence[Run], workers: int, progress: Progress) -> dict[str, str]:
    """Build, train and measure all that is missing for some runs; returns label → reason of those that failed.

    A run that fails does not stop the others.

    Raises:
        DataError: a folder holds a run or a dataset of another config.
        WorldsimError: a part that all runs need failed.
    """
    waiting = [run for run in runs if not is_finished(run)]
    messages.print(f"{len(runs) - len(waiting)} of {len(runs)} runs are finished.")
    if not waiting:
        return {}
    _build_datasets(plan, workers, progress)
    bar = progress.add_task("VAE", total=1, note=f"{plan.vae.num_steps} steps, see {plan.vae.out}/log.txt")
    train_stage(plan.vae, plan.vae.out / "log.txt")
    progress.update(bar, completed=1, note="")
    bases = {base.out: base for run in waiting if (base := plan.bases.get(run.seed)) is not None}
    for folder in bases:
        share_latents(plan, folder)
    with _pool(workers) as pool:
        stages = {pool.submit(_train, base): f"base, seed {base.seed}" for base in bases.values()}
        for failure in _results(stages, progress, "bases"):
            raise failure[1]
        tasks = {pool.submit(perform, plan, run): run.label for run in waiting}
        return {label: str(error) for label, error in _results(tasks, progress, "runs")}


def _train(config: TrainConfig) -> RunRecord:
    started = time.monotonic()
    seconds = train_stage(config, config.out / "log.txt")
    return RunRecord(config.out.name, seconds, time.monotonic() - started)


def _results(tasks: dict[Future[RunRecord], str], progress: Progress, what: str) -> Iterator[tuple[str, WorldsimError]]:
    """Say what each task took as it ends; yields those that a user's mistake ended."""
    bar = progress.add_task(what, total=len(tasks), note="")
    for task in as_completed(tasks):
        try:
            record = task.result()
        except WorldsimError as error:
            messages.print(f"[red]{tasks[task]} failed[/red]: {error}")
            yield tasks[task], error
        else:
            messages.print(f"{tasks[task]}: {record.train_seconds:.0f} s of training, {record.seconds:.0f} s in all")
        progress.advance(bar)


def _build_datasets(plan: Plan, workers: int, progress: Progress) -> None:
    from physics_data.pipeline.build import build

    for folder, config in plan.datasets.items():
        total = sum(len(tasks) for tasks in config.shards().values())
        bar = progress.add_task(f"clips of {folder.name}", total=total, note="")
        advance: Callable[[int], None] = lambda count, bar=bar: progress.advance(bar, count)  # noqa: E731
        build(config, folder, workers=workers, on_clips=advance)
        progress.update(bar, completed=total)


@contextmanager
def _pool(workers: int) -> Iterator[ProcessPoolExecutor]:
    """Yield a pool of fresh processes that share the cores; Ctrl-C drops what waits."""
    threads = str(max(1, (os.cpu_count() or 1) // workers))
    before = {name: os.environ.get(name) for name in THREADS}
    os.environ.update(dict.fromkeys(THREADS, threads))
    pool = worker_pool(workers)
    try:
        yield pool
    finally:
        pool.shutdown(cancel_futures=True)
        _restore(before.items())


def _restore(variables: Iterable[tuple[str, str | None]]) -> None:
    for name, value in variables:
        os.environ.pop(name, None) if value is None else os.environ.update({name: value})
