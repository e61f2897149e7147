"""Footage inside tars and tables: the same clips as from files in a folder."""

import http.server
import io
import json
import tarfile
import threading
import unicodedata
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
from worldsim.data.footage.media import find_media
from worldsim.data.footage.sidecars import SideCar, SideCars

CONFIG = IngestConfig(num_frames=5, frame_rate=8.0, height=32, width=32, test_fraction=0.0)


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


def captions(path: Path) -> dict[str, str]:
    return {m.name.partition("/")[2]: SideCars([]).of(m).caption for m in find_media([path]) if m.fault is None}


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        ({"Track 2.0 (red).txt": b"red", "Track 2.1 (blue).txt": b"blue"}, ["red", "blue"]),
        ({"Track 2.0 (red).json": b'{"text": "red"}', "Track 2.1 (blue).txt": b"blue"}, ["red", "blue"]),
        ({"Track 2.1 (blue).txt": b"blue"}, ["", "blue"]),  # it is the other's
        ({"Track 2.txt": b"both", "Track 2.1 (blue).txt": b"blue"}, ["both", "blue"]),
        ({"Track 2.txt": b"both"}, ["both", "both"]),  # as in WebDataset
        ({"Track 2.caption.txt": b"both"}, ["both", "both"]),
        ({"sub/Track 2.0 (red).txt": b"of another folder"}, ["", ""]),
    ],
)
def test_dotted_names_keep_their_captions(tmp_path: Path, texts: dict[str, bytes], expected: list[str]) -> None:
    media = {"Track 2.0 (red).mp4": b"1", "Track 2.1 (blue).mp4": b"2"}
    for order in (media | texts, texts | media):
        path = write_tar(tmp_path / "a.tar", order)
        assert captions(path) == dict(zip(media, expected, strict=True))


def test_a_caption_that_may_be_of_two_texts_is_a_named_clash(tmp_path: Path) -> None:
    path = write_tar(tmp_path / "a.tar", {"x.1.mp4": b"1", "x.a.txt": b"one", "x.b.txt": b"two"})
    assert captions(path) == {"x.1.mp4": ""}
    (fault,) = [medium for medium in find_media([path]) if medium.fault]
    assert fault.name == "a.tar/x.1.mp4" and "x.a, x.b may all be meant" in str(fault.fault)


def test_a_bad_text_in_a_tar_is_named_and_the_rest_read(tmp_path: Path) -> None:
    path = write_tar(tmp_path / "a.tar", {"a.mp4": b"1", "a.json": b"{", "b.mp4": b"2", "b.txt": b"\xff\xfeb\0"})
    assert captions(path) == {"a.mp4": "", "b.mp4": "b"}
    (fault,) = [medium for medium in find_media([path]) if medium.fault]
    assert fault.name == "a.tar/a.json" and "cannot be read as a caption" in str(fault.fault)


@pytest.mark.parametrize("damage", ["header", "closing blocks", "member boundary"])
def test_a_tar_that_ends_early_is_named(tmp_path: Path, damage: str) -> None:
    path = write_tar(tmp_path / "a.tar", {f"{number}.mp4": bytes([number]) * 100 for number in range(4)})
    data = bytearray(path.read_bytes())
    if damage == "header":
        data[2 * 1024 + 3] ^= 1  # the name of the third member: its checksum fails
    else:
        del data[(4 if damage == "closing blocks" else 2) * 1024 :]
    path.write_bytes(data)
    media = find_media([path])
    assert [medium.fault for medium in media if medium.fault and "damaged" in medium.fault]
    assert len(captions(path)) == (4 if damage == "closing blocks" else 2)


def test_empty_cells_are_named(tmp_path: Path, members: dict[str, bytes]) -> None:
    cells = [{"bytes": members["set/0.mp4"], "path": "0.mp4"}, {"bytes": None, "path": "elsewhere.mp4"}]
    pq.write_table(pa.table({"video": cells}), tmp_path / "a.parquet")
    faults = [medium.fault for medium in find_media([tmp_path / "a.parquet"])]
    assert faults.count(None) == 1 and "its cell is empty" in str(faults)


def test_animations_inside_tars_are_videos(tmp_path: Path) -> None:
    frames = [Image.fromarray(sliding(0)[n]) for n in range(12)]
    data = io.BytesIO()
    frames[0].save(data, "WEBP", save_all=True, append_images=frames[1:], duration=125, lossless=True)
    path = write_tar(tmp_path / "a.tar", {"a.webp": data.getvalue()})
    (report,) = ingest([path], tmp_path / "out", CONFIG)
    assert report.windows == 2


@pytest.mark.parametrize("name", ["x{1,2}", "a{000..002}", "plain"])
def test_a_folder_of_any_name_is_a_source(tmp_path: Path, name: str) -> None:
    write_video(tmp_path / name / "a.mp4", sliding(0), 8.0)
    assert ingest([str(tmp_path / name)], tmp_path / "out", CONFIG)[0].windows == 2


def test_texts_of_tars_match_in_any_unicode_form_and_doubles_are_named(tmp_path: Path) -> None:
    nfd, nfc = (unicodedata.normalize(form, "K\u00e4fer") for form in ("NFD", "NFC"))
    texts = {f"{nfc}.txt": b"a beetle", f"{nfc}.json": b'{"caption": "an insect", "licence": "MIT"}'}
    write_tar(tmp_path / "x.tar", {f"{nfd}.mp4": b"", **texts})
    (medium,) = find_media([tmp_path])
    assert SideCars([]).of(medium) == SideCar("a beetle", "MIT")
    with tarfile.open(tmp_path / "x.tar", "a") as tar:
        again = tarfile.TarInfo(f"{nfc}.txt")
        again.size = 6
        tar.addfile(again, io.BytesIO(b"a frog"))
    faults = [medium.fault for medium in find_media([tmp_path]) if medium.fault]
    assert faults == ["it stands twice with different words; the last are used"]
