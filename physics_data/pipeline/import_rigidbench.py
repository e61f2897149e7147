"""RigidBench's layout as a dataset: its samples become clips that training and scoring read.

Source: RigidBench (arXiv 2608.15555, github.com/swarnim-j/RigidBench f0b8f29, ``rigidbench.scenes.render``).
"""

import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from scipy.spatial.transform import Rotation

from physics_data.core.atomic import atomic_folder
from physics_data.core.clip import Clip, ClipMeta, Event, Rendering
from physics_data.core.clip_index import write_index
from physics_data.core.config import read_json
from physics_data.core.conventions import DATASET_FORMAT, FAR_PLANE
from physics_data.core.dataset import RECORD_NAME, shard_path
from physics_data.core.errors import ConfigError, DataError, WorldsimError
from physics_data.core.geometry import view_of
from physics_data.core.provenance import write_provenance
from physics_data.core.scene import Appearance, Body, Camera, SceneSpec
from physics_data.core.shapes import Sphere
from physics_data.core.shards import write_shard
from physics_data.core.trajectory import Contacts, Trajectory
from physics_data.core.video import read_video
from physics_data.variation.colors import COLORS

_BLENDER = np.diag([1.0, -1.0, -1.0])
"""RigidBench's cameras look along -z with y up; ours look along z with y down."""

_SPLITS = {"train": "train", "val": "val", "test": "test", "ood": "ood", "eval": "test"}
_ALIKE = 1e-3
"""Largest difference of a camera's axes, and of focal lengths in shares, that counts as none."""

_HALF_PIXEL = 0.51
"""RigidBench's own centre is at width / 2 in coordinates whose whole numbers are pixel centres."""

LACKING = (
    "shapes (each object is a ball with the area of its largest mask; masks, depth and poses are theirs)",
    "masks of what is hidden (amodal masks are the visible ones)",
    "mass, friction and restitution (1 kg and our defaults: laws that need them say nothing)",
    "normals and impulses of contacts (contacts become events without an impulse; those with the scenery are left out)",
    "floors, walls and lights (they are background)",
)
"""What our format holds and RigidBench's layout does not, with what stands in its place."""


@dataclass(frozen=True)
class Imported:
    """What was read. skipped: reason → samples; notes: what was changed, with counts."""

    clips: int
    skipped: dict[str, list[str]]
    notes: tuple[str, ...]


class _SampleError(WorldsimError):
    """Why a sample is not read."""


def import_rigidbench(folder: Path, out: Path, on_clip: Callable[[], None] = lambda: None) -> Imported:
    """Write the samples of ``samples/``, ``eval/`` and ``train/`` of a folder as one dataset, whole or absent.

    A sample of another kind of camera than ours (rolled, off centre, with pixels that are not square), or without
    masks, depth or trajectories, is skipped with its reason.

    Raises:
        DataError: no sample there, none that can be read, or ``out`` is not empty.
        StorageError: the disk refused.
    """
    places = sorted(
        path.parent for name in ("samples", "eval", "train") for path in folder.glob(f"{name}/*/metadata.json")
    )
    if not places:
        raise DataError(
            f"{folder} has no sample in RigidBench's layout (samples/NAME/metadata.json); give the folder that holds "
            "samples, eval or train."
        )
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise DataError(f"{out} is not empty; choose an empty or new folder with --out.")
    skipped: dict[str, list[str]] = {}
    notes: Counter[str] = Counter()
    with atomic_folder(out) as partial:
        rows = []
        for place in places:
            try:
                clip = _read_sample(place, notes)
            except (_SampleError, ConfigError) as error:
                skipped.setdefault(str(error), []).append(place.name)
            else:
                tar = shard_path(partial, clip.meta.key)
                tar.parent.mkdir(exist_ok=True)
                rows += write_shard(tar, [clip])
            on_clip()
        if not rows:
            reasons = "; ".join(f"{why} ({len(names)})" for why, names in skipped.items())
            raise DataError(f"none of the {len(places)} samples of {folder} can be read: {reasons}.")
        write_provenance(
            partial / RECORD_NAME, None, format=DATASET_FORMAT, imported=str(folder), lacking=list(LACKING)
        )
        write_index(partial, rows)
    return Imported(len(rows), skipped, tuple(f"{what} ({count} samples)" for what, count in notes.items()))


