"""The process that does the jobs of a queue, one after the other, and the supervisor that keeps it alive."""

import importlib
import multiprocessing
import threading
import time
import traceback
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from physics_data.core.errors import WorldsimError
from physics_data.core.workers import watch_parent
from worldsim.studio.job_queue import Job, JobQueue
from worldsim.studio.workspace import Workspace

Progress = Callable[[int, int | None, str], None]
"""(done, total, note) → nothing."""

KINDS = {
    "simulate": "worldsim.studio.job_kinds:simulate_scene",
    "generate": "worldsim.studio.job_kinds:generate_video",
    "build": "worldsim.studio.job_kinds:build_clips",
    "check": "worldsim.studio.job_kinds:check_clips",
    "audit": "worldsim.studio.job_kinds:audit_video",
    "replay": "worldsim.studio.job_kinds:replay_game",
    "score": "worldsim.studio.job_kinds:score_videos",
}
"""Kind of job → "module:function"; the function takes (workspace, arguments, progress) and returns what it made."""

_IDLE_SECONDS = 5.0
_REPORT_SECONDS = 0.2


def work(queue_path: Path, folders: tuple[Path, ...], bell: Connection) -> None:
    """Do the jobs of a queue until the parent is gone; ``bell`` rings when there may be a new one."""
    watch_parent()
    queue, workspace = JobQueue(queue_path), Workspace(folders)
    with queue.worker_lock():
        queue.resume()
        while True:
            job = queue.claim()
            if job is not None:
                do_job(queue, workspace, job)
            elif bell.poll(_IDLE_SECONDS):
                bell.recv_bytes()


def do_job(queue: JobQueue, workspace: Workspace, job: Job) -> None:
    """Do one job that was claimed and record how it ended."""
    told = 0.0

    def progress(done: int, total: int | None, note: str = "") -> None:
        nonlocal told
        if time.monotonic() - told >= _REPORT_SECONDS or done == total:
            told = time.monotonic()
            queue.progress(job.id, done, total, note)

    try:
        module, _, name = KINDS[job.kind].partition(":")
        result: dict[str, Any] = getattr(importlib.import_module(module), name)(workspace, job.arguments, progress)
    except WorldsimError as error:
        queue.finish(job.id, "failed", str(error))
    except Exception as error:  # a job must not end the worker
        traceback.print_exc()
        queue.finish(job.id, "failed", f"an error of the program, {type(error).__name__}: {error}")
    else:
        queue.finish(job.id, "done", result=result)


class Supervisor:
    """Keeps one worker process alive, and ends it where its job is cancelled."""

    def __init__(self, queue: JobQueue, workspace: Workspace) -> None:
        self._queue, self._workspace = queue, workspace
        self._context = multiprocessing.get_context("spawn")
        self._guard = threading.Lock()
        self._stopping = threading.Event()
        self._process: Any = None
        self._bell: Any = None
        self._thread = threading.Thread(target=self._watch, name="job-supervisor", daemon=True)

    def start(self) -> None:
        """Start the worker; a job that was running when the last one died is done again."""
        self._thread.start()

    def stop(self) -> None:
        """End the worker; its job is queued again at the next start."""
        self._stopping.set()
        with self._guard:
            if self._process is not None and self._process.is_alive():
                self._process.kill()
        if self._thread.is_alive():
            self._thread.join(10)

    @property
    def pid(self) -> int | None:
        """The worker's process id."""
        return None if self._process is None else self._process.pid

    def add(self, kind: str, title: str, arguments: dict[str, Any]) -> int:
        """Queue a job, and return its number."""
        number = self._queue.add(kind, title, arguments)
        self._ring()
        return number

    def cancel(self, number: int) -> None:
        """Cancel a job; outputs are whole or absent, so a worker can be ended at any time."""
        if self._queue.cancel(number) == "running":
            with self._guard:
                if self._process is not None:
                    self._process.kill()

    def _ring(self) -> None:
        with self._guard:
            if self._bell is not None:
                try:
                    self._bell.send_bytes(b"job")
                except OSError:
                    return  # the worker is being replaced; the next one looks at the queue itself

    def _watch(self) -> None:
        while not self._stopping.is_set():
            ours, theirs = self._context.Pipe()
            arguments = (self._queue.path, self._workspace.folders, theirs)
            process = self._context.Process(target=work, args=arguments, name="studio-worker", daemon=False)
            with self._guard:
                if self._stopping.is_set():
                    return
                process.start()
                self._process, self._bell = process, ours
            theirs.close()
            process.join()
            ours.close()
            self._stopping.wait(0.5)  # a worker that dies at once must not fill the machine
