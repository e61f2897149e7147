"""What a GPU is measured for, in order of worth: one command, pieces under their minutes, resumable.

A piece is a generator ``(context) → rows``, see ``pieces.py``. It yields each row as soon as it is measured, so a piece
that is stopped keeps what it has, and returns a sentence on what is left to do, or None when it is complete.
"""

from collections.abc import Callable, Generator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.rows import Row
from physics_data.core.errors import Registry

COMMAND = "python -m benchmarks gpu --json"


@dataclass(frozen=True)
class GpuContext:
    """Where and how a piece measures.

    device:    "cuda", or "cpu" for a trial run
    is_small:  shapes of a few tokens and pixels: every line runs, in seconds; the figures mean nothing
    out:       folder of the results; what is kept for the next call lies there
    scratch:   folder for data and runs, which may be gone in the next call
    seconds:   that the piece has
    """

    device: str
    is_small: bool
    out: Path
    scratch: Path
    seconds: float

    @property
    def repeats(self) -> int:
        """Interleaved repetitions."""
        return 1 if self.is_small else 5


Rows = Generator[Row, None, str | None]
Piece = Callable[[GpuContext], Rows]

GPU_PIECES: Registry[Any] = Registry(
    "GPU piece",
    {
        "render": "benchmarks.gpu.cuda_render:measure_cuda_render",
        "train": "benchmarks.gpu.model_steps:measure_sizes",
        "packed": "benchmarks.gpu.model_steps:measure_packed",
        "sample": "benchmarks.gpu.model_steps:measure_sampling",
        "adapters": "benchmarks.gpu.adapter_steps:measure_adapters",
        "compiled": "benchmarks.gpu.model_steps:measure_compiled",
        "generator": "benchmarks.gpu.training_pieces:train_generator",
    },
)

MINUTES = {
    "render": 2.0,
    "train": 1.5,
    "packed": 0.75,
    "sample": 1.0,
    "adapters": 2.0,
    "compiled": 2.0,
    "generator": 60.0,
}
"""Piece → most minutes, in order of worth. The last one takes what is left of each call until it is complete."""

LEAST_MINUTES = {"generator": 1.5}
"""Piece → minutes under which it is not begun, since it would end before anything is kept."""
