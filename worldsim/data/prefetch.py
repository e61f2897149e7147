"""Batches made ahead of time, so that training does not wait for them."""

from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import Generic, TypeVar

Batch = TypeVar("Batch")


class Prefetch(Generic[Batch]):
    """Makes the batches of the next steps in threads while the current one is used.

    A batch is a pure function of its step, so what is made ahead changes nothing; decompression, rendering and most of
    NumPy release the interpreter lock. What goes wrong in a thread is raised by ``take`` at its step.
    """

    def __init__(self, make: Callable[[int], Batch], first: int, last: int, ahead: int) -> None:
        """Begin to make the batches of steps ``first`` to ``last`` - 1, at most ``ahead`` before they are taken.

        Args:
            make: step → batch, a pure function
            first: the step that is taken first
            last: the step after the last one
            ahead: batches kept ready; 0 makes each one when it is taken
        """
        self._make, self._next, self._last = make, first, last
        self._pool = ThreadPoolExecutor(ahead, thread_name_prefix="batch") if ahead else None
        self._waiting: deque[Future[Batch]] = deque()
        for _ in range(ahead):
            self._ask()

    def take(self, step: int) -> Batch:
        """Return the batch of a step; steps are taken in order."""
        if self._pool is None:
            return self._make(step)
        batch = self._waiting.popleft().result()
        self._ask()
        return batch

    def _ask(self) -> None:
        if self._pool is not None and self._next < self._last:
            self._waiting.append(self._pool.submit(self._make, self._next))
            self._next += 1

    def __enter__(self) -> "Prefetch[Batch]":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._pool is not None:
            self._pool.shutdown(wait=True, cancel_futures=True)
