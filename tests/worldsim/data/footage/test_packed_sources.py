"""Footage inside tars and tables: the same clips as from files in a folder."""

import http.server
import io
import json
import tarfile
import threading
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from physics_data.core.dataset import ShardDataset
from physics_data.core.errors import ConfigError, DataError
from physics_data.core.video import write_video
from worldsim.data.footage.fetch import expand_braces, fetch
from worldsim.data.footage.ingest import IngestConfig, ingest

CONFIG = IngestConfig(num_frames=5, frame_rate=8.0, height=32, width=32, test_share=0.0)


def sliding(seed: int, num_frames: int = 12) -> np.ndarray:
    video = np.full((num_frames, 48, 64, 3), 40 + 17 * seed, dtype=np.uint8)
    for number in range(num_frames):
        video[number, 8 + seed : 24, 3 * number : 3 * number + 14] = 250
    return video


@pytest.fixture
def members(tmp_path: Path) -> dict[str, bytes]:
    """Two videos and a picture with what stands beside them, as name → bytes."""
    found: dict[str, bytes] = {}
    for seed in (0, 1):
        write_video(tmp_path / "made" / "video.mp4", sliding(seed), 8.0)
        found[f"set/{seed}.mp4"] = (tmp_path / "made" / "video.mp4").read_bytes()
    found["set/0.txt"] = b"a block\nslides"
    found["set/1.json"] = json.dumps({"text": "another block", "license": "MIT", "more": [1]}).encode()
    picture = io.BytesIO()
    Image.fromarray(sliding(5)[7]).save(picture, "PNG")
    found["photo.png"] = picture.getvalue()
    return found


def write_tar(path: Path, members: dict[str, bytes]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, "w") as tar:
        for name, data in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return path


def content(folder: Path) -> dict[tuple[str, float], tuple[str, str, bytes]]:
    """Return (digest of the file, start) → caption, licence, pixels."""
    dataset = ShardDataset(folder)
    clips = [dataset.load(position) for position in range(len(dataset))]
    return {
        (clip.meta.origin.sha256, clip.meta.origin.start_seconds): (
            clip.meta.caption,
            clip.meta.origin.licence,
            clip.rgb.tobytes(),
        )
        for clip in clips
        if clip.meta.origin
    }


@pytest.fixture
def plain(tmp_path: Path, members: dict[str, bytes]) -> dict[tuple[str, float], tuple[str, str, bytes]]:
    """The content of the dataset that is made of the same files in a folder."""
    for name, data in members.items():
        path = tmp_path / "plain" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    ingest([tmp_path / "plain"], tmp_path / "from_plain", CONFIG)
    return content(tmp_path / "from_plain")


def test_tars_give_the_clips_of_their_files(tmp_path: Path, members: dict[str, bytes], plain) -> None:
    names = sorted(members)
    for number in range(2):
        own = {name: members[name] for name in names if ("1" in name) == bool(number)}
        write_tar(tmp_path / "shards" / f"a-{number:03d}.tar", own)
    reports = ingest([f"{tmp_path}/shards/a-{{000..001}}.tar"], tmp_path / "out", CONFIG, workers=2)
    assert content(tmp_path / "out") == plain
    assert [report.file for report in reports] == ["a-000.tar/photo.png", "a-000.tar/set/0.mp4", "a-001.tar/set/1.mp4"]
    ingest([tmp_path / "shards"], tmp_path / "folder", CONFIG)  # found below a folder, too
    assert content(tmp_path / "folder") == plain
    licences = {licence for _, licence, _ in plain.values()}
    assert licences == {"MIT", "unknown"}


@pytest.mark.parametrize("as_struct", [True, False])
def test_tables_give_the_clips_of_their_cells(
    tmp_path: Path, members: dict[str, bytes], plain, as_struct: bool
) -> None:
    rows = [("set/0.mp4", "a block slides", None), ("set/1.mp4", "another block", "MIT"), ("photo.png", None, None)]
    cells = [{"bytes": members[name], "path": name} if as_struct else members[name] for name, _, _ in rows]
    table = {"video": cells, "caption": [row[1] for row in rows], "license": [row[2] for row in rows]}
    (tmp_path / "set").mkdir()
    pq.write_table(pa.table(table), tmp_path / "set" / "train.parquet", row_group_size=2)
    pq.write_table(pa.table({"caption": ["no file"]}), tmp_path / "set" / "other.parquet")
    ingest([tmp_path / "set"], tmp_path / "out", CONFIG)
    assert content(tmp_path / "out") == plain


def test_urls_and_commands_bring_tars(
    tmp_path: Path, members: dict[str, bytes], plain, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    shard = write_tar(tmp_path / "site" / "b.tar", members)

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def __init__(self, *args, **more):
            super().__init__(*args, directory=str(tmp_path / "site"), **more)

        def log_message(self, *args):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Quiet)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        address = f"http://127.0.0.1:{server.server_port}"
        ingest([f"{address}/b.tar"], tmp_path / "url", CONFIG)
        with pytest.raises(DataError, match="cannot fetch"):
            fetch([f"{address}/missing.tar"], tmp_path / "none")
    finally:
        server.shutdown()
    ingest([f"pipe:cat {shard}"], tmp_path / "pipe", CONFIG)
    assert content(tmp_path / "url") == content(tmp_path / "pipe") == plain
    assert not (tmp_path / "url" / "fetched").exists()  # what was fetched is not kept beside the clips
    with pytest.raises(DataError, match=r"pipe:false ended with code 1"):
        fetch(["pipe:false"], tmp_path / "none")


def test_a_tar_that_is_cut_off_gives_what_it_has_and_is_named(tmp_path: Path, members: dict[str, bytes]) -> None:
    shard = write_tar(tmp_path / "cut.tar", members)
    shard.write_bytes(shard.read_bytes()[: 512 + len(members["set/0.mp4"]) + 1024 + 700])
    reports = {report.file: report for report in ingest([shard], tmp_path / "out", CONFIG)}
    assert reports["cut.tar/set/0.mp4"].windows == 2
    broken = [report.error for report in reports.values() if report.error]
    assert broken and all("cut off" in error or "damaged" in error for error in broken)


def test_braces() -> None:
    assert list(expand_braces("a-{008..010}.{tar,x}")) == [
        "a-008.tar",
        "a-008.x",
        "a-009.tar",
        "a-009.x",
        "a-010.tar",
        "a-010.x",
    ]
    assert list(expand_braces("plain")) == ["plain"]
    assert list(expand_braces("odd{x}")) == ["odd{x}"]


def test_what_is_no_source_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(DataError, match="is no folder"):
        fetch([tmp_path / "nothing"], tmp_path)
    monkeypatch.setitem(__import__("sys").modules, "datasets", None)
    with pytest.raises(ConfigError, match=r"pip install 'worldsim\[hf\]'"):
        fetch(["hf:someone/videos"], tmp_path)
