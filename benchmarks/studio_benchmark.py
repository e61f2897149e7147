"""``python -m benchmarks studio``: the studio under load, play in real time, and the drift of the generator's dream."""

import contextlib
import json
import os
import re
import shutil
import statistics
import struct
import subprocess
import sys
import tempfile
import threading
import time
import urllib.parse
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.rows import Row, compared_row
from physics_data.core.errors import WorldsimError
from worldsim.rewards.votes import Votes
from worldsim.studio.dream import GIVEN, Dreamer, dream_video
from worldsim.studio.play_compare import Comparison, Distance
from worldsim.studio.play_room import Start, scene_to_play
from worldsim.studio.play_session import PlaySession
from worldsim.studio.workspace import Workspace

COMMAND = "python -m benchmarks studio --json"
TOKEN = "benchmark-of-the-studio"
MIN_RATE, MAX_PAGE_MS = 16.0, 300.0
"""Targets: pictures per second of a game, and the 95th percentile of an answer under load."""

VOTERS, PLAYERS = 20, 3
_THINKING = 2.0
"""Seconds that a voter looks before each answer."""

DRIFT_SECONDS = 60


@dataclass
class Measured:
    """What clients of one run saw."""

    answers: list[float] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    rates: list[float] = field(default_factory=list)
    latencies: list[float] = field(default_factory=list)
    dropped: int = 0
    pictures: int = 0
    confirmed: int = 0


def measure_studio(seconds: float, *, has_drift: bool = True) -> list[Row]:
    """Measure one player alone, then 20 voters and 3 players together, and the drift of the dream.

    Args:
        seconds: of the load; the single player has a fifth of it
        has_drift: whether to measure the drift, which takes minutes
    """
    alone, crowd = Measured(), Measured()
    with tempfile.TemporaryDirectory() as given:
        folder = Path(given)
        _videos(folder / "contest")
        with _server(folder) as address:
            _player(address, max(seconds / 5, 5.0), alone, 1)
            with ThreadPoolExecutor(VOTERS + PLAYERS) as pool:
                for k in range(PLAYERS):
                    pool.submit(_noting, crowd, _player, address, seconds, crowd, k + 1)
                for k in range(VOTERS):
                    pool.submit(_noting, crowd, _voter, address, seconds, crowd, k)
        stored = len(list(Votes(folder / "studio" / "votes.sqlite")))
    rows = [
        _row("play alone: pictures per second, 128x128, with a dream", alone.rates, "1/s", MIN_RATE),
        _row("play alone: action to picture", alone.latencies, "ms", None),
        _count("play alone: pictures dropped", alone.dropped, f"of {alone.pictures + alone.dropped}", None),
        _row(f"{PLAYERS} players beside {VOTERS} voters: pictures per second", crowd.rates, "1/s", MIN_RATE),
        _row(f"{PLAYERS} players beside {VOTERS} voters: action to picture", crowd.latencies, "ms", None),
        _row("answers of pages under that load, 95th percentile", crowd.answers, "ms", MAX_PAGE_MS, quantile=0.95),
        _count("errors under that load", len(crowd.errors), "; ".join(sorted(set(crowd.errors))[:3]) or "none", 0),
        _count("votes confirmed minus votes stored", crowd.confirmed - stored, f"{stored} votes", 0),
    ]
    return rows + (_drift_rows() if has_drift else [])


def _drift_rows() -> list[Row]:
    """Let the dream of a dropped ball go on for a minute without looking again."""
    dreamer = Dreamer()
    try:
        model = dreamer.model()
        workspace = Workspace((Path(tempfile.gettempdir()),))
        spec, prompt = scene_to_play(Start(scene="drop_bounce", seed=1), workspace)
        session = PlaySession(spec, model.size, model.size)
        frames = [session.draw(has_large=False)]
        for _ in range(int(DRIFT_SECONDS * spec.frame_rate)):
            session.advance()
            frames.append(session.draw(has_large=False))
        start = np.stack([frame.small for frame in frames[:GIVEN]])
        comparison, away = Comparison(spec.frame_rate), list[Distance]()
        began = time.perf_counter()
        for piece in dream_video(dreamer, start, prompt, 1, len(frames) - GIVEN):
            for picture in piece:
                away.append(comparison.compare(frames[GIVEN + len(away)], picture))
        rate = len(away) / (time.perf_counter() - began)
    finally:
        dreamer.close()
    rows = [
        compared_row(
            "dream: frames per second alone, 64x64", rate, "1/s", COMMAND, target=MIN_RATE, meets=rate >= MIN_RATE
        )
    ]
    for second in (1, 5, DRIFT_SECONDS):
        end = int(second * spec.frame_rate) - GIVEN
        part = away[max(end - 16, 0) : end]
        kept = sum(one.kept for one in part) / max(sum(one.seen for one in part), 1)
        places = [one.place for one in part if one.place is not None]
        said = f"last second; where kept, {statistics.mean(places):.2f} picture widths away" if places else "none kept"
        rows.append(compared_row(f"dream: moving bodies kept after {second} s", kept, "1", COMMAND, spread=said))
    return rows


