"""Runs the pieces of ``benchmarks.gpu`` under their minutes, each in a process of its own, and keeps what they measure.

A crash, a hang or exhausted memory ends one piece and none after it. ``gpu.json`` is written after every row; the same
command leaves out what is complete, tries what failed after what was not tried yet, and goes on with training.
"""

import json
import multiprocessing
import os
import time
import traceback
from collections.abc import Callable, Sequence
from dataclasses import replace
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from benchmarks.gpu import GPU_PIECES, LEAST_MINUTES, MINUTES, GpuContext
from benchmarks.rows import Row
from physics_data.core.atomic import write_text
from physics_data.core.config import StrictModel, read_json, validate_config
from physics_data.core.errors import ConfigError, DataError
from physics_data.core.provenance import git_commit, hardware, package_versions
from physics_data.core.workers import watch_parent

RESULTS_NAME = "gpu.json"


class PieceResult(StrictModel):
    """What is known of a piece.

    state:     complete; unfinished: there is more to do, see ``note``; failed: it raised or died, see ``note``
    attempts:  how often it was run
    seconds:   of all runs
    rows:      of the last run that gave any
    """

    state: Literal["complete", "unfinished", "failed"]
    attempts: int
    seconds: float
    note: str = ""
    rows: list[Row] = []


class GpuResults(StrictModel):
    """The content of ``gpu.json``."""

    device: str
    is_small: bool
    commit: str = Field(default_factory=git_commit)
    versions: dict[str, str] = Field(default_factory=package_versions)
    hardware: str = Field(default_factory=hardware)
    pieces: dict[str, PieceResult] = {}

    @property
    def rows(self) -> list[Row]:
        """All rows, in order of worth."""
        return [row for name in MINUTES if name in self.pieces for row in self.pieces[name].rows]


def run_pieces(
    context: GpuContext,
    only: Sequence[str] = (),
    say: Callable[[str], None] = lambda line: None,
    clock: Callable[[], float] = time.monotonic,
) -> GpuResults:
    """Run pieces until the seconds of the context are used up, and write ``gpu.json``.

    Args:
        context: where to measure; ``seconds`` are those of the whole call
        only: pieces to run, complete or not; default all that are not complete
        say: called with lines about the progress
        clock: seconds, for tests

    Raises:
        UnknownNameError: no such piece.
        DataError: ``gpu.json`` in the folder is damaged, or of another device or size.
    """
    started = clock()
    results = open_results(context)
    for name in _order(results, only):
        left = context.seconds - (clock() - started)
        if left < 60 * LEAST_MINUTES.get(name, 0.25) and not context.is_small:
            say(f"{name}: not begun, {max(left, 0):.0f} s are left")
            continue
        own = replace(context, seconds=min(60 * MINUTES[name], left))
        before = results.pieces.get(name)
        result = _run_apart(name, own, before, lambda result, name=name: _store(results, name, result, context.out))
        say(f"{name}: {result.state}, {result.seconds:.0f} s{f'; {result.note}' if result.note else ''}")
    return results


def require_device(device: str, is_small: bool) -> None:
    """Check that there is something to measure on.

    Raises:
        ConfigError: no such device here, or a whole measurement on a CPU.
    """
    if device not in ("cuda", "cpu"):
        raise ConfigError(f"--device {device} is none of cuda, cpu.")
    if device == "cpu" and not is_small:
        raise ConfigError("--device cpu is for trial runs; add --small, or leave it out on a machine with a GPU.")
    if device == "cuda":
        import torch

        if not torch.cuda.is_available():
            raise ConfigError(
                "no CUDA device was found by torch; run it on a machine with an NVIDIA GPU, or try every line with "
                "--device cpu --small."
            )


