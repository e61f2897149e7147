"""The record of a run: ``metrics.jsonl``, tensorboard events and pictures."""

import json
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import UInt8
from PIL import Image

from physics_data.core.atomic import atomic_path, write_text
from physics_data.core.errors import CheckpointError, StorageError

METRICS_NAME = "metrics.jsonl"


class Journal:
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
            raise StorageError(f"cannot write {self._path}: {error}. The last checkpoint is whole.") from error
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


class SilentJournal:
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
