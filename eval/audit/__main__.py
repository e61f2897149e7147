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
            help="Folder for report.html, audits.json, audits.csv, events.csv, motions.csv, tracks.csv and stills; "
            "finished audits are kept in it."
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
    side: Annotated[int, typer.Option(min=64, help="Longer side at which videos are analysed, px.")] = 640,
    start: Annotated[float, typer.Option(min=0.0, help="Start of the analysed segment, s.")] = 0.0,
    duration: Annotated[float | None, typer.Option(help="Length of the segment, s; default: to the end.")] = None,
    frame_rate: Annotated[
        float | None, typer.Option(help="Frame rate to assume instead of the file's timestamps, Hz; for slow motion.")
    ] = None,
    metres_per_pixel: Annotated[
        float | None,
        typer.Option(help="Scale in the plane of motion, m per pixel of the file: accelerations in m/s², g tested."),
    ] = None,
    overlay: Annotated[
        bool, typer.Option("--overlay", help="Also write every video with its tracks drawn in.")
    ] = False,
    workers: Annotated[int, typer.Option(min=1, help="Processes.")] = 1,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON list of audits on stdout.")] = False,
) -> None:
    """Detect objects that vanish, appear, duplicate, jump, change, hover or gain energy, without a reference.

    With --out, run the same command again to resume an interrupted run.

    Example: `python -m eval.audit runs/my_videos --out runs/my_audits --workers 2`
    """
    from eval.audit.audit_systems import audited_systems
    from eval.audit.folder import audit_videos
    from eval.audit.footage import AuditOptions

    options = AuditOptions(side, start, duration, frame_rate, metres_per_pixel, overlay)
    audits = []
    with progress_bar() as progress:
        bar = progress.add_task("auditing videos", total=None, note="")
        for found in audit_videos(
            source, workers, num_conditioning_frames=num_conditioning_frames, options=options, out=out
        ):
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
    systems, _ = audited_systems(audits)
    if len(systems) > 1:
        table = Table("folder", "videos", "alarms [95 %]", "judged", "permanence, no verdict = 0")
        for one in systems:
            alarmed = f"{one.alarms:.2f} [{one.low:.2f}, {one.high:.2f}]"
            table.add_row(one.name, str(one.videos), alarmed, f"{one.measured:.2f}", f"{one.permanence:.2f}")
        messages.print(table)
    alarms = sum(found.alarm for found in audits)
    messages.print(
        f"{alarms} of {len(audits)} videos raise an alarm." + (f" Page and tables are in {out}." if out else "")
    )


if __name__ == "__main__":
    run(app)
