"""Play: recordings replay to the same bytes, actions do what they say, the WebSocket keeps its rules."""

import json
import struct
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from fastapi.testclient import TestClient
from starlette.websockets import WebSocketDisconnect

from physics_data.core.clip import Clip
from physics_data.core.errors import SceneSpecError
from physics_data.scenes.scene_file import scene_of
from physics_data.simulation import simulate_scene
from worldsim.studio.app import create_app
from worldsim.studio.dream import Dreamer
from worldsim.studio.job_kinds import replay_videos
from worldsim.studio.play_compare import Comparison
from worldsim.studio.play_room import packed
from worldsim.studio.play_session import Drop, Gravity, PlaySession, Push, Turn, read_recording, replay
from worldsim.studio.workspace import Workspace

SCENE = {
    "bodies": {
        "ball": {"sphere": 0.3, "color": "red", "position": [0, 0, 0.3]},
        "wall": {"box": [0.2, 1, 1], "color": "blue", "position": [1.2, 0, 0.5], "static": True},
    },
    "camera": {"position": [0, -5, 1.5], "target": [0, 0, 0.5]},
}
SIZE = (48, 48)


@pytest.fixture
def session() -> PlaySession:
    return PlaySession(scene_of(SCENE, "a scene").spec, SIZE, (32, 32))


def test_a_recording_replays_to_the_same_bytes(session: PlaySession) -> None:
    seen = [session.draw()]
    for frame in range(30):
        if frame == 3:
            session.act(Push(body="ball"))
        if frame == 6:
            session.act(Drop(pixel=(0.4, 0.8)))
            session.act(Turn(around=0.4, zoom=1.2))
        if frame == 10:
            session.act(Gravity(gravity=(1.0, 0.0, -2.0)))
            session.act(Push(body="dropped_1", along=(0.2, -0.3)))
        session.advance()
        seen.append(session.draw())
    stored = session.recording("a ball", 1).model_dump_json()
    again = list(replay(read_recording(json.loads(stored)), (32, 32)))
    assert len(again) == len(seen) == 31
    for one, other in zip(seen, again, strict=True):
        assert one.rgb is not None
        assert other.rgb is not None
        assert one.rgb.tobytes() == other.rgb.tobytes()
        assert one.small.tobytes() == other.small.tobytes()
        assert (one.kinetic, one.potential) == (other.kinetic, other.potential)
    assert len({frame.rgb.tobytes() for frame in again if frame.rgb is not None}) > 20, "something moved"


def test_pictures_are_those_of_the_python_interface(session: PlaySession) -> None:
    spec = scene_of({**SCENE, "num_frames": 4, "size": list(SIZE)}, "a scene").spec
    clip: Clip = simulate_scene(spec, "mujoco")
    for frame in range(4):
        drawn = session.draw()
        assert drawn.rgb is not None
        assert np.array_equal(drawn.rgb, clip.rgb[frame])
        session.advance()


def test_a_click_pushes_what_it_hits_away_from_the_camera(session: PlaySession) -> None:
    before = session.draw()
    session.act(Push(pixel=(0.5, 0.55)))
    session.advance()
    assert session.draw().kinetic > before.kinetic
    (action,) = session.recording("", 0).scene.actions
    assert action.kind == "impulse"
    assert action.body == "ball"
    assert action.impulse[1] > 0
    assert action.impulse[2] == 0


@pytest.mark.parametrize(
    ("action", "says"),
    [
        (Push(pixel=(0.02, 0.02)), "nothing to push"),
        (Push(pixel=(0.8, 0.5)), "wall does not move"),
        (Push(body="<script>"), "nothing to push"),
        (Drop(pixel=(0.5, 0.01)), "below the horizon"),
        (Gravity(gravity=(0.0, 0.0, 51.0)), "at most 50"),
        (Push(body="ball", along=(0.0, 0.0)), "direction"),
    ],
)
def test_what_cannot_be_done_is_said_and_changes_nothing(session: PlaySession, action: object, says: str) -> None:
    with pytest.raises(SceneSpecError, match=says):
        session.act(action)  # pyright: ignore[reportArgumentType]
    assert not session.recording("", 0).scene.actions


def test_distances_of_a_copy_are_zero_and_a_missing_body_is_missed(session: PlaySession) -> None:
    comparison = Comparison(16.0)
    frame = session.draw()
    same = comparison.compare(frame, frame.small)
    assert (same.seen, same.kept) == (1, 1)
    assert same.place == pytest.approx(0.0, abs=0.02)
    empty = frame.small.copy()
    empty[frame.small_ids > 0] = frame.small[0, 0]
    assert comparison.compare(frame, np.full_like(frame.small, 128)).kept == 0
    moved = np.roll(frame.small, 4, axis=1)
    away = comparison.compare(frame, moved).place
    assert away == pytest.approx(4 / 32, abs=0.04)


