"""``python -m benchmarks.losses``: what auxiliary losses see and cost."""

import json
from pathlib import Path
from typing import Annotated

import typer

from physics_data.core.program import Table, make_app, messages, run

app = make_app("What the auxiliary losses of the transformer see, and what they cost.")


@app.command()
def pictures(
    out: Annotated[Path, typer.Option(help="Folder for the pictures of docs/losses.md.")] = Path("docs/images"),
    names: Annotated[list[str] | None, typer.Option("--loss", help="Only this loss; may be repeated.")] = None,
) -> None:
    """Draw for each loss a true clip, a wrong prediction, and where the loss pushes; takes about a minute.

    Example: `python -m benchmarks.losses pictures --loss permanence`
    """
    from benchmarks.losses.pictures import SHOWN, write_pictures

    for file in write_pictures(out, tuple(names or SHOWN)):
        messages.print(str(file))


@app.command()
def cost(
    config: Annotated[Path, typer.Option(help="Training of a transformer, whose step is timed.")] = Path(
        "configs/dit_tiny.yaml"
    ),
    out: Annotated[Path, typer.Option(help="Folder for latents and labels.")] = Path("runs/loss_cost"),
    overrides: Annotated[list[str] | None, typer.Option("--set", help="Override a value of the config.")] = None,
    repeats: Annotated[int, typer.Option(min=1, help="Steps of each kind.")] = 12,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON list of rows on stdout.")] = False,
) -> None:
    """Time training steps with each loss alone, beside steps without any.

    Example: `OMP_NUM_THREADS=1 python -m benchmarks.losses cost --json`
    """
    from benchmarks.losses.cost import measure_cost

    rows = measure_cost(config, out, list(overrides or []), repeats)
    if as_json:
        typer.echo(json.dumps(rows, indent=1))
        return
    table = Table("", "% longer", "quartiles", "target", "reached")
    for row in rows:
        table.add_row(row["name"], f"{row['value']:.1f}", row["spread"], f"{row['target']:g}", str(row["meets"]))
    messages.print(table)


if __name__ == "__main__":
    run(app)
