"""Clips small enough to train on in a test."""

from pathlib import Path

import numpy as np

from physics_data.core.clip import Clip, ClipMeta, FootageOrigin, Rendering
from physics_data.core.clip_index import write_index
from physics_data.core.conventions import DATASET_FORMAT
from physics_data.core.dataset import RECORD_NAME
from physics_data.core.provenance import write_provenance
from physics_data.core.scene import SceneSpec
from physics_data.core.shards import write_shard
from physics_data.core.trajectory import Trajectory


def moving_square(index: int, num_frames: int, size: int) -> np.ndarray:
    """A square of its own colour that moves to the right by one pixel a frame."""
    video = np.full((num_frames, size, size, 3), 200, dtype=np.uint8)
    colour = np.random.default_rng(index).integers(0, 150, 3)
    top = 1 + index % (size // 2)
    for frame_index in range(num_frames):
        left = frame_index % (size - 4)
        video[frame_index, top : top + 4, left : left + 4] = colour
    return video


def footage_clip(index: int, num_frames: int = 5, size: int = 16, split: str = "train", caption: str = "") -> Clip:
    """A clip without labels."""
    meta = ClipMeta(
        key=f"footage-{index:06d}",
        source="footage",
        split=split,
        caption=caption,
        frame_rate=16.0,
        num_frames=num_frames,
        height=size,
        width=size,
        origin=FootageOrigin(file="a.mp4", sha256="0" * 64, start_seconds=0.0),
    )
    return Clip(meta, moving_square(index, num_frames, size))


def physics_clip(
    index: int, spec: SceneSpec, trajectory: Trajectory, num_frames: int = 5, size: int = 16, split: str = "train"
) -> Clip:
    """A clip with labels; its pixels are drawn here, not by a renderer."""
    rgb = moving_square(index, num_frames, size)
    ids = np.zeros((num_frames, size, size), dtype=np.uint8)
    ids[:, 1:5, 0:4] = 1
    rendering = Rendering(
        rgb=rgb,
        instance_ids=ids,
        depth_map=np.full((num_frames, size, size), 3.0, dtype=np.float32),
        amodal_masks=np.zeros((num_frames, 2, size, size), dtype=bool),
    )
    meta = ClipMeta(
        key=f"free_drop-mujoco-{index:06d}",
        source="physics",
        split=split,
        caption="a red ball falls",
        frame_rate=16.0,
        num_frames=num_frames,
        height=size,
        width=size,
        spec=spec,
        engine="mujoco",
    )
    return Clip(meta, rgb, rendering, trajectory)


def write_dataset(folder: Path, clips: list[Clip]) -> Path:
    """Write clips as one dataset folder."""
    write_provenance(folder / RECORD_NAME, None, format=DATASET_FORMAT)
    write_index(folder, write_shard(folder / "shards" / "all-00000.tar", clips))
    return folder
