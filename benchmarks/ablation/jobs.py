"""Jobs of an ablation: build, train and measure in several processes; finished jobs are not repeated."""

import csv
import io
import json
import os
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from contextlib import contextmanager, redirect_stderr, redirect_stdout, suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from rich.progress import Progress

from benchmarks.ablation.clip_measures import clip_features
from benchmarks.ablation.grid import FEATURES_NAME, RECORD_NAME, ROWS_NAME, Grid, Run, held_out_positions
from physics_data.core.atomic import atomic_path, folder_lock, write_text
from physics_data.core.dataset import ShardDataset
from physics_data.core.errors import DataError, WorldsimError
from physics_data.core.program import messages
from physics_data.core.provenance import git_commit, hardware
from physics_data.core.workers import told_if_lost, worker_pool
from worldsim.config import TrainConfig

BASE = "(base)"
"""The folder of the base's latents."""

FACTS = ("variant", "seed", "held_out", "key", "scenario")
"""What a row says beside the measured columns."""


@dataclass(frozen=True)
class RunRecord:
    """What a finished run cost: seconds of training, and of everything."""

    label: str
    train_seconds: float
    seconds: float


def is_finished(run: Run) -> bool:
    """Return whether the run's rows are there.

    Raises:
        DataError: the folder holds a run that was made another way.
    """
    path = run.folder / RECORD_NAME
    if not path.is_file():
        return False
    found = json.loads(path.read_text(encoding="utf-8"))["fingerprint"]
    if found != run.fingerprint:
        raise DataError(
            f"{run.folder} holds a run of another config (its fingerprint is {found}, this one's {run.fingerprint}); "
            "give another --out, or delete that folder to make it again."
        )
    return True


def train_stage(config: TrainConfig, log: Path) -> float:
    """Train a stage, or go on with it, with its messages in a file; returns the seconds of training."""
    from rich.console import Console
    from rich.progress import Progress

    from worldsim.training.loop import train

    with _logged(log):
        return train(config, Progress(console=Console(file=io.StringIO()), disable=True)).seconds


def perform(grid: Grid, run: Run) -> RunRecord:
    """Train a run, continue the held-out clips, and write what was measured; its record comes last.

    Raises:
        WorldsimError: whatever training or sampling refuses.
    """
    started = time.monotonic()
    share_latents(grid, run.folder, run.variant)
    trained = train_stage(run.train, run.folder / "log.txt")
    rows: list[dict[str, object]] = []
    features: dict[str, np.ndarray] = {}
    for name, which in grid.config.held_out.items():
        found, seen = _measure_held_out(grid, run, name, which)
        rows += found
        features[name] = seen
    with atomic_path(run.folder / FEATURES_NAME) as partial:
        np.savez(partial, **features)  # pyright: ignore[reportArgumentType]
    write_rows(run.folder / ROWS_NAME, rows, grid.config.columns)
    record = RunRecord(run.label, trained, time.monotonic() - started)
    facts = {"variant": run.variant, "seed": run.seed, "fingerprint": run.fingerprint, "train_seconds": trained}
    facts |= {"seconds": record.seconds, "commit": git_commit(), "hardware": hardware()}
    write_text(run.folder / RECORD_NAME, json.dumps(facts, indent=1) + "\n")
    return record


def share_latents(grid: Grid, folder: Path, variant: str = BASE) -> None:
    """Let the seeds of a variant share a folder of latents and labels, which begins with the latents of the base.

    Labels are stored for the losses that read them, so that variants cannot share theirs.
    """
    shared, own = grid.out / "latents" / variant, folder / "latents"
    shared.mkdir(parents=True, exist_ok=True)
    folder.mkdir(parents=True, exist_ok=True)
    for file in (grid.out / "latents" / BASE).glob("*.safetensors"):
        with suppress(FileExistsError):
            (shared / file.name).hardlink_to(file)
    if not own.is_symlink():
        own.symlink_to(os.path.relpath(shared, folder), target_is_directory=True)


