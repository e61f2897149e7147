"""Captions and licences from every kind of file that they come in."""

import itertools
import json
import unicodedata
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from physics_data.core.errors import DataError
from worldsim.data.footage.media import Medium
from worldsim.data.footage.sidecars import SideCar, SideCars


def video(path: Path) -> Medium:
    return Medium(path.name, "video", (path,))


@pytest.mark.parametrize("table", ["metadata.csv", "Captions.tsv", "manifest.jsonl", "metadata.parquet"])
def test_tables_name_files_relative_to_themselves(tmp_path: Path, table: str) -> None:
    folder = tmp_path / "sub"
    folder.mkdir()
    record = {"file_name": "clips/a.mp4", "Text": " a dog\n runs ", "License": "CC0-1.0"}
    path = folder / table
    if table.endswith(".jsonl"):
        path.write_text(json.dumps(record) + "\n\n")
    elif table.endswith(".parquet"):
        pq.write_table(pa.Table.from_pylist([record]), path)
    else:
        separator = "\t" if table.endswith(".tsv") else ","
        path.write_text(separator.join(record) + "\n" + separator.join(f'"{v}"' for v in record.values()))
    known = SideCars([tmp_path])
    assert known.of(video(folder / "clips" / "a.mp4")) == SideCar("a dog runs", "CC0-1.0")
    assert known.of(video(folder / "clips" / "b.mp4")) == SideCar("", "unknown")


def test_files_beside_a_video_win_over_tables(tmp_path: Path) -> None:
    (tmp_path / "manifest.csv").write_text("path,caption,licence\na.mp4,from the table,MIT\n")
    medium = video(tmp_path / "a.mp4")
    assert SideCars([tmp_path]).of(medium) == SideCar("from the table", "MIT")
    (tmp_path / "a.json").write_text(json.dumps({"Prompt": "from json", "fps": 3}))
    assert SideCars([tmp_path]).of(medium) == SideCar("from json", "MIT")
    (tmp_path / "a.txt").write_text("from text")
    assert SideCars([tmp_path]).of(medium) == SideCar("from text", "MIT")


def test_a_sequence_has_the_side_car_of_its_folder(tmp_path: Path) -> None:
    folder = tmp_path / "run.v2"
    folder.mkdir()
    (tmp_path / "run.v2.txt").write_text("a car turns")
    medium = Medium("run.v2/#.png", "sequence", (folder / "1.png", folder / "2.png"))
    assert SideCars([tmp_path]).of(medium).caption == "a car turns"


def test_a_table_of_any_name_can_be_given(tmp_path: Path) -> None:
    (tmp_path / "openset.csv").write_text("path,text,num_frames\na.mp4,a ball,8\n")
    assert SideCars([tmp_path]).of(video(tmp_path / "a.mp4")).caption == ""
    assert SideCars([tmp_path], [tmp_path / "openset.csv"]).of(video(tmp_path / "a.mp4")).caption == "a ball"


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("metadata.csv", b"name,text\na,b\n", "needs a column with file names"),
        ("metadata.jsonl", b'{"file": "a.mp4"\n', "no row of it can be used; row 1"),
        ("metadata.csv", b"file,text\na.mp4,caf\xe9\n", "cannot read the table"),
        ("metadata.parquet", b"PAR0", "cannot read the table"),
    ],
)
def test_a_broken_table_is_named(tmp_path: Path, name: str, content: bytes, message: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError, match=message):
        SideCars([], [tmp_path / name])
    (tmp_path / "captions.csv").write_text("file,text\nb.mp4,a ball\n")
    known = SideCars([tmp_path])  # one that was only found does not stop the others
    assert known.of(video(tmp_path / "b.mp4")).caption == "a ball"
    assert [path.name for path in known.faults] == [name]
    assert message in known.faults[tmp_path / name][0]


