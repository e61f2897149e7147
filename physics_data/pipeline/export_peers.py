"""Datasets in the layouts of other benchmarks of rigid-body video, so that their programs score our clips.

rigidbench: RigidBench (arXiv 2608.15555, github.com/swarnim-j/RigidBench), the layout of its evaluation set.
pisa:       PisaBench (Li et al. 2025, arXiv 2503.09595, github.com/vision-x-nyu/pisa-experiments), its simulated part.
"""

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from scipy.spatial.transform import Rotation

from physics_data.core.atomic import write_text
from physics_data.core.clip import Clip
from physics_data.core.conventions import FAR_PLANE
from physics_data.core.dataset import ShardDataset
from physics_data.core.errors import DataError
from physics_data.core.geometry import views_of
from physics_data.core.program import messages
from physics_data.core.video import write_video

RIGIDBENCH_RATE, RIGIDBENCH_FRAMES, RIGIDBENCH_SIZE = 24, 49, (1280, 704)
"""Rate, Hz, frames, and width and height that RigidBench scores: ``rigidbench.core.constants``."""

_Y_UP_FROM_Y_DOWN = np.diag([1.0, -1.0, -1.0])
"""RigidBench's cameras are Blender's, which look along -z with y up; ours look along z with y down."""


def write_rigidbench(dataset: ShardDataset, positions: Sequence[int], out: Path, on_clip: Callable[[], None]) -> None:
    """Write ``samples/KEY/`` for each clip, ``manifest.json`` and ``inputs.jsonl`` (first frame and prompt).

    A sample holds ``frames/00000.png`` and all later frames, ``video.mp4``, ``prompt.txt``, ``masks.npz`` (bool
    [t n h w] of what is seen of each moving object), ``depth.npz`` (m, [t h w]), ``trajectories.npz`` (m, quaternions
    wxyz, m/s, rad/s), ``contacts.json`` and ``metadata.json`` (objects, camera, rate).

    Raises:
        DataError: a clip is footage, moves its camera, or has no moving object.
    """
    rows: list[dict[str, Any]] = []
    for position in positions:
        clip = dataset.load(position)
        meta = clip.meta
        folder = out / "samples" / meta.key
        rows.append(_rigidbench_sample(clip, folder))
        on_clip()
    write_text(out / "manifest.json", json.dumps(rows, indent=1))
    write_text(
        out / "inputs.jsonl",
        "".join(
            json.dumps(
                {
                    "id": row["sample_id"],
                    "image": f"samples/{row['sample_id']}/frames/00000.png",
                    "scene_prompt": row["prompt"],
                    "prompt": row["prompt"],
                    "duration_seconds": (row["frames"] - 1) / row["render"]["fps"],
                    "reference_fps": row["render"]["fps"],
                    "reference_frames": row["frames"],
                    "reference_resolution": row["render"]["resolution"],
                    "task": row["task_type"],
                },
                ensure_ascii=False,
            )
            + "\n"
            for row in rows
        ),
    )
    first = rows[0]
    found = (first["render"]["fps"], first["frames"], tuple(first["render"]["resolution"]))
    if found != (RIGIDBENCH_RATE, RIGIDBENCH_FRAMES, RIGIDBENCH_SIZE):
        messages.print(
            f"RigidBench scores {RIGIDBENCH_FRAMES} frames of {RIGIDBENCH_SIZE[0]}x{RIGIDBENCH_SIZE[1]} at "
            f"{RIGIDBENCH_RATE} Hz; these clips have {found[1]} frames of {found[2][0]}x{found[2][1]} at {found[0]:g} "
            "Hz. Build with configs/data_rigidbench.yaml for its official run.",
            markup=False,
        )


