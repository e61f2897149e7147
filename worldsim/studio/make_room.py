"""The room Make: words → scene → simulated and generated video side by side."""

from typing import Any

from fastapi import APIRouter, Request
from pydantic import Field

from physics_data.core.atomic import write_text
from physics_data.core.config import StrictModel
from physics_data.core.errors import DataError
from physics_data.scenes.words.direct import direct
from worldsim.listing import list_models
from worldsim.studio.job_queue import JobQueue
from worldsim.studio.job_worker import Supervisor
from worldsim.studio.scene_editing import describe, edit_scene, picture_of, read_scene
from worldsim.studio.workspace import Workspace

MAX_TEXT = 200_000
"""Longest scene file, characters."""


class Words(StrictModel):
    """What happens, and the seed of the numbers that are tried."""

    words: str = Field(min_length=1, max_length=2000)
    seed: int = Field(0, ge=0, lt=2**63)


class SceneText(StrictModel):
    """A scene file. seed: of the draw, where it has ranges; engine, name: for a simulation or a saved file."""

    yaml: str = Field(min_length=1, max_length=MAX_TEXT)
    seed: int = Field(0, ge=0, lt=2**63)
    engine: str = "mujoco"
    name: str = ""


class Edit(StrictModel):
    """A scene file and one change of it; see ``edit_scene``."""

    yaml: str = Field(min_length=1, max_length=MAX_TEXT)
    change: dict[str, Any]


class Prompt(StrictModel):
    """What a generator is asked for."""

    prompt: str = Field(max_length=2000)
    seed: int = Field(0, ge=0, lt=2**63)
    model: str = "builtin:world"


def routes(workspace: Workspace, queue: JobQueue, supervisor: Supervisor) -> APIRouter:
    """Return the room's part of the application."""
    room = APIRouter(prefix="/api/make")

    def answer(text: str, remarks: list[str] | None = None) -> dict[str, Any]:
        loaded = read_scene(text, workspace)
        return {"yaml": text, "scene": describe(loaded), "picture": picture_of(loaded.spec), "remarks": remarks or []}

    @room.get("/models")
    def models() -> list[str]:
        return [name for name in list_models() if name == "builtin:world"]

    @room.post("/words")
    def words(asked: Words) -> dict[str, Any]:
        found = direct(asked.words, seed=asked.seed)
        remarks: list[dict[str, str]] = [
            {"kind": "seen", "text": f"{event.event}", "seconds": f"{event.seconds:.2f}"}
            for event in found.events
            if event.seconds is not None
        ]
        remarks += [{"kind": "never", "text": f"{e.event}"} for e in found.events if e.seconds is None]
        remarks += [{"kind": "assumed", "text": line} for line in found.assumed]
        remarks += [{"kind": "read", "text": f"'{a}' was read as '{b}'"} for a, b in found.read_as.items()]
        remarks += [{"kind": "unknown", "text": word} for word in found.unknown]
        return {**answer(found.text), "remarks": remarks, "tries": found.tries}

    @room.post("/scene")
    def scene(asked: SceneText) -> dict[str, Any]:
        return answer(asked.yaml)

    @room.post("/edit")
    def edit(asked: Edit) -> dict[str, Any]:
        try:
            text = edit_scene(asked.yaml, workspace, asked.change)
        except (KeyError, TypeError, ValueError) as error:
            raise DataError(f"this change of the scene does not fit: {error}.") from error
        return answer(text)

    @room.get("/scenes")
    def scenes() -> list[dict[str, str]]:
        found = sorted((workspace.home / "scenes").glob("*.yaml"))
        return [{"name": path.stem, "place": workspace.place(path)} for path in found]

    @room.post("/save")
    def save(asked: SceneText) -> dict[str, str]:
        read_scene(asked.yaml, workspace)
        path = workspace.named("scenes", asked.name).with_suffix(".yaml")
        write_text(path, asked.yaml)
        return {"name": asked.name, "place": workspace.place(path)}

    @room.post("/simulate")
    def simulate(asked: SceneText) -> dict[str, int]:
        loaded = read_scene(asked.yaml, workspace, seed=asked.seed)
        title = f"simulate: {loaded.caption or ', '.join(body.name for body in loaded.spec.instances)}"
        arguments = {"yaml": asked.yaml, "engine": asked.engine, "seed": asked.seed}
        return {"job": supervisor.add("simulate", title[:120], arguments)}

    @room.post("/generate")
    def generate(asked: Prompt) -> dict[str, int]:
        if asked.model not in list_models():
            raise DataError(f"there is no model '{asked.model[:80]}'; known are {', '.join(list_models())}.")
        title = f"generate: {asked.prompt or '(no prompt)'}"
        return {"job": supervisor.add("generate", title[:120], asked.model_dump())}

    @room.get("/made")
    def made() -> list[dict[str, Any]]:
        return [
            job.result | {"title": job.title}
            for job in queue.newest(200)
            if job.state == "done" and job.result.get("video")
        ][:24]

    @room.post("/open")
    async def opened(request: Request) -> dict[str, Any]:
        body = await request.body()
        try:
            text = body.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            raise DataError("the file is not UTF-8 text; choose a scene file (.yaml).") from error
        return answer(text[:MAX_TEXT])

    return room