def _row(name: str, values: list[float], unit: str, target: float | None, *, quantile: float | None = None) -> Row:
    if not values:
        return compared_row(name, None, unit, COMMAND, target=target, meets=False, spread="nothing was measured")
    value = float(np.quantile(values, quantile)) if quantile else statistics.median(values)
    meets = None if target is None else value <= target if unit == "ms" else value >= target
    low, high = np.quantile(values, [0.05, 0.95])
    return compared_row(
        name,
        value,
        unit,
        COMMAND,
        target=target,
        meets=meets,
        spread=f"5 to 95 %: {low:.3g} to {high:.3g}, n={len(values)}",
    )


def _count(name: str, value: int, spread: str, target: int | None) -> Row:
    meets = None if target is None else value == target
    return compared_row(name, float(value), "1", COMMAND, target=target, meets=meets, spread=spread)


def _videos(folder: Path) -> None:
    """Write videos of three models to vote on."""
    from physics_data.core.video import write_video
    from physics_data.simulation import simulate

    folder.mkdir(parents=True)
    for number in range(60):
        for shade, system in enumerate(("one", "two", "three")):
            path = folder / system / f"scene_{number:02d}.mp4"
            if number == 0:
                write_video(path, simulate("drop_bounce", seed=shade).rgb, 16.0, "yuv420p")
            else:
                shutil.copyfile(folder / system / "scene_00.mp4", path)


@contextlib.contextmanager
def _server(folder: Path) -> Iterator[str]:
    """Run the studio as a user does, and yield its address."""
    command = [sys.executable, "-m", "worldsim", "studio", str(folder), "--port", "0", "--no-browser"]
    environment = {**os.environ, "WORLDSIM_STUDIO_TOKEN": TOKEN}
    with subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        try:
            lines: list[str] = []
            for line in process.stderr:
                lines.append(line)
                if found := re.search(r"http://localhost:\d+", line):
                    threading.Thread(target=process.stderr.read, daemon=True).start()
                    _until_open(found.group())
                    yield found.group()
                    return
            raise WorldsimError(f"the studio did not start: {''.join(lines)[-300:]}")
        finally:
            process.terminate()
            process.wait(30)


def _until_open(address: str) -> None:
    for _ in range(100):
        with contextlib.suppress(OSError):
            _ask(address, "/api/studio")
            return
        time.sleep(0.1)
    raise WorldsimError("the studio does not answer.")


def _ask(address: str, path: str, body: Any = None) -> bytes:
    headers = {"authorization": f"Bearer {TOKEN}", "content-type": "application/json"}
    data = None if body is None else json.dumps(body).encode()
    with urllib.request.urlopen(urllib.request.Request(address + path, data, headers), timeout=30) as answer:
        return answer.read()


def _noting(measured: Measured, client: Any, *arguments: Any) -> None:
    try:
        client(*arguments)
    except Exception as error:  # any error of a client is a finding
        measured.errors.append(f"{type(error).__name__}: {error}"[:120])


def _voter(address: str, seconds: float, measured: Measured, number: int) -> None:
    """Vote as a person does: load two videos, look, answer two questions."""
    end = time.monotonic() + seconds
    time.sleep(_THINKING * number / VOTERS)

    def timed(path: str, body: Any = None) -> bytes:
        began = time.perf_counter()
        answer = _ask(address, path, body)
        measured.answers.append(1e3 * (time.perf_counter() - began))
        return answer

    timed("/")
    while time.monotonic() < end:
        query = urllib.parse.urlencode({"place": "0/contest", "voter": f"voter {number}"})
        ballot = json.loads(timed(f"/api/vote/next?{query}"))["ballot"]
        if ballot is None:
            return
        for side in ("left", "right"):
            timed(f"/api/vote/video/{ballot}/{side}")
        for question in ("permanence", "motion"):
            time.sleep(_THINKING)
            timed("/api/vote/answer", {"ballot": ballot, "question": question, "choice": "left"})
            measured.confirmed += 1


def _player(address: str, seconds: float, measured: Measured, seed: int) -> None:
    """Play: push a body every second, and take every picture."""
    from websockets.sync.client import connect

    headers = {"authorization": f"Bearer {TOKEN}"}
    with connect(address.replace("http", "ws") + "/api/play", additional_headers=headers, max_size=2**22) as socket:
        socket.send(json.dumps({"scene": "drop_bounce", "seed": seed, "side": 128}))
        bodies = json.loads(socket.recv(timeout=120))["started"]["bodies"]
        shown, number, sent_at, began, pushed = 0, 0, 0.0, 0.0, 0.0
        facts: dict[str, Any] = {}
        while not began or time.monotonic() < began + seconds:
            message = socket.recv(timeout=30)
            now = time.monotonic()
            if isinstance(message, str):
                continue
            (length,) = struct.unpack_from("<I", message)
            facts = json.loads(message[4 : 4 + length])
            if facts["kind"] != "real":
                continue
            shown += 1
            began = began or now
            socket.send(json.dumps({"shown": shown}))
            if sent_at and facts["action"] >= number:
                measured.latencies.append(1e3 * (now - sent_at))
                sent_at = 0.0
            if now > pushed + 1.0:
                number, sent_at, pushed = number + 1, now, now
                socket.send(json.dumps({"kind": "push", "number": number, "body": bodies[0]}))
        measured.rates.append((shown - 1) / (time.monotonic() - began))
        measured.dropped += int(facts["dropped"])
        measured.pictures += shown
