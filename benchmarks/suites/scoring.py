"""Resumable scoring of submissions on a suite, in several processes, beside the control baselines."""

import json
from collections.abc import Iterator, Sequence
from concurrent.futures import as_completed
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

from rich.progress import Progress as Bars
from rich.progress import TaskID

from benchmarks.suites import SUITES
from benchmarks.suites.suite import SHAPES, SIZES, Edition, Prepared, Progress, Submission, Suite
from eval.inputs import check_made_for, conditioning_frames, read_record
from eval.report.bundle import GALLERY_NAME, write_bundle
from eval.report.pages import CURVES_NAME, write_pages
from eval.report.table import SeedScore
from eval.store import STORE_NAME, RowStore, code_fingerprint
from physics_data.core.atomic import folder_lock, write_text
from physics_data.core.errors import DataError, UnknownNameError, suggest
from physics_data.core.provenance import sha256_of
from physics_data.core.workers import told_if_lost, worker_pool

Name = TypeVar("Name", bound=str)


def open_suite(
    name: str, size: str, shape: str, cache: Path, salt: str | None, commitment: str | None, workers: int, bars: Bars
) -> tuple[Suite, Prepared, Progress]:
    """Return the suite, its reference (built where the cache lacks it), and what shows progress.

    Raises:
        UnknownNameError: no such suite, size or shape.
        ConfigError: the salt is not the published one.
    """
    suite = SUITES.get(name)()
    edition = Edition(_one_of(size, SIZES, "size"), salt, _one_of(shape, SHAPES, "shape"))
    edition.check(commitment)
    report = show_progress(bars)
    return suite, suite.prepare(edition, cache, workers, report), report


def _one_of(name: str, known: tuple[Name, ...], what: str) -> Name:
    for one in known:
        if one == name:
            return one
    raise UnknownNameError(f"unknown {what} '{name}': {suggest(name, known)}")


def show_progress(bars: Bars) -> Progress:
    """Return a function that keeps one bar for each thing that goes on."""
    tasks: dict[str, TaskID] = {}

    def report(what: str, done: int, total: int) -> None:
        if what not in tasks:
            tasks[what] = bars.add_task(what, total=total, note="")
        bars.update(tasks[what], completed=done, total=total)

    return report


_OWN = Path(__file__).parent


@dataclass(frozen=True)
class Job:
    """One video to be scored. sha256 is empty where there is none."""

    submission: Submission
    key: str
    sha256: str

    @property
    def video(self) -> tuple[str, str, int, str]:
        """What tells it from all others: system, key, seed, sha256."""
        return self.submission.system, self.key, self.submission.seed, self.sha256


def run_suite(
    suite: Suite,
    prepared: Prepared,
    submissions: Sequence[Submission],
    out: Path,
    *,
    workers: int = 1,
    seed: int = 0,
    gallery: int = 10,
    num_conditioning_frames: int | None = None,
    progress: Progress = lambda what, done, total: None,
) -> dict[str, Any]:
    """Score everything, write the bundle and its pages into ``out``, and return the summary's record.

    Videos that an earlier run scored, found by their sha256, are not scored again. Baselines are scored once per
    reference, into the cache. num_conditioning_frames is for suites that do not say it themselves.

    Raises:
        DataError: a submission is called like a baseline, its seeds differ, it was made for other scenes, or was
            given more frames than the suite leaves out.
        StorageError: the disk refused, or another process writes into ``out`` or the cache; scored rows stay.
        WorkerError: a worker process died; scored rows stay.
    """
    out = Path(out)
    prepared = replace(
        prepared, num_conditioning_frames=_conditioning(suite, prepared, submissions, num_conditioning_frames)
    )
    baselines, kinds = suite.baselines(prepared, progress)
    taken = sorted({s.system for s in submissions} & set(kinds))
    if taken:
        raise DataError(f"'{taken[0]}' is the name of a baseline; rename the folder, or give another --name.")
    code = code_fingerprint(_OWN, _OWN.parent / "baselines")
    scoring = f"{prepared.fingerprint}-{code}-g{prepared.num_conditioning_frames}"
    rows: list[SeedScore] = []
    if baselines and prepared.folder is not None:
        with folder_lock(prepared.folder):
            store = RowStore(prepared.folder / f"baselines_{STORE_NAME}", scoring)
            rows += score_all(suite, prepared, baselines, store, workers, progress, "scoring baselines")
    with folder_lock(out):
        store = RowStore(out / STORE_NAME, scoring)
        rows += score_all(suite, prepared, submissions, store, workers, progress, "scoring your videos")
    facts = {
        **prepared.facts,
        "fingerprint": prepared.fingerprint,
        "scoring": scoring,
        "unmatched": {s.system: list(s.unmatched) for s in submissions if s.unmatched},
        "columns": dict(suite.info.columns),
    }
    info = suite.info
    number = prepared.num_conditioning_frames
    record = write_bundle(
        out, rows, seed, facts, info.headline, kinds, info.is_paired, "benchmarks", num_conditioning_frames=number
    )
    progress("drawing the worst scenes", 0, 1)
    shown = [*submissions, *(p for p in baselines if p.system in ("simulator", "given_then_frozen"))]
    own = [row for row in rows if row.system not in kinds]
    curves = suite.gallery(prepared, shown, own, gallery, out / GALLERY_NAME)
    write_text(out / CURVES_NAME, json.dumps(curves) + "\n")
    write_pages([out], out)
    progress("drawing the worst scenes", 1, 1)
    return record


