"""The room Play: a scene in real time over a WebSocket, the simulator beside the generator's dream."""

import asyncio
import contextlib
import json
import math
import struct
import time
from collections import deque
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from fastapi import APIRouter, WebSocket, WebSocketDisconnect
from pydantic import Field, TypeAdapter, ValidationError

from physics_data.core.atomic import write_text
from physics_data.core.config import StrictModel, validate_config
from physics_data.core.conventions import clip_generator
from physics_data.core.errors import DataError, WorldsimError
from physics_data.core.scene import SceneSpec
from physics_data.scenarios import SCENARIOS
from physics_data.scenarios.shared.scenario import SceneSettings
from worldsim.studio.dream import GIVEN, Dreamer, piece_seed
from worldsim.studio.job_worker import Supervisor
from worldsim.studio.play_compare import Comparison
from worldsim.studio.play_session import Drop, Gravity, PlayFrame, PlaySession, Push, Turn
from worldsim.studio.scene_editing import read_scene
from worldsim.studio.workspace import Workspace

SCENES = ("drop_bounce", "collide", "roll_incline", "billiards_break", "stack_topple", "projectile", "occluder_pass")
"""Scenarios that are offered; scenes that were saved in Make come after them."""

MAX_PLAYERS = 8

MAX_BEHIND = 8.0
"""Seconds that a dream may fall behind on a slow machine; then it looks at the simulator anew."""

_ACTION = TypeAdapter(Annotated[Push | Drop | Gravity | Turn, Field(discriminator="kind")])
_SLIPPED = 3
"""Frames behind the clock at which the clock waits: the game goes on more slowly."""


class Start(StrictModel):
    """How a game starts. scene: a scenario, or the place of a scene file; side: of the square picture, pixels."""

    scene: str
    seed: int = Field(default=0, ge=0, lt=2**31)
    side: int = Field(default=128, ge=64, le=256)
    has_dream: bool = True
    looks_after_actions: bool = True


class Game:
    """One player's game and the dream beside it."""

    def __init__(self, start: Start, workspace: Workspace, dreamer: Dreamer) -> None:
        """Build the scene; takes some tenths of a second, with a dream up to seconds for the model."""
        spec, self.prompt = scene_to_play(start, workspace)
        self.start, self._dreamer = start, dreamer
        small = dreamer.model().size if start.has_dream else (64, 64)
        self.session = PlaySession(spec, (start.side, start.side), small)
        self.rate = spec.frame_rate
        self.history = [self.session.draw(has_large=False)]
        self.dream: dict[int, np.ndarray] = {}
        self.remarks: list[str] = []
        self._compare = Comparison(self.rate)
        self._look, self._pieces, self._next_look = 0, 0, GIVEN - 1 if start.has_dream else None
        self._shown = -1

    def tick(self, actions: list[Any], *, has_large: bool) -> tuple[PlayFrame, list[str], list[str]]:
        """Do the actions, go on to the next frame and draw it; return it, what was done, and what was refused."""
        done, refused = [], []
        for action in actions:
            try:
                done.append(self.session.act(action))
                if self.start.has_dream and self.start.looks_after_actions and action.kind != "turn":
                    self._next_look = self.session.frame + GIVEN
            except WorldsimError as error:
                refused.append(str(error))
        self.session.advance()
        frame = self.session.draw(has_large=has_large)
        self.history.append(frame)
        last = max(self.dream, default=self._look)
        if self.session.looks and frame.number - last > MAX_BEHIND * self.rate:
            self._next_look = frame.number
        if self._next_look is not None and frame.number >= max(self._next_look, GIVEN - 1):
            self.look()
        return frame, done, refused

    def look(self) -> None:
        """Let the generator go on from the present frames of the simulator."""
        self._next_look = None
        self._look, self._pieces = self.session.frame, 0
        self.session.looks.append(self._look)
        self.dream.clear()

    def look_soon(self) -> None:
        """Let it look at the next frame."""
        if self.start.has_dream:
            self._next_look = self.session.frame

    @property
    def wants_piece(self) -> bool:
        """Whether the dream is to go on."""
        last = max(self.dream, default=self._look)
        return bool(self.session.looks) and last < self.session.frame + 12 and not self.session.is_over

    def dream_on(self) -> None:
        """Make the next piece of the dream, in a thread of its own.

        Raises:
            WorldsimError: the model refuses the prompt.
        """
        look, number = self._look, self._pieces
        dreamt = dict(self.dream)
        last = max(dreamt, default=look)
        before = [dreamt[k] if k in dreamt else self.history[k].small for k in range(last - GIVEN + 1, last + 1)]
        piece, remarks = self._dreamer.go_on(np.stack(before), self.prompt, piece_seed(self.start.seed, number))
        if look == self._look:  # else the player looked again in the meantime
            self.remarks = remarks
            self._pieces = number + 1
            self.dream |= {last + 1 + k: picture for k, picture in enumerate(piece)}

    def newest_dream(self) -> tuple[int, np.ndarray, dict[str, Any]] | None:
        """Return the newest dreamt frame that the simulator has reached, and how far it is off; None if nothing new."""
        ready = [k for k in self.dream if k <= self.session.frame]
        if not ready or max(ready) == self._shown:
            return None
        number = self._shown = max(ready)
        away = self._compare.compare(self.history[number], self.dream[number])
        return number, self.dream[number], vars(away) | {"behind": (self.session.frame - number) / self.rate}