def _read_sample(place: Path, notes: Counter[str]) -> Clip:
    record = read_json(place / "metadata.json")
    try:
        lens, pose = record["camera"]["intrinsics"], record["camera"]["extrinsics"]
        width, height = int(lens["width"]), int(lens["height"])
        rate, actors = float(record["render"]["fps"]), dict(record["actors"])
        caption = str(record.get("prompt") or (place / "prompt.txt").read_text(encoding="utf-8").strip())
        camera = _camera(lens, pose)
        events = read_json(place / "contacts.json") if (place / "contacts.json").is_file() else []
    except (KeyError, TypeError, ValueError, OSError) as error:
        raise _SampleError(
            f"metadata.json, prompt.txt or contacts.json is incomplete or damaged ({error!r:.80})"
        ) from error
    names, masks = _arrays(place / "masks.npz", "object_names", "masks")
    (depth,) = _arrays(place / "depth.npz", "depth")
    rgb = _pictures(place, notes)
    count = len(rgb)
    if (
        rgb.shape[1:3] != (height, width)
        or masks.shape != (count, len(names), height, width)
        or depth.shape != rgb.shape[:3]
    ):
        raise _SampleError(
            f"masks {masks.shape}, depth {depth.shape} and pictures {rgb.shape[:3]} are not of one length and of the "
            f"camera's size {width}x{height}"
        )
    if not (depth > 0).all():
        raise _SampleError("depth.npz holds values that are 0, negative or no number")
    masks, depth = masks.astype(bool), np.where(depth >= FAR_PLANE, np.inf, depth).astype(np.float32)
    if (masks.sum(1) > 1).any():
        raise _SampleError("masks of two objects overlap")
    kept = [n for n, name in enumerate(names) if actors.get(str(name), {}).get("role", "active") == "active"]
    if len(kept) < len(names):
        notes["objects that are not active become background"] += 1
    if not kept or len(kept) > 254:
        raise _SampleError(f"{len(kept)} active objects have masks; needed are 1 to 254")
    motion = _motion(place / "trajectories.npz", [str(names[n]) for n in kept], count, rate, notes)
    ids = np.zeros(rgb.shape[:3], dtype=np.uint8)
    for number, n in enumerate(kept, start=1):
        ids[masks[:, n]] = number
    bodies = _bodies(record, [str(names[n]) for n in kept], masks[:, kept], depth, rgb, motion, float(lens["fx"]))
    spec = SceneSpec(
        scenario=re.sub(r"\W", "_", str(record.get("task_type", "rigidbench"))),
        root_seed=0,
        index=0,
        num_frames=count,
        frame_rate=rate,
        physics_rate=rate * max(1, round(960 / rate)),
        width=width,
        height=height,
        bodies=bodies,
        camera=camera,
    )
    own = {str(names[n]): body.name for n, body in zip(kept, bodies, strict=True)}
    meta = ClipMeta(
        key=re.sub(r"[^A-Za-z0-9_-]", "_", place.name),
        source="physics",
        split=_SPLITS.get(str(record.get("split", place.parent.name)), "test"),  # pyright: ignore[reportArgumentType]
        caption=caption,
        frame_rate=rate,
        num_frames=count,
        height=height,
        width=width,
        spec=spec,
        events=_events(events, own, rate, count),
    )
    return Clip(meta, rgb, Rendering(rgb, ids, depth, masks[:, kept]), motion)


def _camera(lens: dict[str, Any], pose: dict[str, Any]) -> Camera:
    """Return our camera: a place, a target and a vertical field of view."""
    fx, fy, width, height = (float(lens[name]) for name in ("fx", "fy", "width", "height"))
    off = max(abs(float(lens["cx"]) - (width - 1) / 2), abs(float(lens["cy"]) - (height - 1) / 2))
    if abs(fx / fy - 1) > _ALIKE or off > _HALF_PIXEL:
        raise _SampleError("the camera has pixels that are not square, or a centre that is not the picture's")
    origin = np.array(pose["location"], dtype=float)
    axes = Rotation.from_quat(pose["rotation"], scalar_first=True).as_matrix() @ _BLENDER
    fov_y = float(np.degrees(2 * np.arctan(height / 2 / fy)))
    camera = Camera(position=tuple(origin), target=tuple(origin + axes[:, 2]), fov_y=fov_y)
    if np.abs(view_of(camera, int(width), int(height)).world_from_camera - axes).max() > _ALIKE:
        raise _SampleError("the camera is rolled about its axis; ours stand upright")
    return camera


def _arrays(path: Path, *names: str) -> list[np.ndarray]:
    try:
        with np.load(path, allow_pickle=False) as stored:
            return [stored[name] for name in names]
    except FileNotFoundError as error:
        raise _SampleError(f"{path.name} is missing") from error
    except Exception as error:  # numpy and zipfile raise errors of many classes for damaged files
        raise _SampleError(f"{path.name} is damaged, or holds no {' and '.join(names)}") from error


def _pictures(place: Path, notes: Counter[str]) -> np.ndarray:
    paths = sorted((place / "frames").glob("*.png"))
    try:
        if paths:
            return np.stack([np.asarray(Image.open(path).convert("RGB")) for path in paths])
        notes["pictures are those of the compressed video.mp4, there are no frames/*.png"] += 1
        return read_video(place / "video.mp4").rgb
    except (OSError, ValueError, WorldsimError) as error:
        raise _SampleError("frames/*.png or video.mp4 is missing or damaged") from error


