"""Commands that hand a dataset on: ``export``, ``copy`` and ``audit``."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from physics_data.cli.options import DatasetArgument, JsonOption, SplitOption
from physics_data.core.program import Table, messages, progress_bar


def export(
    dataset: DatasetArgument,
    to: Annotated[str, typer.Option(help="webdataset, lerobot, frames, vbvr, rigidbench or pisa.")],
    out: Annotated[Path, typer.Option(help="Folder to write; it must be new or empty.")],
    split: SplitOption = None,
    include_impossible: Annotated[
        bool, typer.Option("--include-impossible", help="Include the impossible clips of pairs.")
    ] = False,
) -> None:
    """Export a dataset with all labels to a format that other programs read.

    webdataset: tars with KEY.mp4, KEY.npz (all labels), KEY.json (captions and sizes) and KEY.meta (the whole record,
    as KEY.json in a dataset's shards); Hugging Face's load_dataset("webdataset") reads them, too. lerobot: Parquet
    tables and one video per file, in the layout of LeRobot's dataset format 3. frames: one folder of PNGs, labels.npz
    and clip.json per clip. vbvr: first_frame.png, final_frame.png, prompt.txt and ground_truth.mp4 per clip.
    rigidbench, pisa: the layouts of these benchmarks, so that their programs score videos of our clips.

    Example: `python -m physics_data export runs/demo/physics --to webdataset --out runs/demo/webdataset`
    """
    from physics_data.core.dataset import ShardDataset
    from physics_data.pipeline.export import export_dataset, exported_positions

    opened = ShardDataset(dataset)
    total = len(exported_positions(opened, split, include_impossible))
    left_out = len(opened.select(split=split)) - total
    with progress_bar() as progress:
        bar = progress.add_task(f"to {to}", total=total, note="")
        count = export_dataset(
            opened,
            out,
            to,
            split=split,
            include_impossible=include_impossible,
            on_clip=lambda: progress.advance(bar),
        )
    if left_out:
        messages.print(f"{left_out} clips that cannot happen are left out; --include-impossible exports them.")
    messages.print(f"[green]{count} clips[/green] in {escape(str(out))}")


def copy(
    source: Annotated[str, typer.Argument(help="Dataset folder or URL: s3://, gs://, hf://, https://, file://.")],
    target: Annotated[str, typer.Argument(help="Folder or URL to write.")],
) -> None:
    """Copy a dataset from a URL, to one, or between two. The same command resumes: files of the same size stay.

    The index is copied last, so a dataset that is not whole does not open. Datasets behind a URL can also be read
    without a copy: train, export, stats and score take the URL for the folder, and read clip by clip. Credentials and
    endpoints are those of the vendors' own tools (for S3 also AWS_ENDPOINT_URL).

    Example: `python -m physics_data copy runs/demo/physics s3://bucket/physics`
    """
    from physics_data.core.remote import copy_folder, files_of

    with progress_bar() as progress:
        bar = progress.add_task("copy", total=sum(files_of(source).values()), note="")
        copied, there = copy_folder(source, target, lambda _, size: progress.advance(bar, size))
    messages.print(f"[green]{copied} files copied[/green] to {escape(target)}, {there} were there already")


def audit(dataset: DatasetArgument, as_json: JsonOption = False) -> None:
    """Test that single frames or shuffled frames do not reveal which clips of a pair are impossible.

    Exits with code 1 if a classifier exceeds its limit.

    Example: `python -m physics_data audit runs/pairs --json`
    """
    run_audit(dataset, as_json)


def run_audit(dataset: Path, as_json: bool) -> None:
    """Audit a dataset, show the outcome, and exit with 1 where it fails."""
    from physics_data.core.dataset import ShardDataset
    from physics_data.core.errors import DataError
    from physics_data.pipeline.audit import audit as audit_dataset

    opened = ShardDataset(dataset)
    if not any(row.pair_id for row in opened.rows):
        raise DataError(f"{dataset} has no pairs to audit; build it from a config with a section 'pairs'.")
    report = audit_dataset(opened)
    rows = [asdict(row) for row in report.rows]
    if as_json:
        typer.echo(json.dumps({"dataset": str(dataset), "passes": report.passes, "rows": rows}, indent=1))
    else:
        table = Table(*(name.replace("_", " ") for name in rows[0]), title=f"{escape(str(dataset))}: shortcut audit")
        for row in rows:
            table.add_row(*(f"{value:.3f}" if isinstance(value, float) else str(value) for value in row.values()))
        messages.print(table)
    if not report.passes:
        raise typer.Exit(1)


def import_dataset(
    folder: Annotated[Path, typer.Argument(help="Folder in RigidBench's layout, with samples, eval or train.")],
    out: Annotated[Path, typer.Option(help="Dataset folder to write; it must be new or empty.")],
) -> None:
    """Read a folder in RigidBench's layout as a dataset, to train on its clips and to score videos of them.

    Pictures, masks, poses, camera and prompts are taken as they are, depth to 16 bits. What that layout lacks, what is
    changed, and which samples are skipped is printed.

    Example: `python -m physics_data import runs/rigidbench --out runs/rigidbench_dataset`
    """
    from physics_data.pipeline.import_rigidbench import LACKING, import_rigidbench

    with progress_bar() as progress:
        bar = progress.add_task("from rigidbench", total=None, note="")
        found = import_rigidbench(folder, out, on_clip=lambda: progress.advance(bar))
    for line in LACKING:
        messages.print(f"not in that layout: {line}", markup=False)
    for line in found.notes:
        messages.print(line, markup=False)
    for why, names in found.skipped.items():
        messages.print(f"{len(names)} samples are skipped ({', '.join(names[:3])}): {why}", markup=False)
    messages.print(f"[green]{found.clips} clips[/green] in {escape(str(out))}")
