"""Make, Datasets, Scores and Runs over HTTP: what they answer is what the Python interface gives."""

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from fastapi.testclient import TestClient

import worldsim as ws
from eval.report.table import SeedScore
from physics_data.core.dataset import ShardDataset
from physics_data.core.video import decode_video
from worldsim.studio.app import create_app
from worldsim.studio.dataset_room import flow_picture, stream_pictures
from worldsim.studio.job_queue import JobQueue
from worldsim.studio.job_worker import do_job
from worldsim.studio.score_room import curves_of, scene_differences, worst_scenes
from worldsim.studio.workspace import Workspace

PORT = 8720
SCENE = """# a remark
name: mine
caption: a red ball beside a table
size: [64, 64]
num_frames: 9
bodies:
  table: {box: [1.0, 0.6, 0.7], static: true}
  ball: {sphere: 0.1, color: red, on: table}
"""


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return Workspace((tmp_path,))


@pytest.fixture
def client(workspace: Workspace) -> Iterator[TestClient]:
    app = create_app(workspace, "token", PORT, has_worker=False)
    headers = {"authorization": "Bearer token"}
    with TestClient(app, base_url=f"http://localhost:{PORT}", headers=headers) as client:
        yield client


def edited(client: TestClient, text: str, **change: object) -> dict:
    answer = client.post("/api/make/edit", json={"yaml": text, "change": change})
    assert answer.status_code == 200, answer.text
    return answer.json()


def body(answer: dict, name: str) -> dict:
    return next(one for one in answer["scene"]["bodies"] if one["name"] == name)


def test_words_become_a_scene_with_what_was_seen_and_assumed(client: TestClient) -> None:
    answer = client.post("/api/make/words", json={"words": "a blue ball falls on a green box"}).json()
    kinds = {one["kind"] for one in answer["remarks"]}
    assert {"seen", "assumed"} <= kinds
    assert {one["color"] for one in answer["scene"]["bodies"]} == {"blue", "green"}
    direct = ws.direct("a blue ball falls on a green box")
    assert answer["yaml"] == direct.text
    nothing = client.post("/api/make/words", json={"words": "<b>love</b>"})
    assert nothing.status_code == 400
    assert "nothing physical" in nothing.json()["error"]


def test_a_dragged_body_goes_where_the_picture_shows(client: TestClient) -> None:
    first = client.post("/api/make/scene", json={"yaml": SCENE}).json()
    handle = next(one for one in first["picture"]["handles"] if one["name"] == "ball")
    goal = [handle["x"] + 0.1, handle["y"] - 0.02]
    moved = edited(client, SCENE, body="ball", drag=goal)
    now = next(one for one in moved["picture"]["handles"] if one["name"] == "ball")
    assert [now["x"], now["y"]] == pytest.approx(goal, abs=0.002)
    assert body(moved, "ball")["position"][2] == pytest.approx(body(first, "ball")["position"][2], abs=1e-4)
    assert "# a remark" in moved["yaml"]
    lifted = edited(client, moved["yaml"], body="ball", drag=[goal[0], goal[1] - 0.2], upright=True)
    assert body(lifted, "ball")["position"][2] > body(moved, "ball")["position"][2] + 0.1
    assert body(lifted, "ball")["position"][:2] == pytest.approx(body(moved, "ball")["position"][:2], abs=1e-3)


def test_pushes_and_the_camera_are_part_of_the_file(client: TestClient, tmp_path: Path) -> None:
    pushed = edited(client, SCENE, push={"body": "ball", "frame": 3, "impulse": [1, 0, 0.5]})
    turned = edited(client, pushed["yaml"], orbit=[0.5, 0.1], zoom=1.2)
    (tmp_path / "scene.yaml").write_text(turned["yaml"])
    spec = ws.simulate(tmp_path / "scene.yaml").meta.spec
    assert spec is not None
    (action,) = spec.actions
    assert (action.kind, action.frame) == ("impulse", 3)
    cameras = [one["scene"]["camera"] for one in (pushed, turned)]
    distance = [np.linalg.norm(np.subtract(camera["position"], camera["target"])) for camera in cameras]
    assert distance[0] / distance[1] == pytest.approx(1.2, rel=1e-3)
    assert not edited(client, turned["yaml"], without_action=0)["scene"]["actions"]
    refused = client.post("/api/make/edit", json={"yaml": SCENE, "change": {"push": {"body": "ball"}}})
    assert refused.status_code == 400