def _measure_held_out(grid: Grid, run: Run, name: str, which: str) -> tuple[list[dict[str, object]], np.ndarray]:
    from benchmarks.ablation.clip_measures import measure_clip
    from eval.reference import Reference
    from eval.scoring import load_for
    from worldsim.videos import SampleConfig, Sampler, continue_dataset

    how, dataset = grid.config.continuation, ShardDataset(grid.data)
    positions, videos = held_out_positions(dataset, which), run.folder / "videos" / name
    sampler = Sampler.load(run.folder, SampleConfig(seed=run.seed, sampling=how.sampling))
    continue_dataset(
        sampler,
        dataset,
        positions,
        videos,
        num_conditioning_frames=how.num_conditioning_frames,
        batch_size=how.batch_size,
    )
    rows, features = [], []
    for position in positions:
        clip = dataset.load(position)
        video = load_for(clip, videos / f"{clip.meta.key}.mp4")
        values = measure_clip(
            Reference(clip, num_conditioning_frames=how.num_conditioning_frames),
            video,
            how.num_conditioning_frames,
            grid.config.columns,
        )
        facts = (run.variant, run.seed, name, clip.meta.key, dataset.rows[position].scenario)
        rows.append({**dict(zip(FACTS, facts, strict=True)), **values})
        features.append(clip_features(video.rgb[how.num_conditioning_frames :]))
    return rows, np.stack(features)


def write_rows(path: Path, rows: list[dict[str, object]], columns: tuple[str, ...]) -> None:
    """Write one CSV line per clip; an empty value means that the column does not apply."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([*FACTS, *columns])
    for row in rows:
        values = ("" if row[name] is None else repr(row[name]) for name in columns)
        writer.writerow([*(row[fact] for fact in FACTS), *values])
    write_text(path, text.getvalue())


@contextmanager
def _logged(path: Path) -> Iterator[None]:
    """Send what is printed to the end of a file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a", encoding="utf-8") as file, redirect_stdout(file), redirect_stderr(file):
        yield


THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS")


def run_grid(grid: Grid, runs: Sequence[Run], workers: int, progress: Progress) -> dict[str, str]:
    """Build, train and measure all that is missing for some runs; returns label → reason of those that failed.

    A run that fails does not stop the others.

    Raises:
        DataError: a folder holds a run or a dataset of another config.
        StorageError: another process writes into the folder.
        WorkerError: a worker process died; finished runs stay.
        WorldsimError: a part that all runs need failed.
    """
    waiting = [run for run in runs if not is_finished(run)]
    messages.print(f"{len(runs) - len(waiting)} of {len(runs)} runs are finished.")
    if not waiting:
        return {}
    with folder_lock(grid.out), told_if_lost("Finished runs are kept: run the same command again."):
        return _perform_all(grid, waiting, workers, progress)


def _perform_all(grid: Grid, waiting: Sequence[Run], workers: int, progress: Progress) -> dict[str, str]:
    _build_datasets(grid, workers, progress)
    bar = progress.add_task("VAE", total=1, note=f"{grid.vae.num_steps} steps, see {grid.vae.out}/log.txt")
    train_stage(grid.vae, grid.vae.out / "log.txt")
    progress.update(bar, completed=1, note="")
    bases = {base.out: base for run in waiting if (base := grid.bases.get(run.seed)) is not None}
    for folder in bases:
        share_latents(grid, folder)
    with _pool(workers) as pool:
        stages = {pool.submit(_train, base): f"base, seed {base.seed}" for base in bases.values()}
        for failure in _results(stages, progress, "bases"):
            raise failure[1]
        tasks = {pool.submit(perform, grid, run): run.label for run in waiting}
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


def _build_datasets(grid: Grid, workers: int, progress: Progress) -> None:
    from physics_data.pipeline.build import build

    for folder, config in grid.datasets.items():
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
