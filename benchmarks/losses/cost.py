"""What each auxiliary loss adds to a training step."""

import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from rich.progress import Progress

from benchmarks.speed.timing import interleaved
from physics_data.core.provenance import hardware
from worldsim.losses.auxiliary import AUXILIARY
from worldsim.training.optimizer import build_optimizers
from worldsim.training.stages import load_train_config
from worldsim.training.tasks.dit import DiTTask

COMMAND = "OMP_NUM_THREADS=1 python -m benchmarks.losses cost --json"
TARGET = 15.0
"""Percent that a loss may add."""

_FAR = 1_000
"""A step at which every loss has its full weight."""


def measure_cost(
    config: Path, out: Path, twins: Path | None, overrides: list[str], repeats: int
) -> list[dict[str, Any]]:
    """Time whole steps (batch, forward, backward, optimiser) without auxiliary losses, and with each alone.

    Steps take turns in CPU time, and each is compared with the plain step of the same turn.
    """
    cases = {name: _terms(name, twins) for name in AUXILIARY if name != "twin_contrast" or twins is not None}
    jobs = {"plain": _step(config, out, "{}", overrides)}
    jobs |= {name: _step(config, out, terms, overrides) for name, terms in cases.items()}
    seconds = interleaved(jobs, repeats, time.process_time)
    rows = []
    for name in cases:
        pairs = zip(seconds[name], seconds["plain"], strict=True)
        added = sorted(100 * (own / plain - 1) for own, plain in pairs)
        value = statistics.median(added)
        rows.append(
            {
                "name": f"step with {name}",
                "value": value,
                "unit": "% longer",
                "target": TARGET,
                "meets": value <= TARGET,
                "peer": "the same step without it, s",
                "peer_value": statistics.median(seconds["plain"]),
                "ratio": 1 + value / 100,
                "spread": f"{added[len(added) // 4]:.3g} to {added[-1 - len(added) // 4]:.3g} (quartiles)",
                "hardware": hardware(),
                "command": COMMAND,
            }
        )
    return rows


def _terms(name: str, twins: Path | None) -> str:
    settings = f"twins: {twins}" if name == "twin_contrast" else "weight: 0.1"
    return f"{{{name}: {{{settings}}}}}"


def _step(config: Path, out: Path, terms: str, overrides: list[str]) -> Callable[[], None]:
    resolved: Any = load_train_config(config, [*overrides, f"out={out}", f"loss.auxiliary={terms}"])
    torch.manual_seed(resolved.seed)
    task = DiTTask(resolved, torch.device("cpu"))
    with Progress(disable=True) as progress:
        task.prepare(progress)
    model: Any = task.model
    optimizers = build_optimizers(model, resolved.optimizer)
    done = [_FAR]

    def step() -> None:
        generator = torch.Generator().manual_seed(done[0])
        task.loss(model, task.batch(done[0]), generator)["loss"].backward()
        for optimizer in optimizers:
            optimizer.step()
            optimizer.zero_grad()
        done[0] += 1

    return step
