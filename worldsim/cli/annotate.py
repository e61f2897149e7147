"""``python -m worldsim annotate``."""

import json
from pathlib import Path
from typing import Annotated

import typer

from physics_data.core.program import progress_bar


def annotate(
    dataset: Annotated[Path, typer.Argument(help="Dataset folder: footage, or physics clips to compare with.")],
    labels: Annotated[str, typer.Option(help="Annotators, with commas between; all are shown by `worldsim list`.")],
    weights: Annotated[
        str | None, typer.Option(help="Folder, file or hub name of the weights of a learned annotator.")
    ] = None,
    workers: Annotated[int, typer.Option(min=1, help="Processes; never changes the result.")] = 1,
    executor: Annotated[
        str, typer.Option(help="local: processes of this machine. ray: the cluster Ray finds.")
    ] = "local",
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")] = False,
) -> None:
    """Write pseudo-labels of pixels (flow, point tracks, moving things) beside a dataset; goes on where it was stopped.

    A training run reads them with `annotations: [flow, tracks]` at a source and `labels: [optical_flow, tracks]`.

    Example: `python -m worldsim annotate data/footage --labels flow,tracks --workers 2`
    """
    from physics_data.core.dataset import ShardDataset
    from physics_data.core.errors import ConfigError, suggest
    from worldsim.data.annotations.annotate import annotate as run_annotate

    if executor not in ("local", "ray"):
        raise ConfigError(f"--executor {executor}: {suggest(executor, ('local', 'ray'))}")
    names = [name.strip() for name in labels.split(",") if name.strip()]
    if not names:
        raise ConfigError("--labels names no annotator; write e.g. --labels flow,tracks.")
    with progress_bar() as progress:
        bar = progress.add_task("annotate", total=len(names) * len(ShardDataset(dataset)), note="")
        counts = run_annotate(
            dataset,
            names,
            weights=weights,
            workers=workers,
            executor=executor,
            on_clips=lambda count: progress.advance(bar, count),
        )
    if as_json:
        typer.echo(json.dumps(counts))
    else:
        for name, count in counts.items():
            typer.echo(f"{dataset / 'annotations' / name}: labels of {count} clips")