RECORDS = '{"file_name": "a.mp4", "text": "a red ball\u2028rolls\u0085on"}\n'


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("metadata.jsonl", RECORDS.encode()),
        ("metadata.jsonl", b"\xef\xbb\xbf" + RECORDS.encode()),
        ("metadata.jsonl", RECORDS.replace("\n", "\r\n").encode()),
        ("metadata.csv", "\ufefffile_name,text\na.mp4,a red ball rolls on\n".encode()),
        ("metadata.csv", b"file_name;text\na.mp4;a red ball rolls on\n"),
        ("metadata.csv", b"sep=;\r\nfile_name;text\r\na.mp4;a red ball rolls on\r\n"),
        ("metadata.csv", b"file_name\ttext\na.mp4\ta red ball rolls on\n"),
        ("metadata.csv", "file_name,text\na.mp4,a red ball rolls on\n".encode("utf-16")),
        ("metadata.csv", "file_name\ttext\r\na.mp4\ta red ball rolls on\r\n".encode("utf-16")),
        ("metadata.csv", b"\xff\xfe\0\0" + "file_name,text\na.mp4,a red ball rolls on\n".encode("utf-32-le")),
        ("metadata.csv", b'file_name,text\ra.mp4,"a red ball\rrolls on"\r'),
        ("metadata.csv", b'"File_Name","text"\na.mp4,"a red ball\nrolls on"\n'),
        ("metadata.csv", "file_name,text\na.mp4,a red ball\u2028rolls\x85on\n".encode()),
        ("a.txt", "\ufeffa red ball rolls on".encode()),
        ("a.txt", "a red ball\r\nrolls on".encode("utf-16")),
        ("a.json", '\ufeff{"text": "a red ball rolls on"}'.encode()),
        ("A.TXT".replace("A", "a"), b"a red ball rolls on"),
    ],
)
def test_texts_of_every_program_are_read(tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)
    known = SideCars([tmp_path])
    assert known.of(video(tmp_path / "a.mp4")).caption == "a red ball rolls on"
    assert known.faults == {}


@pytest.mark.parametrize(
    ("name", "content", "fault"),
    [
        ("metadata.csv", 'file,text\n{}b.mp4,"a 5" tall box\nc.mp4,fine\n', "row 3: "),
        ("metadata.csv", "file,text\n{}b.mp4,a red, round ball\nc.mp4,fine\n", "row 3: 3 fields under 2 columns"),
        ("metadata.csv", "file,text\n{},words\nc.mp4,fine\n", "row 3: it names no file"),
        ("metadata.csv", "file,text\n{}a.mp4,other words\nc.mp4,fine\n", "row 3: a.mp4 stands in row 2 with other"),
        ("metadata.jsonl", '{}{{"file": "b.mp4"\n{{"file": "c.mp4", "text": "fine"}}\n', "row 2: "),
        ("metadata.jsonl", '{}[1]\n{{"file": "c.mp4", "text": "fine"}}\n', "row 2: no JSON object"),
        ("metadata.jsonl", '{}{{"text": "b"}}\n{{"file": "c.mp4", "text": "fine"}}\n', "row 2: it needs a column"),
        (
            "metadata.jsonl",
            '{}{{"file": "b.mp4", "text": ["x"]}}\n{{"file": "c.mp4", "text": "fine"}}\n',
            "row 2: 'text' holds no text but a list",
        ),
        (
            "metadata.jsonl",
            '{}{{"file": "b.mp4", "text": "\\ud800"}}\n{{"file": "c.mp4", "text": "fine"}}\n',
            "row 2: ",
        ),
        (
            "metadata.jsonl",
            "{}" + "[" * 100_000 + '\n{{"file": "c.mp4", "text": "fine"}}\n',
            "row 2: JSON that is nested",
        ),
    ],
)
def test_a_bad_row_is_named_and_the_others_used(tmp_path: Path, name: str, content: str, fault: str) -> None:
    good = '{"file": "a.mp4", "text": "words"}\n' if name.endswith("jsonl") else "a.mp4,words\n"
    (tmp_path / name).write_text(content.format(good))
    known = SideCars([tmp_path])
    assert [known.of(video(tmp_path / f"{x}.mp4")).caption for x in "abc"] == ["words", "", "fine"]
    assert len(known.faults[tmp_path / name]) == 1 and known.faults[tmp_path / name][0].startswith(fault)


def test_long_captions_are_read_whole(tmp_path: Path) -> None:
    (tmp_path / "metadata.csv").write_text("file,text\na.mp4," + "x" * 140_000 + "\n")
    assert len(SideCars([tmp_path]).of(video(tmp_path / "a.mp4")).caption) == 140_000


