"""The rooms Scores (bundles, worst clips, models scene by scene, audits) and Training runs (curves, pictures)."""

import time
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

from fastapi import APIRouter, Request
from pydantic import Field

from eval.report.bundle import GALLERY_NAME, ROWS_NAME, SUMMARY_NAME, read_bundle
from eval.report.table import SeedScore
from physics_data.core.config import StrictModel
from physics_data.core.errors import DataError, WorldsimError
from physics_data.core.provenance import sha256_of
from worldsim.studio.job_worker import Supervisor
from worldsim.studio.uploads import UPLOAD_PATH, decode_in_child, save_upload
from worldsim.studio.workspace import Workspace
from worldsim.training.logger import METRICS_NAME, read_metrics

WORST = 12
"""Worst scenes of a system that are listed."""


MAX_POINTS = 600
"""Points of a curve; a longer one is thinned evenly, its newest point kept."""

_ALIVE_SECONDS = 120.0


class ToScore(StrictModel):
    """Videos to score: folder of KEY.mp4 or of such folders, and the dataset whose clips are continued."""

    videos: str
    reference: str
    name: str
    split: str = "test"
    num_conditioning_frames: int = Field(1, ge=0)


class ToAudit(StrictModel):
    """A video in the chosen folders."""

    place: str


def routes(workspace: Workspace, supervisor: Supervisor) -> APIRouter:
    """Return the room's part of the application."""
    room = APIRouter()

    def bundle(place: str) -> tuple[list[SeedScore], dict[str, Any]]:
        folder = workspace.path(place)
        if not (folder / SUMMARY_NAME).is_file():
            raise DataError(f"'{place}' holds no scores.")
        return _read(folder, (folder / SUMMARY_NAME).stat().st_mtime_ns)

    @room.get("/api/scores")
    def bundles() -> list[dict[str, Any]]:
        found = []
        for folder in workspace.holding(ROWS_NAME):
            if not (folder / SUMMARY_NAME).is_file():
                continue
            place = workspace.place(folder)
            try:
                _, record = bundle(place)
                found.append({"place": place, "systems": [one["name"] for one in record["systems"]], "error": ""})
            except WorldsimError as error:
                found.append({"place": place, "systems": [], "error": str(error)})
        return found

    @room.get("/api/scores/bundle")
    def one(place: str) -> dict[str, Any]:
        rows, record = bundle(place)
        gallery = sorted((workspace.path(place) / GALLERY_NAME).glob("*.png"))
        facts = {name: record[name] for name in ("command", "commit", "hardware", "reference") if name in record}
        return {
            "headline": record["headline"],
            "systems": record["systems"],
            "comparisons": record["comparisons"],
            "stability": record["stability"],
            "num_conditioning_frames": record["num_conditioning_frames"],
            "facts": facts | {"command": str(record["command"])[:300]},
            "worst": worst_scenes(rows, record["headline"][-1]),
            "metrics": list(rows[0].values) if rows else [],
            "gallery": [{"name": path.stem.replace("--", ", "), "place": workspace.place(path)} for path in gallery],
        }

    @room.get("/api/scores/difference")
    def difference(place: str, first: str, second: str, metric: str) -> dict[str, Any]:
        rows, _ = bundle(place)
        return {"scenes": scene_differences(rows, first, second, metric)}

    @room.get("/api/scores/videos")
    def videos(place: str, key: str) -> list[dict[str, str]]:
        rows, _ = bundle(place)
        return find_videos([row for row in rows if row.key == key], workspace)

    @room.post("/api/scores/score")
    def score(asked: ToScore) -> dict[str, int]:
        workspace.new_folder("scores", asked.name)
        workspace.path(asked.videos)
        workspace.path(asked.reference)
        return {"job": supervisor.add("score", f"score {asked.videos}", asked.model_dump())}

    @room.post("/api/scores/audit")
    def audit(asked: ToAudit) -> dict[str, int]:
        workspace.path(asked.place)
        return {"job": supervisor.add("audit", f"audit {asked.place}", {"place": asked.place})}

    @room.post(UPLOAD_PATH)
    async def upload(request: Request, name: str) -> dict[str, Any]:
        from anyio import to_thread

        target = workspace.named("uploads", name).with_suffix(".mp4")
        raw = target.with_suffix(".part")
        try:
            await save_upload(request, raw)
            facts = await to_thread.run_sync(decode_in_child, raw, target)
        finally:
            raw.unlink(missing_ok=True)
        return {**facts, "place": workspace.place(target)}

    return room


