"""The room Datasets: clips with their labels, pairs side by side, statistics, building and checking."""

import hashlib
import io
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

import cv2
import numpy as np
from fastapi import APIRouter
from fastapi.responses import FileResponse, Response
from jaxtyping import Float, UInt8
from PIL import Image
from pydantic import Field

from physics_data.core.clip import Clip
from physics_data.core.config import StrictModel, validate_config
from physics_data.core.dataset import RECORD_NAME, ShardDataset
from physics_data.core.errors import DataError, WorldsimError
from physics_data.core.mechanics import kinetic_energy, potential_energy
from physics_data.core.video import write_video
from physics_data.pipeline.build_config import BuildConfig
from physics_data.pipeline.overlays import depth_picture, draw_labels, enlarge, id_picture
from physics_data.pipeline.statistics import dataset_statistics
from physics_data.scenes.file_scenario import read_document
from worldsim.listing import list_editors, list_scenarios
from worldsim.studio.job_worker import Supervisor
from worldsim.studio.workspace import Workspace

Stream = Literal["rgb", "labels", "ids", "depth", "flow"]

PAGE = 24
_SHOWN_SIDE = 256


class NewDataset(StrictModel):
    """What to build: scenarios, saved scenes, how many of each in the splits, frames, side of the square pictures."""

    name: str
    scenarios: list[str] = []
    scenes: list[str] = []
    train: int = Field(4, ge=0, le=2000)
    test: int = Field(2, ge=0, le=2000)
    num_frames: int = Field(17, ge=2, le=241)
    side: int = Field(64, ge=16, le=512)
    editors: list[str] = []
    seed: int = Field(0, ge=0)


class Place(StrictModel):
    """Where a dataset lies."""

    place: str


