"""Datasets in forms that other programs read, each whole or absent."""

import io
import json
import tarfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields
from pathlib import Path

import numpy as np
from PIL import Image

from physics_data.core.atomic import atomic_folder
from physics_data.core.clip import Clip, Rendering
from physics_data.core.dataset import ShardDataset
from physics_data.core.errors import DataError, UnknownNameError, suggest
from physics_data.core.shards import json_record, tar_block
from physics_data.core.video import encode_video, write_video
from physics_data.labels.tables import label_arrays
from physics_data.pipeline.export_lerobot import write_lerobot
from physics_data.pipeline.export_peers import write_pisa, write_rigidbench


def record_of(clip: Clip) -> bytes:
    """Return what is known of a clip but its arrays, as in a shard: scene, captions, events, residuals, rates."""
    return json_record(clip.meta, {})


def row_of(clip: Clip) -> bytes:
    """Return what a clip is as one flat JSON object with the same fields for every clip; "" where there is no text.

    Readers that make tables, such as Hugging Face's, take the fields of all clips from the first few.
    """
    meta = clip.meta
    captions = meta.captions
    row = {
        "key": meta.key,
        "caption": meta.caption,
        "caption_medium": captions.medium if captions else "",
        "caption_long": captions.long if captions else "",
        "split": meta.split,
        "source": meta.source,
        "scenario": meta.spec.scenario if meta.spec else "",
        "engine": meta.engine or "",
        "pair_id": meta.pair.set_id if meta.pair else "",
        "frame_rate": float(meta.frame_rate),
        "num_frames": meta.num_frames,
        "height": meta.height,
        "width": meta.width,
    }
    return json.dumps(row, ensure_ascii=False).encode()


def arrays_of(clip: Clip) -> dict[str, np.ndarray]:
    """Return all arrays of a clip but its pixels: what is stored, and what is derived; none for footage."""
    if clip.rendering is None or clip.trajectory is None:
        return {}
    streams = {field.name: getattr(clip.rendering, field.name) for field in fields(Rendering) if field.name != "rgb"}
    drawn = {name: value for name, value in streams.items() if value is not None}
    everywhere = {"present": np.ones(clip.trajectory.position.shape[:2], dtype=bool)}
    return drawn | everywhere | clip.trajectory.to_arrays() | label_arrays(clip)


def npz_of(clip: Clip) -> bytes:
    """Return the arrays of a clip as a compressed npz."""
    buffer = io.BytesIO()
    np.savez_compressed(buffer, allow_pickle=False, **arrays_of(clip))
    return buffer.getvalue()


def png_of(picture: np.ndarray) -> bytes:
    """Return a picture, uint8 [h w] or [h w 3], as a PNG."""
    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, format="PNG")
    return buffer.getvalue()


def write_frames(clip: Clip, folder: Path) -> None:
    """Write a clip: ``rgb/00000.png``, ``instance_ids/00000.png``, ``labels.npz`` with all arrays, ``clip.json``."""
    videos = {"rgb": clip.rgb} | ({"instance_ids": clip.rendering.instance_ids} if clip.rendering else {})
    with atomic_folder(folder) as partial:
        for name, video in videos.items():
            (partial / name).mkdir()
            for number, picture in enumerate(video):
                (partial / name / f"{number:05d}.png").write_bytes(png_of(picture))
        (partial / "clip.json").write_bytes(record_of(clip))
        if clip.rendering is not None:
            (partial / "labels.npz").write_bytes(npz_of(clip))


def write_task(clip: Clip, folder: Path) -> None:
    """Write a clip as a task for a generator: first frame and prompt, and the last frame and video to compare with."""
    with atomic_folder(folder) as partial:
        (partial / "first_frame.png").write_bytes(png_of(clip.rgb[0]))
        (partial / "final_frame.png").write_bytes(png_of(clip.rgb[-1]))
        (partial / "prompt.txt").write_text(clip.meta.caption + "\n", encoding="utf-8")
        write_video(partial / "ground_truth.mp4", clip.rgb, clip.meta.frame_rate)


Exporter = Callable[[ShardDataset, Sequence[int], Path, Callable[[], None]], None]


def export_dataset(
    dataset: ShardDataset,
    out: Path,
    to: str,
    *,
    split: str | None = None,
    include_impossible: bool = False,
    on_clip: Callable[[], None] = lambda: None,
) -> int:
    """Write the clips of a dataset, or of one split, into a new folder and return how many there are.

    Impossible clips of pairs are left out, since other programs would train on them as if they could happen.

    Raises:
        UnknownNameError: no such form.
        DataError: ``out`` is there already, no clip is of that split, or the form cannot hold these clips.
    """
    if to not in EXPORTERS:
        raise UnknownNameError(f"unknown form '{to}' for --to: {suggest(to, EXPORTERS)}")
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise DataError(f"{out} is there already; choose a new or empty folder with --out.")
    positions = exported_positions(dataset, split, include_impossible)
    if not positions and dataset.select(split=split):
        raise DataError(f"{dataset.folder} has impossible clips alone here; export them with --include-impossible.")
    if not positions:
        raise DataError(
            f"{dataset.folder} has no clip of split '{split}'; it has {sorted({r.split for r in dataset.rows})}."
        )
    with atomic_folder(out) as partial:
        EXPORTERS[to](dataset, positions, partial, on_clip)
    return len(positions)


def exported_positions(dataset: ShardDataset, split: str | None, include_impossible: bool) -> list[int]:
    """Return which clips of a dataset are exported."""
    found = dataset.select(split=split)
    return found if include_impossible else [position for position in found if dataset.can_happen(position)]


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
    "rigidbench": write_rigidbench,
    "pisa": write_pisa,
}
"""Every form that a dataset can be written in."""