def routes(workspace: Workspace, supervisor: Supervisor, dreamer: Dreamer) -> APIRouter:
    """Return the room's part of the application."""
    room = APIRouter()
    playing: set[int] = set()

    @room.get("/api/play/scenes")
    def scenes() -> dict[str, Any]:
        saved = sorted((workspace.home / "scenes").glob("*.yaml"))
        plays = sorted((workspace.home / "plays").glob("*.json"))
        return {
            "scenarios": {name: SCENARIOS.summaries()[name] for name in SCENES if name in SCENARIOS},
            "saved": [{"name": path.stem, "place": workspace.place(path)} for path in saved],
            "recordings": [{"name": path.stem, "place": workspace.place(path)} for path in plays],
        }

    @room.post("/api/play/replay")
    def replay(asked: dict[str, str]) -> dict[str, int]:
        place = str(asked.get("place", ""))
        workspace.path(place)
        return {"job": supervisor.add("replay", f"replay {Path(place).stem}", {"place": place})}

    @room.websocket("/api/play")
    async def play(socket: WebSocket) -> None:
        await socket.accept()
        if len(playing) >= MAX_PLAYERS:
            await socket.send_text(json.dumps({"error": f"{MAX_PLAYERS} games are on; wait until one ends."}))
            await socket.close()
            return
        playing.add(id(socket))
        try:
            await _play(socket, workspace, dreamer)
        except WebSocketDisconnect:
            pass
        except WorldsimError as error:
            with contextlib.suppress(RuntimeError):
                await socket.send_text(json.dumps({"error": str(error)}))
                await socket.close()
        finally:
            playing.discard(id(socket))

    return room


