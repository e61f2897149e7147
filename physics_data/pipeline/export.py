"""Datasets in forms that other programs read, each whole or absent."""

import tarfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from physics_data.core.atomic import atomic_folder
from physics_data.core.dataset import ShardDataset
from physics_data.core.errors import DataError, UnknownNameError, suggest
from physics_data.core.shards import tar_block
from physics_data.core.video import encode_video
from physics_data.pipeline.export_frames import write_frames, write_task
from physics_data.pipeline.export_lerobot import write_lerobot
from physics_data.pipeline.export_members import npz_of, record_of, row_of

Exporter = Callable[[ShardDataset, Sequence[int], Path, Callable[[], None]], None]


def export_dataset(
    dataset: ShardDataset,
    out: Path,
    to: str,
    *,
    split: str | None = None,
    on_clip: Callable[[], None] = lambda: None,
) -> int:
    """Write the clips of a dataset, or of one split, into a new folder and return how many there are.

    Raises:
        UnknownNameError: no such form.
        DataError: ``out`` is there already, no clip is of that split, or the form cannot hold these clips.
    """
    if to not in EXPORTERS:
        raise UnknownNameError(f"unknown form '{to}' for --to: {suggest(to, EXPORTERS)}")
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise DataError(f"{out} is there already; choose a new or empty folder with --out.")
    positions = dataset.select(split=split)
    if not positions:
        raise DataError(
            f"{dataset.folder} has no clip of split '{split}'; it has {sorted({r.split for r in dataset.rows})}."
        )
    with atomic_folder(out) as partial:
        EXPORTERS[to](dataset, positions, partial, on_clip)
    return len(positions)


def _to_webdataset(dataset: ShardDataset, positions: Sequence[int], out: Path, on_clip: Callable[[], None]) -> None:
    by_shard: dict[str, list[int]] = {}
    for position in positions:
        by_shard.setdefault(Path(dataset.rows[position].shard).name, []).append(position)
    for name, members in by_shard.items():
        with open(out / name, "wb") as file:
            for position in members:
                clip = dataset.load(position)
                parts = {"json": row_of(clip), "meta": record_of(clip)}
                parts["mp4"] = encode_video(clip.rgb, clip.meta.frame_rate)
                if clip.rendering is not None:
                    parts["npz"] = npz_of(clip)
                file.write(tar_block(clip.meta.key, parts))
                on_clip()
            file.write(b"\0" * 2 * tarfile.BLOCKSIZE)


def _each(write: Callable[..., None]) -> Exporter:
    def export(dataset: ShardDataset, positions: Sequence[int], out: Path, on_clip: Callable[[], None]) -> None:
        for position in positions:
            clip = dataset.load(position)
            write(clip, out / clip.meta.key)
            on_clip()

    return export


EXPORTERS: Mapping[str, Exporter] = {
    "webdataset": _to_webdataset,
    "lerobot": write_lerobot,
    "frames": _each(write_frames),
    "vbvr": _each(write_task),
}
"""Every form that a dataset can be written in."""
