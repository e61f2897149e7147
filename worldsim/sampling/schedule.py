"""The solver's stops, chosen from what was measured on clips: where paths bend, more stops."""

import json
from collections.abc import Iterable
from pathlib import Path

import torch

from physics_data.core.atomic import write_text
from physics_data.core.errors import CheckpointError
from worldsim.diffusion import SOLVERS, Bending, interpolate, measure_bending, optimised_grid, timestep_grid
from worldsim.model import DiT

_FORMAT = "worldsim.schedule/1"
_INTERVALS = 64


@torch.no_grad()
def measure_schedule(
    dit: DiT, batches: Iterable[tuple[torch.Tensor, tuple[torch.Tensor, ...]]], generator: torch.Generator
) -> Bending:
    """Return how paths bend from pure noise to data, mean over batches of held-out clips' conditions.

    Each batch is normalised latents, whose shape counts, and the conditions that ``DiT.forward`` takes after t.
    """
    grid = timestep_grid(_INTERVALS)
    total, count = torch.zeros(_INTERVALS, dtype=torch.float64), 0
    for latents, told in batches:
        noise = torch.randn(latents.shape, generator=generator, device=latents.device)
        frames = latents.shape[2]

        def field(
            x: torch.Tensor, t: float, told: tuple[torch.Tensor, ...] = told, frames: int = frames
        ) -> torch.Tensor:
            return dit(x, torch.full((len(x), frames), t, device=x.device), *told)

        start = interpolate(latents, noise, torch.ones(len(latents), frames, device=latents.device))
        total += measure_bending(field, start, grid).amount.square() * len(latents)
        count += len(latents)
    return Bending(grid.double(), (total / max(count, 1)).sqrt())


def write_schedule(path: Path, bending: Bending, solver: str, facts: dict[str, object]) -> None:
    """Write what ``read_grid`` reads; ``facts`` say of which model and clips it is."""
    record = {
        "format": _FORMAT,
        "solver": solver,
        "t": bending.t.tolist(),
        "bending": bending.amount.tolist(),
        **facts,
    }
    write_text(path, json.dumps(record, indent=1))


def read_grid(path: Path, num_steps: int) -> tuple[float, ...]:
    """Return the best stops for so many steps.

    Raises:
        CheckpointError: no such file, or not one that ``python -m worldsim schedule`` wrote.
    """
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
        bending = Bending(torch.tensor(record["t"]).double(), torch.tensor(record["bending"]).double())
        order = SOLVERS.get(record["solver"]).order
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise CheckpointError(
            f"{path} is no schedule ({error}); make one with 'python -m worldsim schedule --model RUN --reference "
            f"DATASET --out {path.name}'."
        ) from error
    return tuple(optimised_grid(bending, num_steps, order=order).tolist())