def _motion(path: Path, names: list[str], count: int, rate: float, notes: Counter[str]) -> Trajectory:
    """Return the poses and velocities; theirs per frame become m/s and rad/s.

    RigidBench's own files hold the way since the last frame as velocity, and 0 in the first; our export holds m/s.
    """
    keys = [
        f"{name}_{what}" for name in names for what in ("positions", "rotations", "linear_velocity", "angular_velocity")
    ]
    stored = dict(zip(keys, _arrays(path, *keys), strict=True))
    parts = []
    for what, channels in (("positions", 3), ("rotations", 4), ("linear_velocity", 3), ("angular_velocity", 3)):
        column = [stored[f"{name}_{what}"] for name in names]
        if any(one.shape != (count, channels) or not np.isfinite(one).all() for one in column):
            raise _SampleError(f"trajectories.npz has {what} that are not {count} x {channels} finite numbers")
        parts.append(np.stack(column, axis=1).astype(np.float64))
    position, orientation, linear, angular = parts
    lengths = np.linalg.norm(orientation, axis=-1, keepdims=True)
    if not np.allclose(lengths, 1, atol=1e-3):
        raise _SampleError("trajectories.npz has rotations that are no unit quaternions")
    ways = np.diff(position, axis=0)
    if count > 1 and not linear[0].any() and np.allclose(linear[1:], ways, atol=1e-5) and np.abs(ways).max() > 0:
        notes["velocities are the way since the last frame, made m/s and rad/s by the frame rate"] += 1
        turns = Rotation.from_quat(orientation.reshape(-1, 4), scalar_first=True).as_matrix().reshape(count, -1, 3, 3)
        between = turns[1:] @ turns[:-1].swapaxes(-1, -2)
        spins = Rotation.from_matrix(between.reshape(-1, 3, 3)).as_rotvec().reshape(count - 1, -1, 3)
        linear, angular = (np.concatenate([one[:1], one]) * rate for one in (ways, spins))
    return Trajectory(position, orientation / lengths, linear, angular, Contacts.none())


def _bodies(
    record: dict[str, Any],
    names: list[str],
    masks: np.ndarray,
    depth: np.ndarray,
    rgb: np.ndarray,
    motion: Trajectory,
    focal: float,
) -> tuple[Body, ...]:
    made: list[Body] = []
    for number, name in enumerate(names):
        seen = masks[:, number]
        if not seen.any():
            raise _SampleError(f"object '{name}' is seen in no frame")
        frame = int(seen.sum((1, 2)).argmax())
        distance = depth[frame][seen[frame]]
        distance = float(np.median(distance[np.isfinite(distance)])) if np.isfinite(distance).any() else 1.0
        color = (rgb[frame][seen[frame]].mean(0) / 255) ** 2.2
        nearest = min(COLORS, key=lambda one: float(np.square(np.array(COLORS[one]) - color).sum()))
        plain = re.sub(r"[^a-z0-9_]", "_", name.lower())
        plain = plain if plain[:1].isalpha() else f"object_{plain}"
        taken = {body.name for body in made}
        noun = str(record["actors"].get(name, {}).get("object_id", name)).replace("_", " ")
        made.append(
            Body(
                name=plain if plain not in taken else f"{plain}_{number}",
                noun=noun,
                shape=Sphere(radius=max(1e-4, float(np.sqrt(seen[frame].sum() / np.pi) * distance / focal))),
                appearance=Appearance(color_name=nearest, albedo=tuple(float(one) for one in color)),
                position=tuple(motion.position[0, number]),
                orientation=tuple(motion.orientation[0, number]),
                linear_velocity=tuple(motion.linear_velocity[0, number]),
                angular_velocity=tuple(motion.angular_velocity[0, number]),
            )
        )
    return tuple(made)


def _events(contacts: Any, own: dict[str, str], rate: float, count: int) -> tuple[Event, ...]:
    """Return a contact event for each beginning of a touch of two objects."""
    order, touches = list(own), set()
    for one in contacts if isinstance(contacts, list) else []:
        a, b, frame = str(one.get("obj_a")), str(one.get("obj_b")), int(one.get("frame", 0))
        if a in own and b in own and 0 <= frame < count:
            touches.add((frame, *sorted((a, b), key=order.index)))
    begins = sorted(one for one in touches if (one[0] - 1, *one[1:]) not in touches and one[0] > 0)
    return tuple(
        Event(kind="contact", frame_index=frame, seconds=frame / rate, bodies=(own[a], own[b]))
        for frame, a, b in begins
    )