def _conditioning(suite: Suite, prepared: Prepared, submissions: Sequence[Submission], given: int | None) -> int:
    """Return how many first frames are left out: what the suite says; else what is given, the records say, or none."""
    name, fixed = suite.info.name, suite.info.num_conditioning_frames
    folders = [(s.system, s.folder) for s in submissions]
    if prepared.folder is not None:
        check_made_for(folders, prepared.fingerprint, f"'{name}'")
    if fixed is not None:
        if given not in (None, fixed):
            raise DataError(f"suite '{name}' gives {fixed} frames; leave --num-conditioning-frames {given} away.")
        return conditioning_frames(folders, fixed)
    known = any(read_record(folder).num_conditioning_frames is not None for _, folder in folders)
    return conditioning_frames(folders, given if known or given is not None else 0)


def score_all(
    suite: Suite,
    prepared: Prepared,
    submissions: Sequence[Submission],
    store: RowStore,
    workers: int,
    progress: Progress,
    what: str,
) -> list[SeedScore]:
    """Return the rows of all submissions in order; those that the store lacks are scored and kept as they come."""
    jobs: list[Job] = []
    for submission in submissions:
        for key in suite.expected_keys(prepared, submission):
            path = submission.files.get(key)
            jobs.append(Job(submission, key, sha256_of(path) if path else ""))
    found: dict[int, list[SeedScore]] = {}
    for number, job in enumerate(jobs):
        rows = store.get(*job.video) if job.sha256 else None
        if rows is not None:
            found[number] = rows
    progress(what, len(found), len(jobs))
    waiting = [number for number in range(len(jobs)) if number not in found]
    for number, rows in _scored(suite, prepared, jobs, waiting, workers):
        found[number] = rows
        if jobs[number].sha256:
            store.add(rows, jobs[number].video)
        progress(what, len(found), len(jobs))
    return [row for number in range(len(jobs)) for row in found[number]]


def _scored(
    suite: Suite, prepared: Prepared, jobs: Sequence[Job], waiting: Sequence[int], workers: int
) -> Iterator[tuple[int, list[SeedScore]]]:
    if workers == 1 or len(waiting) < 2:
        for number in waiting:
            yield number, _score_job(suite.info.name, prepared, jobs[number])
        return
    with told_if_lost("Scored videos are kept: run the same command again."), worker_pool(workers) as pool:
        futures = {pool.submit(_score_job, suite.info.name, prepared, jobs[number]): number for number in waiting}
        try:
            for future in as_completed(futures):
                yield futures[future], future.result()
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def _score_job(suite: str, prepared: Prepared, job: Job) -> list[SeedScore]:
    """Score one video and give an unreadable one its hash, too."""
    rows = SUITES.get(suite)().score(prepared, job.submission, [job.key])
    return [replace(row, sha256=job.sha256) for row in rows]
