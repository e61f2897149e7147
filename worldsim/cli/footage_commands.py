"""Commands that turn footage into datasets: ``ingest`` and ``annotate``."""

import json
from pathlib import Path
from typing import Annotated

import typer

from physics_data.core.program import messages, progress_bar

LIMITS = "What is left out (1, or a large number, keeps all)"


def ingest(
    sources: Annotated[
        list[str],
        typer.Argument(
            help="Folders with videos or pictures, also in subfolders; .tar shards (WebDataset) and .parquet tables "
            "(Hugging Face) with such files inside; http://, https:// and pipe:COMMAND for tars from elsewhere; "
            "hf:NAME for a data set of the hub. 'a-{000..012}.tar' stands for several."
        ),
    ],
    out: Annotated[Path, typer.Option(help="Dataset folder to write.")],
    num_frames: Annotated[int, typer.Option(help="Frames per clip; an image gives a clip of one frame.")] = 17,
    frame_rate: Annotated[float, typer.Option(help="Frames per second of a clip.")] = 16.0,
    height: Annotated[int, typer.Option(help="Pixels.")] = 64,
    width: Annotated[int, typer.Option(help="Pixels.")] = 64,
    framing: Annotated[
        str, typer.Option(help="crop: every clip has this size. keep_shape: this many pixels, in the source's shape.")
    ] = "crop",
    crop: Annotated[str, typer.Option(help="Crop position: centre or random.")] = "centre",
    sequence_rate: Annotated[float, typer.Option(help="Frame rate of numbered image files.")] = 24.0,
    codec: Annotated[
        str, typer.Option(help="zstd keeps every byte; h264 is about 10 times smaller, off by 1.4 levels.")
    ] = "zstd",
    table: Annotated[
        list[Path] | None, typer.Option(help="Further table of captions (.csv .tsv .jsonl .parquet); may be repeated.")
    ] = None,
    max_windows_per_file: Annotated[
        int | None, typer.Option(help="Maximum number of clips per file, chosen at random.")
    ] = None,
    numbered_pictures: Annotated[
        str, typer.Option(help="Pictures of one name with numbers: sequence, stills, or auto (are neighbours alike?).")
    ] = "auto",
    max_pixels: Annotated[int, typer.Option(help="Skip files with more pixels per frame.")] = 2**26,
    max_frames_per_file: Annotated[int, typer.Option(help="Use only the first frames of a file.")] = 1_000_000,
    strict: Annotated[
        bool, typer.Option("--strict", help="End with exit code 1 if anything was skipped or left out.")
    ] = False,
    test_fraction: Annotated[float, typer.Option(help="Fraction of files in the 'test' split.")] = 0.1,
    workers: Annotated[int, typer.Option(min=1, help="Processes; never changes the result.")] = 1,
    executor: Annotated[
        str,
        typer.Option(
            help="local: processes of this machine. ray: the cluster that Ray finds, as many files at a time."
        ),
    ] = "local",
    max_repeated_fraction: Annotated[
        float,
        typer.Option(help="Fraction of repeated frames, from a source slower than the clip.", rich_help_panel=LIMITS),
    ] = 0.25,
    max_camera_shake: Annotated[
        float, typer.Option(help="Camera shake, image heights per frame.", rich_help_panel=LIMITS)
    ] = 0.05,
    max_text_fraction: Annotated[
        float, typer.Option(help="Fraction of the frame covered by text.", rich_help_panel=LIMITS)
    ] = 0.12,
    max_bars_fraction: Annotated[
        float, typer.Option(help="Fraction of rows or columns in black bars.", rich_help_panel=LIMITS)
    ] = 0.04,
    max_same_difference: Annotated[
        int,
        typer.Option(
            help="Grey levels by which no part differs from an earlier clip; -1 keeps all.", rich_help_panel=LIMITS
        ),
    ] = 6,
) -> None:
    """Cut clips from videos and images and write them as a dataset; resumes an interrupted run.

    NAME.txt or NAME.json beside a video, or a table (metadata.csv, MANIFEST.tsv, captions.jsonl, ...), gives captions
    and licences. Broken files are named and skipped.

    Example: `python -m worldsim ingest my_videos --out data/footage --height 64 --width 64 --workers 2`
    """
    from physics_data.core.config import validate_config
    from physics_data.core.errors import ConfigError, suggest
    from worldsim.data.footage.ingest import FileReport, IngestConfig
    from worldsim.data.footage.ingest import ingest as run_ingest

    raw = {
        "num_frames": num_frames,
        "frame_rate": frame_rate,
        "height": height,
        "width": width,
        "framing": framing,
        "crop": crop,
        "sequence_rate": sequence_rate,
        "codec": codec,
        "numbered_pictures": numbered_pictures,
        "max_pixels": max_pixels,
        "max_frames_per_file": max_frames_per_file,
        "max_windows_per_file": max_windows_per_file,
        "max_repeated_fraction": max_repeated_fraction,
        "max_camera_shake": max_camera_shake,
        "max_text_fraction": max_text_fraction,
        "max_bars_fraction": max_bars_fraction,
        "max_same_difference": max_same_difference,
        "test_fraction": test_fraction,
    }
    config = validate_config(IngestConfig, raw, source="the command line")
    if executor not in ("local", "ray"):
        raise ConfigError(f"--executor {executor}: {suggest(executor, ('local', 'ray'))}")
    with progress_bar() as progress:
        bar = progress.add_task("ingest", total=None, note="")

        def show(report: FileReport) -> None:
            progress.advance(bar)
            dropped = ", ".join(f"{count} {reason}" for reason, count in sorted(report.dropped.items()))
            outcome = f"skipped: {report.error}" if report.error else f"{report.windows} clips"
            said = "; ".join(
                [*([] if report.is_table else [outcome]), *([f"dropped {dropped}"] if dropped else []), *report.notes]
            )
            messages.print(f"{report.file}: {said}", markup=False)

        reports = run_ingest(
            sources,
            out,
            config,
            tables=table or [],
            workers=workers,
            executor=executor,
            on_start=lambda count: progress.update(bar, total=count),
            on_file=show,
        )
    skipped = sum(report.error is not None for report in reports)
    noted = sum(bool(report.notes) for report in reports)
    clips = sum(report.windows for report in reports)
    files = sum(not report.is_table for report in reports)
    typer.echo(f"{out}: {clips} clips from {files - skipped} files, {skipped} files skipped")
    if skipped or noted:
        typer.echo(
            f"{skipped} files skipped, {noted} files or tables used in part: see {out / 'ingest.json'}", err=True
        )
        if strict:
            raise typer.Exit(1)


def annotate(
    dataset: Annotated[Path, typer.Argument(help="Dataset folder: footage, or physics clips to compare with.")],
    labels: Annotated[str, typer.Option(help="Comma-separated annotators; `worldsim list` shows all.")],
    weights: Annotated[
        str | None, typer.Option(help="Folder, file or hub name of the weights of a learned annotator.")
    ] = None,
    workers: Annotated[int, typer.Option(min=1, help="Processes; never changes the result.")] = 1,
    executor: Annotated[
        str, typer.Option(help="local: processes of this machine. ray: the cluster Ray finds.")
    ] = "local",
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")] = False,
) -> None:
    """Write pseudo-labels (flow, point tracks, moving objects) next to a dataset; resumes an interrupted run.

    A training run reads them with `annotations: [flow, tracks]` at a source and `labels: [optical_flow, tracks]`.

    Example: `python -m worldsim annotate data/footage --labels flow,tracks --workers 2`
    """
    from physics_data.core.dataset import ShardDataset
    from physics_data.core.errors import ConfigError, suggest
    from worldsim.data.annotations.store import annotate as run_annotate

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