def worst_scenes(rows: Sequence[SeedScore], metric: str) -> dict[str, list[dict[str, Any]]]:
    """Return each system's scenes with the lowest values; a video that is not whole counts as the lowest."""
    found: dict[str, list[dict[str, Any]]] = {}
    for system in sorted({row.system for row in rows}):
        own = [row for row in rows if row.system == system and row.values.get(metric) is not None]
        own.sort(key=lambda row: (row.values[metric] or 0.0, row.key, row.seed))
        found[system] = [
            {
                "key": row.key,
                "seed": row.seed,
                "scenario": row.scenario,
                "status": row.status,
                "reason": row.reason,
                "value": row.values[metric],
            }
            for row in own[:WORST]
        ]
    return found


def scene_differences(rows: Sequence[SeedScore], first: str, second: str, metric: str) -> list[dict[str, Any]]:
    """Return first minus second in every scene that both have, largest difference first; seeds are averaged.

    Raises:
        DataError: no such system or metric.
    """
    for system in (first, second):
        if not any(row.system == system for row in rows):
            raise DataError(f"these scores hold no system '{system}'.")
    values: dict[str, dict[str, list[float]]] = {}
    for row in rows:
        if metric not in row.values:
            raise DataError(f"these scores hold no metric '{metric}'.")
        value = row.values[metric]
        if row.system in (first, second) and value is not None:
            values.setdefault(row.key, {}).setdefault(row.system, []).append(value)
    scenario = {row.key: row.scenario for row in rows}
    found = []
    for key, both in values.items():
        if first in both and second in both:
            a, b = sum(both[first]) / len(both[first]), sum(both[second]) / len(both[second])
            found.append({"key": key, "scenario": scenario[key], "first": a, "second": b, "difference": a - b})
    return sorted(found, key=lambda row: (-abs(row["difference"]), row["key"]))


def find_videos(rows: Sequence[SeedScore], workspace: Workspace) -> list[dict[str, str]]:
    """Return the scored videos of a scene that lie in the chosen folders, found by name and known by their sha256."""
    wanted = {row.sha256: row for row in rows if row.sha256}
    found: dict[str, dict[str, str]] = {}
    for name in sorted({f"{row.key}.mp4" for row in rows}):
        for folder in workspace.holding(name):
            digest = sha256_of(folder / name)
            if digest in wanted and digest not in found:
                row = wanted[digest]
                found[digest] = {"system": row.system, "seed": str(row.seed), "place": workspace.place(folder / name)}
    return sorted(found.values(), key=lambda one: (one["system"], one["seed"]))


def run_routes(workspace: Workspace) -> APIRouter:
    """Return the part of the room Training runs."""
    room = APIRouter(prefix="/api/runs")

    @room.get("")
    def runs() -> list[dict[str, Any]]:
        found = [describe_run(folder, workspace) for folder in workspace.holding(METRICS_NAME)]
        return sorted(found, key=lambda run: -run["changed"])

    @room.get("/curves")
    def curves(place: str) -> dict[str, Any]:
        folder = workspace.path(place)
        pictures = sorted((folder / "pictures").glob("*.png"), key=lambda path: path.stat().st_mtime)[-12:]
        shown = [{"name": path.stem, "place": workspace.place(path)} for path in reversed(pictures)]
        return {**describe_run(folder, workspace), "curves": curves_of(folder), "pictures": shown}

    return room


def describe_run(folder: Path, workspace: Workspace) -> dict[str, Any]:
    """Return a run's place, newest step, and when it last wrote."""
    changed = (folder / METRICS_NAME).stat().st_mtime
    step, error = 0, ""
    try:
        lines = read_metrics(folder)
        step = int(lines[-1]["step"]) if lines else 0
    except WorldsimError as problem:
        error = str(problem)
    is_alive = time.time() - changed < _ALIVE_SECONDS
    return {"place": workspace.place(folder), "step": step, "changed": changed, "is_alive": is_alive, "error": error}


def curves_of(folder: Path) -> dict[str, list[list[float]]]:
    """Return name → [step, value] of all metrics, thinned to ``MAX_POINTS``."""
    found: dict[str, list[list[float]]] = {}
    for line in read_metrics(folder):
        for name, value in line.items():
            if name != "step" and isinstance(value, int | float):
                found.setdefault(name, []).append([float(line["step"]), float(value)])
    return {name: _thinned(points) for name, points in found.items()}


def _thinned(points: list[list[float]]) -> list[list[float]]:
    if len(points) <= MAX_POINTS:
        return points
    stride = -(-len(points) // MAX_POINTS)
    return points[(len(points) - 1) % stride :: stride]


@lru_cache(maxsize=16)
def _read(folder: Path, _: int) -> tuple[list[SeedScore], dict[str, Any]]:
    """Read a bundle; the second argument changes with it."""
    return read_bundle(folder)
