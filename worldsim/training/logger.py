"""The record of a run, and what the loop measures while it runs: metrics.jsonl, tensorboard events, pictures."""

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import UInt8
from PIL import Image

from physics_data.core.atomic import atomic_path, write_text
from physics_data.core.errors import CheckpointError, StorageError

METRICS_NAME = "metrics.jsonl"


class Logger:
    """Writes scalars and pictures of one run. One line of ``metrics.jsonl`` is one JSON object with its "step"."""

    def __init__(self, run: Path, first_step: int) -> None:
        """Open the record; what an interrupted run wrote after the step it goes on from is dropped."""
        from torch.utils.tensorboard import SummaryWriter

        self._pictures = run / "pictures"
        self._path = run / METRICS_NAME
        kept = [line for line in read_metrics(run) if line["step"] <= first_step]
        write_text(self._path, "".join(json.dumps(line) + "\n" for line in kept))
        self._events = SummaryWriter(str(run / "tensorboard"), purge_step=first_step + 1)

    def scalars(self, step: int, values: dict[str, float]) -> None:
        """Record named numbers."""
        try:
            with open(self._path, "a", encoding="utf-8") as file:
                file.write(json.dumps({"step": step, **values}) + "\n")
        except OSError as error:
            raise StorageError(f"cannot write {self._path}: {error}. The last checkpoint is intact.") from error
        for name, value in values.items():
            self._events.add_scalar(name, value, step)

    def last(self) -> dict[str, float]:
        """Return the newest line without its step; empty if there is none."""
        lines = read_metrics(self._path.parent)
        return {name: value for name, value in lines[-1].items() if name != "step"} if lines else {}

    def picture(self, step: int, name: str, rgb: UInt8[np.ndarray, "h w 3"]) -> None:
        """Record a picture, as ``pictures/NAME-STEP.png`` and in tensorboard."""
        with atomic_path(self._pictures / f"{name}-{step:06d}.png") as partial:
            Image.fromarray(rgb).save(partial)
        self._events.add_image(name, rgb, step, dataformats="HWC")

    def close(self) -> None:
        """Flush everything to disk."""
        self._events.close()


class SilentLogger:
    """The record of a process that leaves writing to another."""

    def __init__(self, run: Path) -> None:
        self._run = run

    def scalars(self, step: int, values: dict[str, float]) -> None:
        """Do nothing."""

    def last(self) -> dict[str, float]:
        """Return the newest line without its step; empty if there is none."""
        lines = read_metrics(self._run)
        return {name: value for name, value in lines[-1].items() if name != "step"} if lines else {}

    def picture(self, step: int, name: str, rgb: UInt8[np.ndarray, "h w 3"]) -> None:
        """Do nothing."""

    def close(self) -> None:
        """Do nothing."""


def read_metrics(run: Path) -> list[dict[str, Any]]:
    """Return the lines of a run's ``metrics.jsonl``; a last line cut off by a kill is left out.

    Raises:
        CheckpointError: another line is damaged.
    """
    path = run / METRICS_NAME
    whole = path.read_bytes().split(b"\n")[:-1] if path.is_file() else []
    lines = []
    for number, line in enumerate(whole, 1):
        try:
            lines.append(json.loads(line))
            lines[-1]["step"]
        except (ValueError, TypeError, KeyError) as error:
            raise CheckpointError(
                f"{path} is damaged in line {number}: delete that line and run the command again; weights and "
                "checkpoints do not depend on it."
            ) from error
    return lines


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
