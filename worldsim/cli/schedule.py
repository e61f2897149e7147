"""``python -m worldsim schedule``."""

from pathlib import Path
from typing import Annotated

import typer

from physics_data.core.program import messages, progress_bar


def schedule(
    model: Annotated[Path, typer.Option(help="Run or model folder.")],
    reference: Annotated[Path, typer.Option(help="Dataset whose held-out captions and sizes are drawn.")],
    out: Annotated[Path, typer.Option(help="JSON file to write, for `sample --schedule`.")],
    split: Annotated[str, typer.Option(help="Split of the dataset.")] = "test",
    limit: Annotated[int, typer.Option(min=1, help="Clips measured.")] = 16,
    solver: Annotated[str, typer.Option(help="Solver the stops are for: euler, heun, dpm++ or unipc.")] = "euler",
    seed: Annotated[int, typer.Option(min=0, help="Decides the noise.")] = 0,
) -> None:
    """Measure where a model's paths from noise to video bend, and so where a solver's few steps are best spent.

    Example: `python -m worldsim schedule --model runs/demo/dit --reference runs/demo/physics --out steps.json`,
    then `python -m worldsim sample --schedule steps.json --num-steps 6 ...`
    """
    import torch

    from physics_data.core.dataset import ShardDataset
    from physics_data.core.errors import DataError
    from worldsim.diffusion import SOLVERS, optimised_grid
    from worldsim.sampling import measure_schedule, write_schedule
    from worldsim.weights import load_generator, model_folder

    order = SOLVERS.get(solver).order
    loaded = load_generator(model_folder(model))
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    dit = loaded.dit.to(device)
    dataset = ShardDataset(reference)
    rows = [dataset.rows[position] for position in dataset.select(split=split)[:limit]]
    if not rows:
        raise DataError(f"{reference} has no clip in split '{split}'.")
    with progress_bar() as progress:
        batches = []
        for row in progress.track(rows, description="measuring"):
            shape = loaded.vae.latent_shape(row.num_frames, row.height, row.width)
            ids, mask = loaded.tokenizer.encode([row.caption])
            told = (ids, mask, torch.tensor([1 if row.source == "physics" else 2]), torch.tensor([row.frame_rate]))
            batches.append((torch.zeros(1, *shape, device=device), tuple(part.to(device) for part in told)))
        bending = measure_schedule(dit, batches, torch.Generator(device).manual_seed(seed))
    write_schedule(out, bending, solver, {"model": str(model), "reference": str(reference), "clips": len(rows)})
    shown = ", ".join(f"{t:.3f}" for t in optimised_grid(bending, 8, order=order).tolist())
    messages.print(f"8 steps of {solver} would stop at t = {shown}")
    typer.echo(f"{out}: measured on {len(rows)} clips")
