"""Commands that hand a dataset on: ``export``."""

from pathlib import Path
from typing import Annotated

import typer

from physics_data.cli.options import DatasetArgument, SplitOption
from physics_data.core.program import messages, progress_bar


def export(
    dataset: DatasetArgument,
    to: Annotated[str, typer.Option(help="webdataset, lerobot, frames or vbvr.")],
    out: Annotated[Path, typer.Option(help="Folder to write; it must be new or empty.")],
    split: SplitOption = None,
) -> None:
    """Copy a dataset into a form that other programs read, all labels included.

    webdataset: tars with KEY.mp4, KEY.npz and KEY.json. lerobot: Parquet tables and one video per file, in the layout
    of LeRobot's dataset format 3. frames: one folder of PNGs, labels.npz and clip.json per clip. vbvr: first_frame.png,
    final_frame.png, prompt.txt and ground_truth.mp4 per clip.

    Example: `python -m physics_data export runs/demo/physics --to webdataset --out runs/demo/webdataset`
    """
    from physics_data.core.dataset import ShardDataset
    from physics_data.pipeline.export import export_dataset

    opened = ShardDataset(dataset)
    with progress_bar() as progress:
        bar = progress.add_task(f"to {to}", total=len(opened.select(split=split)), note="")
        count = export_dataset(opened, out, to, split=split, on_clip=lambda: progress.advance(bar))
    messages.print(f"[green]{count} clips[/green] in {out}")