TOKEN, PORT = "correct-horse", 8720
SOCKET = f"ws://localhost:{PORT}/api/play"
BEARER = {"authorization": f"Bearer {TOKEN}"}


@pytest.fixture
def client(tmp_path: Path) -> Iterator[TestClient]:
    app = create_app(Workspace((tmp_path,)), TOKEN, PORT, has_worker=False)
    with TestClient(app, base_url=f"http://localhost:{PORT}") as client:
        yield client


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {**BEARER, "origin": "http://evil.example"},
        {**BEARER, "host": "evil.example"},
        {"origin": "http://localhost:8720"},
    ],
    ids=["no token", "foreign origin", "foreign host", "own origin, no token"],
)
def test_strangers_do_not_play(client: TestClient, headers: dict[str, str]) -> None:
    with (
        pytest.raises(WebSocketDisconnect),
        client.websocket_connect(SOCKET, headers=headers),
    ):
        pass


def test_a_game_over_the_socket(client: TestClient, tmp_path: Path) -> None:
    start = {"scene": "drop_bounce", "seed": 1, "side": 64, "has_dream": False}
    with client.websocket_connect(SOCKET, headers=BEARER) as socket:
        socket.send_json(start)
        facts = socket.receive_json()["started"]
        assert facts["bodies"] == ["ball"]
        socket.send_text("no JSON")
        socket.send_json({"kind": "push", "number": 7, "body": "ball"})
        socket.send_json({"kind": "erase", "number": 8})
        frames, problems = [], 0
        while not any(said["action"] == 7 for said, _ in frames) or problems < 2:
            message = socket.receive()
            if message.get("text"):
                problems += "problem" in json.loads(message["text"])
                continue
            (length,) = struct.unpack_from("<I", message["bytes"])
            said = json.loads(message["bytes"][4 : 4 + length])
            frames.append((said, message["bytes"][4 + length :]))
            socket.send_json({"shown": len(frames)})
        assert all(len(pixels) == 64 * 64 * 3 for _, pixels in frames)
        numbers = [said["frame"] for said, _ in frames]
        assert numbers == sorted(set(numbers))
        pushed = next(said for said, _ in frames if said["action"] == 7)
        assert "pushed ball" in pushed["done"][0]
        socket.send_json({"save": "../escape"})
        socket.send_json({"save": "my_game"})
        said = []
        while not any("saved" in one for one in said):
            message = socket.receive()
            if message.get("text"):
                said.append(json.loads(message["text"]))
        assert "is no name" in said[0]["problem"]
    kept = read_recording(json.loads((tmp_path / "studio" / "plays" / "my_game.json").read_text()))
    again = {frame.number: frame for frame in replay(kept)}
    checked = 0
    for facts, pixels in frames:
        found = again[facts["frame"]].rgb
        assert found is not None
        assert found.tobytes() == pixels
        checked += 1
    assert checked > 1


def test_a_wrong_start_is_answered_in_one_sentence(client: TestClient) -> None:
    with client.websocket_connect(SOCKET, headers=BEARER) as socket:
        socket.send_json({"scene": "drop_bounse", "has_dream": False})
        assert "drop_bounce" in socket.receive_json()["error"]


def test_a_message_holds_its_picture() -> None:
    picture = np.arange(24, dtype=np.uint8).reshape(2, 4, 3)
    data = packed("real", picture, {"frame": 3})
    (length,) = struct.unpack_from("<I", data)
    assert json.loads(data[4 : 4 + length]) == {"kind": "real", "height": 2, "width": 4, "frame": 3}
    assert data[4 + length :] == picture.tobytes()


@pytest.mark.slow
def test_the_dream_of_a_recording_is_the_same_again(session: PlaySession) -> None:
    session = PlaySession(scene_of(SCENE, "a scene").spec, SIZE, (64, 64))
    for frame in range(24):
        if frame == 4:
            session.looks.append(4)
        if frame == 10:
            session.act(Push(body="ball"))
        if frame == 15:
            session.looks.append(15)
        session.advance()
    recording = session.recording("a red ball rolls on the floor", 3)
    dreamer = Dreamer()
    try:
        real, dream = replay_videos(recording, dreamer)
        again = replay_videos(recording, dreamer)
    finally:
        dreamer.close()
    assert dream is not None
    assert again[1] is not None
    assert real.shape == (25, 48, 48, 3)
    assert dream.shape == (25, 64, 64, 3)
    assert dream.tobytes() == again[1].tobytes()
    seen = np.stack([frame.small for frame in replay(recording)])
    assert np.array_equal(dream[:5], seen[:5])
    assert not np.array_equal(dream[5:], seen[5:])
