"""The studio as one FastAPI application: rooms, jobs, static files."""

import mimetypes
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

from fastapi import FastAPI, Request
from fastapi.responses import FileResponse, JSONResponse, Response
from fastapi.staticfiles import StaticFiles

from physics_data import __version__
from physics_data.core.errors import WorldsimError
from worldsim.studio import dataset_room, make_room, play_room, score_room, vote_room
from worldsim.studio.access import Access
from worldsim.studio.dream import Dreamer
from worldsim.studio.job_queue import JobQueue
from worldsim.studio.job_worker import Supervisor
from worldsim.studio.uploads import BodyLimit
from worldsim.studio.workspace import Workspace

STATIC = Path(__file__).parent / "static"

_SHOWN_SUFFIXES = (".mp4", ".png", ".webp", ".yaml", ".json", ".csv")
"""Files of the chosen folders that are sent to the page."""


class Studio:
    """What the rooms share.

    workspace: the chosen folders
    queue:     long work; supervisor: who does it
    dreamer:   the generator of the room Play
    """

    def __init__(self, workspace: Workspace) -> None:
        self.workspace = workspace
        self.queue = JobQueue(workspace.home / "jobs.sqlite")
        self.supervisor = Supervisor(self.queue, workspace)
        self.dreamer = Dreamer()


def new_token() -> str:
    """Return a token that nobody guesses."""
    return secrets.token_urlsafe(24)


def create_app(workspace: Workspace, token: str, port: int, *, has_worker: bool = True) -> FastAPI:
    """Return the application.

    Args:
        workspace: the chosen folders
        token: what a request must know
        port: where it will listen
        has_worker: whether jobs are done
    """
    studio = Studio(workspace)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        if has_worker:
            studio.supervisor.start()
        yield
        studio.dreamer.close()
        if has_worker:
            studio.supervisor.stop()

    app = FastAPI(title="Worldsim studio", version=__version__, lifespan=lifespan, docs_url=None, redoc_url=None)
    app.state.studio = studio
    app.add_middleware(BodyLimit)
    app.add_middleware(Access, token=token, port=port)

    @app.exception_handler(WorldsimError)
    async def in_one_sentence(_: Request, error: WorldsimError) -> JSONResponse:
        return JSONResponse({"error": str(error)}, 400)

    @app.get("/")
    def page() -> Response:
        return FileResponse(STATIC / "index.html", headers={"cache-control": "no-cache"})

    @app.get("/api/studio")
    def facts() -> dict[str, Any]:
        folders = [{"name": folder.resolve().name, "place": str(n)} for n, folder in enumerate(workspace.folders)]
        return {"version": __version__, "folders": folders}

    @app.get("/api/jobs")
    def jobs() -> list[dict[str, Any]]:
        return [asdict(job) for job in studio.queue.newest()]

    @app.get("/api/jobs/{number}")
    def job(number: int) -> dict[str, Any]:
        return asdict(studio.queue.get(number))

    @app.post("/api/jobs/{number}/cancel")
    def cancel(number: int) -> dict[str, Any]:
        studio.supervisor.cancel(number)
        return asdict(studio.queue.get(number))

    app.include_router(make_room.routes(workspace, studio.queue, studio.supervisor))
    app.include_router(dataset_room.routes(workspace, studio.supervisor))
    app.include_router(score_room.routes(workspace, studio.supervisor))
    app.include_router(score_room.run_routes(workspace))
    app.include_router(play_room.routes(workspace, studio.supervisor, studio.dreamer))
    app.include_router(vote_room.routes(vote_room.VoteRoom(workspace), workspace))

    @app.get("/file/{place:path}")
    def file(place: str) -> Response:
        path = workspace.path(place)
        if not path.is_file() or path.suffix.lower() not in _SHOWN_SUFFIXES:
            return JSONResponse({"error": f"'{place}' is no file that the studio shows."}, 404)
        kind = mimetypes.guess_type(path.name)[0] or "text/plain"
        return FileResponse(path, media_type=kind, headers={"cache-control": "no-cache"})

    app.mount("/static", StaticFiles(directory=STATIC), name="static")
    return app
