"""A dataset in the layout of LeRobot's dataset format 3: Parquet tables and videos of many episodes each."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from physics_data.core.actions import Impulse
from physics_data.core.clip import Clip
from physics_data.core.dataset import ShardDataset
from physics_data.core.errors import DataError
from physics_data.core.video import write_video

VIDEO_KEY = "observation.images.camera"
STATE_KEY = "observation.state"
ACTION_KEY = "action"
PRESENT_KEY = "body_present"
_COUNTERS = ("frame_index", "episode_index", "index", "task_index")
_QUANTILES = {"q01": 0.01, "q10": 0.10, "q50": 0.50, "q90": 0.90, "q99": 0.99}
_STATE_NAMES = ("x", "y", "z", "qw", "qx", "qy", "qz", "vx", "vy", "vz", "wx", "wy", "wz")
_PUSH_NAMES = ("jx", "jy", "jz", "lx", "ly", "lz")
_CHUNK_SIZE = 1000
_DATA_PATH = "data/chunk-{chunk_index:03d}/file-{file_index:03d}.parquet"
_VIDEO_PATH = "videos/{video_key}/chunk-{chunk_index:03d}/file-{file_index:03d}.mp4"


def write_lerobot(dataset: ShardDataset, positions: Sequence[int], out: Path, on_clip: Callable[[], None]) -> None:
    """Write the clips of some positions, one file of tables and one video for each of the dataset's shards.

    The state of a frame holds every body's position, quaternion wxyz, linear and angular velocity, in the order of the
    scene; the names are in ``meta/episodes``. All episodes have the width of the largest scene: where a body is not,
    ``body_present`` is 0 and so are its numbers, since LeRobot normalises without a mask.

    ``action`` is what an agent did: where a scene of the dataset has impulses (``core.actions``, the episodes of an
    environment), it is the impulse of the frame on every body, N s, and its angular impulse about the centre of mass,
    N m s; 0 where nothing was pushed. Where nobody acts, ``action``, which LeRobot's policies predict, is the state of
    the next frame, and that of the last one again at the end. Tasks are the captions. Footage has neither state nor
    action.

    Raises:
        DataError: the clips differ in size or frame rate, which this format does not hold.
    """
    order = list(dict.fromkeys(dataset.rows[position].split for position in positions))
    positions = sorted(positions, key=lambda position: order.index(dataset.rows[position].split))
    shapes = {(dataset.rows[p].height, dataset.rows[p].width, dataset.rows[p].frame_rate) for p in positions}
    if len(shapes) > 1:
        raise DataError(f"the clips have (height, width, Hz) {sorted(shapes)}; this form needs one for all of them.")
    (height, width, rate) = shapes.pop()
    specs = [dataset.load_meta(position).spec for position in positions]
    slots = max(len(spec.bodies) if spec else 0 for spec in specs)
    is_pushed = any(isinstance(action, Impulse) for spec in specs if spec for action in spec.actions)
    by_shard: dict[str, list[int]] = {}
    for position in positions:
        by_shard.setdefault(dataset.rows[position].shard, []).append(position)
    episodes: list[dict[str, Any]] = []
    tasks: dict[str, int] = {}
    columns: list[dict[str, np.ndarray]] = []
    levels = np.zeros((3, 256), dtype=np.int64)
    for number, members in enumerate(by_shard.values()):
        place = {"chunk_index": number // _CHUNK_SIZE, "file_index": number % _CHUNK_SIZE}
        columns.append(_write_file(dataset, members, out, place, slots, is_pushed, tasks, episodes, levels, on_clip))
    _write_table(out / "meta/episodes/chunk-000/file-000.parquet", episodes)
    _write_tasks(out / "meta/tasks.parquet", list(tasks))
    _write_json(out / "meta/info.json", _info(episodes, tasks, slots, is_pushed, height, width, rate))
    joined = {name: np.concatenate([part[name] for part in columns]) for name in columns[0]}
    statistics = {name: _statistics(values) for name, values in joined.items()}
    _write_json(out / "meta/stats.json", {VIDEO_KEY: _image_statistics(levels, len(joined["index"])), **statistics})


def _write_file(
    dataset: ShardDataset,
    positions: list[int],
    out: Path,
    place: dict[str, int],
    slots: int,
    is_pushed: bool,
    tasks: dict[str, int],
    episodes: list[dict[str, Any]],
    levels: np.ndarray,
    on_clip: Callable[[], None],
) -> dict[str, np.ndarray]:
    """Write the clips of a shard, count their pixels by channel and value, and return all columns of the table."""
    rows: list[dict[str, Any]] = []
    videos = []
    seconds = 0.0
    first = episodes[-1]["dataset_to_index"] if episodes else 0
    for position in positions:
        clip = dataset.load(position)
        task = tasks.setdefault(clip.meta.caption, len(tasks))
        motion = _motion(clip, slots, is_pushed)
        start = first + len(rows)
        rows += [
            {
                **{name: values[frame].tolist() for name, values in motion.items()},
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
                "meta/episodes/chunk_index": 0,
                "meta/episodes/file_index": 0,
            }
        )
        seconds = end
        videos.append(clip.rgb)
        for channel in range(3):
            levels[channel] += np.bincount(clip.rgb[..., channel].ravel(), minlength=256)
        on_clip()
    _write_table(out / _DATA_PATH.format(**place), rows)
    path = out / _VIDEO_PATH.format(video_key=VIDEO_KEY, **place)
    path.parent.mkdir(parents=True, exist_ok=True)
    joined = np.concatenate(videos)
    plays_anywhere = joined.shape[1] % 2 == 0 and joined.shape[2] % 2 == 0
    rate = dataset.rows[positions[0]].frame_rate
    write_video(path, joined, rate, pixel_format="yuv420p" if plays_anywhere else "yuv444p")
    return {name: np.array([row[name] for row in rows]).reshape(len(rows), -1) for name in rows[0]}


def _motion(clip: Clip, slots: int, is_pushed: bool) -> dict[str, np.ndarray]:
    """Return state [t, slots * 13], action and presence [t, slots], float32; nothing for footage alone."""
    if not slots:
        return {}
    state = np.zeros((clip.meta.num_frames, slots, len(_STATE_NAMES)), dtype=np.float32)
    present = np.zeros(state.shape[:2], dtype=np.float32)
    if (motion := clip.trajectory) is not None:
        parts = (motion.position, motion.orientation, motion.linear_velocity, motion.angular_velocity)
        count = motion.position.shape[1]
        present[:, :count] = 1.0 if motion.present is None else motion.present
        state[:, :count] = np.concatenate(parts, axis=-1) * present[:, :count, None]
    state = state.reshape(len(state), -1)
    action = _pushes(clip, slots) if is_pushed else np.concatenate([state[1:], state[-1:]])
    return {STATE_KEY: state, ACTION_KEY: action, PRESENT_KEY: present}


def _pushes(clip: Clip, slots: int) -> np.ndarray:
    """Return the impulse and angular impulse on every body right after each frame, float32 [t, slots * 6]."""
    pushes = np.zeros((clip.meta.num_frames, slots, len(_PUSH_NAMES)), dtype=np.float32)
    spec, motion = clip.meta.spec, clip.trajectory
    for action in spec.actions if spec is not None and motion is not None else ():
        if isinstance(action, Impulse) and spec is not None and motion is not None:
            body = spec.body_index(action.body)
            arm = np.zeros(3) if action.point is None else action.point - motion.position[action.frame, body]
            pushes[action.frame, body] += np.concatenate([action.impulse, np.cross(arm, action.impulse)])
    return pushes.reshape(len(pushes), -1)


def _info(
    episodes: list[dict[str, Any]],
    tasks: dict[str, int],
    slots: int,
    is_pushed: bool,
    height: int,
    width: int,
    rate: float,
) -> dict[str, Any]:
    splits: dict[str, str] = {}
    for split in dict.fromkeys(episode["split"] for episode in episodes):
        members = [episode["episode_index"] for episode in episodes if episode["split"] == split]
        splits[split] = f"{members[0]}:{members[-1] + 1}"
    scalar = {"shape": [1], "names": None}
    names = [f"{name}_{slot}" for slot in range(slots) for name in _STATE_NAMES]
    acted = [f"{name}_{slot}" for slot in range(slots) for name in (_PUSH_NAMES if is_pushed else _STATE_NAMES)]
    pixels = "yuv420p" if height % 2 == 0 and width % 2 == 0 else "yuv444p"
    video_info = {
        "video.fps": rate,
        "video.height": height,
        "video.width": width,
        "video.channels": 3,
        "video.codec": "h264",
        "video.pix_fmt": pixels,
        "video.is_depth_map": False,
        "has_audio": False,
    }
    motion = {
        STATE_KEY: {"dtype": "float32", "shape": [len(names)], "names": names},
        ACTION_KEY: {"dtype": "float32", "shape": [len(acted)], "names": acted},
        PRESENT_KEY: {"dtype": "float32", "shape": [slots], "names": [f"body_{slot}" for slot in range(slots)]},
    }
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
            **(motion if slots else {}),
            VIDEO_KEY: {
                "dtype": "video",
                "shape": [height, width, 3],
                "names": ["height", "width", "channels"],
                "info": video_info,
            },
            "timestamp": {"dtype": "float32", **scalar},
            **{name: {"dtype": "int64", **scalar} for name in _COUNTERS},
        },
    }


def _statistics(values: np.ndarray) -> dict[str, list[float]]:
    """Return statistics of each number of a column over all frames, as LeRobot lists them."""
    values = values.astype(np.float64)
    table = {
        "min": values.min(axis=0),
        "max": values.max(axis=0),
        "mean": values.mean(axis=0),
        "std": values.std(axis=0),
    }
    table |= {name: np.quantile(values, share, axis=0) for name, share in _QUANTILES.items()}
    return {**{name: found.tolist() for name, found in table.items()}, "count": [len(values)]}


def _image_statistics(levels: np.ndarray, frames: int) -> dict[str, Any]:
    """Return statistics of the pixels, 0 to 1, as [channel, 1, 1].

    Args:
        levels: how often each sRGB byte occurs, [channel, 256]
        frames: of all clips
    """
    values, shares = np.arange(256) / 255.0, levels / levels.sum(axis=1, keepdims=True)
    mean = shares @ values
    below = np.cumsum(shares, axis=1)
    table = {
        "min": values[(levels > 0).argmax(axis=1)],
        "max": values[255 - (levels[:, ::-1] > 0).argmax(axis=1)],
        "mean": mean,
        "std": np.sqrt(np.maximum(shares @ values**2 - mean**2, 0.0)),
        **{name: values[(below >= share - 1e-12).argmax(axis=1)] for name, share in _QUANTILES.items()},
    }
    return {**{name: found.reshape(3, 1, 1).tolist() for name, found in table.items()}, "count": [frames]}


def _write_tasks(path: Path, tasks: list[str]) -> None:
    """Write the tasks as LeRobot reads them: a pandas table whose index holds the words, row by ``task_index``."""
    column = {"name": "task_index", "field_name": "task_index", "pandas_type": "int64", "numpy_type": "int64"}
    index = {"name": "task", "field_name": "task", "pandas_type": "unicode", "numpy_type": "object"}
    record = {
        "index_columns": ["task"],
        "column_indexes": [],
        "columns": [{**column, "metadata": None}, {**index, "metadata": None}],
        "pandas_version": "2.0.0",
    }
    table = pa.table({"task_index": pa.array(range(len(tasks)), pa.int64()), "task": pa.array(tasks, pa.string())})
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(table.replace_schema_metadata({"pandas": json.dumps(record)}), path)


def _write_table(path: Path, rows: list[dict[str, Any]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.Table.from_pylist(rows), path)


def _write_json(path: Path, record: dict[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(record, indent=1), encoding="utf-8")
