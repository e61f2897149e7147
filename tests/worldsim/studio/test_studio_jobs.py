"""Jobs: whole after kill -9, resumed, cancelled; one at a time."""

import multiprocessing
import os
import signal
import sqlite3
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from physics_data.core.errors import DataError
from worldsim.studio.job_queue import MAX_STARTS, JobQueue
from worldsim.studio.job_worker import Supervisor, do_job
from worldsim.studio.workspace import Workspace

SCENE = "bodies: {ball: {sphere: 0.2, color: red, position: [0, 0, 1]}}\nsize: [16, 16]\nnum_frames: 3\n"
ARGUMENTS = {"yaml": SCENE, "engine": "mujoco", "seed": 0}


@pytest.fixture
def queue(tmp_path: Path) -> JobQueue:
    return JobQueue(tmp_path / "studio" / "jobs.sqlite")


def until(what: Callable[[], bool], seconds: float = 600.0) -> None:
    end = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < end, "this did not happen in time"
        time.sleep(0.05)


def test_jobs_are_done_in_their_order(queue: JobQueue) -> None:
    numbers = [queue.add("simulate", f"job {k}", {"k": k}) for k in range(3)]
    seen = []
    while (job := queue.claim()) is not None:
        assert queue.get(job.id).state == "running"
        queue.finish(job.id, "done", result={"k": job.arguments["k"]})
        seen.append(job.id)
    assert seen == numbers
    assert [job.result["k"] for job in queue.newest()] == [2, 1, 0]


def test_a_job_does_one_call_of_the_python_interface(queue: JobQueue, tmp_path: Path) -> None:
    queue.add("simulate", "a ball", ARGUMENTS)
    job = queue.claim()
    assert job is not None
    workspace = Workspace((tmp_path,))
    do_job(queue, workspace, job)
    done = queue.get(job.id)
    assert done.state == "done", done.note
    assert workspace.path(done.result["video"]).stat().st_size > 0
    assert len(done.result["energies"]["kinetic"]) == 3


def test_a_mistake_of_the_user_fails_in_one_sentence(queue: JobQueue, tmp_path: Path) -> None:
    queue.add("check", "nothing there", {"place": "0/none"})
    job = queue.claim()
    assert job is not None
    do_job(queue, Workspace((tmp_path,)), job)
    assert queue.get(job.id).state == "failed"
    assert queue.get(job.id).note == "'0/none' is not there any more."


def test_a_cancelled_job_stays_cancelled(queue: JobQueue) -> None:
    number = queue.add("simulate", "a ball", {})
    assert queue.claim() is not None
    assert queue.cancel(number) == "running"
    assert not queue.progress(number, 1, 2)
    assert not queue.finish(number, "done")
    assert queue.get(number).state == "cancelled"
    assert queue.resume() == 0


def test_a_job_whose_worker_dies_again_and_again_fails(queue: JobQueue) -> None:
    number = queue.add("simulate", "a ball", {})
    for _ in range(MAX_STARTS):
        assert queue.get(number).state == "queued"
        assert queue.claim() is not None
        queue.resume()
    assert queue.get(number).state == "failed"
    assert "died 3 times" in queue.get(number).note


def test_another_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "jobs.sqlite").write_bytes(b"this is no database, but it is long enough to be looked at" * 20)
    with pytest.raises(DataError, match="is no queue of jobs"):
        JobQueue(tmp_path / "jobs.sqlite")


def _add_for_ever(path: Path) -> None:
    queue = JobQueue(path)
    while True:
        number = queue.add("simulate", "a ball", {})
        with open(path.with_suffix(".told"), "a", encoding="utf-8") as file:
            file.write(f"{number}\n")


def test_kill_9_in_the_middle_of_adding_loses_no_job_that_was_taken(queue: JobQueue) -> None:
    told = queue.path.with_suffix(".told")
    process = multiprocessing.get_context("spawn").Process(target=_add_for_ever, args=(queue.path,))
    process.start()
    until(lambda: told.is_file() and told.read_text().count("\n") >= 20)
    assert process.pid is not None
    os.kill(process.pid, signal.SIGKILL)
    process.join()
    numbers = [int(line) for line in told.read_text().splitlines()]
    stored = {job.id for job in queue.newest(100_000)}
    assert set(numbers) <= stored
    assert len(stored) - len(numbers) <= 1
    with sqlite3.connect(queue.path) as database:
        assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)


def test_kill_9_of_a_worker_does_its_job_again(queue: JobQueue, tmp_path: Path) -> None:
    supervisor = Supervisor(queue, Workspace((tmp_path,)))
    number = queue.add("simulate", "a ball", ARGUMENTS | {"yaml": SCENE.replace("3\n", "300\n")})
    supervisor.start()
    try:
        until(lambda: queue.get(number).state != "queued")
        first = supervisor.pid
        assert first is not None
        os.kill(first, signal.SIGKILL)
        until(lambda: queue.get(number).starts == 2)
        until(lambda: queue.get(number).state == "done")
        assert supervisor.pid != first
        last = supervisor.add("simulate", "another", ARGUMENTS)
        until(lambda: queue.get(last).state == "done")
    finally:
        supervisor.stop()
