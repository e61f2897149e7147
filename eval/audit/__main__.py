"""``python -m eval.audit``: audit any videos, without a reference."""

import json
from pathlib import Path
from typing import Annotated

import typer

from physics_data.core.program import Table, make_app, messages, progress_bar, run

app = make_app("Audit any videos for object permanence and motion, without a reference.")


@app.command()
def audit(
    source: Annotated[Path, typer.Argument(help="A video or a folder of them; any names, sizes and rates from 8 Hz.")],
    out: Annotated[
        Path | None,
        typer.Option(
            help="Folder for audits.json, audits.csv, events.csv, motions.csv; finished audits are kept in it."
        ),
    ] = None,
    num_conditioning_frames: Annotated[
        int | None,
        typer.Option(
            min=0,
            help="First frames of each video that were given to the model: looked at, not judged. "
            "Default: what the record beside the videos says, else 0.",
        ),
    ] = None,
    side: Annotated[int, typer.Option(min=64, help="Pixels of the longer side that are looked at.")] = 320,
    workers: Annotated[int, typer.Option(min=1, help="Processes.")] = 1,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON list of audits on stdout.")] = False,
) -> None:
    """Look for things that vanish, appear, double, jump, change or gain energy; say where nothing can be said.

    With --out a stopped run goes on where it was when the same command is given again.

    Example: `python -m eval.audit runs/my_videos --out runs/my_audits --workers 2`
    """
    from eval.audit.folder import audit_videos

    audits = []
    with progress_bar() as progress:
        bar = progress.add_task("auditing videos", total=None, note="")
        for found in audit_videos(source, workers, num_conditioning_frames=num_conditioning_frames, side=side, out=out):
            audits.append(found)
            progress.advance(bar)
    if as_json:
        typer.echo(json.dumps([found.model_dump() for found in audits], indent=1))
        return
    table = Table("video", "permanence", "coverage", "realism", "coverage", "moved", "strongest event")
    for found in audits:
        shown = [
            text
            for measure in (found.permanence, found.realism)
            for text in ("–" if measure.value is None else f"{measure.value:.2f}", f"{measure.coverage:.2f}")
        ]
        first = found.events[0] if found.events else None
        event = f"{first.kind} at {first.seconds:.2f} s ({first.strength:.2f})" if first else found.permanence.reason
        table.add_row(found.file, *shown, f"{found.moved:.2f}", found.error or event)
    messages.print(table)
    for found in audits:
        for one in found.findings:
            messages.print(f"{found.file}, {one.seconds:.2f} s: {one.text}", markup=False, highlight=False)
    alarms = sum(found.alarm for found in audits)
    messages.print(f"{alarms} of {len(audits)} videos raise an alarm." + (f" Tables are in {out}." if out else ""))


if __name__ == "__main__":
    run(app)
