"""``python -m eval.perception``: how well the trackers follow objects, against exact masks."""

import json
from pathlib import Path
from typing import Annotated

import typer

from physics_data.core.program import Table, make_app, messages, progress_bar, run

app = make_app("Check the trackers against the exact masks of simulated clips.")


@app.command()
def validate(
    reference: Annotated[Path, typer.Option(help="Physics dataset with exact masks.")],
    limit: Annotated[int | None, typer.Option(min=1, help="Clips of each scenario; default: all.")] = None,
    scenario: Annotated[list[str] | None, typer.Option(help="Only these scenarios; may be given often.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON list of clips on stdout.")] = False,
) -> None:
    """Follow the objects of every clip with both trackers; report HOTA, IDF1, misses and unmatched tracks by scenario.

    Example: `python -m eval.perception --reference runs/demo/physics --limit 2`
    """
    from dataclasses import asdict

    from eval.perception.validation import by_scenario
    from eval.perception.validation import validate as run_validation
    from physics_data.core.dataset import ShardDataset

    with progress_bar() as progress:
        bar = progress.add_task("tracking clips", total=None, note="")
        rows = run_validation(
            ShardDataset(reference),
            scenarios=scenario,
            limit=limit,
            progress=lambda done, total: progress.update(bar, completed=done, total=total),
        )
    if as_json:
        typer.echo(json.dumps([asdict(row) for row in rows], indent=1))
        return
    table = Table("tracker", "scenario", "clips", "HOTA", "IDF1", "missed", "unmatched", "CPU s")
    for line in by_scenario(rows):
        figures = (f"{line[name]:.3f}" for name in ("hota", "idf1", "missed", "unmatched", "cpu_seconds"))
        table.add_row(str(line["tracker"]), str(line["scenario"]), str(line["clips"]), *figures)
    messages.print(table)


if __name__ == "__main__":
    run(app)