def _rigidbench_sample(clip: Clip, folder: Path) -> dict[str, Any]:
    """Write one sample and return its record."""
    meta, moving = clip.meta, _moving(clip)
    spec, rendering, trajectory = clip.labelled
    if spec.camera.is_moving:
        raise DataError(f"clip '{meta.key}' has a moving camera; RigidBench's layout holds one camera for a clip.")
    view = views_of(spec)[0]
    quaternion = Rotation.from_matrix(view.world_from_camera @ _Y_UP_FROM_Y_DOWN).as_quat(scalar_first=True)
    bodies = [body.name for body in spec.bodies]
    names = [spec.instances[number - 1].name for number in moving]
    (folder / "frames").mkdir(parents=True)
    for number, picture in enumerate(clip.rgb):
        Image.fromarray(picture).save(folder / "frames" / f"{number:05d}.png")
    write_video(folder / "video.mp4", clip.rgb, meta.frame_rate)
    write_text(folder / "prompt.txt", meta.caption)
    masks = np.stack([rendering.instance_ids == number for number in moving], axis=1)
    np.savez_compressed(folder / "masks.npz", masks=masks, object_names=np.array(names))
    depth = np.minimum(rendering.depth_map, np.float32(FAR_PLANE)).astype(np.float32)
    np.savez_compressed(folder / "depth.npz", depth=depth)
    motion = {
        f"{name}_{quantity}": array[:, bodies.index(name)].astype(np.float32)
        for name in names
        for quantity, array in (
            ("positions", trajectory.position),
            ("rotations", trajectory.orientation),
            ("linear_velocity", trajectory.linear_velocity),
            ("angular_velocity", trajectory.angular_velocity),
        )
    }
    np.savez_compressed(folder / "trajectories.npz", **motion)  # pyright: ignore[reportArgumentType]
    contacts = trajectory.contacts
    touches = zip(contacts.frame_index, contacts.body_a, contacts.body_b, contacts.point, contacts.normal, strict=True)
    write_text(
        folder / "contacts.json",
        json.dumps(
            [
                {
                    "frame": int(frame),
                    "obj_a": bodies[a],
                    "obj_b": bodies[b],
                    "contacts": [{"point": place.tolist(), "normal": normal.tolist()}],
                }
                for frame, a, b, place, normal in touches
            ]
        ),
    )
    record = {
        "sample_id": meta.key,
        "task_type": spec.scenario,
        "prompt": meta.caption,
        "split": meta.split,
        "frames": meta.num_frames,
        "actors": {name: {"role": "active", "object_id": name} for name in names},
        "camera": {
            # A whole number of its pixel coordinates is the centre of a pixel, which for us lies at + 0.5.
            "intrinsics": {
                "fx": view.focal,
                "fy": view.focal,
                "cx": view.center[0] - 0.5,
                "cy": view.center[1] - 0.5,
                "width": meta.width,
                "height": meta.height,
            },
            "extrinsics": {"location": view.origin.tolist(), "rotation": quaternion.tolist()},
        },
        "render": {"resolution": [meta.width, meta.height], "fps": meta.frame_rate},
    }
    write_text(folder / "metadata.json", json.dumps(record, indent=1))
    return record


def write_pisa(dataset: ShardDataset, positions: Sequence[int], out: Path, on_clip: Callable[[], None]) -> None:
    """Write frames ``KEY/00000.jpg`` on, ``movie.mp4``, ``mask.npz`` and ``clip_info.json`` a clip; and ``eval.jsonl``.

    ``mask.npz`` holds ``mask``, uint8 [t n h w] of what is seen of each moving object. PISA scores the last one; the
    object that is highest in the first frame is put there. A line of ``eval.jsonl`` names the true mask and where the
    program expects that of the video, ``results/KEY/mask.npz``.

    Raises:
        DataError: a clip is footage or has no moving object.
    """
    lines = []
    for position in positions:
        clip = dataset.load(position)
        meta, moving = clip.meta, _moving(clip)
        spec, rendering, _ = clip.labelled
        shown = [number for number in moving if (rendering.instance_ids[0] == number).any()]
        if not shown:
            raise DataError(f"clip '{meta.key}' shows no moving object in its first frame, which PISA drops.")
        highest = min(shown, key=lambda number: float(np.argwhere(rendering.instance_ids[0] == number)[:, 0].mean()))
        order = [number for number in moving if number != highest] + [highest]
        folder = out / meta.key
        folder.mkdir(parents=True)
        for number, picture in enumerate(clip.rgb):
            Image.fromarray(picture).save(folder / f"{number:05d}.jpg", quality=95)
        write_video(folder / "movie.mp4", clip.rgb, meta.frame_rate)
        mask = np.stack([rendering.instance_ids == number for number in order], axis=1).astype(np.uint8)
        np.savez_compressed(folder / "mask.npz", mask=mask)
        names = [spec.instances[number - 1].name for number in order]
        info = {"text": meta.caption, "fps": meta.frame_rate, "objects": names}
        write_text(folder / "clip_info.json", json.dumps(info, ensure_ascii=False))
        lines.append(
            {
                "gt_mask": f"{meta.key}/mask.npz",
                "gt_fps": meta.frame_rate,
                "pd_mask": f"results/{meta.key}/mask.npz",
                "pd_fps": meta.frame_rate,
            }
        )
        on_clip()
    write_text(out / "eval.jsonl", "".join(json.dumps(line) + "\n" for line in lines))


def _moving(clip: Clip) -> list[int]:
    """Return the instance ids of the objects that can move.

    Raises:
        DataError: footage, or a scene without one.
    """
    if clip.rendering is None:
        raise DataError(f"clip '{clip.meta.key}' is footage without labels; this layout needs exact masks and poses.")
    spec, _, _ = clip.labelled
    found = [n for n, body in enumerate(spec.instances, start=1) if body.role == "object" and not body.is_static]
    if not found:
        raise DataError(f"clip '{clip.meta.key}' has no object that moves; this layout needs one.")
    return found