def routes(workspace: Workspace, supervisor: Supervisor) -> APIRouter:
    """Return the room's part of the application."""
    room = APIRouter(prefix="/api/datasets")

    def dataset(place: str) -> ShardDataset:
        folder = workspace.path(place)
        index = folder / "index.parquet"
        return _opened(folder, index.stat().st_mtime_ns if index.is_file() else 0)

    def clip_at(place: str, position: int) -> tuple[ShardDataset, int]:
        found = dataset(place)
        if not 0 <= position < len(found):
            raise DataError(f"the dataset has {len(found)} clips, there is none of number {position}.")
        return found, position

    @room.get("")
    def datasets() -> list[dict[str, Any]]:
        rows = []
        for folder in workspace.holding(RECORD_NAME):
            place = workspace.place(folder)
            try:
                rows.append({"place": place, "clips": len(dataset(place)), "error": ""})
            except WorldsimError as error:
                rows.append({"place": place, "clips": 0, "error": str(error)})
        return rows

    @room.get("/choices")
    def choices() -> dict[str, Any]:
        saved = sorted(path.stem for path in (workspace.home / "scenes").glob("*.yaml"))
        return {"scenarios": list_scenarios(), "editors": list_editors(), "scenes": saved}

    @room.get("/clips")
    def clips(place: str, scenario: str = "", engine: str = "", split: str = "", start: int = 0) -> dict[str, Any]:
        found = dataset(place)
        wanted = {"scenario": scenario, "engine": engine, "split": split}
        positions = found.select(**{name: value for name, value in wanted.items() if value})
        columns = {name: {str(getattr(row, name)) for row in found.rows} - {"None", ""} for name in wanted}
        shown = positions[max(start, 0) : max(start, 0) + PAGE]
        rows = [{"position": k, "key": found.rows[k].key, "caption": found.rows[k].caption} for k in shown]
        return {
            "total": len(positions),
            "start": start,
            "page": PAGE,
            "rows": rows,
            "values": {k: sorted(v) for k, v in columns.items()},
        }

    @room.get("/clip")
    def clip(place: str, position: int) -> dict[str, Any]:
        found, position = clip_at(place, position)
        return describe_clip(found, position)

    @room.get("/video")
    def video(place: str, position: int, stream: Stream = "rgb") -> Response:
        found, position = clip_at(place, position)
        row = found.rows[position]
        name = hashlib.sha256(f"{row.sha256} {stream} 1".encode()).hexdigest()[:24]
        path = workspace.home / "cache" / f"{name}.mp4"
        if not path.is_file():
            path.parent.mkdir(parents=True, exist_ok=True)
            loaded = found.load(position)
            write_video(path, stream_pictures(loaded, stream), loaded.meta.frame_rate, "yuv420p")
        return FileResponse(path, media_type="video/mp4", headers={"cache-control": "private, max-age=3600"})

    @room.get("/picture")
    def picture(place: str, position: int) -> Response:
        found, position = clip_at(place, position)
        _, rgb, _ = found.load_pixels(position)
        buffer = io.BytesIO()
        Image.fromarray(rgb[len(rgb) // 3]).save(buffer, "PNG", compress_level=1)
        return Response(buffer.getvalue(), media_type="image/png", headers={"cache-control": "private, max-age=3600"})

    @room.get("/statistics")
    def statistics(place: str) -> dict[str, Any]:
        counted = dataset_statistics(dataset(place))
        return {
            "clips": [[*names, count] for names, count in sorted(counted.clips.items())],
            "events": [[*names, count] for names, count in sorted(counted.events.items())],
            "outcomes": [[*names, count] for names, count in counted.outcomes.most_common(12)],
            "pairs": [[*names, count] for names, count in sorted(counted.pairs.items())],
            "drawn": sum(counted.drawn.values()),
            "rejections": [[*names, count] for names, count in counted.rejections.most_common(12)],
        }

    @room.post("/check")
    def check(asked: Place) -> dict[str, int]:
        dataset(asked.place)
        return {"job": supervisor.add("check", f"check {asked.place}", {"place": asked.place})}

    @room.post("/build")
    def build(asked: NewDataset) -> dict[str, int]:
        workspace.new_folder("datasets", asked.name)
        sizes = {"train": asked.train, "val": 0, "test": asked.test}
        config: dict[str, Any] = {
            "seed": asked.seed,
            "scenarios": asked.scenarios,
            "scenes_per_scenario": sizes,
            "settings": {"num_frames": asked.num_frames, "width": asked.side, "height": asked.side},
            "clips_per_shard": 4,
        }
        if asked.scenes:
            files = {name: workspace.named("scenes", name).with_suffix(".yaml") for name in asked.scenes}
            config["scenes"] = {name: read_document(file) for name, file in files.items()}
        if asked.editors:
            config["pairs"] = {"editors": asked.editors, "sets_per_editor": sizes}
        validate_config(BuildConfig, config, source="the dataset")
        scenes = (asked.train + asked.test) * (len(asked.scenarios) + len(asked.scenes))
        arguments = {"name": asked.name, "config": config, "clips": scenes}
        return {"job": supervisor.add("build", f"build {asked.name}", arguments)}

    return room


def describe_clip(dataset: ShardDataset, position: int) -> dict[str, Any]:
    """Return what the page shows of a clip besides its pictures."""
    row, clip = dataset.rows[position], dataset.load(position)
    meta = clip.meta
    siblings = [k for k, other in enumerate(dataset.rows) if row.pair_id is not None and other.pair_id == row.pair_id]
    roles = {k: pair for k in siblings if (pair := dataset.load_meta(k).pair) is not None}
    energies: dict[str, list[float]] = {}
    if meta.spec is not None and clip.trajectory is not None:
        kinetic, potential = kinetic_energy(meta.spec, clip.trajectory), potential_energy(meta.spec, clip.trajectory)
        energies = {"kinetic": kinetic.tolist(), "potential": (potential - potential.min()).tolist()}
    streams = ["rgb"] if clip.rendering is None else ["rgb", "labels", "ids", "depth"]
    if clip.rendering is not None and clip.rendering.optical_flow is not None:
        streams.append("flow")
    captions = None if meta.captions is None else meta.captions.model_dump()
    return {
        "key": meta.key,
        "caption": meta.caption,
        "captions": captions or {},
        "frame_rate": meta.frame_rate,
        "facts": f"{meta.num_frames} frames of {meta.width}x{meta.height} at {meta.frame_rate:g} Hz, split {meta.split}"
        + (f", engine {meta.engine} {meta.engine_version}" if meta.engine else ", footage"),
        "streams": streams,
        "events": [{"kind": e.kind, "seconds": e.seconds, "bodies": list(e.bodies)} for e in meta.events],
        "residuals": meta.residuals,
        "energies": energies,
        "siblings": [
            {"position": k, "role": pair.role, "editor": pair.editor, "is_possible": pair.is_possible}
            for k, pair in roles.items()
        ],
        "origin": None if meta.origin is None else meta.origin.model_dump(),
    }


def stream_pictures(clip: Clip, stream: Stream) -> UInt8[np.ndarray, "t h w 3"]:
    """Return one stream of a clip as pictures, enlarged to at least half of what the page shows.

    Raises:
        DataError: the clip has no such stream.
    """
    scale = max(1, _SHOWN_SIDE // max(clip.meta.height, clip.meta.width))
    if stream == "rgb":
        return enlarge(clip.rgb, scale)
    if clip.rendering is None:
        raise DataError(f"clip '{clip.meta.key}' is footage and has no labels.")
    if stream == "labels":
        return draw_labels(clip, scale)
    if stream == "ids":
        return enlarge(id_picture(clip.rendering.instance_ids), scale)
    if stream == "depth":
        return enlarge(depth_picture(clip.rendering.depth_map), scale)
    if clip.rendering.optical_flow is None:
        raise DataError(f"clip '{clip.meta.key}' was built without optical flow.")
    return enlarge(flow_picture(clip.rendering.optical_flow), scale)


def flow_picture(flow: Float[np.ndarray, "t h w 2"]) -> UInt8[np.ndarray, "t h w 3"]:
    """Draw flow: hue = direction, lightness = speed over the 99.5th percentile of the clip; what rests is black."""
    speed = np.linalg.norm(flow, axis=-1)
    top = max(float(np.percentile(speed, 99.5)), 1e-3)
    hue = np.degrees(np.arctan2(flow[..., 1], flow[..., 0])) / 2 % 180
    level = np.clip(255 * speed / top, 0, 255)
    hsv = np.stack([hue, np.full_like(hue, 230), level], axis=-1).astype(np.uint8)
    return np.stack([cv2.cvtColor(frame, cv2.COLOR_HSV2RGB) for frame in hsv])


@lru_cache(maxsize=32)
def _opened(folder: Path, _: int) -> ShardDataset:
    """Open a dataset; the second argument changes with its index."""
    return ShardDataset(folder)
