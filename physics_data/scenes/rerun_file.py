"""A clip as a rerun recording: 3-D scene, video, depth, masks, tracks, contacts and forces on one timeline."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np

from physics_data.core.atomic import atomic_path
from physics_data.core.clip import Clip
from physics_data.core.conventions import srgb_encode
from physics_data.core.errors import ConfigError, MissingPackageError
from physics_data.core.geometry import views_of
from physics_data.core.scene import Compound, SceneSpec
from physics_data.core.trajectory import Trajectory
from physics_data.scenes.gltf import triangulated

RERUN_SUFFIX = ".rrd"

_METRES_PER_NEWTON = 0.01
"""Length of the arrow of a contact force."""


def write_rerun(clip: Clip, path: str | Path) -> None:
    """Write a physics clip for the rerun viewer.

    ``world`` holds bodies, their tracks, contact points and forces (mean over the frame interval, 1 cm for each N);
    ``camera`` the video, depth (m) and instance ids. The timeline is ``time``, s.

    Raises:
        ConfigError: another suffix.
        DataError: the clip is footage.
        MissingPackageError: rerun-sdk is not installed (extra ``rerun``).
        StorageError: the disk refused.
    """
    path = Path(path)
    if path.suffix.lower() != RERUN_SUFFIX:
        raise ConfigError(f"cannot write {path}: a rerun recording ends in {RERUN_SUFFIX}.")
    rr = _rerun()
    spec, rendering, motion = clip.labelled
    with atomic_path(path) as partial:
        recording = rr.RecordingStream("worldsim", recording_id=clip.meta.key)
        recording.save(str(partial))
        _log_bodies(rr, recording, spec, motion)
        views = views_of(spec)
        for frame, seconds in enumerate(spec.seconds):
            recording.set_time("time", duration=seconds)
            view = views[frame]
            turn = rr.Transform3D(translation=view.origin, mat3x3=view.world_from_camera)
            lens = rr.Pinhole(focal_length=view.focal, width=spec.width, height=spec.height)
            recording.log("camera", turn, lens)
            recording.log("camera/rgb", rr.Image(clip.rgb[frame]).compress(jpeg_quality=90))
            depth = np.where(np.isfinite(rendering.depth_map[frame]), rendering.depth_map[frame], 0.0)
            recording.log("camera/depth", rr.DepthImage(depth.astype(np.float32), meter=1.0))
            recording.log("camera/instance_ids", rr.SegmentationImage(rendering.instance_ids[frame]))
            _log_motion(rr, recording, spec, motion, frame)
        recording.flush()
        recording.disconnect()


def view_clip(clip: Clip, path: Path) -> int:
    """Write a recording and open it in rerun's viewer; return the viewer's exit status."""
    write_rerun(clip, path)
    return subprocess.run([sys.executable, "-m", "rerun", str(path)], check=False).returncode


def _rerun() -> Any:
    try:
        import rerun  # pyright: ignore[reportMissingImports]
    except ImportError as error:
        raise MissingPackageError("rerun recordings need rerun-sdk; pip install 'worldsim[rerun]'.") from error
    return rerun


def _log_bodies(rr: Any, recording: Any, spec: SceneSpec, motion: Trajectory) -> None:
    """Write what holds for the whole clip: names of ids, meshes, and the tracks of moving bodies."""
    labels = [(0, "background"), *((k + 1, body.name) for k, body in enumerate(spec.instances))]
    recording.log("/", rr.AnnotationContext(labels), static=True)
    recording.log("world", rr.ViewCoordinates.RIGHT_HAND_Z_UP, static=True)
    for index, body in enumerate(spec.bodies):
        color = np.round(255 * srgb_encode(np.array(body.appearance.albedo))).astype(np.uint8)
        shape = body.shape
        parts: list[Any] = list(shape.parts) if isinstance(shape, Compound) else [body]
        for number, part in enumerate(parts):
            vertices, normals, triangles = triangulated(part.shape)
            place = f"world/{body.name}/part_{number}"
            if part is not body:
                w, x, y, z = part.orientation
                own = rr.Transform3D(translation=part.position, quaternion=rr.Quaternion(xyzw=(x, y, z, w)))
                recording.log(place, own, static=True)
            mesh = rr.Mesh3D(
                vertex_positions=vertices, vertex_normals=normals, triangle_indices=triangles, albedo_factor=color
            )
            recording.log(place, mesh, static=True)
        if body.is_dynamic:
            recording.log(
                f"tracks/{body.name}", rr.LineStrips3D([motion.position[:, index]], colors=[color]), static=True
            )


def _log_motion(rr: Any, recording: Any, spec: SceneSpec, motion: Trajectory, frame: int) -> None:
    for index, body in enumerate(spec.bodies):
        w, x, y, z = motion.orientation[frame, index]
        is_there = motion.present is None or bool(motion.present[frame, index])
        pose = rr.Transform3D(
            translation=motion.position[frame, index],
            quaternion=rr.Quaternion(xyzw=(x, y, z, w)),
            scale=1.0 if is_there else 0.0,
        )
        recording.log(f"world/{body.name}", pose)
    touching = motion.contacts.frame_index == frame
    points = motion.contacts.point[touching]
    force = (motion.contacts.impulse[touching] * spec.frame_rate)[:, None] * motion.contacts.normal[touching]
    recording.log("contacts/points", rr.Points3D(points, radii=0.01))
    recording.log("contacts/forces", rr.Arrows3D(origins=points, vectors=_METRES_PER_NEWTON * force))
