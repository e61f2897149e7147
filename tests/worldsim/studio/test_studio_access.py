"""Who the studio answers, what of the disk it shows, and what it takes."""

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from fastapi.testclient import TestClient

from physics_data.core.errors import DataError
from physics_data.core.video import write_video
from physics_data.scenes.scene_file import scene_of
from worldsim.studio.access import cookie_name
from worldsim.studio.app import create_app
from worldsim.studio.uploads import MAX_BODY, MAX_UPLOAD, decode_in_child
from worldsim.studio.workspace import Workspace

TOKEN, PORT = "correct-horse", 8720
ADDRESS = f"http://localhost:{PORT}"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "runs").mkdir()
    (tmp_path / "secret.json").write_text('{"password": 1}')
    return tmp_path / "runs"


@pytest.fixture
def stranger(folder: Path) -> Iterator[TestClient]:
    app = create_app(Workspace((folder,)), TOKEN, PORT, has_worker=False)
    with TestClient(app, base_url=ADDRESS, follow_redirects=False) as client:
        yield client


@pytest.fixture
def client(stranger: TestClient) -> TestClient:
    stranger.get(f"/?token={TOKEN}")
    return stranger


PATHS = ("/", "/api/studio", "/api/jobs", "/static/main.js", "/file/0/a.json", "/api/none")


@pytest.mark.parametrize("path", PATHS)
def test_without_the_token_nothing_is_said(stranger: TestClient, path: str) -> None:
    answer = stranger.get(path)
    assert answer.status_code == 403
    assert "worldsim studio" in answer.text


@pytest.mark.parametrize("wrong", ["", "correct-hors", "correct-horse1", "é"])
def test_a_wrong_token_is_refused(stranger: TestClient, wrong: str) -> None:
    assert stranger.get("/api/studio", params={"token": wrong}).status_code == 403
    assert stranger.get("/api/studio", headers={"Authorization": f"Bearer {wrong}".encode()}).status_code == 403


def test_the_token_in_the_address_is_exchanged_for_a_cookie(stranger: TestClient) -> None:
    answer = stranger.get(f"/?token={TOKEN}&a=b")
    assert (answer.status_code, answer.headers["location"]) == (303, "/?a=b")
    cookie = answer.headers["set-cookie"].lower()
    assert cookie_name(PORT) in cookie
    assert "httponly" in cookie
    assert "samesite=strict" in cookie
    assert stranger.get("/api/studio").status_code == 200


@pytest.mark.parametrize("host", ["evil.example", "evil.example:8720", "127.0.0.1.evil.example", "10.0.0.1", "[", ""])
def test_a_name_that_is_not_this_machine_is_refused(client: TestClient, host: str) -> None:
    assert client.get("/api/studio", headers={"host": host}).status_code == 403


@pytest.mark.parametrize("host", ["localhost:8720", "127.0.0.1:9999", "[::1]:8720"])
def test_names_of_this_machine_are_answered_on_any_port(stranger: TestClient, host: str) -> None:
    headers = {"host": host, "authorization": f"Bearer {TOKEN}"}
    assert stranger.get("/api/studio", headers=headers).status_code == 200


@pytest.mark.parametrize("origin", ["http://evil.example", "null", "http://localhost:9", "file://localhost:8720"])
def test_a_foreign_page_is_refused(client: TestClient, origin: str) -> None:
    assert client.post("/api/jobs/1/cancel", headers={"origin": origin}).status_code == 403
    assert client.get("/api/studio", headers={"origin": origin}).status_code == 403


def test_a_foreign_page_that_hides_its_origin_is_refused(client: TestClient) -> None:
    assert client.get("/api/studio", headers={"sec-fetch-site": "cross-site"}).status_code == 403
    assert client.get("/api/studio", headers={"sec-fetch-site": "same-origin", "origin": ADDRESS}).status_code == 200


def test_answers_forbid_scripts_from_elsewhere_and_frames(client: TestClient) -> None:
    for path in ("/", "/api/studio", "/static/main.js", "/api/none"):
        headers = client.get(path).headers
        policy = headers["content-security-policy"]
        assert "script-src 'self'" in policy
        assert "unsafe" not in policy
        assert "frame-ancestors 'none'" in policy
        assert headers["x-content-type-options"] == "nosniff"


