"""Long work as jobs in a SQLite file: they outlive the studio, and a killed worker's job starts again."""

import fcntl
import json
import sqlite3
import time
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from physics_data.core.errors import DataError

State = Literal["queued", "running", "done", "failed", "cancelled"]

MAX_STARTS = 3
"""Starts of a job whose worker dies each time, after which it counts as failed."""

_TABLE = """CREATE TABLE IF NOT EXISTS jobs (
    id INTEGER PRIMARY KEY AUTOINCREMENT, kind TEXT NOT NULL, title TEXT NOT NULL, arguments TEXT NOT NULL,
    state TEXT NOT NULL, done INTEGER NOT NULL DEFAULT 0, total INTEGER, note TEXT NOT NULL DEFAULT '',
    starts INTEGER NOT NULL DEFAULT 0, result TEXT NOT NULL DEFAULT '{}', created REAL NOT NULL, ended REAL)"""


@dataclass(frozen=True)
class Job:
    """One piece of work.

    kind:       name in ``job_worker.KINDS``; arguments: what it is given
    done, total:  progress; total is None where it is not known
    note:       what it is at, or why it failed
    result:     where to find what it made
    created, ended:  s since 1970
    """

    id: int
    kind: str
    title: str
    arguments: dict[str, Any]
    state: State
    done: int
    total: int | None
    note: str
    starts: int
    result: dict[str, Any]
    created: float
    ended: float | None


class JobQueue:
    """Jobs in a file. Each change is on the disk when the call returns; several processes may share the file."""

    def __init__(self, path: Path) -> None:
        """Open the file, or make it.

        Raises:
            DataError: the file is something else.
        """
        self.path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with closing(sqlite3.connect(path, timeout=30)) as database, database:
                database.execute("PRAGMA journal_mode=WAL")
                database.execute(_TABLE)
        except sqlite3.DatabaseError as error:
            raise DataError(f"{path} is no queue of jobs ({error}); move it away.") from None

    def add(self, kind: str, title: str, arguments: Mapping[str, Any]) -> int:
        """Put a job at the end and return its number."""
        with self._transaction() as database:
            row = (kind, title, json.dumps(dict(arguments)), time.time())
            added = database.execute(
                "INSERT INTO jobs (kind, title, arguments, state, created) VALUES (?, ?, ?, 'queued', ?)", row
            )
            assert added.lastrowid is not None
            return added.lastrowid

    def get(self, number: int) -> Job:
        """Return a job.

        Raises:
            DataError: there is none of this number.
        """
        with self._transaction() as database:
            row = database.execute("SELECT * FROM jobs WHERE id = ?", (number,)).fetchone()
        if row is None:
            raise DataError(f"there is no job {number}.")
        return _job(row)

    def newest(self, count: int = 50) -> list[Job]:
        """Return the newest jobs, newest first."""
        with self._transaction() as database:
            rows = database.execute("SELECT * FROM jobs ORDER BY id DESC LIMIT ?", (count,)).fetchall()
        return [_job(row) for row in rows]

    def claim(self) -> Job | None:
        """Return the oldest queued job, which is running from now on; None if there is none."""
        with self._transaction() as database:
            row = database.execute("SELECT * FROM jobs WHERE state = 'queued' ORDER BY id LIMIT 1").fetchone()
            if row is None:
                return None
            database.execute(
                "UPDATE jobs SET state = 'running', starts = starts + 1, note = '' WHERE id = ?", (row["id"],)
            )
        return self.get(row["id"])

    def progress(self, number: int, done: int, total: int | None, note: str = "") -> bool:
        """Record how far a running job is; return whether it is still wanted."""
        with self._transaction() as database:
            changed = database.execute(
                "UPDATE jobs SET done = ?, total = ?, note = ? WHERE id = ? AND state = 'running'",
                (done, total, note, number),
            )
            return changed.rowcount == 1

    def finish(self, number: int, state: State, note: str = "", result: Mapping[str, Any] | None = None) -> bool:
        """End a running job; one that was cancelled in the meantime stays so, and False is returned."""
        row = (state, note, json.dumps(dict(result or {})), time.time(), number)
        with self._transaction() as database:
            changed = database.execute(
                "UPDATE jobs SET state = ?, note = ?, result = ?, ended = ? WHERE id = ? AND state = 'running'", row
            )
            return changed.rowcount == 1

    def cancel(self, number: int) -> State:
        """Cancel a job that has not ended, and return the state that it was in.

        Raises:
            DataError: there is none of this number.
        """
        with self._transaction() as database:
            row = database.execute("SELECT state FROM jobs WHERE id = ?", (number,)).fetchone()
            if row is None:
                raise DataError(f"there is no job {number}.")
            database.execute(
                "UPDATE jobs SET state = 'cancelled', ended = ? WHERE id = ? AND state IN ('queued', 'running')",
                (time.time(), number),
            )
            return row["state"]

    def resume(self) -> int:
        """Queue again what a dead worker was at, and return how many jobs; for the holder of ``worker_lock``."""
        with self._transaction() as database:
            reason = f"the worker died {MAX_STARTS} times in this job, by a signal or for want of memory"
            database.execute(
                "UPDATE jobs SET state = 'failed', note = ?, ended = ? WHERE state = 'running' AND starts >= ?",
                (reason, time.time(), MAX_STARTS),
            )
            return database.execute("UPDATE jobs SET state = 'queued' WHERE state = 'running'").rowcount

    @contextmanager
    def worker_lock(self) -> Iterator[None]:
        """Wait until no other worker lives. The kernel ends a dead one's lock, so it cannot be left behind."""
        with open(self.path.with_suffix(".lock"), "w", encoding="utf-8") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with closing(sqlite3.connect(self.path, timeout=30, isolation_level=None)) as database:
            database.row_factory = sqlite3.Row
            database.execute("PRAGMA synchronous=FULL")
            database.execute("BEGIN IMMEDIATE")
            try:
                yield database
            except BaseException:
                database.execute("ROLLBACK")
                raise
            database.execute("COMMIT")


def _job(row: sqlite3.Row) -> Job:
    fields = dict(row)
    return Job(**{**fields, "arguments": json.loads(fields["arguments"]), "result": json.loads(fields["result"])})
