"""A dataset in the layout of LeRobot's dataset format 3: Parquet tables and videos of many episodes each."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from physics_data.core.clip import Clip
from physics_data.core.dataset import ShardDataset
from physics_data.core.errors import DataError
from physics_data.core.video import write_video

VIDEO_KEY = "observation.images.camera"
STATE_KEY = "observation.state"
_STATE_NAMES = ("x", "y", "z", "qw", "qx", "qy", "qz", "vx", "vy", "vz", "wx", "wy", "wz")
_CHUNK_SIZE = 1000
_DATA_PATH = "data/chunk-{chunk_index:03d}/file-{file_index:03d}.parquet"
_VIDEO_PATH = "videos/{video_key}/chunk-{chunk_index:03d}/file-{file_index:03d}.mp4"


def write_lerobot(dataset: ShardDataset, positions: Sequence[int], out: Path, on_clip: Callable[[], None]) -> None:
    """Write the clips of some positions, one file of tables and one video for each of the dataset's shards.

    The state of a frame holds every body's position, quaternion wxyz, linear and angular velocity, in the order of the
    scene. Scenes with fewer bodies than the largest one have NaN for the rest; the names are in ``meta/episodes``.

    Raises:
        DataError: the clips differ in size or frame rate, which this format does not hold.
    """
    order = list(dict.fromkeys(dataset.rows[position].split for position in positions))
    positions = sorted(positions, key=lambda position: order.index(dataset.rows[position].split))
    shapes = {(dataset.rows[p].height, dataset.rows[p].width, dataset.rows[p].frame_rate) for p in positions}
    if len(shapes) > 1:
        raise DataError(f"the clips have (height, width, Hz) {sorted(shapes)}; this form needs one for all of them.")
    (height, width, rate) = shapes.pop()
    slots = max(_num_bodies(dataset.load(position)) for position in positions)
    by_shard: dict[str, list[int]] = {}
    for position in positions:
        by_shard.setdefault(dataset.rows[position].shard, []).append(position)
    episodes: list[dict[str, Any]] = []
    tasks: dict[str, int] = {}
    states: list[np.ndarray] = []
    for number, members in enumerate(by_shard.values()):
        place = {"chunk_index": number // _CHUNK_SIZE, "file_index": number % _CHUNK_SIZE}
        states.append(_write_file(dataset, members, out, place, slots, tasks, episodes, on_clip))
    _write_table(out / "meta/episodes/chunk-000/file-000.parquet", episodes)
    listed = [{"task_index": index, "task": task} for task, index in tasks.items()]
    _write_table(out / "meta/tasks.parquet", listed)
    _write_json(out / "meta/info.json", _info(episodes, tasks, slots, height, width, rate))
    _write_json(out / "meta/stats.json", {STATE_KEY: _statistics(np.concatenate(states))})


def _write_file(
    dataset: ShardDataset,
    positions: list[int],
    out: Path,
    place: dict[str, int],
    slots: int,
    tasks: dict[str, int],
    episodes: list[dict[str, Any]],
    on_clip: Callable[[], None],
) -> np.ndarray:
    rows: list[dict[str, Any]] = []
    videos, states = [], []
    seconds = 0.0
    first = episodes[-1]["dataset_to_index"] if episodes else 0
    for position in positions:
        clip = dataset.load(position)
        task = tasks.setdefault(clip.meta.caption, len(tasks))
        state = _state(clip, slots)
        start = first + len(rows)
        rows += [
            {
                STATE_KEY: state[frame].tolist(),
                "timestamp": frame / clip.meta.frame_rate,
                "frame_index": frame,
                "episode_index": len(episodes),
                "index": start + frame,
                "task_index": task,
            }
            for frame in range(clip.meta.num_frames)
        ]
        end = seconds + clip.meta.num_frames / clip.meta.frame_rate
        episodes.append(
            {
                "episode_index": len(episodes),
                "tasks": [clip.meta.caption],
                "length": clip.meta.num_frames,
                "split": clip.meta.split,
                "key": clip.meta.key,
                "bodies": [body.name for body in clip.meta.spec.bodies] if clip.meta.spec else [],
                "data/chunk_index": place["chunk_index"],
                "data/file_index": place["file_index"],
                "dataset_from_index": start,
                "dataset_to_index": first + len(rows),
                f"videos/{VIDEO_KEY}/chunk_index": place["chunk_index"],
                f"videos/{VIDEO_KEY}/file_index": place["file_index"],
                f"videos/{VIDEO_KEY}/from_timestamp": seconds,
                f"videos/{VIDEO_KEY}/to_timestamp": end,
            }
        )
        seconds = end
        videos.append(clip.rgb)
        states.append(state)
        on_clip()
    _write_table(out / _DATA_PATH.format(**place), rows)
    path = out / _VIDEO_PATH.format(video_key=VIDEO_KEY, **place)
    path.parent.mkdir(parents=True, exist_ok=True)
    joined = np.concatenate(videos)
    plays_anywhere = joined.shape[1] % 2 == 0 and joined.shape[2] % 2 == 0
    rate = dataset.rows[positions[0]].frame_rate
    write_video(path, joined, rate, pixel_format="yuv420p" if plays_anywhere else "yuv444p")
    return np.concatenate(states)


def _num_bodies(clip: Clip) -> int:
    return len(clip.meta.spec.bodies) if clip.meta.spec else 0


def _state(clip: Clip, slots: int) -> np.ndarray:
    """Return float32 [t, slots * 13]; NaN where there is no body."""
    state = np.full((clip.meta.num_frames, slots, len(_STATE_NAMES)), np.nan, dtype=np.float32)
    if (motion := clip.trajectory) is not None:
        parts = (motion.position, motion.orientation, motion.linear_velocity, motion.angular_velocity)
        state[:, : motion.position.shape[1]] = np.concatenate(parts, axis=-1)
    return state.reshape(len(state), -1)


def _info(
    episodes: list[dict[str, Any]], tasks: dict[str, int], slots: int, height: int, width: int, rate: float
) -> dict[str, Any]:
    splits: dict[str, str] = {}
    for split in dict.fromkeys(episode["split"] for episode in episodes):
        members = [episode["episode_index"] for episode in episodes if episode["split"] == split]
        splits[split] = f"{members[0]}:{members[-1] + 1}"
    scalar = {"shape": [1], "names": None}
    names = [f"{name}_{slot}" for slot in range(slots) for name in _STATE_NAMES]
    video_info = {"video.fps": rate, "video.height": height, "video.width": width, "video.channels": 3}
    return {
        "codebase_version": "v3.0",
        "robot_type": None,
        "total_episodes": len(episodes),
        "total_frames": episodes[-1]["dataset_to_index"],
        "total_tasks": len(tasks),
        "chunks_size": _CHUNK_SIZE,
        "fps": int(rate) if rate == int(rate) else rate,
        "splits": splits,
        "data_path": _DATA_PATH,
        "video_path": _VIDEO_PATH,
        "features": {
            STATE_KEY: {"dtype": "float32", "shape": [len(names)], "names": names},
            VIDEO_KEY: {
                "dtype": "video",
                "shape": [height, width, 3],
                "names": ["height", "width", "channels"],
                "info": video_info,
            },
            "timestamp": {"dtype": "float32", **scalar},
            **{name: {"dtype": "int64", **scalar} for name in ("frame_index", "episode_index", "index", "task_index")},
        },
    }


def _statistics(states: np.ndarray) -> dict[str, list[float | None]]:
    """Return statistics over the frames in which a value is there; null where it never is."""
    there = np.isfinite(states).any(axis=0)
    table: dict[str, list[float | None]] = {}
    for name, measure in (("min", np.nanmin), ("max", np.nanmax), ("mean", np.nanmean), ("std", np.nanstd)):
        values = np.full(states.shape[1], np.nan)
        values[there] = measure(states[:, there], axis=0)
        table[name] = [float(value) if np.isfinite(value) else None for value in values]
    table["count"] = [float(len(states))]
    return table


def _write_table(path: Path, rows: list[dict[str, Any]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.Table.from_pylist(rows), path)


def _write_json(path: Path, record: dict[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(record, indent=1), encoding="utf-8")
