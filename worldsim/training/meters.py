"""What the loop measures while it runs."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

import torch


class LossWindow:
    """Sums of the values of one log interval."""

    def __init__(self) -> None:
        self.steps = 0
        self._given = 0
        self._sums: dict[str, torch.Tensor] = {}

    def add(self, values: dict[str, torch.Tensor]) -> None:
        """Add the values of one step, none if its update was left out; nothing waits for the device."""
        self.steps += 1
        self._given += bool(values)
        for name, value in values.items():
            self._sums[name] = self._sums.get(name, 0) + value.double()

    def means(self) -> dict[str, float]:
        """Return the mean of each value over the steps that gave values; empty if none did."""
        return {name: float(total) / self._given for name, total in self._sums.items()}


class Clock:
    """Seconds of training, without those spent on pictures."""

    def __init__(self, earlier: float) -> None:
        self._start = time.monotonic() - earlier
        self._lap = time.monotonic()

    @property
    def seconds(self) -> float:
        """Training time so far, earlier parts of a resumed run included."""
        return time.monotonic() - self._start

    def lap(self) -> float:
        """Return the seconds since the last lap."""
        now = time.monotonic()
        lap, self._lap = now - self._lap, now
        return lap

    def reached(self, minutes: float | None) -> bool:
        """Return whether the time is up; None is no limit."""
        return minutes is not None and self.seconds >= 60 * minutes

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Leave the time inside the block out."""
        began = time.monotonic()
        yield
        gap = time.monotonic() - began
        self._start, self._lap = self._start + gap, self._lap + gap