def test_a_saved_scene_becomes_a_dataset(client: TestClient, workspace: Workspace) -> None:
    assert client.post("/api/make/save", json={"yaml": SCENE, "name": "mine"}).status_code == 200
    assert client.get("/api/datasets/choices").json()["scenes"] == ["mine"]
    asked = {"name": "made", "scenes": ["mine"], "train": 1, "test": 0, "num_frames": 9, "side": 32}
    assert client.post("/api/datasets/build", json=asked).status_code == 200
    queue = JobQueue(workspace.home / "jobs.sqlite")
    job = queue.claim()
    assert job is not None
    do_job(queue, workspace, job)
    assert queue.get(job.id).state == "done", queue.get(job.id).note
    place = queue.get(job.id).result["dataset"]
    (listed,) = client.get("/api/datasets").json()
    assert (listed["place"], listed["clips"], listed["error"]) == (place, 1, "")
    clip = client.get("/api/datasets/clip", params={"place": place, "position": 0}).json()
    assert clip["caption"] == "a red ball beside a table"
    assert clip["streams"] == ["rgb", "labels", "ids", "depth", "flow"]
    video = client.get("/api/datasets/video", params={"place": place, "position": 0, "stream": "depth"})
    frames = decode_video(video.content, what="the depth")
    loaded = ShardDataset(workspace.path(place)).load(0)
    assert frames.shape == (9, 256, 256, 3)
    assert np.abs(frames.astype(int) - stream_pictures(loaded, "depth")).mean() < 3
    assert client.get("/api/datasets/clip", params={"place": place, "position": 1}).status_code == 400
    assert client.post("/api/datasets/build", json=asked).status_code == 400, "the name is taken"


def test_flow_is_coloured_by_direction_and_black_at_rest() -> None:
    flow = np.zeros((1, 2, 2, 2))
    flow[0, 0, 0], flow[0, 0, 1] = (3.0, 0.0), (-3.0, 0.0)
    drawn = flow_picture(flow)[0]
    assert drawn[1].max() == 0
    assert drawn[0, 0].argmax() == 0  # to the right is red
    assert drawn[0, 1, 0] < drawn[0, 1, 1:].min()  # to the left is its opposite


def row(system: str, key: str, value: float | None, seed: int = 0) -> SeedScore:
    return SeedScore(system, key, "collide", "mujoco", "ok", "", "", {"overall": value}, seed)


def test_differences_are_scene_by_scene_and_seeds_are_averaged() -> None:
    rows = [row("a", "k1", 0.9), row("a", "k2", 0.5), row("a", "k2", 0.7, 1), row("b", "k1", 0.8), row("b", "k2", 0.1)]
    found = scene_differences([*rows, row("b", "k3", None)], "a", "b", "overall")
    assert [(one["key"], round(one["difference"], 6)) for one in found] == [("k2", 0.5), ("k1", 0.1)]
    assert [one["key"] for one in worst_scenes(rows, "overall")["a"]] == ["k2", "k2", "k1"]


def test_curves_are_thinned_and_end_with_the_newest_step(tmp_path: Path) -> None:
    lines = [json.dumps({"step": k, "loss": 1.0 / k, "note": "x"}) for k in range(1, 2001)]
    (tmp_path / "metrics.jsonl").write_text("\n".join(lines) + '\n{"step": 2001, "lo')
    curves = curves_of(tmp_path)
    assert list(curves) == ["loss"]
    assert len(curves["loss"]) == 500
    assert curves["loss"][-1] == [2000.0, 1.0 / 2000]