def open_results(context: GpuContext) -> GpuResults:
    """Return what an earlier call left in the folder, or an empty record.

    Raises:
        DataError: it is damaged, or of another device or size.
    """
    path = context.out / RESULTS_NAME
    if not path.is_file():
        return GpuResults(device=context.device, is_small=context.is_small)
    try:
        found = validate_config(GpuResults, read_json(path), source=str(path))
    except ConfigError as error:
        raise DataError(f"{error} {path} is damaged; delete it, or give another --out.") from error
    if (found.device, found.is_small) != (context.device, context.is_small):
        raise DataError(
            f"{path} holds figures of {found.device}{', small' if found.is_small else ''}; give another --out for "
            f"{context.device}{', small' if context.is_small else ''}."
        )
    return found


def _order(results: GpuResults, only: Sequence[str]) -> list[str]:
    """Return the pieces to run: by how often they failed, then by worth."""
    if only:
        return [GPU_PIECES.check(name) for name in only]
    attempts = {name: one.attempts if one.state == "failed" else 0 for name, one in results.pieces.items()}
    waiting = [name for name in MINUTES if name not in results.pieces or results.pieces[name].state != "complete"]
    return sorted(waiting, key=lambda name: attempts.get(name, 0))


def _store(results: GpuResults, name: str, result: PieceResult, out: Path) -> None:
    results.pieces[name] = result
    write_text(out / RESULTS_NAME, json.dumps(results.model_dump(mode="json"), indent=1))


def _run_apart(
    name: str, context: GpuContext, before: PieceResult | None, store: Callable[[PieceResult], None]
) -> PieceResult:
    """Run a piece in a fresh process until it ends or its seconds are over; ``store`` is called after each row."""
    spawn = multiprocessing.get_context("spawn")
    receiver, sender = spawn.Pipe(duplex=False)
    process = spawn.Process(target=_work, args=(name, context, sender))
    started = time.monotonic()
    process.start()
    sender.close()
    attempts, seconds = (before.attempts + 1, before.seconds) if before is not None else (1, 0.0)
    result = PieceResult(state="failed", attempts=attempts, seconds=seconds, note="it is running, or died with the run")
    try:
        while True:
            left = context.seconds - (time.monotonic() - started)
            if not receiver.poll(max(left, 0)):
                note = f"stopped after its {context.seconds:.0f} s; what it measured is kept"
                state: Any = "failed"
            else:
                try:
                    kind, value = receiver.recv()
                except EOFError:
                    process.join()
                    kind, value = "failed", f"its process died (exit code {process.exitcode}), perhaps out of memory"
                if kind == "row":
                    result = result.model_copy(update={"rows": [*result.rows, value]})
                    store(result)
                    continue
                state, note = kind, value
            rows = result.rows or ([] if before is None else before.rows)
            total = seconds + time.monotonic() - started
            result = result.model_copy(update={"state": state, "note": note, "rows": rows, "seconds": total})
            store(result)
            return result
    finally:
        _end(process)


def _end(process: Any) -> None:
    """End a process: by asking, then by force."""
    process.join(0.5)
    for stop in (process.terminate, process.kill):
        if process.is_alive():
            stop()
            process.join(5)


def _work(name: str, context: GpuContext, sender: Connection) -> None:
    """Measure one piece and send ("row", Row) for each row, then (state, note)."""
    watch_parent()
    if context.device == "cpu":  # before Numba is imported: its simulator runs the CUDA kernels, in Python
        os.environ["NUMBA_ENABLE_CUDASIM"] = "1"
    place = hardware() if context.device == "cpu" else f"{_gpu_name()}; {hardware()}"
    try:
        piece = GPU_PIECES.get(name)(context)
        while True:
            try:
                row = next(piece)
            except StopIteration as stop:
                sender.send(("complete", "") if stop.value is None else ("unfinished", stop.value))
                return
            sender.send(("row", row.model_copy(update={"hardware": place})))
    except Exception as error:
        traceback.print_exc()
        sender.send(("failed", f"{type(error).__name__}: {error}"[:1000]))


def _gpu_name() -> str:
    import torch

    return torch.cuda.get_device_name()