@pytest.mark.parametrize(("on_disk", "in_table"), itertools.permutations(["NFC", "NFD", "NFKD"], 2))
def test_names_match_in_any_unicode_form(tmp_path: Path, on_disk: str, in_table: str) -> None:
    disk, other = (unicodedata.normalize(form, "Käfer.mp4") for form in (on_disk, in_table))
    medium = video(tmp_path / disk)
    (tmp_path / "metadata.csv").write_text(f"file_name,text\n{other},a beetle\n")
    known = SideCars([tmp_path])
    assert known.of(medium).caption == "a beetle" and known.unmatched([medium]) == {}
    (tmp_path / Path(other).with_suffix(".txt")).write_text("a beetle walks")
    assert SideCars([tmp_path]).of(medium).caption == "a beetle walks"


def test_backslashes_are_folders_unless_a_file_is_named_so(tmp_path: Path) -> None:
    (tmp_path / "clips").mkdir()
    (tmp_path / "clips" / "a.mp4").touch()
    (tmp_path / r"clips\b.mp4").touch()
    (tmp_path / "metadata.csv").write_text("file_name,text\nclips\\a.mp4,a ball\nclips\\b.mp4,a box\n")
    known = SideCars([tmp_path])
    assert known.of(video(tmp_path / "clips" / "a.mp4")).caption == "a ball"
    assert known.of(video(tmp_path / r"clips\b.mp4")).caption == "a box"


def test_rows_of_files_that_are_not_there_are_named(tmp_path: Path) -> None:
    (tmp_path / "metadata.csv").write_text("file_name,text\na.mp4,a ball\nA.MP4,a box\nC:\\x\\b.mp4,a cone\n")
    known = SideCars([tmp_path])
    assert known.unmatched([video(tmp_path / "a.mp4")]) == {tmp_path / "metadata.csv": ["A.MP4", "C:\\x\\b.mp4"]}


def test_tables_that_tell_nothing_are_named(tmp_path: Path) -> None:
    for name, content in {
        "captions.csv": "a.mp4,a red ball\n",
        "manifest.csv": "",
        "metadata.csv": "path,cap\na.mp4,x\n",
    }.items():
        (tmp_path / name).write_text(content)
    faults = {path.name: text for path, (text,) in SideCars([tmp_path]).faults.items()}
    assert "no rows" in faults["captions.csv"]
    assert "no rows" in faults["manifest.csv"]
    assert "no column of it holds captions" in faults["metadata.csv"]


def test_two_tables_complete_each_other_and_differences_are_named(tmp_path: Path) -> None:
    (tmp_path / "captions.csv").write_text("file,caption\na.mp4,a red ball\nb.mp4,a blue ball\n")
    (tmp_path / "metadata.csv").write_text("file,caption,licence\na.mp4,,MIT\nb.mp4,a green ball,MIT\n")
    known = SideCars([tmp_path])
    assert known.of(video(tmp_path / "a.mp4")) == SideCar("a red ball", "MIT")
    assert known.of(video(tmp_path / "b.mp4")) == SideCar("a green ball", "MIT")
    ((fault,),) = known.faults.values()
    assert "b.mp4 stands in" in fault and "captions.csv with other words" in fault


def test_a_folder_is_no_caption(tmp_path: Path) -> None:
    (tmp_path / "a.txt").mkdir()
    assert SideCars([tmp_path]).of(video(tmp_path / "a.mp4")) == SideCar()


@pytest.mark.parametrize(
    ("clip", "text", "reason"),
    [
        ("a.mp4", "a.srt", "captions are not read from .srt files; write the text as a.txt"),
        ("a.mp4", "a.VTT", "captions are not read from .vtt files; write the text as a.txt"),
        ("a.mp4", "a.caption", "captions are not read from .caption files"),
        ("A.MP4", "a.txt", "it is no caption of 'A', whose name is in other letters; call it A.txt"),
        ("a.mp4", "metadata.json", "write one object per line as metadata.jsonl"),
        ("a.mp4", "a.txt", None),
        ("a.mp4", "a.json", None),
        ("a.mp4", "README.txt", None),
        ("a.mp4", "b.srt", None),
    ],
)
def test_captions_that_are_not_read_are_named(tmp_path: Path, clip: str, text: str, reason: str | None) -> None:
    (tmp_path / clip).write_bytes(b"")
    (tmp_path / text).write_text("{}")
    found = SideCars([tmp_path]).unread([video(tmp_path / clip)])
    assert (reason is None and not found) or (reason or "?") in found[tmp_path / text]