def test_pages_hold_no_inline_script_or_style_and_no_markup_from_text() -> None:
    static = Path(__file__).parents[3] / "worldsim" / "studio" / "static"
    for path in [*static.glob("*.js"), static / "index.html"]:
        text = path.read_text(encoding="utf-8")
        for word in ("innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", ' onclick="', "style="):
            assert word not in text, f"{path.name} has {word}"
        assert "https://" not in text, f"{path.name} asks another host"


@pytest.mark.parametrize(
    "place",
    [
        "0/../secret.json",
        "0/..%2fsecret.json",
        "0/%2e%2e/secret.json",
        "0//etc/passwd",
        "/etc/passwd",
        "1/a.json",
        "-1/a.json",
        "0/link/secret.json",
        "0/link.json",
        "0/a%00.json",
        "٠/a.json",
    ],
)
def test_nothing_outside_of_the_chosen_folders_is_shown(client: TestClient, folder: Path, place: str) -> None:
    (folder / "link").symlink_to(folder.parent)
    (folder / "link.json").symlink_to(folder.parent / "secret.json")
    answer = client.get(f"/file/{place}")
    assert answer.status_code in (400, 404)
    assert "password" not in answer.text


def test_files_inside_are_shown_by_kind(client: TestClient, folder: Path) -> None:
    (folder / "a.json").write_text("{}")
    (folder / "a.html").write_text("<script>alert(1)</script>")
    assert client.get("/file/0/a.json").status_code == 200
    assert client.get("/file/0/a.html").status_code == 404


def test_links_are_not_searched(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "dataset.yaml").write_text("")
    (folder / "link").symlink_to(tmp_path / "elsewhere")
    assert list(Workspace((folder,)).holding("dataset.yaml")) == []


@pytest.mark.parametrize("name", ["", "..", "a/b", "a\\b", ".hidden", "a" * 65, "a b", "a\n"])
def test_names_stay_names(folder: Path, name: str) -> None:
    with pytest.raises(DataError, match="is no name"):
        Workspace((folder,)).named("scenes", name)


def test_a_body_that_is_too_large_is_refused_whatever_its_header_says(client: TestClient) -> None:
    assert client.post("/api/make/open", content=b"x" * (MAX_BODY + 1)).status_code == 413

    def pieces() -> Iterator[bytes]:
        for _ in range(9):
            yield b"x" * (MAX_BODY // 8)

    assert client.post("/api/make/open", content=pieces()).status_code == 413
    assert (
        client.post("/api/upload", params={"name": "a"}, headers={"content-length": str(MAX_UPLOAD + 1)}).status_code
        == 413
    )


def test_an_upload_that_is_no_video_is_refused_in_one_sentence(client: TestClient, folder: Path) -> None:
    answer = client.post("/api/upload", params={"name": "a"}, content=b"not a video")
    assert answer.status_code == 400
    assert "cannot be read as a video" in answer.json()["error"]
    assert not list((folder / "studio" / "uploads").iterdir())


def test_an_uploaded_video_is_decoded_in_a_child_and_written_anew(tmp_path: Path) -> None:
    frames = np.full((5, 800, 16, 3), 90, dtype=np.uint8)
    write_video(tmp_path / "in.mp4", frames, 8.0)
    facts = decode_in_child(tmp_path / "in.mp4", tmp_path / "out.mp4")
    assert (facts["frames"], facts["height"], facts["frame_rate"]) == (5, 640, 8.0)
    assert "scaled from 16x800" in facts["cut"]
    assert (tmp_path / "out.mp4").is_file()


def test_errors_of_the_user_are_one_sentence(client: TestClient) -> None:
    answer = client.post("/api/make/scene", json={"yaml": "bodies: {ball: {sfere: 1}}"})
    assert answer.status_code == 400
    assert "sphere" in answer.json()["error"]
    assert "Traceback" not in answer.text


def test_a_scene_cannot_read_pictures_from_outside(client: TestClient, folder: Path) -> None:
    spec = scene_of({"bodies": {"ball": {"sphere": 0.2}}}, "a scene").spec
    body = spec.bodies[-1]
    image = {"file": str(folder.parent / "secret.png"), "sha256": "0" * 64}
    look = body.appearance.model_copy(update={"pattern": "image"}).model_dump() | {"image": image}
    fields = spec.model_dump(mode="json")
    fields["bodies"][-1]["appearance"] = look
    answer = client.post("/api/make/scene", json={"yaml": json.dumps(fields)})
    assert answer.status_code == 400
    assert "outside of the folders" in answer.json()["error"]