async def _play(socket: WebSocket, workspace: Workspace, dreamer: Dreamer) -> None:
    """Run one game until its player leaves or the longest run is reached."""
    start = validate_config(Start, await socket.receive_json(), source="the start of a game", error_class=DataError)
    game = await asyncio.to_thread(Game, start, workspace, dreamer)
    facts = {"prompt": game.prompt, "rate": game.rate, "side": start.side, "has_dream": start.has_dream}
    facts |= {"bodies": game.session.pushable, "given": GIVEN, "max_behind": MAX_BEHIND}
    await socket.send_text(json.dumps({"started": facts}))
    waiting: deque[tuple[int, Any]] = deque()
    state = {"shown": 0, "is_paused": False}
    reader = asyncio.create_task(_read(socket, game, workspace, waiting, state))
    dreaming: asyncio.Task[None] | None = None
    clock, sent, dropped = time.monotonic(), 0, 0
    try:
        while not reader.done() and not game.session.is_over:
            if state["is_paused"]:
                await asyncio.sleep(0.05)
                clock = time.monotonic()
                continue
            late = (time.monotonic() - clock) * game.rate
            if late > _SLIPPED:
                clock = time.monotonic()
            taken = [waiting.popleft() for _ in range(len(waiting))]
            numbers, actions = [number for number, _ in taken], [action for _, action in taken]
            has_large = late < 1 or sent == 0
            frame, done, refused = await asyncio.to_thread(game.tick, actions, has_large=has_large)
            says = {
                "frame": frame.number,
                "seconds": frame.number / game.rate,
                "energy": frame.kinetic + frame.potential,
                "kinetic": frame.kinetic,
                "done": done,
                "refused": refused,
                "action": max(numbers, default=0),
                "dropped": dropped,
            }
            if frame.rgb is not None and (sent - state["shown"] < 3 or numbers):
                await socket.send_bytes(packed("real", frame.rgb, says))
                sent += 1
            else:
                dropped += 1
                if done or refused:
                    await socket.send_text(json.dumps({"said": says}))
            dreamt = game.newest_dream()
            if dreamt is not None and sent - state["shown"] < 3:
                number, picture, away = dreamt
                await socket.send_bytes(packed("dream", picture, {"frame": number, "remarks": game.remarks, **away}))
            if dreaming is not None and dreaming.done():
                dreaming.result()
                dreaming = None
            if dreaming is None and game.wants_piece:
                dreaming = asyncio.create_task(asyncio.to_thread(game.dream_on))
            clock += 1 / game.rate
            await asyncio.sleep(max(0.0, clock - time.monotonic()))
        if reader.done():
            reader.result()
        await socket.send_text(json.dumps({"over": "The longest game was reached; save it, or start again."}))
        await reader
    finally:
        reader.cancel()
        if dreaming is not None:
            with contextlib.suppress(WorldsimError, asyncio.CancelledError):
                await dreaming


async def _read(
    socket: WebSocket, game: Game, workspace: Workspace, waiting: deque[tuple[int, Any]], state: dict[str, Any]
) -> None:
    """Take what the player sends; nothing of it can end the game but leaving."""
    while True:
        text = await socket.receive_text()
        try:
            said = json.loads(text)
            if "shown" in said:
                state["shown"] = int(said["shown"])
            elif "pause" in said:
                state["is_paused"] = bool(said["pause"])
            elif "look" in said:
                game.look_soon()
            elif "save" in said:
                path = workspace.named("plays", str(said["save"])).with_suffix(".json")
                kept = game.session.recording(game.prompt, game.start.seed)
                await asyncio.to_thread(write_text, path, kept.model_dump_json())
                await socket.send_text(json.dumps({"saved": {"name": path.stem, "place": workspace.place(path)}}))
            elif len(waiting) < 32:
                waiting.append((int(said.pop("number", 0)), _ACTION.validate_python(said)))
        except (ValueError, TypeError, AttributeError, ValidationError):
            await socket.send_text(json.dumps({"problem": "this action does not fit."}))
        except WorldsimError as error:
            await socket.send_text(json.dumps({"problem": str(error)}))


def scene_to_play(start: Start, workspace: Workspace) -> tuple[SceneSpec, str]:
    """Return the scene of a game and its caption; the view is square and as wide as the scene's.

    Raises:
        UnknownNameError, DataError, ConfigError: no such scene.
    """
    if "/" in start.scene:
        loaded = read_scene(workspace.path(start.scene).read_text(encoding="utf-8"), workspace, seed=start.seed)
        spec, caption = loaded.spec, loaded.caption or ""
    else:
        name = SCENARIOS.check(start.scene)
        scenario = SCENARIOS.get(name)()
        spec = scenario.sample(clip_generator(start.seed, name, 0), SceneSettings(), start.seed, 0)
        caption = scenario.caption(spec)
    aspect = spec.width / spec.height
    half = math.tan(math.radians(spec.camera.fov_y) / 2) * max(aspect, 1.0)
    camera = spec.camera.model_copy(update={"fov_y": min(math.degrees(2 * math.atan(half)), 120.0)})
    return spec.model_copy(update={"camera": camera, "frame_rate": 16.0}), caption


def packed(kind: str, picture: np.ndarray, says: dict[str, Any]) -> bytes:
    """Return a picture as a message: length of the JSON (uint32, little-endian), the JSON, then rows of RGB."""
    facts = {"kind": kind, "height": picture.shape[0], "width": picture.shape[1], **says}
    head = json.dumps(facts).encode()
    return struct.pack("<I", len(head)) + head + np.ascontiguousarray(picture).tobytes()
