"""``python -m worldsim ingest``."""

from pathlib import Path
from typing import Annotated

import typer

from physics_data.core.program import messages


def ingest(
    folder: Annotated[Path, typer.Argument(help="Folder with videos, also in subfolders.")],
    out: Annotated[Path, typer.Option(help="Dataset folder to write.")],
    num_frames: Annotated[int, typer.Option(help="Frames of a clip.")] = 17,
    frame_rate: Annotated[float, typer.Option(help="Frames per second of a clip.")] = 16.0,
    height: Annotated[int, typer.Option(help="Pixels.")] = 64,
    width: Annotated[int, typer.Option(help="Pixels.")] = 64,
    crop: Annotated[str, typer.Option(help="Kept part of a picture of another shape: centre or random.")] = "centre",
    max_windows_per_file: Annotated[
        int | None, typer.Option(help="Keep at most so many clips of a file, drawn at random.")
    ] = None,
    max_repeated_share: Annotated[
        float, typer.Option(help="Drop clips with more repeated frames (slow source); 1 keeps all.")
    ] = 0.25,
    test_share: Annotated[float, typer.Option(help="Share of the files held out in split 'test'.")] = 0.1,
) -> None:
    """Cut clips out of ordinary videos and write them as a dataset; an interrupted run is finished.

    A text file with the stem of a video beside it is its caption; MANIFEST.tsv or .csv may give licences.

    Example: `python -m worldsim ingest my_videos --out data/footage --height 64 --width 64`
    """
    from physics_data.core.config import validate_config
    from physics_data.core.errors import DataError
    from worldsim.data.ingest import FileReport, IngestConfig
    from worldsim.data.ingest import ingest as run_ingest

    if not folder.is_dir():
        raise DataError(f"{folder} is no folder; give a folder with videos.")
    raw = {
        "num_frames": num_frames,
        "frame_rate": frame_rate,
        "height": height,
        "width": width,
        "crop": crop,
        "max_windows_per_file": max_windows_per_file,
        "max_repeated_share": max_repeated_share,
        "test_share": test_share,
    }

    def show(report: FileReport) -> None:
        dropped = ", ".join(f"{count} {reason}" for reason, count in sorted(report.dropped.items()))
        outcome = f"skipped: {report.error}" if report.error else f"{report.windows} clips"
        messages.print(f"{report.file}: {outcome}{f'; dropped {dropped}' if dropped else ''}", markup=False)

    reports = run_ingest(folder, out, validate_config(IngestConfig, raw, source="the command line"), on_file=show)
    skipped = sum(report.error is not None for report in reports)
    clips = sum(report.windows for report in reports)
    typer.echo(f"{out}: {clips} clips from {len(reports) - skipped} videos, {skipped} files skipped")
