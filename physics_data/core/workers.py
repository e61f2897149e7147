"""Worker processes that end with the process that started them, however that one ends."""

import multiprocessing
import os
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from typing import Any

from physics_data.core.errors import WorkerError


def worker_pool(workers: int, start: Callable[..., object] | None = None, *arguments: Any) -> ProcessPoolExecutor:
    """Return a pool of fresh processes which end within seconds of a killed parent: ``with worker_pool(4) as pool``.

    Args:
        workers: processes
        start: called with ``arguments`` in each process before its first task
    """
    # spawn: a forked child would inherit the thread pools of torch, Numba and the engines in an undefined condition.
    context = multiprocessing.get_context("spawn")
    return ProcessPoolExecutor(workers, context, _start, (start, *arguments))


@contextmanager
def told_if_lost(what_is_kept: str) -> Iterator[None]:
    """Turn the death of a worker of ``worker_pool`` into one sentence.

    Raises:
        WorkerError: a worker process died.
    """
    try:
        yield
    except BrokenProcessPool as error:
        raise WorkerError(
            f"a worker process died (killed, or out of memory). {what_is_kept} Use fewer --workers if memory is short."
        ) from error


def _start(start: Callable[..., object] | None, *arguments: Any) -> None:
    watch_parent()
    if start is not None:
        start(*arguments)


def watch_parent() -> None:
    """End this worker process when its parent is gone; call it first in a process that no ``worker_pool`` starts.

    A worker that waits for tasks would wait for ever after a ``kill -9`` of its parent, since its siblings hold the
    other end of the queue.
    """
    parent = multiprocessing.parent_process()
    assert parent is not None, "this is no worker process"

    def watch() -> None:
        while os.getppid() == parent.pid:
            time.sleep(1.0)
        os._exit(1)

    threading.Thread(target=watch, name="watch-parent", daemon=True).start()
